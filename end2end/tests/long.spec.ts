// Long lists: a session of 5,000 entries and a list of many sessions stay smooth, and readers keep their place.
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { Api } from "../fixtures/api";
import { Node } from "../fixtures/node";
import { SessionPage, open } from "../fixtures/pages";
import { OWNER, expect, repository, test as base } from "../fixtures/test";

const ENTRIES = 5_000;
/** The most rows in the document: a few windows full, whatever is loaded. */
const ROWS = 600;
/** The longest task that may block the page. */
const TASK_MS = 200;
/** The largest shift that a reader does not see. */
const JUMP_PX = 3;

/** A node whose `claude` writes as many entries as its prompt says, one agent at a time. */
const test = base.extend<object, { node: Node }>({
  node: [
    async ({}, use) => {
      const claude = join(import.meta.dirname, "../fixtures/long-agent.mjs");
      const node = await Node.start({ ORCHWIZ_AGENTS_CLAUDE_PATH: claude, ORCHWIZ_AGENTS_MAX: "1" });
      await use(node);
      await node.remove();
    },
    { scope: "worker" },
  ],
});

/** The browser's measurements since `measure`. */
type Measured = { rows: number; tasks: number[]; frames: number[] };

/** Counts rows, long tasks and frames from now on. */
async function measure(page: Page, rows: string): Promise<() => Promise<Measured>> {
  await page.evaluate((rows) => {
    const seen = { rows: 0, tasks: [] as number[], frames: [] as number[], on: true };
    Object.assign(window, { seen });
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((task) => Math.round(task.duration)))).observe({ type: "longtask" });
    let last = performance.now();
    const frame = (now: number) => {
      seen.frames.push(Math.round(now - last));
      last = now;
      seen.rows = Math.max(seen.rows, document.querySelectorAll(rows).length);
      if (seen.on) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }, rows);
  return () =>
    page.evaluate(() => {
      const seen = (window as unknown as { seen: Measured & { on: boolean } }).seen;
      seen.on = false;
      return { rows: seen.rows, tasks: seen.tasks, frames: seen.frames.sort((a, b) => a - b) };
    });
}

function report(what: string, { rows, tasks, frames }: Measured): void {
  const at = (share: number) => frames[Math.min(frames.length - 1, Math.floor(frames.length * share))];
  console.log(`${what}: at most ${rows} rows, ${tasks.length} long tasks, longest ${Math.max(0, ...tasks)} ms; frames p50 ${at(0.5)} p95 ${at(0.95)} p99 ${at(0.99)} max ${at(1)} ms; load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors`);
}

/** Scrolls up until everything is loaded; gives the largest shift of the visible entry when older ones came. */
const loadAll = (page: Page) =>
  page.evaluate(async () => {
    const frames = async (n: number) => {
      for (; n > 0; n--) await new Promise((resolve) => requestAnimationFrame(resolve));
    };
    const root = document.documentElement;
    const moved: number[] = [];
    while (document.querySelector(".tl-older")) {
      // From a position that requests nothing yet, up to older entries, with the visible ones already rendered.
      root.scrollTop = 2000;
      await frames(4);
      root.scrollTop = 900;
      const read = [...document.querySelectorAll<HTMLElement>(".tl .ent")].find((row) => row.getBoundingClientRect().top > innerHeight / 2);
      if (!read) throw new Error("nothing is drawn where the reader is");
      const [height, top] = [root.scrollHeight, read.getBoundingClientRect().top];
      const end = Date.now() + 10_000;
      while (root.scrollHeight === height && document.querySelector(".tl-older")) {
        if (Date.now() > end) throw new Error("older entries did not come");
        await frames(1);
      }
      await frames(3);
      if (read.isConnected) moved.push(Math.abs(read.getBoundingClientRect().top - top));
    }
    return moved;
  });

/** Scrolls to the end, so many pixels per frame; reports where it is stuck without a frame, or after far too many. */
const scrollDown = (page: Page, step: number) =>
  page.evaluate(async (step) => {
    const root = document.documentElement;
    const stuck = (why: string) => new Error(`${why} at ${root.scrollTop} of ${root.scrollHeight} pixels, the page is ${document.visibilityState}`);
    const frame = () =>
      new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(stuck("no frame for 10 s")), 10_000);
        requestAnimationFrame(() => (clearTimeout(late), resolve()));
      });
    root.scrollTop = 0;
    for (let n = 0; root.scrollTop + root.clientHeight < root.scrollHeight - 1; n++) {
      if (n * step > 3 * root.scrollHeight) throw stuck(`not at the end after ${n} frames:`);
      root.scrollTop += step;
      await frame();
    }
  }, step);

