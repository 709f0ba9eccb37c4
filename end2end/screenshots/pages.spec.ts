// Fills docs/screenshots: each page in both themes, the ones used on the way on a phone too.
import { join } from "node:path";
import { test } from "../fixtures/test";
import { firstPlaces, places, tour } from "../fixtures/tour";
import { live } from "../fixtures/pages";

const FOLDER = join(import.meta.dirname, "../../docs/screenshots");
const ON_THE_WAY = ["overview", "inbox", "sessions", "session"];

test("each page in both themes", async ({ browser, node, login }) => {
  test.setTimeout(600_000);
  const first = await firstPlaces(browser);
  const walk = [...places(node, login, await tour(node)), ...first].flatMap(({ stops, ...place }) => stops.map((stop) => ({ stop, ...place })));
  for (const theme of ["light", "dark"] as const) {
    for (const [width, height] of [[1440, 900], [390, 844]] as const) {
      for (const { stop, node, storage } of walk) {
        if (width === 390 && !ON_THE_WAY.includes(stop.name)) continue;
        const context = await browser.newContext({
          baseURL: node.url,
          storageState: storage,
          colorScheme: theme,
          reducedMotion: "reduce",
          viewport: { width, height },
        });
        const page = await context.newPage();
        await page.goto(stop.path);
        if (stop.signedIn && stop.name !== "not-found") await live(page);
        await page.evaluate(() => document.fonts.ready);
        await page.screenshot({ path: join(FOLDER, `${stop.name}-${width}-${theme}.png`) });
        await context.close();
      }
    }
  }
  for (const place of first) await place.node.remove();
});
