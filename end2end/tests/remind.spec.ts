// Reminders of pending approvals while the tab is hidden, for people who chose them in this browser.
import type { Page } from "@playwright/test";
import { Api } from "../fixtures/api";
import { open } from "../fixtures/pages";
import { OWNER, expect, repository, test } from "../fixtures/test";

type Shown = { title: string; body: string; tag: string; press: () => void };

/** A browser with fake notifications that a test can read, and a fixed answer to the request for permission. */
async function watchNotifications(page: Page, before: NotificationPermission, answer: NotificationPermission): Promise<void> {
  await page.addInitScript(
    ([before, answer]) => {
      const shown: unknown[] = [];
      class Fake extends EventTarget {
        static permission = sessionStorage.getItem("asked") ?? before;
        static async requestPermission() {
          sessionStorage.setItem("asked", answer);
          return (Fake.permission = answer);
        }
        onclick: (() => void) | null = null;
        constructor(title: string, options: NotificationOptions) {
          super();
          shown.push({ title, body: options.body, tag: options.tag, press: () => this.onclick?.() });
        }
        close() {}
      }
      Object.assign(window, { Notification: Fake, shown });
    },
    [before, answer] as const,
  );
}

const shown = (page: Page) => page.evaluate(() => (window as unknown as { shown: Shown[] }).shown.map(({ title, body }) => ({ title, body })));
const hide = (page: Page, hidden: boolean) => page.evaluate((hidden) => Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden }), hidden);

test("what begins to wait while the tab is hidden is notified, and a press leads to it", async ({ page, node }) => {
  await watchNotifications(page, "default", "granted");
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "remind"));
  await open(page, "/settings/profile");
  const choice = page.getByRole("checkbox", { name: "Notify me in this browser" });
  await expect(choice).not.toBeChecked();
  await choice.click();
  await expect(choice).toBeChecked();
  expect(await shown(page)).toEqual([expect.objectContaining({ title: "Notifications are on" })]);

  // The choice is this browser's: it holds on the next page, and after a reload.
  await open(page, "/usage");
  const start = async (title: string) => {
    const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself", title });
    await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
    return (await api.pending(id))[0];
  };
  await start("Seen by somebody");
  await expect(page.locator(".nav .n-hot")).toBeVisible();
  await hide(page, true);
  const approval = await start("Seen by nobody");
  await expect.poll(() => shown(page), { timeout: 15_000 }).toEqual([{ title: expect.stringMatching(/^remind: /), body: expect.stringContaining("Seen by nobody") }]);
  await page.evaluate(() => (window as unknown as { shown: Shown[] }).shown[0].press());
  await expect(page).toHaveURL(new RegExp(`/inbox\\?id=${approval.id}$`));

  await open(page, "/settings/profile");
  await expect(choice).toBeChecked();
  await choice.uncheck();
  expect(await page.evaluate(() => localStorage.getItem("orchwiz-notify"))).toBeNull();
});

test("a refusal is said with what to do about it, and nothing is chosen", async ({ page }) => {
  await watchNotifications(page, "default", "denied");
  await open(page, "/settings/profile");
  const choice = page.getByRole("checkbox", { name: "Notify me in this browser" });
  await choice.click();
  await expect(page.getByText("Allow them in the site's settings")).toBeVisible();
  await expect(choice).not.toBeChecked();
  await expect(choice).toBeDisabled();
});
