// An approval shows exactly its input: to its end, in its order, with hidden characters marked.
import type { Locator } from "@playwright/test";
import { Api } from "../fixtures/api";
import type { Node } from "../fixtures/node";
import { SessionPage, open } from "../fixtures/pages";
import { OWNER, expect, repository, test } from "../fixtures/test";

test.skip(!process.env.CLAUDE_CODE_BIN, "!!! SKIPPED: the pinned Claude Code is not installed (scripts/setup.sh test says why)");
test.slow();

/** A session that asks to run `command`, and its approval. */
async function asks(node: Node, project: string, command: string): Promise<{ api: Api; session: string; approval: string }> {
  const api = Api.of(node, OWNER.name);
  const { id: into } = await api.addProject(repository(node, project));
  const { id } = await api.startSession({ project: into, agent: "claude", mode: "ask", prompt: `[[bash ${command}]]`, title: project });
  await expect.poll(async () => (await api.pending(id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  return { api, session: id, approval: (await api.pending(id))[0].id };
}

/** Text and place of every character, line by line, in the order of the text. */
const drawn = (element: Locator) =>
  element.evaluate((root) => {
    const characters: { character: string; left: number; top: number }[] = [];
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const text = node.textContent ?? "";
      for (let at = 0; at < text.length; at++) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const { left, top, width } = range.getBoundingClientRect();
        if (width > 0) characters.push({ character: text[at], left, top: Math.round(top / 4) });
      }
    }
    return characters;
  });

const CORPUS = [
  ["Arabic", "touch 'مرحبا بالعالم' > مرحبا.txt", []],
  ["Hebrew", "touch שלום.txt && touch עולם", []],
  ["Trojan Source", "touch 'user\u202e \u2066// only admins\u2069 \u2066'; rm -rf important #", ["U+202E", "U+2066", "U+2069"]],
  ["tags", "touch a\u{e0041}\u{e0042}.txt", ["U+E0041", "U+E0042"]],
  ["nothing wide", "touch a\u200bb\ufeff.txt", ["U+200B", "U+FEFF"]],
] as const;

for (const [name, command, boxes] of CORPUS) {
  test(`a command is drawn from left to right with what hides in it: ${name}`, async ({ page, node }) => {
    const { approval } = await asks(node, `shown-${name.replace(" ", "-")}`, command);
    await open(page, `/inbox?id=${approval}`);
    const code = page.getByRole("region", { name: "Command" });
    await expect(code).toBeVisible();
    const characters = await drawn(code);
    for (const [before, after] of characters.slice(1).map((after, at) => [characters[at], after])) {
      if (before.top === after.top) expect(after.left, `${after.character} stands behind ${before.character}`).toBeGreaterThanOrEqual(before.left - 1);
    }
    for (const box of boxes) await expect(code.locator(".hid", { hasText: box }).first()).toBeVisible();
    await expect(page.getByText("Contains hidden characters")).toHaveCount(boxes.length > 0 ? 1 : 0);
    expect(await page.locator(".ib-row[aria-current]").textContent()).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\ufeff]/);
  });
}

test("letters of two alphabets in one word are noted", async ({ page, node }) => {
  const { approval } = await asks(node, "homoglyph", "touch \u0440aypal.txt");
  await open(page, `/inbox?id=${approval}`);
  await expect(page.getByText("mixes letters of different alphabets")).toBeVisible();
});

test("nothing can be allowed whose end was not shown", async ({ page, node }) => {
  const lines = Array.from({ length: 60 }, (_, n) => `touch file-${n}`);
  const { api, session: id, approval } = await asks(node, "to-its-end", lines.join("\n"));
  const waits = async () => (await api.pending(id)).some((one) => one.id === approval);

  await open(page, "/");
  const card = page.locator(".lane-item").filter({ hasText: "to-its-end" });
  await expect(card.getByText("Read all, 50 more lines")).toBeVisible();
  await expect(card.getByRole("button", { name: /^(Allow once|Always)/ })).toHaveCount(0);
  await expect(card.getByText("file-59")).toHaveCount(0);
  await page.waitForTimeout(1_000);
  await page.keyboard.press("a");
  await expect(card.getByText("file-59").first()).toBeAttached();
  expect(await waits()).toBe(true);

  // In the Inbox the bar with the buttons stays, and the end is further down.
  await page.setViewportSize({ width: 1280, height: 600 });
  await open(page, `/inbox?id=${approval}`);
  const bar = page.locator(".ib-acts");
  await expect(bar.getByText("Read to the end")).toBeVisible();
  await expect(bar.getByRole("button", { name: /^Allow once/ })).toHaveCount(0);
  await page.waitForTimeout(1_000);
  await bar.getByText("Read to the end").click();
  await expect(bar.getByRole("button", { name: /^Allow once/ })).toBeVisible();
  // A press within 400 ms of the button's appearance decides nothing.
  await page.waitForTimeout(1_000);
  await bar.getByRole("button", { name: /^Allow once/ }).click();
  await expect.poll(waits).toBe(false);
});

test("what the agent says a command is for stands above it, and a prose of another direction is set in it", async ({ page, node }) => {
  const { approval, session: id } = await asks(node, "described", "touch here");
  await open(page, `/inbox?id=${approval}`);
  await expect(page.getByText("“run it”")).toBeVisible();
  const session = await SessionPage.open(page, id);
  await expect(session.timeline.locator(".md[dir=auto]").first()).toBeVisible();
});
