// Keys on the session page: an empty composer passes keys to decisions, and Escape leaves it before it interrupts. A
// hint is shown only while its key works.
import { Api } from "../fixtures/api";
import type { Node } from "../fixtures/node";
import { SessionPage } from "../fixtures/pages";
import { OWNER, expect, repository, test } from "../fixtures/test";

/** How long a new decision ignores keys, with a margin for a slow machine. */
const LOOK_MS = 1_000;

async function waiting(node: Node, name: string, prompt = "Show yourself"): Promise<{ api: Api; id: string }> {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, name));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt, title: name });
  await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBe(1);
  return { api, id };
}

test("an empty composer lets a decision's keys through, one with text keeps them, and the hint says which", async ({ page, node }) => {
  const { api, id } = await waiting(node, "lets-through");
  const session = await SessionPage.open(page, id);
  await expect(session.allow.first()).toBeVisible();
  const hint = session.allow.first().locator("kbd");
  const other = page.getByRole("button", { name: /^Find/ }).last().locator("kbd");
  await expect(other).toHaveText("F");
  await session.composer.focus();
  await expect(hint).toBeVisible();
  await expect(other, "F is text in the composer").not.toBeVisible();
  await page.waitForTimeout(LOOK_MS);

  await page.keyboard.type("m");
  await expect(hint).not.toBeVisible();
  await page.keyboard.type("ad");
  await expect(session.composer).toHaveValue("mad");
  expect((await api.pending(id)).length).toBe(1);
  await session.composer.fill("");
  await expect(hint).toBeVisible();

  await page.keyboard.press("d");
  await expect(page.getByRole("textbox", { name: "Reason" })).toBeFocused();
  await page.keyboard.press("Escape");
  await session.composer.focus();
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("Shift+A");
  await expect(page.getByRole("group", { name: "Always allow" })).toBeFocused();
  await page.keyboard.press("Escape");
  await session.composer.focus();
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("a");
  await expect.poll(async () => (await api.pending(id)).length).toBe(0);
  await expect(session.composer).toHaveValue("");
});

test("keys that answer nothing are text", async ({ page, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "only-text"));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "hello", title: "Only text" });
  const session = await SessionPage.open(page, id);
  await session.isIn("Idle");
  await session.composer.focus();
  await page.keyboard.type("add a jolly kite");
  await expect(session.composer).toHaveValue("add a jolly kite");
});

for (const [name, prompt] of [
  ["the tour", "Show yourself"],
  ["a plan", "plan"],
]) {
  test(`Escape leaves the composer, the second interrupts, and ${name} can be asked for again`, async ({ page, node }) => {
    const { api, id } = await waiting(node, `escape-${prompt.replace(" ", "-").toLowerCase()}`, prompt);
    const session = await SessionPage.open(page, id);
    await session.composer.focus();
    await page.keyboard.type("half a thought");
    await page.keyboard.press("Escape");
    await expect(session.composer).not.toBeFocused();
    await page.waitForTimeout(500);
    expect((await api.session(id)).state).toBe("waiting");

    await page.keyboard.press("Escape");
    await session.isIn("Interrupted");
    await expect(session.timeline.getByText("Interrupted. Send a message to continue.")).toBeVisible();
    await expect(session.composer).toHaveValue("half a thought");
    expect((await api.pending(id)).length).toBe(0);
    await session.timeline.getByRole("button", { name: "Ask again" }).click();
    await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBe(1);
    await session.isIn("Needs you");
  });
}
