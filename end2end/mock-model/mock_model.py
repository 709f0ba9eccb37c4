#!/usr/bin/env python3
"""A mock of the Anthropic Messages API on loopback: enough to drive the real `claude` program without a model or a network.

    mock_model.py PORT [LOGFILE]          PORT 0 takes a free one; the first line printed is `listening on PORT`

The newest prompt of a person is the script. Its markers are steps, played one a reply, in order; after the last comes a closing
text. A marker that starts with + belongs to the same reply as the one before (several tool calls at once).

    [[say TEXT]]            text, and the turn goes on only if it is not the last step
    [[think TEXT]]          a thought, in the same reply as what follows it
    [[slow N]]              a text of N words, 50 ms apart
    [[read FILE]]           the tools of that name
    [[write FILE]]          content `hello from the mock`
    [[edit FILE OLD=>NEW]]
    [[bash COMMAND]]        [[background COMMAND]] runs it in the background
    [[glob PATTERN]]        [[grep PATTERN]]
    [[todo A; B; C]]        TodoWrite, the first in progress
    [[agent PROMPT]]        a subagent; in its prompt {{...}} stands for a marker of its own
    [[plan TEXT]]           ExitPlanMode with TEXT
    [[enterplan]]           EnterPlanMode
    [[ask QUESTION|A|B]]    AskUserQuestion, options Yes and No unless given
    [[tool NAME JSON]]      any tool with any input
    [[error STATUS]]        answers with this HTTP status and an error body
    [[cut]]                 closes the connection in the middle of a text
    [[usage IN OUT READ WRITE]]   the token numbers of every reply to this prompt; not a step
"""
import json
import re
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MARKER = re.compile(r"\[\[(\+?)(\w+)(?: (.*?))?\]\]", re.S)
REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.S)
ERRORS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
TOOLS = {
    "read": lambda a: ("Read", {"file_path": a}),
    "write": lambda a: ("Write", {"file_path": a, "content": "hello from the mock\n"}),
    "edit": lambda a: ("Edit", {"file_path": a.split(" ", 1)[0], "old_string": a.split(" ", 1)[1].split("=>", 1)[0], "new_string": a.split("=>", 1)[1]}),
    "bash": lambda a: ("Bash", {"command": a, "description": "run it"}),
    "background": lambda a: ("Bash", {"command": a, "description": "run it in the background", "run_in_background": True}),
    "glob": lambda a: ("Glob", {"pattern": a}),
    "grep": lambda a: ("Grep", {"pattern": a}),
    "todo": lambda a: ("TodoWrite", {"todos": [{"content": t.strip(), "activeForm": t.strip(), "status": "pending" if i else "in_progress"} for i, t in enumerate(a.split(";"))]}),
    "agent": lambda a: ("Agent", {"description": "look into it", "prompt": a.replace("{{", "[[").replace("}}", "]]"), "subagent_type": "general-purpose"}),
    "plan": lambda a: ("ExitPlanMode", {"plan": a}),
    "enterplan": lambda a: ("EnterPlanMode", {}),
    "ask": lambda a: ("AskUserQuestion", {"questions": [question(a)]}),
    "tool": lambda a: (a.split(" ", 1)[0], json.loads(a.split(" ", 1)[1])),
}


def question(text):
    parts = text.split("|")
    options = parts[1:] or ["Yes", "No"]
    return {"question": parts[0], "header": "Choice", "multiSelect": False, "options": [{"label": o, "description": f"choose {o}"} for o in options]}


def unique(kind):
    return f"{kind}_{uuid.uuid4().hex[:16]}"


