// Keys around a decision: no key answers what nobody has read, or does more than it says.
import type { Locator, Page } from "@playwright/test";
import { Api } from "../fixtures/api";
import type { Node } from "../fixtures/node";
import { SessionPage, live, open, press } from "../fixtures/pages";
import { OWNER, expect, repository, test } from "../fixtures/test";

/** How long a new decision ignores keys, with a margin for a slow machine. */
const LOOK_MS = 1_000;

/** A demo session with a pending approval. */
async function waiting(node: Node, project: string, title: string): Promise<{ api: Api; session: string; approval: string }> {
  const api = Api.of(node, OWNER.name);
  const { id: into } = await api.addProject(repository(node, project));
  const { id } = await api.startSession({ project: into, agent: "demo", mode: "ask", prompt: "Show yourself", title });
  await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  return { api, session: id, approval: (await api.pending(id))[0].id };
}

const isPending = async (api: Api, session: string, approval: string) => (await api.pending(session)).some((one) => one.id === approval);

/** Holds a key: the second press is the browser's key repeat. */
async function hold(page: Page, key: string): Promise<void> {
  for (let n = 0; n < 4; n++) await page.keyboard.down(key);
  await page.keyboard.up(key);
}

/**
 * Presses a button, and again in the very frame in which another one has taken its place. Playwright's pointer is not
 * that quick on a busy machine. `false` when none came.
 */
async function pressTwice(page: Page, button: Locator): Promise<boolean> {
  return button.evaluate(
    (first) =>
      new Promise<boolean>((done) => {
        const { left, top, width, height } = first.getBoundingClientRect();
        const [x, y] = [left + width / 2, top + height / 2];
        const there = () => document.elementFromPoint(x, y)?.closest("button") ?? null;
        const press = (on: Element) => {
          on.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, cancelable: true, clientX: x, clientY: y }));
          on.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1, clientX: x, clientY: y }));
        };
        press(first);
        const began = Date.now();
        const look = () => {
          const now = there();
          if (now !== null && now !== first && now.textContent?.startsWith("Allow once")) {
            press(now);
            done(true);
          } else if (Date.now() - began > 10_000) done(false);
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
}

