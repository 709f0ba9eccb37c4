// The cost of a first visit, measured in the browser for each kind of page: bytes on the wire, fonts too, and time to
// hydration.
import { expect, test } from "../fixtures/test";
import { tour } from "../fixtures/tour";
import { live } from "../fixtures/pages";
import { judge, LIMIT } from "../../scripts/limits.mjs";

const PAGES = ["overview", "inbox", "sessions", "session", "session-new", "projects", "usage", "settings-profile", "sign-in"];

test("the first load of every page stays under its limits", async ({ browser, node, login, watch }) => {
  test.slow();
  const stops = await tour(node);
  for (const name of PAGES) {
    const stop = stops.find((stop) => stop.name === name);
    if (stop === undefined) throw new Error(`the tour has no stop called ${name}`);
    // A context of its own, so that its cache is empty.
    const context = await browser.newContext({ baseURL: node.url, storageState: stop.signedIn ? login : undefined });
    watch.follow(context, node.url);
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Network.enable");
    const urls = new Map<string, string>();
    const sizes = new Map<string, number>();
    devtools.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
    devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
    await page.goto(stop.path);
    if (stop.signedIn) await live(page);
    await page.waitForLoadState("networkidle");
    const rows = [...sizes].map(([id, size]) => ({ path: new URL(urls.get(id) ?? "about:blank").pathname, size }));
    const total = rows.reduce((sum, row) => sum + row.size, 0);
    const wasm = rows.filter((row) => row.path.endsWith(".wasm")).reduce((sum, row) => sum + row.size, 0);
    console.log(judge(`${name} (${wasm} bytes of wasm)`, total, LIMIT.total).line);
    expect(wasm, `wasm of ${name}`).toBeGreaterThan(0);
    expect(total, `first load of ${name}`).toBeLessThanOrEqual(LIMIT.total);
    await context.close();
  }
});

test("every page is live in time on a slow machine", async ({ browser, node, login, watch }) => {
  test.slow();
  const stops = await tour(node);
  // The sign-in page is a plain form, which works before anything has loaded.
  for (const name of PAGES.filter((name) => name !== "sign-in")) {
    const stop = stops.find((stop) => stop.name === name);
    if (stop === undefined) throw new Error(`the tour has no stop called ${name}`);
    // Other work of the machine only delays a page, so the fastest of six runs counts.
    const took: number[] = [];
    while (took.length < 6 && !took.some((ms) => ms <= LIMIT.interactive)) {
      const context = await browser.newContext({ baseURL: node.url, storageState: login });
      watch.follow(context, node.url);
      const page = await context.newPage();
      await page.addInitScript(() => {
        const look = () => {
          if (!document.querySelector("[data-live=live]")) return;
          performance.mark("live");
          seen.disconnect();
        };
        const seen = new MutationObserver(look);
        seen.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-live"] });
      });
      const devtools = await context.newCDPSession(page);
      await devtools.send("Emulation.setCPUThrottlingRate", { rate: LIMIT.slowdown });
      await page.goto(stop.path);
      const mark = await page.waitForFunction(() => performance.getEntriesByName("live")[0]?.startTime);
      took.push(Math.round((await mark.jsonValue()) as number));
      await context.close();
    }
    console.log(judge(`${name} is live`, Math.min(...took), LIMIT.interactive, "ms").line);
    expect.soft(Math.min(...took), `${name} is live after`).toBeLessThanOrEqual(LIMIT.interactive);
  }
});

test("what has a hash in its name may be kept for ever", async ({ page, request }) => {
  await page.goto("/");
  const hrefs = await page.locator("link[href^='/pkg/']").evaluateAll((links) => links.map((link) => (link as HTMLLinkElement).href));
  expect(hrefs.length).toBeGreaterThan(0);
  for (const href of hrefs) expect((await request.get(href)).headers()["cache-control"], href).toContain("immutable");
});
