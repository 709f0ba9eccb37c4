// A client generated from the OpenAPI document, type-checked, drives the node: the document matches requests and
// answers.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Api } from "../fixtures/api";
import { BIN, Node } from "../fixtures/node";
import { expect, OWNER, repository, test as base } from "../fixtures/test";

const ROOT = join(import.meta.dirname, "..");

// Without a browser: the command line creates the owner.
async function owned(use: (node: Node) => Promise<void>): Promise<void> {
  const node = await Node.start();
  execFileSync(BIN, ["user", "add", OWNER.name, "--role", "owner", "--password-stdin", "--data", node.data], { input: OWNER.password });
  await use(node);
  await node.remove();
}

const test = base.extend<object, { node: Node; peer: Node }>({
  node: [async ({}, use) => owned(use), { scope: "worker" }],
  peer: [async ({}, use) => owned(use), { scope: "worker" }],
});

test("a client generated from the OpenAPI document calls everything in it", async ({ node, peer }) => {
  test.setTimeout(180_000);
  const owner = Api.of(node, OWNER.name);
  const document = JSON.parse(execFileSync(BIN, ["openapi"], { encoding: "utf8" }));
  const { createClient } = await import("@hey-api/openapi-ts");
  const generated = join(ROOT, "client/generated");
  rmSync(generated, { recursive: true, force: true });
  await createClient({
    input: document,
    output: generated,
    logs: { level: "silent", file: false },
    plugins: ["@hey-api/typescript", "@hey-api/client-fetch", "zod", { name: "@hey-api/sdk", validator: true }],
  });
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["--project", join(ROOT, "client")], { stdio: "inherit" });

  const { drive } = await import("../client/drive");
  const { invite } = await Api.of(peer, OWNER.name).call<{ invite: string }>("POST", "/invites", { auto: true, send: { projects: "all", detail: "full" } });
  try {
    const { called } = await drive(node.url, owner.token, repository(node, "driven"), repository(node, "spare"), invite);
    const paths = Object.entries<Record<string, unknown>>(document.paths);
    const all = paths.flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    expect([...called].sort()).toEqual(all.sort());
  } finally {
    await owner.stopAll();
  }
});
