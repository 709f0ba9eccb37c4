// The real Claude Code, driven through the pages. Its model is fixtures/mock-model.mjs on loopback.
import { expect, test, OWNER, repository } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { SessionPage, addProject, live, newSession, press } from "../fixtures/pages";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

test.skip(!process.env.CLAUDE_CODE_BIN, "!!! SKIPPED: the pinned Claude Code is not installed (scripts/setup.sh test says why)");
test.slow();

test("plan, approve, auto-accept, permission, follow-up, interrupt, resume, fork", async ({ page, node }) => {
  const path = repository(node, "billing");
  await addProject(page, path);
  const session = await newSession(page, {
    project: "billing",
    agent: "Claude Code",
    mode: "Plan",
    prompt: `[[plan Write the first file]] [[write ${join(path, "first.txt")}]]`,
  });

  // The plan is shown, and nothing is written before its approval.
  await expect(session.approvePlan.first()).toBeVisible({ timeout: 30_000 });
  await expect(session.timeline.getByText("Write the first file").first()).toBeVisible();
  expect(existsSync(join(path, "first.txt"))).toBe(false);
  await press(session.approvePlan.first());

  // Approved in mode "ask", so the edit asks first.
  await expect(session.allow.first()).toBeVisible({ timeout: 30_000 });
  expect(existsSync(join(path, "first.txt"))).toBe(false);
  await press(session.allow.first());
  await expect(session.timeline.getByText("The tool call succeeded. All done.")).toBeVisible({ timeout: 30_000 });
  expect(existsSync(join(path, "first.txt"))).toBe(true);
  await session.isIn("Idle");

  // Auto-accept allows edits; a command still asks.
  await session.mode("Auto-accept").click();
  await expect(session.mode("Auto-accept")).toHaveAttribute("aria-pressed", "true");
  await session.say(`[[write ${join(path, "second.txt")}]] [[bash git tag third]]`);
  await expect(session.allow.first()).toBeVisible({ timeout: 30_000 });
  await expect(session.calls.filter({ hasText: "waits" })).toHaveCount(1);
  expect(existsSync(join(path, "second.txt"))).toBe(true);
  expect(existsSync(join(path, ".git/refs/tags/third"))).toBe(false);
  await press(session.allow.first());
  await expect.poll(() => existsSync(join(path, ".git/refs/tags/third")), { timeout: 30_000 }).toBe(true);
  await session.isIn("Idle");

  // A follow-up is queued during the turn, and an interrupt ends the turn.
  await session.say("[[slow 2000]]");
  await expect(session.timeline.getByText(/w5 /).first()).toBeVisible({ timeout: 30_000 });
  await session.interrupt.click();
  await session.isIn(/Interrupted|Idle/);

  // Stopped and resumed: the same conversation continues.
  await session.more("Stop the agent");
  await session.isIn("Done");
  await session.say("[[recall all]]");
  await expect(session.timeline.getByText(/I remember: plan, write, write, bash, slow\./)).toBeVisible({ timeout: 30_000 });
  await session.isIn("Idle");

  // Forked: a session of its own that knows the conversation and then differs; the original stays unchanged.
  const first = page.url();
  await session.more("Fork");
  await expect(page).not.toHaveURL(first);
  await expect(page).toHaveURL(/\/sessions\/ses_/);
  await live(page);
  const fork = new SessionPage(page);
  await fork.say("[[recall all]] once more");
  await expect(fork.timeline.getByText(/I remember: plan, write, write, bash, slow, recall\./)).toBeVisible({ timeout: 30_000 });
  await fork.isIn("Idle");
  const api = Api.of(node, OWNER.name);
  const [one, two] = [first, page.url()].map((url) => new URL(url).pathname.split("/").at(-1) as string);
  expect(await api.session(two)).toMatchObject({ forked_from: one, state: "idle" });
  expect(await api.session(one)).toMatchObject({ forked_from: null, state: "idle" });
});

test("a denied call is not made, and the reason reaches the agent", async ({ page, node }) => {
  const path = repository(node, "denied");
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(path);
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "[[bash touch never.txt]]" });
  const session = await SessionPage.open(page, id);
  await expect(session.deny.first()).toBeVisible({ timeout: 30_000 });
  await session.refuse("not today");
  await expect(session.timeline.getByText("The tool call failed. All done.")).toBeVisible({ timeout: 30_000 });
  expect(existsSync(join(path, "never.txt"))).toBe(false);
});

