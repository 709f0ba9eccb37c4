// A node under measurement, and a client for it. It judges only the numbers given to `row`.
import { execFileSync, spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { readFileSync } from "node:fs";

export const BIN = process.env.E2E_BIN;
export const RUST = process.env.BENCH_BIN;
export const OWNER = { name: "bench", password: "correct horse battery staple" };
const TICK = 1_000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
export const quantile = (numbers, share) => numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const rows = [];
export const row = (what, reached, must, ok) => {
  rows.push({ what, reached, must, ok });
  console.log(`${ok ? "ok    " : "MISSED"} ${what}: ${reached} (must: ${must})`);
};

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function get({ port, path, headers = {}, method = "GET", body, agent }) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers: { ...headers, ...(body ? { "content-length": Buffer.byteLength(body) } : {}) }, agent }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Starts the node and resolves when both are answered: `{ port, pid, ready, page, stop }`, ms from the start. */
export async function start(data, extra = {}) {
  const port = await freePort();
  const begin = performance.now();
  const child = spawn(BIN, ["serve", "--listen", `127.0.0.1:${port}`, "--data", data], {
    env: { PATH: process.env.PATH, HOME: data, TMPDIR: process.env.TMPDIR ?? "/tmp", ...extra },
    stdio: "ignore",
  });
  const until = async (path) => {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`orchwiz ended with ${child.exitCode}`);
      const answer = await get({ port, path }).catch(() => undefined);
      if (answer && answer.status < 400) return performance.now() - begin;
      await pause(2);
    }
  };
  const ready = await until("/readyz");
  const page = await until("/signin");
  const stop = () => new Promise((resolve) => (child.once("exit", resolve), child.kill("SIGTERM")));
  return { port, pid: child.pid, ready, page, stop };
}

export const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
export const cpu = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
};

/** Makes `total` requests with `clients` at once; gives the milliseconds of each, unsorted. */
export async function load(clients, total, ask) {
  const times = [];
  let left = total;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left-- > 0) {
        const start = performance.now();
        const { status } = await ask();
        if (status >= 300) throw new Error(`answered ${status}`);
        times.push(performance.now() - start);
      }
    }),
  );
  return { times, perSecond: total / ((performance.now() - begin) / 1_000) };
}
