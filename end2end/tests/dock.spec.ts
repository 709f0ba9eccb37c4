// A session's decisions are docked above its composer, one at a time.
import { Api } from "../fixtures/api";
import { SessionPage, open } from "../fixtures/pages";
import { OWNER, expect, repository } from "../fixtures/test";
import { test } from "../fixtures/wide";

test("of three decisions one is shown, the keys lead through them, and what is long is read to its end first", async ({ page, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "docked"));
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "three", title: "Docked" });
  await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBe(3);
  const session = await SessionPage.open(page, id);
  const dock = page.locator(".docked");
  await expect(dock).toHaveCount(1);
  await expect(dock).toContainText("1 of 3");
  await expect(dock).toContainText("echo first");
  await expect(session.timeline.getByRole("link", { name: "Decide" })).toHaveCount(3);

  // Keys lead to the second decision, whose end is out of sight in the dock: its buttons stay, and A scrolls instead of
  // allowing.
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("j");
  await expect(dock).toContainText("2 of 3");
  await expect(dock).toContainText("echo second");
  await expect(session.allow).toHaveCount(0);
  await expect(session.deny).toBeInViewport({ ratio: 1 });
  await page.waitForTimeout(700);
  await page.keyboard.press("a");
  await expect(session.allow).toBeVisible();
  expect((await api.pending(id)).length).toBe(3);
  await page.keyboard.press("k");
  await expect(dock).toContainText("1 of 3");
  await page.keyboard.press("k");
  await expect(dock).toContainText("1 of 3");

  // A line of the timeline leads to its decision.
  await session.timeline.getByRole("link", { name: "Decide" }).nth(2).click();
  await expect(dock).toContainText("3 of 3");
  await expect(dock).toBeFocused();
  // An immediate second press, which hits the next decision's button in the same place, answers nothing.
  await session.allow.hover();
  await page.waitForTimeout(700);
  for (let times = 0; times < 3; times += 1) {
    await page.mouse.down();
    await page.mouse.up();
    await page.waitForTimeout(60);
  }
  await expect.poll(async () => (await api.pending(id)).length).toBe(2);
  await expect(dock).toContainText("1 of 2");
  await page.waitForTimeout(700);
  expect((await api.pending(id)).length).toBe(2);
  await expect(dock).toContainText("1 of 2");
  await expect(dock).toContainText("echo first");
  await session.refuse("not now");
  await expect(dock).toContainText("echo second");
  await expect(dock).not.toContainText(/\d of \d/);
  await session.refuse("nor this");
  await expect(dock).toHaveCount(0);
  await session.isIn("Idle");
  await open(page, `/sessions/${id}`);
  await expect(session.timeline.getByText(/denied/i).first()).toBeVisible();
});
