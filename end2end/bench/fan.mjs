// The cost of fan-out: an event for streams of `/events`, tabs on one session, a thousand sockets. Alone, without
// `make bench`: `E2E_BIN=... BENCH_BIN=... node end2end/bench/fan.mjs [PARTS]`, where PARTS are words out of
// `fresh full many`.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { connect } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { BIN, OWNER, RUST, cpu, get, median, pause, quantile, row, start } from "./node.mjs";
import { listen } from "./socket.mjs";

const FOLLOWERS = 100;
const PEOPLE = 10;
const EVENTS = Number(process.env.BENCH_EVENTS ?? 200);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const agent = new Agent({ keepAlive: true });
const busy = () => `load ${loadavg()[0].toFixed(1)}`;

/** Another follower of `/events`; `heard` gets each chunk of text. */
function stream({ port, token, after, heard }) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      const lines = [`GET /api/v1/events?after=${after} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "Accept: text/event-stream", `Authorization: Bearer ${token}`];
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    });
    let open = false;
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (!open) {
        open = true;
        if (!text.startsWith("HTTP/1.1 200")) return reject(new Error(text));
        resolve({ close: () => socket.destroy() });
      }
      heard(text);
    });
  });
}

/** Tokens of PEOPLE people, the first an owner's: the streams and tabs of one person are limited. */
function tokens(data) {
  const mark = `${Date.now()}`;
  return Array.from({ length: PEOPLE }, (_, at) => {
    const name = `fan-${mark}-${at}`;
    const role = at === 0 ? "owner" : "operator";
    execFileSync(BIN, ["user", "add", name, "--role", role, "--password-stdin", "--data", data], { input: `${OWNER.password}\n`, stdio: ["pipe", "ignore", "inherit"] });
    return execFileSync(BIN, ["token", "create", "--user", name, "--data", data], { encoding: "utf8" }).trim();
  });
}

/** The node's answer, parsed as JSON. */
async function ask(node, token, method, path, value) {
  const body = value && JSON.stringify(value);
  const answer = await get({ port: node.port, path: `/api/v1${path}`, method, body, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, agent });
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.body}`);
  return answer.body.length ? JSON.parse(answer.body) : undefined;
}

const asBrowser = (node, token) => ({ authorization: `Bearer ${token}`, Origin: `http://127.0.0.1:${node.port}` });

/** Renames an existing session again and again for a hundred followers: by `/events`, then as tabs on its page. */
export async function fanOut(name, data) {
  const of = tokens(data);
  const token = of[0];
  const node = await start(data);
  const session = (await ask(node, token, "GET", "/sessions?limit=1")).items[0].id;
  // The answer to a position that does not exist yet names the newest.
  const after = await new Promise((resolve, reject) => {
    const heard = (text) => text.includes('"caught"') && resolve(JSON.parse(text).caught.pos);
    listen({ port: node.port, path: "/live", headers: asBrowser(node, token), first: JSON.stringify({ say: "follow", topics: [], after: Number.MAX_SAFE_INTEGER }), heard }).catch(reject);
  });
  let [number, arrived, sent, times, all] = [0, 0, 0, [], undefined];
  const heard = (text) => {
    for (const [, which] of text.matchAll(/renamed to (\d+)\b/g)) {
      if (Number(which) !== number) continue;
      times.push(performance.now() - sent);
      if (++arrived === FOLLOWERS) all?.();
    }
  };
  const rename = async (followers) => {
    number += 1;
    arrived = 0;
    sent = performance.now();
    const everybody = followers ? new Promise((resolve, reject) => ((all = resolve), setTimeout(() => reject(new Error(`only ${arrived} heard of event ${number}`)), 20_000).unref())) : undefined;
    await ask(node, token, "PATCH", `/sessions/${session}`, { title: `renamed to ${number}` });
    await everybody;
    await pause(10);
  };
  const measured = async (followers) => {
    const [spent, late] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      times = [];
      const before = cpu(node.pid);
      for (let event = 0; event < EVENTS; event++) await rename(followers);
      spent.push((cpu(node.pid) - before) / EVENTS);
      late.push(quantile(times, 0.99));
    }
    return { each: median(spent), p99: Math.min(...late) };
  };
  await rename(false);
  const alone = await measured(false);
  const judge = (what, { each, p99 }) => {
    const share = each / FOLLOWERS;
    row(`${what}, ${name}: processor time of an event each`, `${share.toFixed(3)} ms, ${(Math.max(0, each - alone.each) / FOLLOWERS).toFixed(3)} without the event itself (${busy()})`, "<= 0.03 ms", share <= 0.03);
    row(`${what}, ${name}: p99`, `${p99.toFixed(0)} ms (${busy()})`, "<= 15 ms", p99 <= 15);
  };
  const streams = [];
  for (let count = 0; count < FOLLOWERS; count++) streams.push(await stream({ port: node.port, token: of[count % PEOPLE], after, heard }));
  await pause(1_000);
  await rename(true);
  judge(`${FOLLOWERS} streams of /events`, await measured(true));
  for (const each of streams) each.close();
  await pause(500);
  const first = JSON.stringify({ say: "follow", topics: [{ topic: "session", id: session }, { topic: "node" }], after });
  const tabs = [];
  for (let count = 0; count < FOLLOWERS; count++) {
    tabs.push(await listen({ port: node.port, path: "/live", headers: asBrowser(node, of[count % PEOPLE]), first, heard }));
  }
  await pause(1_000);
  await rename(true);
  judge(`${FOLLOWERS} tabs on one session`, await measured(true));
  for (const each of tabs) each.close();
  await node.stop();
}

