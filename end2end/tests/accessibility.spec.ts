// axe on every page, in both themes, at three widths; and no page scrolls sideways.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "../fixtures/test";
import { type Place, firstPlaces, places, tour } from "../fixtures/tour";
import { live } from "../fixtures/pages";

const WIDTHS = [1440, 1024, 390];

let walk: Place[] = [];
let first: Place[] = [];
test.beforeAll(async ({ browser, node, login }) => {
  first = await firstPlaces(browser);
  walk = [...places(node, login, await tour(node)), ...first];
});
test.afterAll(async () => {
  for (const place of first) await place.node.remove();
});

for (const theme of ["light", "dark"] as const) {
  for (const width of WIDTHS) {
    test(`no serious violation, ${theme} at ${width}`, async ({ browser, watch }) => {
      test.setTimeout(240_000);
      // The anonymous, not-found and spent-link pages answer 4xx, which the browser logs.
      watch.expect(/Failed to load resource: the server responded with a status of 4\d\d/);
      const problems: string[] = [];
      for (const { node, storage, stops } of walk) {
        const context = await browser.newContext({
          baseURL: node.url,
          storageState: storage,
          colorScheme: theme,
          viewport: { width, height: 900 },
        });
        watch.follow(context, node.url);
        const page = await context.newPage();
        for (const stop of stops) {
          await page.goto(stop.path);
          if (stop.signedIn && stop.name !== "not-found") await live(page);
          const { violations } = await new AxeBuilder({ page }).analyze();
          for (const violation of violations) {
            if (violation.impact !== "serious" && violation.impact !== "critical") continue;
            problems.push(`${stop.name}: ${violation.id} (${violation.help}): ${violation.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
          }
          const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          if (sideways > 0) problems.push(`${stop.name}: ${sideways} px wider than the window`);
        }
        await context.close();
      }
      expect(problems).toEqual([]);
    });
  }
}
