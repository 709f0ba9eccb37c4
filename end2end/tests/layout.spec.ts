// Nothing is wider than its window, whatever an agent or a person wrote, and no toast covers a button.
import { execFileSync } from "node:child_process";
import type { Page } from "@playwright/test";
import { Api } from "../fixtures/api";
import { SessionPage, live } from "../fixtures/pages";
import { OWNER, expect, repository } from "../fixtures/test";
import { test } from "../fixtures/wide";

const WIDTHS = [390, 768, 1024, 1240, 1280, 1440];
const LONG = "a-very-long-name-that-goes-on-and-on-and-is-never-broken-by-anybody";

/** Elements that overflow the window or a part of the layout, except those that scroll or are cut by themselves. */
const outside = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const parts = ".sx-m, .panel, .ib-list, .ib-detail, .page, .tr, .tool > summary, .nest, .sx-t, .chips, .appr, .top, .lane, .tile, .md, .set-row, .note, .dock";
    const name = (element: Element) => `${element.tagName.toLowerCase()}.${[...element.classList].join(".")} "${(element.textContent ?? "").trim().slice(0, 40)}"`;
    const faults: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > window.innerWidth) faults.push(`the page is ${root.scrollWidth} wide, the window ${window.innerWidth}`);
    // A pixel for rounding.
    const check = (element: Element, around: Element | null, left: number, right: number) => {
      for (const child of element.children) {
        const style = getComputedStyle(child);
        if (!child.checkVisibility() || style.visibility === "hidden" || style.clipPath !== "none" || child.matches("svg, .skip")) continue;
        const box = child.getBoundingClientRect();
        const drawn = box.width > 0 && box.height > 0;
        const own = style.position === "fixed" || style.position === "absolute";
        const [from, to] = own ? [0, window.innerWidth] : [left, right];
        if (drawn && (box.left < from - 1 || box.right > to + 1)) {
          faults.push(`${name(child)} from ${Math.round(box.left)} to ${Math.round(box.right)}, not within ${Math.round(from)} to ${Math.round(to)}${around ? ` of ${name(around)}` : ""}`);
          continue;
        }
        if (drawn && style.overflowX !== "visible") continue;
        const part = drawn && child.matches(parts);
        check(child, part ? child : around, part ? box.left : from, part ? box.right : to);
      }
    };
    check(document.body, null, 0, window.innerWidth);
    return faults;
  });

const NOT_THERE = "/nothing/here";

test("nothing is wider than its window, whatever stands in it", async ({ page, node, watch }) => {
  // Unknown pages answer 404, which the browser logs.
  watch.expect(/status of 404/);
  test.setTimeout(240_000);
  const api = Api.of(node, OWNER.name);
  const path = repository(node, LONG);
  execFileSync("git", ["-C", path, "checkout", "--quiet", "-b", `feature/${LONG}`]);
  const project = await api.addProject(path);
  const second = await api.addProject(repository(node, "short"));
  const start = (prompt: string, title: string) => api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt, title });
  const wide = await start("wide", `${"A long title that says everything twice ".repeat(4)}`.trim());
  const asks = await start("wide ask", `${LONG}-${LONG}`);
  const failed = await start(`fail ${LONG}`, `Failed: ${LONG}`);
  const demo = await api.startSession({ project: second.id, agent: "demo", mode: "ask", prompt: "Show what you can do", title: "Show what you can do" });
  await api.call("PATCH", `/sessions/${wide.id}`, { tags: ["a-tag-that-is-thirty-two-letters", "another"] });
  await expect.poll(async () => (await api.session(wide.id)).state, { timeout: 30_000 }).toBe("idle");
  await expect.poll(async () => (await api.session(failed.id)).state, { timeout: 30_000 }).toBe("failed");
  for (const { id } of [asks, demo]) await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  const [approval] = await api.pending(asks.id);

  const paths = [
    "/",
    `/inbox?id=${approval.id}`,
    "/sessions",
    `/sessions?project=${project.id}&tag=a-tag-that-is-thirty-two-letters&state=idle,failed`,
    "/sessions/new",
    ...[wide, asks, failed, demo].map(({ id }) => `/sessions/${id}`),
    "/projects",
    `/projects/${project.id}`,
    `/projects/${project.id}?tab=settings`,
    "/usage",
    "/fleet",
    "/fleet?pair=invite",
    ...["profile", "tokens", "agents", "node", "about"].map((part) => `/settings/${part}`),
    "/kit",
    NOT_THERE,
    `/sessions/ses_019200000000700080000000000000ff`,
  ];
  const faults: string[] = [];
  for (const path of paths) {
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(path);
    // The page for an unknown path has no frame.
    if (path !== NOT_THERE) await live(page);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width < 720 ? 844 : 900 });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(undefined)))));
      faults.push(...(await outside(page)).slice(0, 4).map((fault) => `${path} at ${width}: ${fault}`));
    }
  }
  expect(faults).toEqual([]);
});