/** Sends twenty lines of an agent per second to a thousand sockets, each line once per socket. */
export async function manySockets(data, projects) {
  const [sockets, seconds, every] = [1_000, 15, 50];
  const of = tokens(data);
  const token = of[0];
  const node = await start(data, { ORCHWIZ_AGENTS_CLAUDE_PATH: join(import.meta.dirname, "agent.mjs") });
  const project = await ask(node, token, "POST", "/projects", { path: projects });
  const session = (await ask(node, token, "POST", "/sessions", { project: project.id, agent: "claude", mode: "ask", prompt: `every ${every} ms` })).id;
  const first = JSON.stringify({ say: "follow", topics: [{ topic: "session", id: session }], after: 0 });
  const [open, lines, delays] = [[], [], []];
  let counting = false;
  for (let count = 0; count < sockets; count++) {
    const mine = [];
    lines.push(mine);
    const heard = (text) => {
      const found = counting && /"preview":"line (\d+) sent (\d+)/.exec(text);
      if (!found) return;
      mine.push(Number(found[1]));
      delays.push(Date.now() - Number(found[2]));
    };
    open.push(await listen({ port: node.port, path: "/live", headers: asBrowser(node, of[count % PEOPLE]), first, heard }));
  }
  await pause(5_000);
  counting = true;
  const [before, begun] = [cpu(node.pid), performance.now()];
  await pause(seconds * 1_000);
  const share = ((cpu(node.pid) - before) / (performance.now() - begun)) * 100;
  counting = false;
  const gaps = lines.flatMap((mine) => mine.slice(1).map((line, at) => line - mine[at]));
  const [lost, twice, silent] = [gaps.filter((gap) => gap > 1).length, gaps.filter((gap) => gap < 1).length, lines.filter((mine) => mine.length === 0).length];
  const p99 = quantile(delays, 0.99);
  row(`an agent's ${1_000 / every} lines/s to 1,000 sockets`, `p50 ${quantile(delays, 0.5)} ms, p99 ${p99} ms, of ${delays.length.toLocaleString("en")} ${lost} lost and ${twice} twice, ${silent} sockets silent, ${share.toFixed(0)} % of a core (${busy()})`, "p99 <= 200 ms, none lost", p99 <= 200 && lost + twice + silent === 0);
  for (const socket of open) socket.close();
  await ask(node, token, "POST", `/sessions/${session}/stop`);
  await node.stop();
}

if (process.argv[1] === import.meta.filename) {
  const parts = process.argv.slice(2);
  const wants = (part) => parts.length === 0 || parts.includes(part);
  const folder = mkdtempSync(join(tmpdir(), "orchwiz-fan-"));
  try {
    const sparse = join(folder, "sparse");
    if (wants("fresh")) {
      execFileSync(RUST, ["seed", sparse, "1", "1"]);
      await fanOut("fresh", sparse);
    }
    if (wants("full")) {
      const full = process.env.BENCH_FULL ?? join(folder, "full");
      if (!process.env.BENCH_FULL) execFileSync(RUST, ["seed", full, "100000", "8"]);
      await fanOut("100,000 sessions", full);
    }
    if (wants("many")) {
      mkdirSync(join(folder, "project"));
      await manySockets(join(folder, "many"), join(folder, "project"));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
