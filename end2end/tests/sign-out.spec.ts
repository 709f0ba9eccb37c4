// Ending logins. On a node of its own, since it ends the login that other tests share.
import { expect, test, setUp, signIn } from "../fixtures/test";
import { Node } from "../fixtures/node";
import { open } from "../fixtures/pages";

test("signing out everywhere ends the other browser's page within a second", async ({ browser }) => {
  const node = await Node.start();
  try {
    const one = await (await browser.newContext({ baseURL: node.url })).newPage();
    const two = await (await browser.newContext({ baseURL: node.url })).newPage();
    await setUp(one, node);
    await signIn(two, node);
    await open(one, "/");
    await open(two, "/settings/profile");
    // It asks for confirmation, and names what would end.
    await two.getByText("Sign out everywhere…").click();
    await expect(two.getByText("This ends 2 logins:")).toBeVisible();
    await two.getByRole("button", { name: "Sign out everywhere", exact: true }).click();
    // Its socket is closed at once, and the page leaves by itself. To navigate sooner would make two navigations race.
    await expect(one.locator("[data-live=live]")).toHaveCount(0, { timeout: 1_500 });
    await expect(one).toHaveURL(/\/signin/);
    await one.goto("/");
    await expect(one).toHaveURL(/\/signin/);
    await one.context().close();
    await two.context().close();
  } finally {
    await node.remove();
  }
});