test("a table keeps its numbers whole and its columns as they were aligned, and scrolls by itself", async ({ phone, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "tables"));
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "wide", title: "Tables" });
  await SessionPage.open(phone, id);
  const cells = phone.locator(".md table").first().locator("tbody tr").first().locator("td");
  await expect(cells.nth(1)).toHaveText("48,211");
  // One line of text and the cell's padding.
  expect((await cells.nth(1).boundingBox())?.height).toBeLessThan(40);
  await expect(cells.nth(0)).toHaveCSS("text-align", /^(left|start)$/);
  await expect(cells.nth(1)).toHaveCSS("text-align", "right");
  const table = phone.locator(".md table").first();
  expect(await table.evaluate((table) => table.scrollWidth > table.clientWidth && getComputedStyle(table).overflowX)).toBe("auto");
});

/** Buttons and links in the window that the toast covers. */
const covered = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const toast = document.querySelector(".toasts .toast")?.getBoundingClientRect();
    if (!toast) return ["there is no toast"];
    return [...document.querySelectorAll("button, a[href], summary, input, textarea, select")]
      .filter((element) => !element.closest(".toasts") && element.checkVisibility())
      .filter((element) => {
        const box = element.getBoundingClientRect();
        // A pixel for rounding.
        return box.width > 1 && box.left < toast.right - 1 && box.right > toast.left + 1 && box.top < toast.bottom - 1 && box.bottom > toast.top + 1;
      })
      .map((element) => element.outerHTML.slice(0, 200));
  });

test("on the phone a toast has a place of its own and covers no button", async ({ phone, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "toasts"));
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "hello", title: `To the archive: ${LONG}` });
  const session = await SessionPage.open(phone, id);
  await session.isIn("Idle");
  await session.more("Archive");
  const toast = phone.locator(".toasts .toast");
  await expect(toast).toContainText("Archived");
  expect(await covered(phone)).toEqual([]);
  expect(await outside(phone)).toEqual([]);
  // Sticky elements are below it.
  await phone.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  expect(await phone.locator(".sx-back").evaluate((back) => back.getBoundingClientRect().top)).toBeGreaterThanOrEqual((await toast.boundingBox())!.y);
  await toast.getByRole("button", { name: "Undo" }).tap();
  await expect(toast).toHaveCount(0);
});

test("a decision in the Inbox shows no toast: the next one stands where it stood, and it is read aloud", async ({ phone, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "no-toast"));
  for (const title of ["First", "Second"]) {
    const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show what you can do", title });
    await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  }
  await phone.goto("/inbox");
  await live(phone);
  const allow = phone.getByRole("button", { name: /^Allow once/ });
  await expect(allow).toBeVisible();
  await phone.waitForTimeout(1_000);
  await allow.tap();
  await expect(phone.locator(".toasts [aria-live], .toasts")).toContainText(/Allowed once/);
  await expect(phone.locator(".toast")).toHaveCount(0);
});
