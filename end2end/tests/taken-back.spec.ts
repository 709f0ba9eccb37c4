// Actions on a session are announced and can be undone, and the palette's choice is visible.
import { expect, test, OWNER, repository } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { SessionPage, live, open } from "../fixtures/pages";

test("an archived session says so, and a deleted one comes back by its own page", async ({ page, node, watch }) => {
  // The page of something deleted answers 404, which the browser logs.
  watch.expect(/status of 404/);
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "taken-back"));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "auto-accept", prompt: "hello", title: "Taken back" });
  const session = await SessionPage.open(page, id);
  await session.isIn("Idle");
  await session.more("Archive");
  const toast = page.locator(".toast").filter({ hasText: "Archived: Taken back." });
  await toast.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => (await api.call<{ archived: unknown }>("GET", `/sessions/${id}`)).archived).toBeNull();

  await api.call("POST", `/sessions/${id}/stop`);
  await session.isIn("Done");
  await session.more("Delete");
  await expect(page).toHaveURL(/\/sessions$/);
  await page.goto(`/sessions/${id}`);
  await live(page);
  await expect(page.getByRole("heading", { name: "There is no such session" })).toBeVisible();
  await page.getByRole("button", { name: "Restore it" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Taken back" })).toBeVisible();

  // A session that never existed has a message why it cannot be restored.
  await page.goto("/sessions/ses_019200000000700080000000000000ff");
  await live(page);
  await page.getByRole("button", { name: "Restore it" }).click();
  await expect(page.getByText("“This session” was not restored")).toBeVisible();
});

test("what the palette chose is in sight, and a search that failed says so", async ({ page, watch }) => {
  watch.expect(/status of 503|Failed to load resource/);
  await open(page, "/");
  await page.keyboard.press("Control+k");
  const chosen = page.getByRole("option", { selected: true });
  await expect(chosen).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("ArrowUp");
  await expect(chosen).toHaveText(/Sign out/);
  await expect(chosen).toBeInViewport({ ratio: 1 });

  await page.route("**/api/rpc/palette/**", (route) => route.abort());
  await page.keyboard.type("zzzz");
  await expect(page.locator(".pal-none")).not.toBeEmpty();
  await expect(page.locator(".pal-none")).not.toContainText("Nothing is called that");
});
