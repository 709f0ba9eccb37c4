#!/usr/bin/env python3
"""Records streams of the real `claude` program against the mock model, as fixtures for the driver's tests.

    record.py CLAUDE OUT_DIR [SCENARIO...]      best inside a network namespace that has only loopback

A fixture is NDJSON: {"out": line the agent wrote} and {"in": line it was given}, in the order seen. Paths are replaced
(/project, /config), long lists shortened, secrets there are none. A fixture named NAME.err says what went to stderr.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import queue
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ONE, TWO, THREE = (f"00000000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))
QUIET = """CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC DISABLE_TELEMETRY DISABLE_ERROR_REPORTING DISABLE_AUTOUPDATER DISABLE_UPDATES DISABLE_GROWTHBOOK
CLAUDE_CODE_DISABLE_FAST_MODE CLAUDE_CODE_DISABLE_TERMINAL_TITLE CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS
CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK""".split()


class Agent:
    """One run of the program, its lines recorded both ways."""

    def __init__(self, world, mode="default", start=("--session-id", ONE), more=(), env=None):
        self.world, self.record, self.seen = world, [], queue.Queue()
        world.agents.append(self)
        argv = self.argv(world, mode, start, more)
        self.process = subprocess.Popen(argv, cwd=world.project, env={**world.env, **(env or {})}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        self.stderr = ""
        threading.Thread(target=self._read_err, daemon=True).start()
        self.number = 0

    def argv(self, world, mode, start, more):
        return [world.claude, "-p", "--output-format", "stream-json", "--verbose", "--input-format", "stream-json", "--permission-prompt-tool", "stdio",
                "--permission-mode", mode, "--include-partial-messages", "--setting-sources", "user", "--strict-mcp-config", *start, *more]

    def _read(self):
        for line in self.process.stdout:
            try:
                value = json.loads(line)
            except ValueError:
                value = line
            self.record.append({"out": value})
            self.seen.put(value)
        self.seen.put(None)

    def _read_err(self):
        for line in self.process.stderr:
            self.stderr += line

    def send(self, value):
        self.record.append({"in": value})
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def control(self, subtype, **fields):
        self.number += 1
        modes = {"plan": "mode-plan", "default": "mode-ask", "acceptEdits": "mode-auto-accept"}
        wish = {"set_model": "model"}.get(subtype) or modes.get(fields.get("mode"), subtype)  # the names the driver gives
        self.send({"type": "control_request", "request_id": f"ow-{self.number}-{wish}", "request": {"subtype": subtype, **fields}})

    def prompt(self, text):
        self.number += 1
        self.send({"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": text}]}, "parent_tool_use_id": None, "session_id": "", "uuid": f"00000000-0000-7000-9000-{len(self.world.agents):06d}{self.number:06d}"})

    def until(self, test, seconds=40):
        end = time.time() + seconds
        while True:
            value = self.seen.get(timeout=max(0.01, end - time.time()))
            if value is None:
                return None
            if isinstance(value, dict) and test(value):
                return value

    def result(self):
        return self.until(lambda v: v.get("type") == "result")

    def asked(self):
        return self.until(lambda v: v.get("type") == "control_request")

    def respond(self, asked, **response):
        self.send({"type": "control_response", "response": {"subtype": "success", "request_id": asked["request_id"], "response": response}})

    def allow(self, asked, **more):
        self.respond(asked, behavior="allow", updatedInput=more.pop("updatedInput", asked["request"]["input"]), updatedPermissions=more.pop("updatedPermissions", []), toolUseID=asked["request"]["tool_use_id"])

    def deny(self, asked, message, interrupt=False):
        self.respond(asked, behavior="deny", message=message, interrupt=interrupt)

    def hello(self):
        self.control("initialize")
        return self.until(lambda v: v.get("type") == "control_response")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            self.process.kill()
        time.sleep(0.2)
        self.record.append({"exit": self.process.returncode})
        return self.process.returncode


class World:
    """A project, a configuration directory and a mock model, new for every scenario."""

    def __init__(self, claude):
        self.claude, self.agents = claude, []
        self.root = tempfile.mkdtemp(prefix="record-")
        self.project, self.config = os.path.join(self.root, "project"), os.path.join(self.root, "config")
        os.makedirs(self.project)
        os.makedirs(self.config)
        with open(os.path.join(self.project, "notes.md"), "w", encoding="utf-8") as file:
            file.write("# Notes\n\none\ntwo\nthree\n")
        self.model = subprocess.Popen([sys.executable, os.path.join(HERE, "mock_model.py"), "0", os.path.join(self.root, "model.log")], stdout=subprocess.PIPE, text=True)
        port = self.model.stdout.readline().split()[-1]
        self.env = {"PATH": os.environ["PATH"], "HOME": self.root, "LANG": "C.UTF-8", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": "dummy",
                    "CLAUDE_CONFIG_DIR": self.config, "ENABLE_CLAUDEAI_MCP_SERVERS": "false", "CLAUDE_CODE_MAX_RETRIES": "0", "NO_PROXY": "127.0.0.1", **dict.fromkeys(QUIET, "1")}

    def close(self):
        for agent in self.agents:
            if agent.process.poll() is None:
                agent.process.kill()
                agent.process.wait()
        self.model.kill()
        self.model.wait()
        shutil.rmtree(self.root, ignore_errors=True)


LONG = {"tools", "slash_commands", "skills", "plugins", "agents", "commands", "models", "available_output_styles", "betas", "capabilities", "mcp_servers"}
DROPPED = {"terminal_slash_commands", "subagent_stats", "begun_message_ids", "messaging_socket_path", "memory_paths", "user_message_uuids", "user_message_uuid", "api_message_id", "run_id", "owed_rows",
           "pending_permission_requests", "account", "timestamp"}


def shorten(value, key=None):
    if key == "description" and isinstance(value, str):
        return value[:60]
    if isinstance(value, dict):
        return {k: shorten(v, k) for k, v in value.items() if k not in DROPPED and not k.endswith("_ms")}
    if isinstance(value, list):
        return [shorten(v) for v in (value[:2] if key in LONG else value)]
    return value


def write(agent, path):
    text = "".join(json.dumps(shorten(line), ensure_ascii=False) + "\n" for line in agent.record)
    text = re.sub(r"/tmp/claude-\\d+/[^/]+/", "/tmp/", text)
    for before, after in ((agent.world.project, "/project"), (agent.world.config, "/config"), (agent.world.root, "/home")):
        text = text.replace(before, after).replace(before.replace("/", "-"), after.replace("/", "-"))
    with open(path + ".ndjson", "w", encoding="utf-8") as file:
        file.write(text)
    if agent.stderr.strip():
        with open(path + ".err", "w", encoding="utf-8") as file:
            file.write(agent.stderr.replace(agent.world.project, "/project").replace(agent.world.config, "/config").replace(agent.world.root, "/home"))


def text(w):
    a = Agent(w); a.hello(); a.prompt("[[think Let me think.]] [[say Hello, this is the mock.]]"); a.result(); return a

def allowed(w):
    a = Agent(w); a.hello(); a.prompt("[[bash touch made.txt; cat notes.md]]"); a.allow(a.asked()); a.result(); return a

def denied(w):
    a = Agent(w); a.hello(); a.prompt("[[bash rm notes.md]]"); a.deny(a.asked(), "No: keep the file."); a.result(); return a

def files(w):
    a = Agent(w, mode="acceptEdits"); a.hello()
    a.prompt(f"[[read {w.project}/notes.md]] [[edit {w.project}/notes.md two=>2]] [[write {w.project}/new.txt]] [[grep three]] [[glob *.md]] [[read {w.project}/none.md]]"); a.result(); return a

def failing(w):
    a = Agent(w); a.hello(); a.prompt("[[bash echo out; echo bad >&2; exit 3]]"); a.allow(a.asked()); a.result(); return a

def always(w):
    a = Agent(w); a.hello(); a.prompt(f"[[write {w.project}/a.txt]] [[write {w.project}/b.txt]]")
    asked = a.asked(); a.allow(asked, updatedPermissions=asked["request"].get("permission_suggestions", [])); a.result(); return a

def plan(w):
    a = Agent(w, mode="plan"); a.hello(); a.prompt(f"[[write {w.project}/early.txt]] [[plan # Plan\n\n1. Write plan.txt]] [[write {w.project}/plan.txt]]")
    a.deny(a.asked(), "still planning")
    asked = a.asked(); a.allow(asked, updatedInput={**asked["request"]["input"], "plan": "# Plan\n\n1. Write plan.txt"}, updatedPermissions=[{"type": "setMode", "mode": "acceptEdits", "destination": "session"}]); a.result(); return a

def plan_file(w):
    """The way a real model plans: it writes the plan file it was told of, and calls ExitPlanMode without the text."""
    a = Agent(w, mode="plan"); a.hello(); a.prompt("Hello."); a.result()
    with open(os.path.join(w.root, "model.log"), encoding="utf-8") as log:
        path = re.search(r'(/[^\s"`]*plans/[\w-]+\.md)', log.read()).group(1)
    a.prompt(f'[[tool Write {json.dumps({"file_path": path, "content": "# Plan in a file"})}]] [[tool ExitPlanMode {{}}]]'); a.allow(a.asked()); a.result(); return a

def plan_back(w):
    a = Agent(w, mode="plan"); a.hello(); a.prompt("[[plan One step.]] [[plan Two steps.]] [[say Going on.]]")
    a.deny(a.asked(), "Make it two steps.")
    asked = a.asked(); a.allow(asked); a.result(); return a

def question_(w):
    a = Agent(w); a.hello(); a.prompt("[[ask Which colour?|Red|Blue]]"); asked = a.asked()
    a.allow(asked, updatedInput={**asked["request"]["input"], "answers": {"Which colour?": "Blue"}}); a.result(); return a

def mode(w):
    a = Agent(w); a.hello(); a.prompt(f"[[write {w.project}/a.txt]]"); a.allow(a.asked()); a.result()
    a.control("set_permission_mode", mode="acceptEdits"); a.until(lambda v: v.get("type") == "control_response")
    a.prompt(f"[[write {w.project}/b.txt]]"); a.result()
    a.control("set_permission_mode", mode="plan"); a.until(lambda v: v.get("type") == "control_response")
    a.prompt("Hello."); a.result(); return a

def interrupt(w):
    a = Agent(w); a.hello(); a.prompt("[[slow 200]]"); a.until(lambda v: v.get("type") == "stream_event" and v["event"].get("index") == 0 and "w6" in json.dumps(v)); a.control("interrupt"); a.result()
    a.prompt("Hello again."); a.result(); return a

def interrupt_tool(w):
    a = Agent(w); a.hello(); a.prompt("[[bash touch a; sleep 30]]"); a.allow(a.asked()); time.sleep(1.0); a.control("interrupt"); a.result(); return a

def interrupt_ask(w):
    a = Agent(w); a.hello(); a.prompt("[[bash rm notes.md]]"); a.asked(); a.control("interrupt"); a.result(); return a

def queued(w):
    a = Agent(w); a.hello(); a.prompt("[[slow 40]]"); time.sleep(0.8); a.prompt("[[say The second.]]"); a.result(); a.result(); return a

def resume(w):
    a = Agent(w); a.hello(); a.prompt("[[say The first.]]"); a.result(); a.close()
    b = Agent(w, start=("--resume", ONE)); b.hello(); b.prompt("[[say The second.]]"); b.result(); return b

def fork(w):
    a = Agent(w); a.hello(); a.prompt("[[say The first.]]"); a.result(); a.close()
    b = Agent(w, mode="plan", start=("--resume", ONE, "--fork-session", "--session-id", TWO)); b.hello(); b.prompt("[[say In the fork.]]"); b.result(); return b

def resume_early(w):
    """Resumed after it was killed in its first words: it has no reply of its own, but a transcript, and refuses to begin anew with the id."""
    a = Agent(w); a.hello(); a.prompt("[[slow 200]]"); a.until(lambda v: v.get("type") == "stream_event" and "w6" in json.dumps(v)); a.process.kill(); a.process.wait()
    assert Agent(w).process.wait(25) == 1
    b = Agent(w, start=("--resume", ONE)); b.hello(); b.prompt("[[say The second.]]"); b.result(); return b

def resume_same(w):
    """The same prompt again after a resume, as a node does that was killed before it knew: the program says it has it already."""
    a = Agent(w); a.hello(); a.prompt("[[say The first.]]"); a.result(); a.close()
    b = Agent(w, start=("--resume", ONE)); b.hello(); b.send(next(line["in"] for line in a.record if line.get("in", {}).get("type") == "user")); b.until(lambda v: v.get("type") == "command_lifecycle"); return b

def resume_nothing(w):
    a = Agent(w, start=("--resume", THREE)); a.hello(); a.close(); return a

def model(w):
    a = Agent(w); a.hello(); a.prompt("[[usage 200 40 0 10]]"); a.result(); a.control("set_model", model="haiku"); a.until(lambda v: v.get("type") == "control_response"); a.prompt("[[usage 300 60 5 20]]"); a.result(); return a

def subagent(w):
    a = Agent(w); a.hello(); a.prompt(f"[[agent Look. {{{{read {w.project}/notes.md}}}} {{{{bash touch made}}}}]]"); a.allow(a.asked()); a.result(); return a

def background(w):
    a = Agent(w); a.hello(); a.prompt("[[background touch a; sleep 2; echo over]]"); a.allow(a.asked()); a.result(); a.until(lambda v: v.get("subtype") == "task_notification"); a.result(); return a

def todo(w):
    a = Agent(w); a.hello(); a.prompt("[[todo Look; Fix; Test]]"); a.result(); return a

def error(w):
    a = Agent(w); a.hello(); a.prompt("[[error 400]]"); a.result(); return a

def overloaded(w):
    a = Agent(w, env={"CLAUDE_CODE_MAX_RETRIES": "1"}); a.hello(); a.prompt("[[error 529]]"); a.result(); return a

def unauthorized(w):
    a = Agent(w); a.hello(); a.prompt("[[error 401]]"); a.result(); return a

def no_key(w):
    env = {k: v for k, v in w.env.items() if k != "ANTHROPIC_API_KEY"}; w.env = env
    a = Agent(w); a.hello(); a.prompt("Hello."); a.result(); return a

def cut(w):
    a = Agent(w); a.hello(); a.prompt("[[cut]]"); a.result(); return a

def compact(w):
    a = Agent(w); a.hello(); a.prompt("[[say Something to remember.]]"); a.result(); a.prompt("/compact"); a.result(); return a


SCENARIOS = {f.__name__.strip("_"): f for f in (text, allowed, denied, files, failing, always, plan, plan_file, plan_back, question_, mode, interrupt, interrupt_tool, interrupt_ask, queued, resume, resume_early, resume_same, fork,
                                                  resume_nothing, model, subagent, background, todo, error, overloaded, unauthorized, no_key, cut, compact)}


def main():
    claude, out, wanted = sys.argv[1], sys.argv[2], sys.argv[3:] or list(SCENARIOS)
    os.makedirs(out, exist_ok=True)
    for name in wanted:
        world, began = World(claude), time.time()
        agent = None
        try:
            agent = SCENARIOS[name](world)
            if agent.process.poll() is None:
                agent.close()
            write(agent, os.path.join(out, name))
            print(f"{name}: {len(agent.record)} lines, exit {agent.process.returncode}, {time.time() - began:.1f} s", flush=True)
        except queue.Empty:
            print(f"{name}: nothing came any more after {json.dumps(world.agents[-1].record[-2:])[:600]}", flush=True)
        finally:
            world.close()


if __name__ == "__main__":
    main()