test("Escape that closes a menu or a box does not interrupt the agent", async ({ page, node }) => {
  const { api, session: id, approval } = await waiting(node, "escapes", "Escapes");
  const session = await SessionPage.open(page, id);
  await expect(session.allow.first()).toBeVisible();
  const menu = page.locator(".sx-h details.menu-w").filter({ has: page.locator("summary[aria-label=More]") });

  await menu.locator("summary").click();
  await expect(menu).toHaveAttribute("open", "");
  await page.keyboard.press("Escape");
  await expect(menu).not.toHaveAttribute("open", "");

  await press(session.always.first());
  const box = page.getByRole("group", { name: "Always allow" });
  await expect(box).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(box).toHaveCount(0);

  await press(session.deny.first());
  await expect(page.getByRole("textbox", { name: "Reason" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("textbox", { name: "Reason" })).toHaveCount(0);

  await page.waitForTimeout(500);
  expect((await api.session(id)).state).toBe("waiting");
  expect(await isPending(api, id, approval)).toBe(true);
});

test("Escape with the find bar open closes it, and a key answers nothing that is folded away", async ({ page, node }) => {
  const { api, session: id, approval } = await waiting(node, "out-of-sight", "Out of sight");
  await page.setViewportSize({ width: 1440, height: 420 });
  const session = await SessionPage.open(page, id);
  await expect(session.allow.first()).toBeVisible();
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("f");
  const find = page.getByRole("searchbox", { name: "Find in this session" });
  await find.fill("the");
  // The field loses the focus; the bar stays.
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("Escape");
  await expect(find).toHaveCount(0);

  // The decision stays docked wherever the reader is, until they fold it.
  await page.evaluate(() => window.scrollTo(0, 0));
  await expect(session.allow).toBeInViewport({ ratio: 1 });
  await page.getByRole("button", { name: "Fold the decision" }).click();
  await expect(session.allow).toBeHidden();
  await page.getByRole("heading", { level: 1 }).click();
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("a");
  await page.waitForTimeout(500);
  expect((await api.session(id)).state).toBe("waiting");
  expect(await isPending(api, id, approval)).toBe(true);

  await page.getByRole("button", { name: "Fold the decision" }).click();
  await page.getByRole("heading", { level: 1 }).click();
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("a");
  await expect.poll(() => isPending(api, id, approval)).toBe(false);
});

test("a held A answers one decision, says so, and leaves the next one alone", async ({ page, node }) => {
  const first = await waiting(node, "held-first", "Held first");
  const second = await waiting(node, "held-second", "Held second");
  await open(page, `/inbox?id=${first.approval}`);
  await expect(page.getByRole("button", { name: /^Allow once/ })).toBeVisible();
  await page.waitForTimeout(LOOK_MS);
  await hold(page, "a");
  await expect(page.locator(".toasts[role=status]")).toContainText(/Allowed once: /);
  await expect(page).not.toHaveURL(new RegExp(first.approval));
  await page.waitForTimeout(LOOK_MS);
  expect(await isPending(first.api, first.session, first.approval)).toBe(false);
  expect(await isPending(second.api, second.session, second.approval)).toBe(true);
});

test("a double click answers one decision, not the one that takes its place", async ({ page, node }) => {
  const first = await waiting(node, "double-first", "Double first");
  const second = await waiting(node, "double-second", "Double second");
  await open(page, `/inbox?id=${first.approval}`);
  await expect(page.getByRole("button", { name: /^Allow once/ })).toBeVisible();
  await page.waitForTimeout(LOOK_MS);
  const allow = await page.getByRole("button", { name: /^Allow once/ }).boundingBox();
  if (allow === null) throw new Error("the button is not shown");
  const [x, y] = [allow.x + allow.width / 2, allow.y + allow.height / 2];
  await page.mouse.click(x, y);
  await expect(page).not.toHaveURL(new RegExp(first.approval));
  // The second press of a double click, after the next decision has taken the place.
  await page.mouse.down({ clickCount: 2 });
  await page.mouse.up({ clickCount: 2 });
  await page.waitForTimeout(LOOK_MS);
  expect(await isPending(first.api, first.session, first.approval)).toBe(false);
  expect(await isPending(second.api, second.session, second.approval)).toBe(true);
});

test("a press that follows another at once answers nothing, in the inbox and on the overview", async ({ page, node }) => {
  const waits = [await waiting(node, "twice-1", "Twice one"), await waiting(node, "twice-2", "Twice two"), await waiting(node, "twice-3", "Twice three")];
  const left = async () => {
    const pending = await Promise.all(waits.map(({ api, session, approval }) => isPending(api, session, approval)));
    return pending.filter((one) => one).length;
  };
  await open(page, `/inbox?id=${waits[0].approval}`);
  const allow = page.getByRole("button", { name: /^Allow once/ }).first();
  const press = async () => {
    const box = await allow.boundingBox();
    if (box === null) throw new Error("the button is not shown");
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  };
  await page.waitForTimeout(LOOK_MS);
  expect(await pressTwice(page, allow)).toBe(true);
  await page.waitForTimeout(LOOK_MS);
  expect(await left()).toBe(2);
  await press();
  await expect.poll(left).toBe(1);

  const more = await waiting(node, "twice-4", "Twice four");
  waits.push(more);
  await open(page, "/");
  await expect(page.locator(".lane-item").filter({ has: page.getByRole("button", { name: /^Allow once/ }) })).toHaveCount(2);
  await page.waitForTimeout(LOOK_MS);
  // Cards move up under the pointer.
  expect(await pressTwice(page, allow)).toBe(true);
  await page.waitForTimeout(LOOK_MS);
  expect(await left()).toBe(1);
});

test("after a decision the inbox shows what it said comes next, with the focus on it", async ({ page, node }) => {
  for (const name of ["next-1", "next-2", "next-3"]) await waiting(node, name, `Next ${name}`);
  await open(page, "/inbox");
  await expect(page.locator(".ib-row")).toHaveCount(3);
  await page.keyboard.press("j");
  for (let n = 0; n < 2; n++) {
    const rows = await page.locator(".ib-row").evaluateAll((rows) => rows.map((row) => ({ href: row.getAttribute("href"), here: row.hasAttribute("aria-current") })));
    const at = rows.findIndex((row) => row.here);
    // The next one; at the end the previous one.
    const second = (rows[at + 1] ?? rows[at - 1]).href ?? "";
    await page.getByRole("button", { name: /^Allow once/ }).click();
    await expect(page).toHaveURL(new RegExp(second.replace("?", "\\?")));
    await expect(page.locator("#ibt")).toBeFocused();
    await expect(page.locator(".ib-row[aria-current]")).toHaveAttribute("href", second);
  }
});

test("in a session the focus goes to the next decision", async ({ page, node }) => {
  const { api, session: id, approval } = await waiting(node, "focus-next", "Focus next");
  const session = await SessionPage.open(page, id);
  await press(session.allow.first());
  // The outcome has the focus, not the page and not a field: the next question comes later.
  await expect(page.locator(`[id="${approval}"]`)).toBeFocused();
  await session.isIn("Idle");
  await api.call("POST", `/sessions/${id}/prompts`, { text: "edit something" });
  await expect.poll(async () => (await api.pending(id)).filter((one) => one.id !== approval).length, { timeout: 30_000 }).toBe(1);
  const [next] = await api.pending(id);
  await expect(page.locator(`[id="${next.id}"]`)).toBeFocused();
});

test("always is opened by Shift A and confirmed by Enter", async ({ page, node }) => {
  const { api, session: id, approval } = await waiting(node, "always-key", "Always by key");
  const session = await SessionPage.open(page, id);
  await expect(session.always.first()).toBeVisible();
  await page.getByRole("heading", { level: 1 }).click();
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("Shift+A");
  const box = page.getByRole("group", { name: "Always allow" });
  await expect(box).toBeFocused();
  await page.keyboard.press("Enter");
  // Nobody has read it yet.
  expect(await isPending(api, id, approval)).toBe(true);
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("Enter");
  await expect.poll(() => isPending(api, id, approval)).toBe(false);
});

test("decisions are made without JavaScript", async ({ browser, node, login }) => {
  const [one, two, three] = [await waiting(node, "plain-1", "Plain one"), await waiting(node, "plain-2", "Plain two"), await waiting(node, "plain-3", "Plain three")];
  const context = await browser.newContext({ baseURL: node.url, storageState: login, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`/inbox?id=${one.approval}`);
  await page.getByRole("button", { name: /^Allow once/ }).click();
  await expect(page).toHaveURL(/\/inbox/);
  expect(await isPending(one.api, one.session, one.approval)).toBe(false);

  await page.goto(`/sessions/${two.session}`);
  await page.getByRole("button", { name: /^Deny/ }).click();
  await page.getByRole("textbox", { name: "Reason" }).fill("not like this");
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(two.session));
  await expect(page.getByText("not like this").first()).toBeVisible();

  await page.goto("/");
  const card = page.locator(".lane-item").filter({ hasText: "Plain three" });
  await card.getByRole("button", { name: /^Allow once/ }).click();
  await expect(page).toHaveURL(/:\d+\/\??$/);
  expect(await isPending(three.api, three.session, three.approval)).toBe(false);
  await context.close();
});

test("the inbox writes what it shows into the address, and a name that is not there shows nothing else", async ({ page, node, watch }) => {
  // The page of an approval that does not exist answers 404, which the browser logs.
  watch.expect(/status of 404/);
  await waiting(node, "named", "Named");
  await open(page, "/inbox");
  await expect(page).toHaveURL(/\/inbox\?id=apr_/);
  await page.goto("/inbox?id=apr_019200000000700080000000000000ff");
  await live(page);
  await expect(page.getByText("This approval is not here any more")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Allow once/ })).toHaveCount(0);
});

