// A newcomer's first minutes: the printed link, the owner account, the demo agent, its approval.
import { expect, test, OWNER, repository, setUp, signIn } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { Node } from "../fixtures/node";
import { SessionPage, live, press } from "../fixtures/pages";
import { Watch } from "../fixtures/watch";

test("the printed link creates the owner once, and the demo agent streams and asks", async ({ browser }) => {
  const node = await Node.start();
  const watch = new Watch();
  try {
    const context = await browser.newContext({ baseURL: node.url });
    watch.follow(context, node.url);
    const page = await context.newPage();
    const link = await node.setupLink();

    await page.goto(link);
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("Password", { exact: true }).fill(OWNER.password);
    await page.getByRole("button", { name: "Create the owner account" }).click();
    await expect(page).toHaveURL(`${node.url}/`);
    await live(page);

    await page.getByRole("button", { name: "Run the demo agent" }).click();
    await expect(page).toHaveURL(/\/sessions\/ses_/);
    const session = new SessionPage(page);
    await expect(page.getByText("demo, no model").first()).toBeVisible();
    await expect(session.timeline.getByRole("listitem").first()).toBeVisible();

    await expect(session.allow.first()).toBeVisible({ timeout: 30_000 });
    await session.isIn("Needs you");
    // The agent runs nothing now: its call waits, with the question below it.
    await expect(session.calls.filter({ hasText: "running" })).toHaveCount(0);
    await expect(session.calls.filter({ hasText: "waits" })).toHaveCount(1);
    await press(session.allow.first());
    await expect(session.timeline.getByText(/allowed once/)).toBeVisible();
    await expect(session.calls.filter({ hasText: "waits" })).toHaveCount(0);
    expect(watch.faults).toEqual([]);

    // The link is spent: it creates no second owner.
    await context.clearCookies();
    await page.goto(link);
    await expect(page.getByRole("button", { name: "Create the owner account" })).toHaveCount(0);
    await signIn(page, node);
    await context.close();
  } finally {
    await node.remove();
  }
});

test("an open Overview follows the first steps, and the day that ends", async ({ browser }) => {
  const node = await Node.start();
  try {
    const context = await browser.newContext({ baseURL: node.url });
    const page = await context.newPage();
    await setUp(page, node);
    await live(page);
    const step = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Add a project" }) });
    await expect(step).toContainText("changes nothing in it");
    await Api.of(node, OWNER.name).addProject(repository(node, "first"));
    await expect(step).toContainText("done");

    // Without events nothing is read; then the day changes.
    let reads = 0;
    page.on("request", (request) => (reads += Number(request.url().endsWith("/api/rpc/overview/read"))));
    await expect(async () => {
      const before = reads;
      await page.waitForTimeout(5_000);
      expect(reads).toBe(before);
    }).toPass();
    const before = reads;
    await page.clock.setSystemTime(Date.now() + 24 * 3_600_000);
    await expect.poll(() => reads).toBe(before + 1);
    await context.close();
  } finally {
    await node.remove();
  }
});

test("an unused link is printed again after a restart", async () => {
  const node = await Node.start();
  try {
    const first = await node.setupLink();
    await node.kill();
    node.output = "";
    await node.start();
    const second = await node.setupLink();
    expect((await fetch(second)).status).toBe(200);
    expect(new URL(first).pathname).toBe("/setup");
  } finally {
    await node.remove();
  }
});
