#!/usr/bin/env python3
"""An MCP server for tests, which says what it is asked to say.
mcp_server.py SCRIPT [LOG]

SCRIPT is a JSON object, each member optional:
  "era"        "legacy" (the default), "modern", "both", "old" (dies of any first request but initialize)
  "delay"      seconds before the first answer to server/discover
  "tools"      the tools, objects; or pages of them: lists of objects
  "endless", "circle"   tools/list has always another page; or its cursors go in a circle
  "flood"      asks for ever after tools/list, and reads nothing
  "supported"  server/discover is answered with -32022 and these versions
  "code"       of the error for unknown requests
  "version"    in the answer to initialize
  "list_error", "stubborn", "stops_at_hang"
  "first"      lines that are printed after the first tools/list, as they are, "times" times
  "giant"      a tool with a schema of this many bytes, and one with a deep one
  "capabilities"  instead of {"tools": {"listChanged": true}}
Tools named as below do what they say; others echo their arguments.
LOG gets each line that comes, and "EOF" at the end of the input.
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

SCRIPT = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
LOG = open(sys.argv[2], "a", encoding="utf-8") if len(sys.argv) > 2 else None
ERA = SCRIPT.get("era", "legacy")
MODERN = "2026-07-28"
LOCK = threading.Lock()
CALLS = 0


def tool(name: str, **annotations: bool) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, "annotations": annotations}


TOOLS = SCRIPT.get(
    "tools",
    [
        {
            "name": "echo",
            "description": "Gives back what it gets.\nMore words.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "times": {"type": ["integer", "null"]},
                    "how": {"enum": ["loud", "low"]},
                },
                "required": ["message"],
            },
            "annotations": {"readOnlyHint": True},
        },
        *(tool(name) for name in ("fail", "structured", "two", "die", "hang", "log", "ask", "pid")),
        *(
            tool(name)
            for name in ("progress", "repeat", "forever", "input", "odd", "grow", "noise")
        ),
        tool("read_pid", readOnlyHint=True),
        tool("nap", readOnlyHint=True),
        tool("meet", readOnlyHint=True),
        tool("meet_alone"),
        tool("die_once", idempotentHint=True),
    ],
)
if "giant" in SCRIPT:
    DEEP: Any = {}
    for _ in range(100):
        DEEP = {"x": DEEP}
    TOOLS = [
        {
            "name": "long",
            "inputSchema": {"type": "object", "properties": {"a" * SCRIPT["giant"]: {}}},
        },
        {"name": "deep", "inputSchema": DEEP},
    ]
PAGES = TOOLS if TOOLS and isinstance(TOOLS[0], list) else [TOOLS]


def say(line: str) -> None:
    with LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def send(**message: Any) -> None:
    say(json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")))


def result(number: Any, is_modern: bool, **members: Any) -> None:
    if is_modern:
        members.setdefault("resultType", "complete")
    send(id=number, result=members)


def text(number: Any, is_modern: bool, words: str, **members: Any) -> None:
    result(number, is_modern, content=[{"type": "text", "text": words}], **members)


def call(number: Any, is_modern: bool, params: Any) -> None:
    global CALLS
    CALLS += 1
    name, arguments = params["name"], params.get("arguments", {})
    token = params.get("_meta", {}).get("progressToken")
    if name == "fail":
        text(number, is_modern, "it broke", isError=True)
    elif name == "structured":
        text(number, is_modern, "5", structuredContent={"n": 5})
    elif name == "two":
        result(
            number,
            is_modern,
            content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        )
    elif name == "die":
        os._exit(9)
    elif name == "die_once":
        if not os.path.exists(arguments["mark"]):
            with open(arguments["mark"], "x", encoding="utf-8"):
                if arguments.get("repeats"):
                    result(number, is_modern, resultType="input_required", requestState="s1")
                os._exit(9)
        text(number, is_modern, "alive")
    elif name == "hang":
        while SCRIPT.get("stops_at_hang"):
            time.sleep(60)
    elif name == "nap":
        threading.Timer(arguments["s"], text, (number, is_modern, "rested")).start()
    elif name in ("meet", "meet_alone"):  # answered when there are so many
        MEETING.append((number, is_modern))
        if len(MEETING) == arguments["of"]:
            for waiting, modern in MEETING:
                text(waiting, modern, "met")
            MEETING.clear()
    elif name == "log":
        send(method="notifications/message", params={"level": "notice", "data": {"n": 1}})
        send(method="notifications/message", params={"level": "critical", "data": "words"})
        text(number, is_modern, "logged")
    elif name == "ask":
        send(id=arguments.get("id", 0), method=arguments.get("method", "ping"))
        WAITING.append((number, is_modern))
    elif name in ("pid", "read_pid"):
        text(number, is_modern, str(os.getpid()))
    elif name == "progress":
        for step in (1, 2):
            send(
                method="notifications/progress",
                params={
                    "progressToken": token,
                    "progress": step,
                    "total": 2,
                    "message": f"step {step}",
                },
            )
        send(method="notifications/progress", params={"progressToken": "other", "progress": 9})
        text(number, is_modern, str(token == number))
    elif name in ("repeat", "forever"):
        if name == "repeat" and params.get("requestState") == "s2":
            text(number, is_modern, "at last")
        else:
            state = {None: "s1", "s1": "s2"}.get(params.get("requestState"), "s3")
            result(number, is_modern, resultType="input_required", requestState=state)
    elif name == "input" and "inputResponses" in params:
        del params["_meta"]["io.modelcontextprotocol/clientInfo"]
        text(number, is_modern, json.dumps(params, sort_keys=True))
    elif name == "input":
        requests = {"a": {"method": "elicitation/create", "params": {}}}
        result(
            number, is_modern, resultType="input_required", inputRequests=requests, requestState="x"
        )
    elif name == "odd":
        result(number, is_modern, resultType="task")
    elif name == "grow":
        PAGES[-1].append(tool("grown"))
        send(method="notifications/tools/list_changed")
        text(number, is_modern, "grown")
    elif name == "noise":
        say("DEBUG: words of a library")
        text(number, is_modern, "done")
    else:
        text(number, is_modern, json.dumps(arguments, separators=(",", ":")))


WAITING: list[Any] = []
MEETING: list[Any] = []


def answer(message: Any) -> None:
    number, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if method is None:
        words = json.dumps(
            {"id": number, **{k: message[k] for k in ("result", "error") if k in message}}
        )
        if WAITING:  # else the answer to one of "first"
            number, is_modern = WAITING.pop(0)
            text(number, is_modern, words)
        return
    is_modern = params.get("_meta", {}).get("io.modelcontextprotocol/protocolVersion") == MODERN
    capabilities = SCRIPT.get("capabilities", {"tools": {"listChanged": True}})
    if number is None:
        return
    if method == "server/discover" and ERA in ("modern", "both"):
        time.sleep(SCRIPT.get("delay", 0))
        result(
            number,
            True,
            supportedVersions=[MODERN],
            capabilities=capabilities,
            ttlMs=0,
            cacheScope="private",
        )
    elif method == "server/discover" and "supported" in SCRIPT:
        send(
            id=number,
            error={"code": -32022, "message": "no", "data": {"supported": SCRIPT["supported"]}},
        )
    elif method == "initialize" and ERA != "modern":
        result(
            number,
            False,
            protocolVersion=SCRIPT.get("version", params["protocolVersion"]),
            capabilities=capabilities,
            serverInfo={"name": "test", "version": "1"},
        )
    elif method == "tools/list":
        if SCRIPT.get("list_error"):
            send(id=number, error={"code": -32603, "message": "no list"})
            return
        page = int(params.get("cursor") or 0)
        more: dict[str, Any] = {"nextCursor": str(page + 1)} if page + 1 < len(PAGES) else {}
        if SCRIPT.get("endless"):
            result(number, is_modern, tools=[], nextCursor=str(page + 1))
            return
        if SCRIPT.get("circle"):
            more = {"nextCursor": str(1 - page)}
        if is_modern:
            more.update(ttlMs=0, cacheScope="private")
        result(number, is_modern, tools=PAGES[page], **more)
        if SCRIPT.get("flood"):
            while True:
                say('{"jsonrpc":"2.0","id":1,"method":"ping"}')
    elif method == "tools/call":
        call(number, is_modern, params)
    elif method == "resources/read":
        contents = [{"uri": params["uri"], "text": "words"}]
        result(
            number,
            is_modern,
            contents=contents,
            **({"ttlMs": 0, "cacheScope": "private"} if is_modern else {}),
        )
    elif method == "subscriptions/listen":
        pass
    else:
        send(id=number, error={"code": SCRIPT.get("code", -32601), "message": "Method not found"})


def main() -> None:
    if SCRIPT.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    is_greeted = False
    for line in sys.stdin:
        message = json.loads(line)
        if LOG is not None:
            LOG.write(line)
            LOG.flush()
        if ERA == "old" and not is_greeted and message["method"] != "initialize":
            sys.exit(1)
        is_greeted = True
        if ERA == "silent":
            continue
        answer(message)
        if message.get("method") == "tools/list":
            for first in SCRIPT.pop("first", []) * SCRIPT.get("times", 1):
                say(first)
    if LOG is not None:
        LOG.write("EOF\n")
        LOG.flush()
    while SCRIPT.get("stubborn"):
        time.sleep(60)


main()