test("kill -9 of the node in the middle of a turn: the agent simply goes on", async ({ page, node, watch }) => {
  watch.expect(/WebSocket connection|ERR_CONNECTION_(REFUSED|RESET)|Failed to fetch/);
  const path = repository(node, "killed");
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(path);
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "[[slow 300]]" });
  const session = await SessionPage.open(page, id);
  await expect(session.timeline.getByText(/w20 /).first()).toBeVisible({ timeout: 30_000 });

  await node.kill();
  await node.start();

  // The page recovers by itself, and the answer is complete: no word is missing or repeated.
  await session.isIn("Idle");
  const answer = session.timeline.getByText(/^w0 w1 /).last();
  await expect(answer).toContainText("w299");
  expect(((await answer.textContent()) ?? "").trim()).toBe(Array.from({ length: 300 }, (_, i) => `w${i}`).join(" "));
});

test("a session that is stopped in its first words goes on, and what it had cost counts", async ({ page, node }) => {
  const path = repository(node, "stopped-early");
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(path);
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "[[slow 2000]]" });
  const session = await SessionPage.open(page, id);
  await expect(session.timeline.getByText(/w5 /).first()).toBeVisible({ timeout: 30_000 });
  await session.more("Stop the agent");
  await session.isIn("Done");
  // Its text so far is kept, and its usage is known.
  await expect(session.timeline.getByText(/^w0 w1 w2 /)).toBeVisible();
  await expect.poll(async () => (await api.call<{ cost_micros: number | null }>("GET", `/sessions/${id}`)).cost_micros).toBeGreaterThan(0);
  await session.say("[[recall all]]");
  await expect(session.timeline.getByText("I remember: slow.")).toBeVisible({ timeout: 30_000 });
  await session.isIn("Idle");
});

test("a subagent in the background that asks waits, open to be read and answered", async ({ page, node }) => {
  const path = repository(node, "delegated");
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(path);
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "[[agent Look. {{bash touch looked}}]]" });
  const session = await SessionPage.open(page, id);
  const subagent = session.timeline.locator("details.nest > summary");
  // Its call is over, since it runs in the background; its approvals are still shown under the call.
  await expect(session.allow.first()).toBeVisible({ timeout: 30_000 });
  await expect(subagent).toContainText("Waiting");
  await session.isIn("Needs you");
  await press(session.allow.first());
  await expect(subagent).not.toContainText("Waiting");
  await expect.poll(() => existsSync(join(path, "looked")), { timeout: 30_000 }).toBe(true);
  // Its turn had ended before. The call gets its outcome all the same, once the agent reports it.
  type Entries = { items: { call: { tool: string; status: string } | null }[] };
  const outcomes = async () => {
    const { items } = await api.call<Entries>("GET", `/sessions/${id}/entries`);
    return items.flatMap(({ call }) => (call?.tool === "Bash" ? [call.status] : []));
  };
  await expect.poll(outcomes).toEqual(["ok"]);
  await session.isIn("Idle");
  expect(await outcomes()).toEqual(["ok"]);
});

test("always, kept in a trusted project, asks no more and leaves it trusted", async ({ page, node }) => {
  const path = repository(node, "always-local");
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(path, true);
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "[[bash touch once.txt]]" });
  const session = await SessionPage.open(page, id);
  await press(session.always.first());
  const box = page.getByRole("group", { name: "Always allow" });
  await expect(box.getByRole("combobox")).toHaveValue("local");
  await press(box.getByRole("button", { name: "Always allow" }));
  await session.isIn("Idle");
  expect(readFileSync(join(path, ".claude/settings.local.json"), "utf8")).toContain("Bash(touch once.txt");
  expect(await api.call("GET", `/projects/${project.id}`)).toMatchObject({ trusted: true, trust_stale: false });

  const run = async () => (await api.call<{ run: string }>("GET", `/sessions/${id}`)).run;
  const before = await run();
  await session.say("[[bash touch once.txt]] again");
  await expect(session.timeline.getByText("The tool call succeeded. All done.")).toHaveCount(2, { timeout: 30_000 });
  await session.isIn("Idle");
  expect(await run()).toBe(before);

  // A rule that somebody else writes there ends the trust.
  writeFileSync(join(path, ".claude/settings.local.json"), '{"permissions":{"allow":["Bash"]}}');
  expect(await api.call("GET", `/projects/${project.id}`)).toMatchObject({ trusted: false, trust_stale: true });
});

test("a turn's time moves on when its last call ends", async ({ page, second, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "timed"));
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "[[bash sleep 3]] [[slow 400]]" });
  const session = await SessionPage.open(page, id);
  // While the next message is written, no entry comes: a page loaded now must show the same time of the turn.
  await expect(session.timeline.getByText(/w20 /).first()).toBeVisible({ timeout: 30_000 });
  const anew = await SessionPage.open(second, id);
  const took = (on: SessionPage) => on.timeline.locator(".prompt-by .push").first();
  await expect(took(session)).toHaveText(/^1 call, \d+/);
  expect(await took(session).textContent()).toBe(await took(anew).textContent());
});