def texts(content):
    """The text a person (or the program) put into a message, without reminders and tool results."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return [t for t in (REMINDER.sub("", b.get("text", "")).strip() for b in content if b.get("type") == "text") if t]


def has_results(content):
    return isinstance(content, list) and any(b.get("type") == "tool_result" for b in content)


def script(messages):
    """The newest prompt and how many replies it already got."""
    replies, prompt = 0, []
    for message in reversed(messages):
        if message.get("role") == "assistant":
            if prompt:
                break
            replies += 1
        elif message.get("role") == "user" and not has_results(message.get("content", "")):
            prompt = texts(message.get("content", "")) + prompt
    return "\n".join(prompt), replies


def reply(request):
    """Content blocks, stop reason, usage; or a status code; for the next step of the newest prompt."""
    prompt, step = script(request.get("messages") or [])
    usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 50}
    if not request.get("tools"):
        return [{"type": "text", "text": "A mock title"}], "end_turn", usage
    steps, thought = [], []
    for plus, name, argument in MARKER.findall(prompt):
        if name == "usage":
            usage = dict(zip(("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), map(int, argument.split())))
        elif name == "think":
            thought.append(("think", argument))
        else:
            step_ = thought + [(name, argument)]
            thought = []
            if plus and steps:
                steps[-1] += step_
            else:
                steps.append(step_)
    if thought:
        steps.append(thought + [("say", "That is what I think.")])
    if step >= len(steps):
        return [{"type": "text", "text": "All done." if step else "Hello from the mock model."}], "end_turn", usage
    blocks = []
    for name, argument in steps[step]:
        if name == "error":
            return int(argument)
        if name == "think":
            blocks.append({"type": "thinking", "thinking": argument, "signature": "bW9jaw=="})
        elif name == "say":
            blocks.append({"type": "text", "text": argument})
        elif name == "cut":
            blocks.append({"type": "text", "text": "half a sentence that never", "cut": True})
        elif name == "slow":
            blocks.append({"type": "text", "text": " ".join(f"w{i}" for i in range(int(argument))), "slow": True})
        elif name in TOOLS:
            if not any(b["type"] == "text" for b in blocks) and step == 0:
                blocks.append({"type": "text", "text": "Let me do that."})
            tool, arguments = TOOLS[name](argument or "")
            blocks.append({"type": "tool_use", "id": unique("toolu"), "name": tool, "input": arguments})
        else:
            blocks.append({"type": "text", "text": f"The mock knows no step `{name}`."})
    stop = "tool_use" if any(b["type"] == "tool_use" for b in blocks) else "end_turn"
    return blocks, stop, usage


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = None

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        self.answer(200, {"data": [], "has_more": False})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            request = json.loads(raw)
        except ValueError:
            return self.answer(400, {"type": "error", "error": {"type": "invalid_request_error", "message": "not JSON"}})
        if Handler.log:
            Handler.log.write(json.dumps({"path": self.path, "request": request}) + "\n")
            Handler.log.flush()
        if "count_tokens" in self.path:
            return self.answer(200, {"input_tokens": 10})
        if not self.path.startswith("/v1/messages"):
            return self.answer(200, {})
        said = reply(request)
        if isinstance(said, int):
            return self.answer(said, {"type": "error", "error": {"type": ERRORS.get(said, "api_error"), "message": f"the mock was told to answer {said}"}})
        blocks, stop, usage = said
        message = {"id": unique("msg"), "type": "message", "role": "assistant", "model": request.get("model", "mock"), "stop_sequence": None}
        if not request.get("stream"):
            return self.answer(200, {**message, "content": blocks, "stop_reason": stop, "usage": usage})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.stream(message, blocks, stop, usage)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def event(self, kind, **fields):
        self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())
        self.wfile.flush()

    def stream(self, message, blocks, stop, usage):
        self.event("message_start", message={**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}})
        for index, block in enumerate(blocks):
            if block["type"] == "text":
                self.event("content_block_start", index=index, content_block={"type": "text", "text": ""})
                for piece in re.findall(r"\S+\s*", block["text"]):
                    self.event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
                    if block.get("slow"):
                        time.sleep(0.05)
                if block.get("cut"):
                    return
            elif block["type"] == "thinking":
                self.event("content_block_start", index=index, content_block={"type": "thinking", "thinking": "", "signature": ""})
                for piece in re.findall(r"\S+\s*", block["thinking"]):
                    self.event("content_block_delta", index=index, delta={"type": "thinking_delta", "thinking": piece})
                self.event("content_block_delta", index=index, delta={"type": "signature_delta", "signature": block["signature"]})
            else:
                self.event("content_block_start", index=index, content_block={"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}})
                self.event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": json.dumps(block["input"])})
            self.event("content_block_stop", index=index)
        self.event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
        self.event("message_stop")


def main():
    if len(sys.argv) > 2:
        Handler.log = open(sys.argv[2], "a", encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
