// A failed turn gives its cause once and can be sent again in place; no offered action must fail.
import { Api } from "../fixtures/api";
import { SessionPage, open } from "../fixtures/pages";
import { OWNER, expect, repository } from "../fixtures/test";
import { test } from "../fixtures/wide";

test("a failed turn says its cause once and is sent again, from its page and from the Overview", async ({ page, second, node }) => {
  const api = Api.of(node, OWNER.name);
  const project = await api.addProject(repository(node, "fails"));
  const { id } = await api.startSession({ project: project.id, agent: "claude", mode: "ask", prompt: "fail please", title: "Overloaded" });
  const session = await SessionPage.open(page, id);
  await session.isIn("Failed");
  await expect(page.getByRole("main").getByText(/API Error: 529/)).toHaveCount(1);
  await expect(page.getByRole("button", { name: /Resume/ })).toHaveCount(0);

  const prompts = session.timeline.locator(".turn-h").filter({ hasText: "fail please" });
  await expect(prompts).toHaveCount(1);
  await session.timeline.getByRole("button", { name: "Send again" }).click();
  await expect(prompts).toHaveCount(2);
  await session.isIn("Failed");
  await expect(page.locator(".sx-err")).toHaveCount(0);

  await open(second, "/");
  const row = second.locator(".lane-bad").filter({ hasText: "Overloaded" });
  await expect(row.getByRole("button", { name: /Resume/ })).toHaveCount(0);
  await row.getByRole("button", { name: /^Send again/ }).click();
  await expect(prompts).toHaveCount(3);
});
