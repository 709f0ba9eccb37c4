// Two browsers and a phone show the same as it happens, without a reload.
import type { Page } from "@playwright/test";
import { expect, test, OWNER, repository } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { SessionPage, open, press } from "../fixtures/pages";

/** The text of a page, without ages, measured values, the clock, and the inside of foldable parts. A call that was open
 *  while it ran stays open for its viewer only. */
const said = (page: Page): Promise<string> =>
  page.getByRole("main").evaluate((main) => {
    const copy = main.cloneNode(true) as HTMLElement;
    copy.querySelectorAll("details > :not(summary), style, script").forEach((part) => part.remove());
    const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    const words: string[] = [];
    while (texts.nextNode()) words.push(...(texts.currentNode.nodeValue ?? "").split(/\s+/));
    const kept = words.filter((word) => word && !/^(\d+(\.\d+)?(ms|s|m|h)[,.]?|now|just|ago)$/.test(word));
    return kept.join(" ").replace(/\d+(\.\d+)? (%|[kMG]?B\b)|\d\d:\d\d (?=,)/g, "");
  });

test("a second browser and a phone show the same session live", async ({ page, second, phone, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "seen-thrice"));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself" });
  const [one, two, three] = [await SessionPage.open(page, id), await SessionPage.open(second, id), await SessionPage.open(phone, id)];

  for (const each of [one, two, three]) await expect(each.allow.first()).toBeVisible({ timeout: 30_000 });

  // Answered on the phone, with thumb-sized buttons; the other browsers follow by themselves.
  const box = await three.allow.first().boundingBox();
  expect(box?.height, "height of Allow once on the phone").toBeGreaterThanOrEqual(44);
  await press(three.allow.first(), "tap");
  for (const each of [one, two, three]) await expect(each.timeline.getByText(/allowed once/).first()).toBeVisible();
});

test("a new session appears in the list and the inbox counts what waits, without a reload", async ({ page, second, node }) => {
  const api = Api.of(node, OWNER.name);
  await open(page, "/sessions");
  await open(second, "/inbox");
  await page.evaluate(() => Object.assign(window, { unloaded: false }));
  const project = await api.addProject(repository(node, "seen-at-once"));
  const session = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself", title: "Seen at once" });
  await expect(page.getByRole("link", { name: /Seen at once/ }).first()).toBeVisible();
  await expect.poll(async () => (await api.pending(session.id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  await expect(second.getByText(/Seen at once/).first()).toBeVisible();

  // A renamed project has one name everywhere.
  await expect(page.getByRole("row", { name: /Seen at once/ })).toContainText("seen-at-once");
  await api.call("PATCH", `/projects/${project.id}`, { name: "called-anew" });
  await expect(page.getByRole("row", { name: /Seen at once/ })).toContainText("called-anew");
  await expect(page.getByRole("row", { name: /Seen at once/ })).not.toContainText("seen-at-once");
  expect(await page.evaluate(() => "unloaded" in window)).toBe(true);
});

test("what came over the socket is what the same page shows when it is read anew", async ({ page, node }) => {
  test.slow();
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "seen-anew"));
  const context = page.context();
  const pages = new Map<string, Page>();
  // Only this project's sessions: a live list of more than a page keeps its last row when a new one comes on top.
  for (const path of ["/", "/inbox", `/sessions?project=${project.id}`, "/projects", `/projects/${project.id}`]) {
    const tab = await context.newPage();
    await open(tab, path);
    pages.set(path, tab);
  }
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself", title: "Seen anew" });
  const session = await SessionPage.open(page, id);
  pages.set(`/sessions/${id}`, page);

  const compare = async () => {
    for (const [path, tab] of pages) {
      const anew = await context.newPage();
      // By its own address, which names its content.
      await open(anew, tab.url());
      await expect(async () => expect({ path, said: await said(tab) }).toEqual({ path, said: await said(anew) })).toPass({ timeout: 10_000 });
      await anew.close();
    }
  };
  await expect(session.allow.first()).toBeVisible({ timeout: 30_000 });
  await compare();

  await api.call("PATCH", `/projects/${project.id}`, { name: "called-again" });
  await api.call("PATCH", `/sessions/${id}`, { title: "Called again" });
  await compare();

  await press(session.allow.first());
  await expect(session.timeline.getByText("The background task is over.")).toBeVisible({ timeout: 30_000 });
  await session.isIn("Idle");
  await compare();
});

test("what is taken away, trusted or restored elsewhere is so on every open page", async ({ page, second, node, watch }) => {
  test.slow();
  // The page of something deleted answers 404, which the browser logs.
  watch.expect(/status of 404/);
  const api = Api.of(node, OWNER.name);
  const path = repository(node, "taken-away");
  const project = await api.addProject(path);
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself", title: "Taken away" });
  const session = await SessionPage.open(page, id);
  await expect(session.allow.first()).toBeVisible({ timeout: 30_000 });

  // Trusted while it waits: then its rules are read, and can be stored in it.
  await press(session.always.first());
  const where = page.getByRole("combobox", { name: "Where the rule is written" });
  await expect(where.getByRole("option")).toHaveCount(2);
  await expect(page.getByText("The project is not trusted: its agents do not read")).toBeVisible();
  await api.call("PATCH", `/projects/${project.id}`, { trusted: true });
  await expect(where.getByRole("option")).toHaveCount(4);
  await expect(page.getByText("The project is not trusted: its agents do not read")).toHaveCount(0);
  await page.keyboard.press("Escape");

  // At their end the raw lines are followed.
  await session.more("Raw lines");
  const lines = page.locator(".raws > li");
  await expect(lines.first()).toBeVisible();
  const more = page.getByRole("button", { name: "More lines" });
  await expect(async () => {
    if (await more.isVisible()) await more.click();
    await expect(more).toHaveCount(0, { timeout: 500 });
  }).toPass();
  const before = await lines.count();
  const [{ id: asked }] = await api.pending(id);
  await api.call("POST", `/approvals/${asked}`, { decision: "allow" });
  await expect.poll(() => lines.count()).toBeGreaterThan(before);
  await session.isIn("Idle");

  // Deleted and restored, removed and added again.
  await api.call("POST", `/sessions/${id}/stop`);
  await session.isIn("Done");
  await open(second, "/sessions");
  const row = second.getByRole("row", { name: /Taken away/ });
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("heading", { name: "There is no such session" })).toBeVisible();
  await second.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Taken away" })).toBeVisible();
  await open(second, `/projects/${project.id}`);
  await api.call("DELETE", `/projects/${project.id}`);
  await expect(second.getByRole("heading", { name: "There is no such project" })).toBeVisible();
  await api.addProject(path);
  await expect(second.getByRole("heading", { level: 1, name: "taken-away" })).toBeVisible();
});
