#!/usr/bin/env node
// Speaks Claude Code's stream-json for the benchmark: one message every EVERY_MS, or at the pace of its prompt ("every
// 50 ms"). Each message carries the time it was written.
import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";

const EVERY_MS = 250;
const [session] = [process.argv.indexOf("--session-id"), process.argv.indexOf("--resume")].filter((at) => at > 0).map((at) => process.argv[at + 1]);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
if (process.argv.includes("--version")) {
  console.log("2.1.330 (Claude Code)");
  process.exit(0);
}
let count = 0;
createInterface({ input: process.stdin }).on("line", (line) => {
  const heard = JSON.parse(line);
  if (heard.type === "control_request") {
    say({ type: "control_response", response: { subtype: "success", request_id: heard.request_id, response: {} } });
  } else if (heard.type === "user" && count === 0) {
    say({ type: "system", subtype: "init", session_id: session, cwd: process.cwd(), model: "bench", permissionMode: "default", tools: [], claude_code_version: "2.1.330" });
    const every = Number(/every (\d+) ms/.exec(line)?.[1] ?? EVERY_MS);
    setInterval(() => {
      const message = { id: `msg_${randomUUID()}`, type: "message", role: "assistant", model: "bench", stop_reason: null, usage: { input_tokens: 1, output_tokens: 1 } };
      say({ type: "assistant", session_id: session, uuid: randomUUID(), parent_tool_use_id: null, message: { ...message, content: [{ type: "text", text: `line ${++count} sent ${Date.now()}` }] } });
    }, every);
  }
}).on("close", () => process.exit(0));
