// Code splitting: what people see when the code of a page or a dialog cannot be fetched, and that the page around it
// stays.
import { expect, test } from "../fixtures/test";
import { live } from "../fixtures/pages";

test("a page whose code does not come says so, and comes when it is loaded again", async ({ page, watch }) => {
  // cargo-leptos' loader prints the error before it reports it to the page.
  watch.expect(/Failed to load resource|Failed to fetch/);
  await page.goto("/");
  await live(page);
  await page.route("**/pkg/pages_rest.*.wasm", (route) => route.abort());
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Usage" }).click();
  await expect(page.getByRole("heading", { name: "This page could not be loaded" })).toBeVisible();
  await expect(page).toHaveURL(/\/usage$/);
  // The frame is unchanged: other pages open, and it still follows the node.
  await page.getByRole("link", { name: "Inbox" }).first().click();
  await expect(page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await page.getByRole("link", { name: "Usage" }).first().click();
  await expect(page.getByRole("heading", { name: "This page could not be loaded" })).toBeVisible();
  await page.unroute("**/pkg/pages_rest.*.wasm");
  await page.getByRole("button", { name: "Load again" }).click();
  await expect(page.getByRole("heading", { name: "Usage", exact: true })).toBeVisible();
  await live(page);
});

test("the palette comes when it is opened, no key does something else meanwhile, and where it does not come it is asked for again", async ({ page, watch }) => {
  watch.expect(/Failed to load resource|Failed to fetch/);
  const code = "**/pkg/pages_dialogs.*.wasm";
  const palette = page.getByRole("dialog", { name: "Search or run a command" });
  let fetched = 0;
  page.on("request", (request) => (fetched += request.url().includes("pages_dialogs") ? 1 : 0));
  await page.goto("/sessions");
  await live(page);
  expect(fetched).toBe(0);

  await page.route(code, (route) => route.abort());
  await page.keyboard.press("Control+k");
  await expect(page.getByText("This could not be loaded.")).toBeVisible();
  await expect(palette).toHaveCount(0);

  await page.unroute(code);
  let go = () => {};
  const gone = new Promise<void>((done) => (go = done));
  await page.route(code, async (route) => {
    await gone;
    await route.continue();
  });
  await page.keyboard.press("Control+k");
  // At any other time this would be a new session.
  await page.keyboard.press("n");
  go();
  await expect(palette).toBeVisible();
  await expect(page).toHaveURL(/\/sessions$/);
  await expect(page.getByRole("combobox", { name: "Search or run a command" })).toBeFocused();
  await page.keyboard.type("usage");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/usage$/);

  // Once loaded, nothing is fetched again, and the list of keys is in the same file.
  const before = fetched;
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeHidden();
  await page.keyboard.press("Control+k");
  await expect(palette).toBeVisible();
  await page.keyboard.press("Escape");
  // The browser moves the focus out of a closed dialog in the next frame; until then the dialog gets the keys.
  await expect(page.locator("dialog :focus")).toHaveCount(0);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  expect(fetched).toBe(before);
});
