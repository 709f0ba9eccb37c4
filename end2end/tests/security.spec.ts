// Attacks of another site in the same browser, with a live login. None of them gets through.
import { createServer, type Server } from "node:http";
import { chromium } from "@playwright/test";
import { expect, test, OWNER, repository } from "../fixtures/test";
import { Api } from "../fixtures/api";

/** The other site: serves one page at every path, on its own origin. */
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
  // DNS rebinding as the browser sees it: the attacker's name has become 127.0.0.1.
  const browser = await chromium.launch({ ...launchOptions, args: [...(launchOptions.args ?? []), "--host-resolver-rules=MAP rebound.example 127.0.0.1"] });
  try {
    const page = await browser.newPage();
    const { port } = new URL(node.url);
    for (const path of ["/", "/signin", "/healthz", "/api/v1/me"]) {
      const response = await page.goto(`http://rebound.example:${port}${path}`);
      expect([400, 403, 421], path).toContain(response?.status());
      expect(await response?.text(), path).not.toContain("workbench");
    }
    // On the rebound page everything is same-origin: only the host name gives it away.
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

test("no parameter of an address moves the live socket or fills in what would be sent", async ({ page, node }) => {
  const sockets: string[] = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  const steer = "gatewayUrl=ws://127.0.0.1:9&ws=ws://127.0.0.1:9&url=http://127.0.0.1:9&host=evil.test&prompt=rm+-rf&text=rm+-rf&mode=auto-accept&token=owz_x";
  for (const path of ["/", "/inbox", "/sessions", "/sessions/new", "/projects"]) {
    await page.goto(`${node.url}${path}?${steer}`);
    await expect.poll(() => sockets.length, `${path} opens its socket`).toBeGreaterThan(0);
    for (const url of sockets.splice(0)) expect(url, path).toBe(`${node.url.replace("http", "ws")}/live`);
    for (const field of await page.locator("textarea, input[type=text]").all()) expect(await field.inputValue(), path).not.toContain("rm -rf");
  }
});

// Inputs that have broken sanitisers, or that a page could take for markup, a template, a link or a style.
const MARKUP = [
  "<script>document.title='ran'</script>",
  "<img src=x onerror=\"document.title='ran'\">",
  "<svg><animate onbegin=\"document.title='ran'\" attributeName=x dur=1s>",
  "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=document.title='ran'&gt;\">",
  "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id=\"</style><img onerror=document.title='ran' src>\">",
  "<noscript><p title=\"</noscript><img src=x onerror=document.title='ran'>\">",
  "[a](javascript:document.title='ran') ![b](x\" onerror=\"document.title='ran')",
  "</textarea></title></style><script>document.title='ran'</script>",
  "{{constructor.constructor('document.title=\"ran\"')()}}",
  "<a href=\"data:text/html,<script>document.title='ran'</script>\">x</a><base href=//evil.test>",
  "<style>*{display:none}</style><meta http-equiv=refresh content=\"0;url=//evil.test\">",
];

test("text that would be script is text on every page that shows it", async ({ page, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "markup"));
  await api.call("PATCH", `/projects/${project.id}`, { name: MARKUP[1].slice(0, 60) });
  const ids: string[] = [];
  for (const text of MARKUP) {
    const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: `hello ${text}`, title: text.slice(0, 190) });
    ids.push(id);
  }
  const addresses = ["/", "/inbox", "/sessions", "/projects", `/projects/${project.id}`, ...ids.map((id) => `/sessions/${id}`)];
  for (const address of addresses) {
    await page.goto(`${node.url}${address}`);
    await page.waitForLoadState("networkidle");
    expect(await page.title(), address).not.toBe("ran");
    expect(page.url(), address).toContain(node.url);
    const ran = page.locator("base, script:not([nonce]), [onerror], [onbegin], a[href^='javascript:'], a[href^='data:']");
    expect(await ran.evaluateAll((all) => all.map((one) => one.outerHTML)), address).toEqual([]);
  }
  await api.stopAll();
});