test("A and D work on the first item of the overview", async ({ page, node }) => {
  const { api, session, approval } = await waiting(node, "keys-overview", "Keys on the overview");
  await open(page, "/");
  await expect(page.getByRole("button", { name: /^Allow once/ }).first()).toBeVisible();
  await page.waitForTimeout(LOOK_MS);
  await page.keyboard.press("d");
  await expect(page.getByRole("textbox", { name: "Reason" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("textbox", { name: "Reason" })).toHaveCount(0);
  expect(await isPending(api, session, approval)).toBe(true);
});

test("on the phone there is a way back, the title stays, and it can be renamed", async ({ phone, node }) => {
  const { session: id } = await waiting(node, "phone-back", "Seen on the phone");
  const session = await SessionPage.open(phone, id);
  // The decision is docked above the composer, with the title above it.
  await expect(session.allow).toBeInViewport({ ratio: 1 });
  await expect(session.composer).toBeInViewport({ ratio: 1 });
  await session.more("Rename");
  await phone.getByRole("textbox", { name: "Title" }).fill("Renamed by thumb");
  await phone.getByRole("button", { name: "Rename", exact: true }).tap();
  await expect(phone.locator(".sx-back")).toContainText("Renamed by thumb");
  await phone.getByRole("link", { name: "Back to all sessions" }).tap();
  await expect(phone).toHaveURL(/\/sessions$/);
});

test("what is typed before the page is taken over stays", async ({ page }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/*.wasm", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto("/sessions/new", { waitUntil: "domcontentloaded" });
  const prompt = page.getByRole("textbox", { name: "Prompt" });
  await prompt.fill("Typed early");
  release();
  await live(page);
  await page.waitForTimeout(300);
  await expect(prompt).toHaveValue("Typed early");
});
