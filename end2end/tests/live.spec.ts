// Two browsers and a phone see the same as it happens, without anyone reloading.
import { expect, test, OWNER, repository } from "../fixtures/test";
import { Api } from "../fixtures/api";
import { SessionPage, open } from "../fixtures/pages";

test("a second browser and a phone show the same session live", async ({ page, second, phone, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "seen-thrice"));
  const { id } = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself" });
  const [one, two, three] = [await SessionPage.open(page, id), await SessionPage.open(second, id), await SessionPage.open(phone, id)];

  for (const each of [one, two, three]) await expect(each.allow.first()).toBeVisible({ timeout: 30_000 });

  // Answered on the phone, with a thumb's worth of room; the others follow by themselves.
  const box = await three.allow.first().boundingBox();
  expect(box?.height, "height of Allow once on the phone").toBeGreaterThanOrEqual(44);
  await three.allow.first().tap();
  for (const each of [one, two, three]) await expect(each.timeline.getByText(/allowed once/).first()).toBeVisible();
});

test("a new session appears in the list and the inbox counts what waits, without a reload", async ({ page, second, node }) => {
  const api = Api.of(node, OWNER.name);
  await open(page, "/sessions");
  await open(second, "/inbox");
  await page.evaluate(() => Object.assign(window, { unloaded: false }));
  const project = await api.addProject(repository(node, "seen-at-once"));
  const session = await api.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "Show yourself", title: "Seen at once" });
  await expect(page.getByRole("link", { name: /Seen at once/ }).first()).toBeVisible();
  await expect.poll(async () => (await api.pending(session.id)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  await expect(second.getByText(/Seen at once/).first()).toBeVisible();

  // A project that somebody renames has one name everywhere.
  await expect(page.getByRole("row", { name: /Seen at once/ })).toContainText("seen-at-once");
  await api.call("PATCH", `/projects/${project.id}`, { name: "called-anew" });
  await expect(page.getByRole("row", { name: /Seen at once/ })).toContainText("called-anew");
  await expect(page.getByRole("row", { name: /Seen at once/ })).not.toContainText("seen-at-once");
  expect(await page.evaluate(() => "unloaded" in window)).toBe(true);
});
