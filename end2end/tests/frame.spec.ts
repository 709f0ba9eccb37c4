// The frame around every page: keys that open pages, the foldable rail, the palette with its context. And the state
// that a session's page keeps in its address.
import { Api } from "../fixtures/api";
import type { Node } from "../fixtures/node";
import { SessionPage, live, open } from "../fixtures/pages";
import { OWNER, expect, repository, test } from "../fixtures/test";

async function waiting(node: Node, name: string): Promise<{ api: Api; id: string; project: string }> {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, name));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself", title: name });
  await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBe(1);
  return { api, id, project: project.id };
}

test("G and a letter lead to a page, and the letter answers no decision", async ({ page, node }) => {
  const { api, id } = await waiting(node, "goes-there");
  const session = await SessionPage.open(page, id);
  await expect(session.allow.first()).toBeVisible();
  await page.waitForTimeout(1_000);
  // No page has the letter A after G; it is not the A of "Allow once" either.
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForTimeout(300);
  expect((await api.pending(id)).length).toBe(1);
  for (const [letter, path] of [["i", "/inbox"], ["u", "/usage"], ["p", "/projects"], ["s", "/sessions"], ["o", "/"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await expect(page).toHaveURL(new RegExp(`${path}$`));
  }
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toContainText("Go to");
});

test("the rail folds and stays folded, and shows the projects used last with what waits", async ({ page, node }) => {
  const { api, id, project } = await waiting(node, "used-last");
  await page.setViewportSize({ width: 1440, height: 900 });
  await open(page, "/usage");
  const link = page.locator(".rail").getByRole("link", { name: /used-last/ });
  await expect(link).toBeVisible();
  await expect(link.getByRole("img", { name: "Waits for you" })).toBeVisible();
  const [{ id: asked }] = await api.pending(id);
  await api.call("POST", `/approvals/${asked}`, { decision: "deny", reason: "No" });
  await expect(link).toHaveAttribute("href", `/projects/${project}`);

  const width = async () => (await page.locator(".rail").boundingBox())?.width;
  expect(await width()).toBe(208);
  await page.keyboard.press("[");
  await expect.poll(width).toBe(48);
  await page.reload();
  await live(page);
  expect(await width()).toBe(48);
  await page.keyboard.press("[");
  await expect.poll(width).toBe(208);
});

test("the palette offers what the open page can do, what was used last, and pages", async ({ page, node }) => {
  const { id } = await waiting(node, "offers-verbs");
  await SessionPage.open(page, id);
  await page.keyboard.press("Control+k");
  const options = page.getByRole("option");
  await expect(options.first()).toContainText("Interrupt");
  await expect(page.getByRole("option", { name: /offers-verbs/ }).first()).toBeVisible();
  await expect(page.getByRole("option", { name: /^Overview/ })).toHaveCount(1);
  await page.getByRole("combobox", { name: "Search or run a command" }).fill("mode: plan");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("group", { name: "Mode" }).getByRole("button", { name: "Plan" })).toHaveAttribute("aria-pressed", "true");
  // On other pages there are no actions of a session.
  await open(page, "/usage");
  await page.keyboard.press("Control+k");
  await expect(options.first()).not.toContainText("Interrupt");
});

test("a session keeps its tab and what is shown in its address, and leads through its turns", async ({ page, node }) => {
  const { id } = await waiting(node, "keeps-tabs");
  await page.setViewportSize({ width: 1440, height: 900 });
  const session = await SessionPage.open(page, id);
  await page.getByRole("group", { name: "Show" }).getByRole("button", { name: "Talk" }).click();
  await expect(page).toHaveURL(/show=talk/);
  // A pending approval is never filtered out.
  await expect(session.allow.first()).toBeVisible();
  await page.getByRole("link", { name: /^Cost/ }).click();
  await expect(page).toHaveURL(/tab=usage/);
  await expect(page.getByRole("tab", { name: "Usage" })).toHaveAttribute("aria-selected", "true");
  await page.reload();
  await live(page);
  await expect(page.getByRole("tab", { name: "Usage" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("group", { name: "Show" }).getByRole("button", { name: "Talk" })).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("]");
  await expect(page.getByRole("complementary", { name: "Session details" })).toBeHidden();
  await page.keyboard.press("]");
  await expect(page.getByRole("complementary", { name: "Session details" })).toBeVisible();
  await page.keyboard.press("o");
  await page.getByRole("dialog", { name: "Outline" }).getByRole("button", { name: /Show yourself/ }).click();
  await expect(page.locator(".ent.is-at")).toBeVisible();
});

test("the phone has a sheet with all other pages and search on top", async ({ phone }) => {
  await open(phone, "/");
  await phone.locator("summary[aria-label='More pages']").click();
  const sheet = phone.locator(".sheet");
  await expect(sheet.getByRole("link", { name: "Usage" })).toBeVisible();
  await expect(sheet.getByRole("link", { name: "API tokens" })).toBeVisible();
  expect((await sheet.boundingBox())?.width).toBe(390);
  await sheet.getByRole("button", { name: /^Search/ }).click();
  await expect(phone.getByRole("combobox", { name: "Search or run a command" })).toBeVisible();
});

test("a page has its name at every moment: while it is taken over, and on the way to another", async ({ page }) => {
  await page.addInitScript(() => {
    const names: string[] = [];
    Object.assign(window, { names });
    const look = () => {
      const name = document.querySelector("title")?.textContent;
      if (name !== undefined && name !== names.at(-1)) names.push(name);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await open(page, "/sessions");
  for (const name of ["Usage", "Projects", "Overview"]) {
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
    await expect(page).toHaveTitle(new RegExp(name));
  }
  const names = await page.evaluate(() => (window as unknown as { names: string[] }).names.map((name) => name.replace(/^\(\d+\) /, "")));
  expect(names).toEqual(["Sessions · OrchWiz", "Usage · OrchWiz", "Projects · OrchWiz", "Overview · OrchWiz"]);
});
