// Fills docs/screenshots: each page in both themes, and the pages for the phone on a phone too.
import { join } from "node:path";
import { OWNER, repository, test } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { type Node, until } from "../fixtures/node";
import { firstPlaces, places, tour } from "../fixtures/tour";
import { live } from "../fixtures/pages";

const FOLDER = join(import.meta.dirname, "../../docs/screenshots");
const ON_THE_WAY = ["overview", "inbox", "sessions", "session"];

const LIMIT_MS = 120_000;

/** A node with demo sessions in two projects that work, wait, are done or have failed. It also runs the real Claude Code
 *  on its fake model, if it is installed. Call the result to let them rest. */
async function busy(node: Node): Promise<() => Promise<void>> {
  const api = Api.of(node, OWNER.name);
  const [shop, handbook] = [await api.addProject(repository(node, "shop")), await api.addProject(repository(node, "handbook"))];
  const start = async (project: { id: string }, mode: "plan" | "ask" | "auto-accept", prompt: string, title: string) =>
    (await api.startSession({ project: project.id, agent: "demo", mode, prompt, title })).id;
  const say = (id: string, text: string) => api.call("POST", `/sessions/${id}/prompts`, { text });
  const allowAll = async (id: string) => {
    for (const { id: approval } of await api.pending(id)) await api.call("POST", `/approvals/${approval}`, { decision: "allow" });
  };
  const reach = (id: string, state: string) =>
    until(`a demo session is ${state}`, async () => (await allowAll(id), (await api.session(id)).state === state), LIMIT_MS);

  const done = await start(shop, "auto-accept", "Round prices to the cent", "Round prices to the cent");
  await reach(done, "idle");
  await api.call("POST", `/sessions/${done}/stop`);
  await reach(done, "done");
  const failed = await start(shop, "ask", "Find out why the nightly build will fail", "Find out why the nightly build fails");
  await reach(failed, "failed");
  const idle = await start(handbook, "auto-accept", "Check the links", "Check the links of the handbook");
  await reach(idle, "idle");
  // Pages show its usage.
  if (process.env.CLAUDE_CODE_BIN) {
    for (const [project, text] of [[shop, "Say what this shop sells"], [handbook, "Name the chapters that are missing"]] as const) {
      const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: text, title: text });
      await reach(id, "idle");
    }
  }
  const planned = await start(shop, "plan", "Move the cart to the new store", "Move the cart to the new store");
  await until("the demo shows a plan", async () => (await api.pending(planned)).length > 0, LIMIT_MS);

  // One session works as long as pictures are taken.
  const going = await start(handbook, "auto-accept", "Translate the long chapters", "Translate the chapters");
  let resting = false;
  const goOn = (async () => {
    while (!resting) {
      await allowAll(going);
      if ((await api.session(going)).state === "idle") await say(going, "Go on with the next long chapter");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return async () => {
    resting = true;
    await goOn;
    await api.stopAll();
  };
}

test("each page in both themes", async ({ browser, node, login }) => {
  test.setTimeout(600_000);
  const first = await firstPlaces(browser);
  const rest = await busy(node);
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
        // Decisions take a press after 400 ms without movement, and only look enabled then.
        await page.waitForTimeout(700);
        await page.screenshot({ path: join(FOLDER, `${stop.name}-${width}-${theme}.png`) });
        await context.close();
      }
    }
  }
  await rest();
  for (const place of first) await place.node.remove();
});
