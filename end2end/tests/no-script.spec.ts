// What must work before, or without, any wasm: reading, sign-in, the settings forms, sign-out.
import { expect, test, OWNER, setUp } from "../fixtures/test";
import { Node } from "../fixtures/node";

test("set-up, settings, signing out and in work without JavaScript", async ({ browser }) => {
  const node = await Node.start();
  try {
    const context = await browser.newContext({ baseURL: node.url, javaScriptEnabled: false });
    const page = await context.newPage();
    await setUp(page, node);
    for (const path of ["/", "/inbox", "/sessions", "/projects", "/usage", "/fleet", "/fleet?pair=invite"]) {
      expect((await page.goto(path))?.status(), path).toBe(200);
      await expect(page.getByRole("main"), path).toBeVisible();
    }

    await page.goto("/settings/tokens");
    await page.getByLabel("Name").fill("from a form");
    await page.getByLabel("Your password").fill(OWNER.password);
    await page.getByRole("button", { name: "Create token" }).click();
    await expect(page.getByText(/owz_/).first()).toBeVisible();

    await page.goto("/settings/profile");
    await page.getByRole("button", { name: "Sign out", exact: true }).first().click();
    await expect(page).toHaveURL(/\/signin/);
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("Password", { exact: true }).fill("wrong");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByText(/do not match/)).toBeVisible();
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("Password", { exact: true }).fill(OWNER.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page).toHaveURL(`${node.url}/`);
    await context.close();
  } finally {
    await node.remove();
  }
});
