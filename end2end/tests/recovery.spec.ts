// The node goes away under open pages and returns: failed reads are retried by themselves, and no page shows a
// technical cause.
import type { Page } from "@playwright/test";
import { Api } from "../fixtures/api";
import { SessionPage, live, open } from "../fixtures/pages";
import { OWNER, expect, repository, test } from "../fixtures/test";

const failed = (page: Page) => page.getByRole("main").locator(".note.failed");

test("what failed while the node was away is read again when it is back, and nobody presses anything", async ({ page, second, node, watch }) => {
  test.setTimeout(120_000);
  watch.expect(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|WebSocket connection/);
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "comes-back"));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "auto-accept", prompt: "Show yourself", title: "Comes back" });
  await expect.poll(async () => (await api.session(id)).state, { timeout: 30_000 }).not.toBe("queued");
  const session = await SessionPage.open(page, id);
  await expect(session.calls.first()).toBeVisible({ timeout: 30_000 });
  await api.call("POST", `/sessions/${id}/stop`);
  await session.isIn("Done");
  const third = await page.context().newPage();
  await open(second, "/sessions");
  await expect(second.getByRole("link", { name: /Comes back/ }).first()).toBeVisible();
  await open(third, "/usage");
  const pages = [page, second, third];

  await node.kill();
  for (const each of pages) await expect(each.locator("[data-live=offline]").first()).toBeAttached();
  // Each page asks for something that does not come.
  const call = page.locator("details.tool:not([open]) > summary").first();
  await call.click();
  await second.getByRole("link", { name: "Failed or unknown" }).click();
  await second.getByRole("link", { name: "All", exact: true }).click();
  await third.getByRole("navigation", { name: "Range" }).getByRole("link").last().click();
  for (const each of pages) {
    await expect(failed(each).first()).toBeVisible();
    await expect(failed(each).first()).toContainText("may be restarting, or the connection is down");
    await expect(each.locator("body")).not.toContainText(/TypeError|fetch|server function/);
  }
  // The frame still has the caller and the node's name from before.
  await page.waitForTimeout(4_000);
  for (const each of pages) {
    await expect(each.locator("summary[aria-label*='account of mara']")).toBeVisible();
    await expect(each.locator(".rail-foot")).toContainText("workbench");
  }

  await node.start();
  for (const each of pages) {
    await live(each);
    await expect(failed(each)).toHaveCount(0, { timeout: 20_000 });
    await expect(each.locator("summary[aria-label*='account of mara']")).toBeVisible();
    await expect(each.locator(".rail-foot")).toContainText("workbench");
  }
  await expect(page.locator("details.tool[open] .tool-body").first()).not.toBeEmpty();
  await expect(second.getByRole("link", { name: /Comes back/ }).first()).toBeVisible();
});
