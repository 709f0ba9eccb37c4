// Two nodes of the one binary: paired by two people in two browsers, one sees the other's sessions, says when the other
// is silent, takes up what happened meanwhile, and ends the link.
import { expect, test as base, type Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Api } from "../fixtures/api";
import { Node } from "../fixtures/node";
import { OWNER, setUp } from "../fixtures/test";
import { Watch } from "../fixtures/watch";

type Side = { node: Node; page: Page; api: Api };

const test = base.extend<{ cloud: Side; laptop: Side }>({
  cloud: async ({ browser }, use) => side(browser, "cloud", use),
  laptop: async ({ browser }, use) => side(browser, "laptop", use),
});

async function side(browser: import("@playwright/test").Browser, name: string, use: (side: Side) => Promise<void>) {
  const node = await Node.start({ ORCHWIZ_NODE_NAME: name });
  const watch = new Watch();
  const context = await browser.newContext({ baseURL: node.url });
  watch.follow(context, node.url);
  const page = await context.newPage();
  await setUp(page, node);
  await use({ node, page, api: Api.of(node, OWNER.name) });
  await context.close();
  await node.remove();
  expect(node.output, `what ${name} printed`).not.toContain("panicked at");
}

/** Makes an invite on cloud's page, opens it on laptop's, compares, confirms. */
async function pair(cloud: Page, laptop: Page): Promise<void> {
  await cloud.goto("/fleet?pair=invite");
  await cloud.getByRole("button", { name: "Make invite" }).click();
  const invite = (await cloud.getByText(/ow1_/).first().textContent())?.match(/ow1_\S+/)?.[0] ?? (await cloud.locator("input[value^=ow1_], textarea").first().inputValue());
  await laptop.goto(`/fleet?invite=${invite}`);
  await expect(laptop.getByText("not encrypted").first()).toBeVisible();
  const shown = await laptop.locator("code.finger-t").allTextContents();
  expect(shown).toHaveLength(2);
  await laptop.getByRole("button", { name: "Pair with cloud" }).click();
  await expect(laptop.getByText("Waiting for the confirmation")).toBeVisible();
  await cloud.goto("/fleet");
  // Both sides show the same fingerprint of the node that joins.
  await expect(cloud.getByText(shown[1]).first()).toBeVisible();
  await cloud.getByRole("button", { name: "Confirm" }).first().click();
}

test("a session of one node is read along on another, through a kill and a revocation", async ({ cloud, laptop }) => {
  test.setTimeout(180_000);
  await pair(cloud.page, laptop.page);
  const path = join(laptop.node.projects, "billing");
  mkdirSync(path);
  const project = await laptop.api.addProject(path);
  const session = await laptop.api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "tour", title: "From the laptop" });
  await cloud.page.goto("/sessions");
  const row = cloud.page.getByRole("row", { name: /From the laptop/ });
  await expect(row).toBeVisible();
  await expect(row.getByText("laptop", { exact: true })).toBeVisible();

  // Read along; what is done is done there.
  await row.getByRole("link", { name: "From the laptop" }).click();
  await expect(cloud.page.getByRole("heading", { name: "From the laptop" })).toBeVisible();
  await expect(cloud.page.getByText("Runs on laptop: open it there to speak to it.")).toBeVisible();
  await expect(cloud.page.getByText("Runs on laptop: open it there to decide.")).toBeVisible({ timeout: 30_000 });
  await expect(cloud.page.getByRole("button", { name: "Allow once" })).toHaveCount(0);

  // Nothing is claimed of a node that is not heard.
  await laptop.node.kill();
  await cloud.page.goto("/sessions");
  await expect(row.getByText(/^Needs you, /)).toBeVisible({ timeout: 60_000 });
  await cloud.page.goto("/fleet");
  await expect(cloud.page.getByText("silent").first()).toBeVisible();

  // It comes back, and what happened meanwhile comes with it.
  await laptop.node.start();
  const more = await laptop.api.startSession({ project: project.id, agent: "demo", mode: "auto-accept", prompt: "hello", title: "After the kill" });
  await cloud.page.goto("/sessions");
  await expect(cloud.page.getByRole("row", { name: /After the kill/ })).toBeVisible({ timeout: 30_000 });
  await expect.poll(async () => (await cloud.api.session(more.id)).state, { timeout: 30_000 }).toBe("idle");
  await expect.poll(async () => (await cloud.api.session(session.id)).state, { timeout: 30_000 }).toBe((await laptop.api.session(session.id)).state);

  // Either side ends it; then nothing flows.
  const { items } = await cloud.api.call<{ items: { id: string }[] }>("GET", "/links");
  await cloud.page.goto(`/fleet/links/${items[0].id}`);
  await cloud.page.getByText("Revoke…", { exact: true }).click();
  await cloud.page.getByRole("button", { name: "Revoke the link to laptop" }).click();
  await expect.poll(async () => (await laptop.api.call<{ items: { state: string }[] }>("GET", "/links")).items[0].state, { timeout: 15_000 }).toBe("revoked");
  const late = await laptop.api.startSession({ project: project.id, agent: "demo", mode: "auto-accept", prompt: "hello", title: "Too late" });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await expect(cloud.api.session(late.id)).rejects.toThrow("404");
});
