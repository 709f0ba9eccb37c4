// What another site open in the same browser may try, with a live login in it. None of it gets through.
import { createServer, type Server } from "node:http";
import { chromium } from "@playwright/test";
import { expect, test, OWNER } from "../fixtures/test";
import { Api } from "../fixtures/api";

/** Another site: serves one page at every path, on its own origin. */
async function otherSite(html: string): Promise<{ origin: string; close: () => void }> {
  const server: Server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(html);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (!address || typeof address !== "object") throw new Error("no address");
  return { origin: `http://localhost:${address.port}`, close: () => server.close() };
}

test("a form on another site cannot post with the owner's login", async ({ browser, node, login }) => {
  const site = await otherSite(`<form method="post" action="${node.url}/auth/logout-everywhere"><button>win a prize</button></form>`);
  const context = await browser.newContext({ storageState: login });
  const page = await context.newPage();
  await page.goto(`${site.origin}/`);
  const answer = page.waitForResponse((response) => response.url().includes("/auth/logout-everywhere"));
  await page.getByRole("button", { name: "win a prize" }).click();
  expect((await answer).status()).toBe(403);
  // Still signed in.
  await page.goto(`${node.url}/settings/profile`);
  await expect(page).toHaveURL(`${node.url}/settings/profile`);
  await context.close();
  site.close();
});

test("another site cannot call a server function or REST with the owner's login", async ({ browser, node, login }) => {
  const site = await otherSite("<h1>other</h1>");
  const context = await browser.newContext({ storageState: login });
  const page = await context.newPage();
  await page.goto(`${site.origin}/`);
  const outcomes = await page.evaluate(async (url) => {
    const tries: [string, RequestInit][] = [
      ["/api/v1/me", { credentials: "include" }],
      ["/api/v1/projects", { method: "POST", credentials: "include", body: '{"path":"/tmp"}', headers: { "content-type": "text/plain" } }],
      ["/api/rpc/sessions/list", { method: "POST", credentials: "include", body: "", headers: { "content-type": "application/x-www-form-urlencoded" } }],
    ];
    return Promise.all(tries.map(([path, init]) => fetch(url + path, init).then((response) => `${path} was readable: ${response.status}`, () => "refused")));
  }, node.url);
  expect(outcomes).toEqual(["refused", "refused", "refused"]);
  await context.close();
  site.close();
});

test("another site cannot open the live socket with the owner's login", async ({ browser, node, login }) => {
  const site = await otherSite("<h1>other</h1>");
  const context = await browser.newContext({ storageState: login });
  const page = await context.newPage();
  await page.goto(`${site.origin}/`);
  const outcome = await page.evaluate(
    (url) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/live`);
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("refused");
      }),
    node.url,
  );
  expect(outcome).toBe("refused");
  await context.close();
  site.close();
});

test("a name that is rebound to loopback is not answered", async ({ node, launchOptions }) => {
  // What DNS rebinding looks like to the browser: the attacker's name has become 127.0.0.1.
  const browser = await chromium.launch({ ...launchOptions, args: [...(launchOptions.args ?? []), "--host-resolver-rules=MAP rebound.example 127.0.0.1"] });
  try {
    const page = await browser.newPage();
    const { port } = new URL(node.url);
    for (const path of ["/", "/signin", "/healthz", "/api/v1/me"]) {
      const response = await page.goto(`http://rebound.example:${port}${path}`);
      expect([400, 403, 421], path).toContain(response?.status());
      expect(await response?.text(), path).not.toContain("workbench");
    }
    // From the rebound page itself everything is the same origin: only the host name gives it away.
    const outcome = await page.evaluate(
      () => new Promise<string>((resolve) => {
        const socket = new WebSocket(`ws://${location.host}/live`);
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("refused");
      }),
    );
    expect(outcome).toBe("refused");
  } finally {
    await browser.close();
  }
});

test("every page comes with a policy, and no page may be framed", async ({ page, node }) => {
  for (const path of ["/signin", "/", "/sessions", "/kit"]) {
    const response = await page.goto(`${node.url}${path}`);
    const headers = response?.headers() ?? {};
    const policy = headers["content-security-policy"] ?? "";
    expect(policy, path).toContain("'nonce-");
    expect(policy, path).toMatch(/frame-ancestors 'none'/);
    expect(policy, path).not.toMatch(/script-src[^;]*'unsafe-inline'/);
    expect(headers["x-content-type-options"], path).toBe("nosniff");
  }
});

test("signing in leads nowhere else, whatever `next` says", async ({ browser, node, login: _ }) => {
  for (const next of ["https://example.invalid/", "//example.invalid/", "/\\example.invalid", "javascript:alert(1)"]) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${node.url}/signin?next=${encodeURIComponent(next)}`);
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("Password", { exact: true }).fill(OWNER.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page, next).toHaveURL(`${node.url}/`);
    await context.close();
  }
});

test("without a login every page leads to sign-in and REST answers 401", async ({ browser, node, login: _ }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  for (const path of ["/", "/inbox", "/sessions", "/sessions/new", "/projects", "/usage", "/settings/profile", "/kit"]) {
    await page.goto(`${node.url}${path}`);
    await expect(page, path).toHaveURL(/\/signin/);
  }
  expect((await fetch(`${node.url}/api/v1/sessions`)).status).toBe(401);
  const api = Api.of(node, OWNER.name);
  expect(JSON.stringify(await api.call("GET", "/me"))).toContain(OWNER.name);
  await context.close();
});
