// What a first visit costs on the wire, measured in the browser: everything, fonts too.
import { expect, test } from "../fixtures/test";
import { live } from "../fixtures/pages";
import { TOTAL, WASM, judge } from "../../scripts/limits.mjs";

test("the first load stays under its limits", async ({ page }) => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const urls = new Map<string, string>();
  const sizes = new Map<string, number>();
  devtools.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await page.goto("/");
  await live(page);
  await page.waitForLoadState("networkidle");
  const rows = [...sizes].map(([id, size]) => ({ path: new URL(urls.get(id) ?? "about:blank").pathname, size }));
  for (const { path, size } of rows.toSorted((a, b) => b.size - a.size)) console.log(String(size).padStart(8), path);
  const total = rows.reduce((sum, row) => sum + row.size, 0);
  const wasm = rows.filter((row) => row.path.endsWith(".wasm")).reduce((sum, row) => sum + row.size, 0);
  console.log(judge("wasm", wasm, WASM));
  console.log(judge("first load", total, TOTAL));
  expect(wasm).toBeGreaterThan(0);
  expect(wasm).toBeLessThanOrEqual(WASM.limit);
  expect(total).toBeLessThanOrEqual(TOTAL.limit);
});

test("what has a hash in its name may be kept for ever", async ({ page, request }) => {
  await page.goto("/");
  const hrefs = await page.locator("link[href^='/pkg/']").evaluateAll((links) => links.map((link) => (link as HTMLLinkElement).href));
  expect(hrefs.length).toBeGreaterThan(0);
  for (const href of hrefs) expect((await request.get(href)).headers()["cache-control"], href).toContain("immutable");
});
