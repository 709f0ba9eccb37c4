// Text that a person has typed or chosen stays: while the page follows it, and when the node refuses it.
import { expect, test, OWNER, repository, setUp } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { Node } from "../fixtures/node";
import { live, open } from "../fixtures/pages";

test("the search box keeps the space that was typed, and the address follows", async ({ page }) => {
  await open(page, "/sessions");
  const box = page.getByRole("searchbox", { name: "Search titles and projects" });
  await box.pressSequentially("no such thing", { delay: 30 });
  await expect(box).toHaveValue("no such thing");
  await expect(page).toHaveURL(/q=no%20such%20thing/);
  await expect(page.getByText("No session matches")).toBeVisible();
  // A change from elsewhere is written into the field.
  await page.getByRole("link", { name: "Clear", exact: true }).click();
  await expect(box).toHaveValue("");
});

test("states that no view has are a chip, and a select follows the back button", async ({ page }) => {
  await open(page, "/sessions?state=idle,failed");
  await page.getByRole("button", { name: "Remove filter State" }).click();
  await expect(page).toHaveURL(/\/sessions$/);
  const agent = page.getByRole("combobox", { name: "Agent" });
  await agent.selectOption({ label: "Claude Code" });
  await expect(page).toHaveURL(/agent=claude/);
  await page.goBack();
  await expect(page).toHaveURL(/\/sessions$/);
  await expect(agent).toHaveValue("");
});

test("a refused name leaves its editor open with what was typed", async ({ page, node, watch }) => {
  // The browser logs the refusal under test.
  watch.expect(/status of 422/);
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "refused"));
  await open(page, `/projects/${project.id}`);
  await page.getByRole("button", { name: "Edit name" }).click();
  const field = page.getByRole("textbox", { name: "Name", exact: true });
  await field.fill("   ");
  await page.getByRole("button", { name: "Rename", exact: true }).click();
  await expect(page.getByText("The project was not changed.")).toBeVisible();
  await expect(field).toHaveValue("   ");
  await field.fill("renamed");
  await page.getByRole("button", { name: "Rename", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "renamed" })).toBeVisible();
});

test("a path that was typed and hidden again is not meant, and the prompt has the focus", async ({ page, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "chosen"));
  await open(page, `/sessions/new?project=${project.id}`);
  await expect(page.getByRole("textbox", { name: "Prompt" })).toBeFocused();
  const select = page.getByRole("combobox", { name: "Project" });
  await select.selectOption("new");
  await page.getByLabel("Path of the folder to add").fill("/no/such/folder");
  await select.selectOption(project.id);
  await page.getByRole("radio", { name: /^Demo/ }).check();
  await page.getByRole("textbox", { name: "Prompt" }).fill("Go");
  await page.getByRole("button", { name: "Start session" }).click();
  await expect(page).toHaveURL(/\/sessions\/ses_/);
});

test("Ctrl+Enter pressed again and again starts one session", async ({ page, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "sent-once"));
  await open(page, `/sessions/new?project=${project.id}`);
  await page.getByRole("radio", { name: /^Demo/ }).check();
  const prompt = page.getByRole("textbox", { name: "Prompt" });
  await prompt.fill("Go once");
  let sent = 0;
  let answer = () => {};
  await page.route("**/api/rpc/sessions/create", async (route) => {
    sent += 1;
    await new Promise<void>((resolve) => (answer = resolve));
    await route.continue();
  });
  await prompt.press("Control+Enter");
  await expect.poll(() => sent).toBe(1);
  await prompt.press("Control+Enter");
  // The next page is held back as well: the form is still there, and its message appears.
  let arrive = () => {};
  const arriving = new Promise<void>((resolve) => (arrive = resolve));
  await page.route(/\.(wasm|js)$/, async (route) => {
    await arriving;
    await route.continue();
  });
  const answered = page.waitForResponse("**/api/rpc/sessions/create");
  answer();
  await answered;
  await expect(page.getByRole("button", { name: "Start session" })).toBeDisabled();
  await prompt.press("Control+Enter");
  arrive();
  await expect(page).toHaveURL(/\/sessions\/ses_/);
  expect(sent).toBe(1);
  expect((await api.call<{ items: unknown[] }>("GET", `/sessions?project=${project.id}`)).items).toHaveLength(1);
});

test("a phone says since when it is offline, and only then", async ({ browser }) => {
  const node = await Node.start();
  try {
    const context = await browser.newContext({ baseURL: node.url, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    const page = await context.newPage();
    await setUp(page, node);
    await live(page);
    const note = page.getByRole("main").getByText(/^Offline since \d\d:\d\d; what you see is from then\.$/);
    await expect(note).toHaveCount(0);
    await node.kill();
    await expect(note).toBeVisible();
    await node.start();
    await live(page);
    await expect(note).toHaveCount(0);
    await context.close();
  } finally {
    await node.remove();
  }
});
