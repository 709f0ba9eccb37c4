// A queued session says what it waits for, and links to what would help.
import { open, press } from "../fixtures/pages";
import { Node } from "../fixtures/node";
import { expect, repository, test as base } from "../fixtures/test";

const test = base.extend<object, { node: Node }>({
  node: [
    async ({}, use) => {
      const node = await Node.start({ ORCHWIZ_AGENTS_MAX: "1" });
      await use(node);
      await node.remove();
    },
    { scope: "worker" },
  ],
});

test("a session that waits for decisions of others says so, and starts when one is answered", async ({ page, second, node, owner }) => {
  const project = await owner.addProject(repository(node, "busy"));
  // A session that waits for a person does not take the only place; as many again may wait.
  const asks = (title: string) => owner.startSession({ project: project.id, agent: "demo", mode: "ask", prompt: "edit", title });
  for (const title of ["First", "Second"]) {
    const { id } = await asks(title);
    await expect.poll(async () => (await owner.session(id)).state, { timeout: 15_000 }).toBe("waiting");
  }
  const { id } = await asks("Third");

  await open(page, `/sessions/${id}`);
  const line = page.locator(".note").filter({ hasText: "Queued." });
  await expect(line).toContainText("wait for a decision, and no place is left. It starts when one is answered and done.");
  await expect(line.getByRole("link", { name: "Answer one" })).toHaveAttribute("href", "/inbox");

  // Answered elsewhere; this page follows by itself.
  await open(second, "/inbox");
  await press(second.getByRole("button", { name: /^Deny/ }).first());
  await second.getByRole("textbox", { name: "Reason" }).press("Control+Enter");
  await expect(line).toBeHidden({ timeout: 20_000 });
});
