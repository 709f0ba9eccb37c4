// A newcomer's first minutes: the printed link, the owner account, the demo agent, its approval.
import { expect, test, OWNER, signIn } from "../fixtures/test";
import { Node } from "../fixtures/node";
import { SessionPage, live } from "../fixtures/pages";
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
    // The agent runs nothing now: the call that was asked about waits, and its question stands under it.
    await expect(session.calls.filter({ hasText: "running" })).toHaveCount(0);
    await expect(session.calls.filter({ hasText: "waits" })).toHaveCount(1);
    await session.allow.first().click();
    await expect(session.timeline.getByText(/allowed once/)).toBeVisible();
    await expect(session.calls.filter({ hasText: "waits" })).toHaveCount(0);
    expect(watch.faults).toEqual([]);

    // The link is spent: it creates nobody else.
    await context.clearCookies();
    await page.goto(link);
    await expect(page.getByRole("button", { name: "Create the owner account" })).toHaveCount(0);
    await signIn(page, node);
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
