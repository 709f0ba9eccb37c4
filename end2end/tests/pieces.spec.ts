// Pages whose code comes when they are opened: what people see when it does not come, and that nothing of the page around it is lost.
import { expect, test } from "../fixtures/test";
import { live } from "../fixtures/pages";

test("a page whose code does not come says so, and comes when it is loaded again", async ({ page, watch }) => {
  // The loader that cargo-leptos writes prints what went wrong before it says so to the page.
  watch.expect(/Failed to load resource|Failed to fetch/);
  await page.goto("/");
  await live(page);
  await page.route("**/pkg/pages_rest.*.wasm", (route) => route.abort());
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Usage" }).click();
  await expect(page.getByRole("heading", { name: "This page could not be loaded" })).toBeVisible();
  await expect(page).toHaveURL(/\/usage$/);
  // The frame is as it was: other pages open, and the node is still followed.
  await page.getByRole("link", { name: "Inbox" }).first().click();
  await expect(page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await page.getByRole("link", { name: "Usage" }).first().click();
  await expect(page.getByRole("heading", { name: "This page could not be loaded" })).toBeVisible();
  await page.unroute("**/pkg/pages_rest.*.wasm");
  await page.getByRole("button", { name: "Load again" }).click();
  await expect(page.getByRole("heading", { name: "Usage", exact: true })).toBeVisible();
  await live(page);
});