const inSight = (page: Page, id: string) => expect(page.locator(`[id="${id}"]`)).toBeInViewport({ timeout: 5_000 });

test("5,000 entries scroll smoothly, and whoever looks for one finds it", async ({ page, node }) => {
  test.setTimeout(180_000);
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "long"), true);
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: String(ENTRIES) });
  await expect.poll(async () => (await api.session(id)).state, { timeout: 90_000 }).toBe("idle");

  const session = await SessionPage.open(page, id);
  await expect(page.locator(".tl .ent").last()).toBeInViewport();

  const loading = await measure(page, ".tl .ent");
  const moved = await loadAll(page);
  const loaded = await loading();
  report(`loading ${ENTRIES} entries`, loaded);
  console.log(`${moved.length} times older entries came; what was read moved by at most ${Math.max(...moved).toFixed(1)} px`);
  expect(moved.length).toBeGreaterThan(ENTRIES / 250);
  expect(Math.max(...moved)).toBeLessThanOrEqual(JUMP_PX);
  expect(loaded.rows).toBeLessThan(ROWS);
  expect(Math.max(0, ...loaded.tasks)).toBeLessThan(TASK_MS);

  const scrolling = await measure(page, ".tl .ent");
  await scrollDown(page, 400);
  const scrolled = await scrolling();
  report("scrolling through them", scrolled);
  expect(scrolled.rows).toBeLessThan(ROWS);
  expect(Math.max(0, ...scrolled.tasks)).toBeLessThan(TASK_MS);

  // An entry that is not rendered: by address, by key, by search.
  await expect(page.locator("#e12")).toHaveCount(0);
  await page.evaluate(() => (location.hash = "#e12"));
  await inSight(page, "e12");
  await page.locator("#e12").focus();
  await page.evaluate(() => (document.documentElement.scrollTop = document.documentElement.scrollHeight));
  await expect(page.locator(".tl .ent").last()).toBeInViewport();
  await expect(page.locator("#e12"), "what has the focus stays").toHaveCount(1);
  await page.keyboard.press("e");
  await expect(page.locator(".ent.is-at .tool.bad")).toBeInViewport();
  await page.keyboard.press("f");
  await page.locator("#find").fill(`step_${ENTRIES - 2}`);
  await page.locator("#find").press("Enter");
  await expect(page.locator(".ent.is-at")).toContainText(`step_${ENTRIES - 2}`);
  await expect(page.locator(".ent.is-at")).toBeInViewport();
  await page.locator("#find").press("Escape");

  // A reader at the end stays there while entries come.
  await page.evaluate(() => (document.documentElement.scrollTop = document.documentElement.scrollHeight));
  await session.say("300");
  await expect(page.getByText("Step 298.")).toBeInViewport({ timeout: 30_000 });
  await session.isIn("Idle");
  await expect(page.locator(".tl .ent").last()).toBeInViewport();
});

test("a long list of sessions draws what is seen", async ({ page, node }) => {
  test.setTimeout(120_000);
  const many = 400;
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "many"), true);
  // The first never gets an answer and holds the only place; the others are queued.
  for (let n = 0; n < many; n += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, k) => api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "wait", title: `Session ${n + k}` })));
  }
  await open(page, `/sessions?project=${project.id}`);
  await expect(async () => {
    await page.evaluate(() => (document.documentElement.scrollTop = document.documentElement.scrollHeight));
    await expect(page.getByRole("button", { name: /Load/ })).toHaveCount(0, { timeout: 100 });
  }).toPass({ timeout: 30_000 });
  const scrolling = await measure(page, ".ss-row .go");
  await scrollDown(page, 200);
  const scrolled = await scrolling();
  report(`scrolling through ${many} sessions`, scrolled);
  expect(scrolled.rows).toBeLessThan(many / 2);
  expect(Math.max(0, ...scrolled.tasks)).toBeLessThan(TASK_MS);
  // Every row has its height, rendered or not.
  const row = await page.locator(".ss-row .go").last().evaluate((go) => (go.closest(".ss-row") as HTMLElement).offsetHeight);
  const rows = await page.locator(".table [role=rowgroup]").evaluateAll((groups) => groups.reduce((sum, group) => sum + (group as HTMLElement).offsetHeight, 0));
  expect(Math.round(rows / row)).toBe(many);
  await page.keyboard.press("j");
  await expect(page.locator(".ss-row .go:focus")).toBeInViewport();
});
