// A person's way through the REST surface, with the client generated from the OpenAPI document beside this file. tsc
// checks it against the document's types. The client checks every request and answer against its schemas.
import { client } from "./generated/client.gen";
import * as rest from "./generated";

/** The calls, as the document names them: `GET /api/v1/sessions/{id}`. */
export type Driven = { called: Set<string> };

function sure(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Polls until `good` accepts the answer, for at most 20 s. */
async function until<T>(what: string, ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within 20 s: ${what}; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Calls everything once, with all arguments. `folder` and `other` become projects; `invite` is another node's. */
export async function drive(url: string, token: string, folder: string, other: string, invite: string): Promise<Driven> {
  const called = new Set<string>();
  client.setConfig({ baseUrl: url, auth: token });
  client.interceptors.request.use((request, options) => {
    called.add(`${request.method} ${options.url}`);
    return request;
  });
  const throwOnError = true as const;

  const { data: me } = await rest.me({ throwOnError });
  sure(me.role === "owner" && me.scope === "write", `I am ${JSON.stringify(me)}`);

  const { data: project } = await rest.createProject({ throwOnError, body: { path: folder, trusted: true } });
  const twice = await rest.createProject({ body: { path: folder } });
  sure(twice.response?.status === 409 && twice.error?.error.code === "conflict", `a second time: ${JSON.stringify(twice.error)}`);
  const { data: renamed } = await rest.updateProject({ throwOnError, path: { id: project.id }, body: { name: "Shop" } });
  sure(renamed.name === "Shop", `it is called ${renamed.name}`);
  const { data: spare } = await rest.createProject({ throwOnError, body: { path: other } });
  await rest.deleteProject({ throwOnError, path: { id: spare.id } });
  const gone = await rest.findProject({ path: { id: spare.id } });
  sure(gone.response?.status === 404 && gone.error?.error.code === "not_found", `a deleted project: ${JSON.stringify(gone.error)}`);
  const { data: projects } = await rest.listProjects({ throwOnError, query: { limit: 200 } });
  sure(projects.items.some(({ id }) => id === project.id), "the project is not in the list");

  const wish = { project: project.id, agent: "demo", mode: "ask", prompt: "edit" } as const;
  const headers = { "Idempotency-Key": "only-once" };
  const { data: session } = await rest.createSession({ throwOnError, headers, body: wish });
  const { data: again } = await rest.createSession({ throwOnError, headers, body: wish });
  sure(again.id === session.id, "a repeated key started a second session");
  const path = { id: session.id };
  await until("it waits", async () => (await rest.findSession({ throwOnError, path })).data, ({ state }) => state === "waiting");
  const { data: waiting } = await rest.listSessions({ throwOnError, query: { state: ["working", "waiting"], agent: "demo", project: project.id } });
  sure(waiting.items.some(({ id }) => id === session.id), "it is not among those that wait");
  const { data: working } = await rest.listSessions({ throwOnError, query: { state: ["failed"], project: project.id } });
  sure(working.items.length === 0, "it is among those that failed");

  const { data: asked } = await rest.listApprovals({ throwOnError, query: { state: "pending", session: session.id } });
  const approval = { id: asked.items[0]!.id };
  sure((await rest.approvalInput({ throwOnError, path: approval })).data.input !== undefined, "it asks for nothing");
  const { data: decided } = await rest.decideApproval({ throwOnError, path: approval, body: { decision: "allow" } });
  sure(decided.state === "allowed", `decided: ${decided.state}`);
  const late = await rest.decideApproval({ path: approval, body: { decision: "deny" } });
  sure(late.response?.status === 409 && late.error?.error.decision?.decision === "allow", `too late: ${JSON.stringify(late.error)}`);
  sure((await rest.findApproval({ throwOnError, path: approval })).data.state === "allowed", "the decision is not kept");

  await until("its turn is over", async () => (await rest.findSession({ throwOnError, path })).data, ({ state }) => state === "idle" || state === "done");
  const { data: entries } = await rest.listEntries({ throwOnError, path, query: { after: 0, limit: 100 } });
  const { data: prompt } = await rest.entryBody({ throwOnError, path: { id: session.id, seq: entries.items[0]!.seq } });
  sure(prompt.text === "edit", `the first entry says ${prompt.text}`);

  const { data: edited } = await rest.updateSession({ throwOnError, path, body: { title: "First", tags: ["a"], visibility: "private" } });
  sure(edited.title === "First" && edited.visibility === "private", JSON.stringify(edited));
  // A parameter with a hyphen: the client must send the name in the document.
  const { data: eager } = await rest.setMode({ throwOnError, path, body: { mode: "auto-accept" } });
  sure(eager.mode === "auto-accept", `the mode is ${eager.mode}`);
  await rest.setMode({ throwOnError, path, body: { mode: "ask" } });
  await rest.promptSession({ throwOnError, path, body: { text: "edit" } });
  await until("it waits again", async () => (await rest.findSession({ throwOnError, path })).data, ({ state }) => state === "waiting");
  await rest.interruptSession({ throwOnError, path });
  await until("it is interrupted", async () => (await rest.findSession({ throwOnError, path })).data, ({ state }) => state === "interrupted");
  await rest.sendAgain({ throwOnError, path });
  await until("it waits once more", async () => (await rest.findSession({ throwOnError, path })).data, ({ state }) => state === "waiting");
  const busy = await rest.deleteSession({ path });
  sure(busy.response?.status === 409, `a running session was deleted: ${busy.response?.status}`);
  await rest.stopSession({ throwOnError, path });
  await until("it is done", async () => (await rest.findSession({ throwOnError, path })).data, ({ run }) => !run);
  const { data: resumed } = await rest.resumeSession({ throwOnError, path });
  sure(resumed.id === session.id, "another session was resumed");
  const { data: fork } = await rest.forkSession({ throwOnError, path });
  sure(fork.forked_from === session.id, `it was forked from ${fork.forked_from}`);
  for (const id of [session.id, fork.id]) {
    await rest.stopSession({ throwOnError, path: { id } });
    await until("it ended", async () => (await rest.findSession({ throwOnError, path: { id } })).data, ({ run }) => !run);
  }
  await rest.deleteSession({ throwOnError, path });

  const send = { projects: "none", detail: "full" } as const;
  const { data: invited } = await rest.createInvite({ throwOnError, body: { send } });
  sure(invited.invite.startsWith("ow1_"), "an invite has another form");
  const { data: link } = await rest.createLink({ throwOnError, body: { invite, send } });
  const at = { id: link.id };
  const used = await rest.createLink({ body: { invite, send } });
  sure(used.response?.status === 409, `an invite was used twice: ${used.response?.status}`);
  await until("the link is live", async () => (await rest.findLink({ throwOnError, path: at })).data, ({ state }) => state === "live");
  const confirmed = await rest.confirmLink({ path: at });
  sure(confirmed.response?.status === 409, `the joining side confirmed: ${confirmed.response?.status}`);
  const { data: sends } = await rest.updateLink({ throwOnError, path: at, body: { send: { ...send, projects: [project.id] } } });
  sure(JSON.stringify(sends.send.projects) === JSON.stringify([project.id]), `it sends ${JSON.stringify(sends.send)}`);
  sure((await rest.pauseLink({ throwOnError, path: at })).data.state === "paused", "it is not paused");
  await rest.resumeLink({ throwOnError, path: at });
  const { data: nodes } = await rest.listNodes({ throwOnError });
  sure(nodes.items.length === 2 && nodes.items[0]!.here, `the nodes are ${JSON.stringify(nodes.items)}`);
  const { data: peer } = await rest.findNode({ throwOnError, path: { id: link.peer.id } });
  sure(!peer.here, "the peer is here");
  await rest.deleteLink({ throwOnError, path: at, query: { forget: true } });
  const { data: links } = await rest.listLinks({ throwOnError });
  sure(links.items[0]?.state === "revoked", `the links are ${JSON.stringify(links.items)}`);

  for (const by of ["day", "project", "model"] as const) await rest.sumUsage({ throwOnError, query: { by, days: 7 } });
  const { data: events } = await rest.listEvents({ throwOnError, query: { after: 0, limit: 200 } });
  sure(events.items.length > 0, "nothing happened");
  return { called };
}
