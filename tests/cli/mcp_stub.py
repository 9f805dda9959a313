"""A small MCP server of the legacy era, for tests of the gateway.

mcp_stub.py [TOOL...]: its tools; more are there for all: pid, die, nap, wait, grow, meta, warn.
A tool whose name ends with note says in the file "log" that it was called, and gives back "name".
It ignores the end of its input, and SIGTERM, as some servers do.
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = threading.Lock()
tools = [*sys.argv[1:], "pid", "die", "nap", "env", "grow", "meta", "warn"]


def send(message: Any) -> None:
    with lock:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(ident: Any, text: Any, **more: Any) -> None:
    send({"id": ident, "result": {"content": [{"type": "text", "text": text}], **more}})


def call(ident: Any, name: str, arguments: Any, meta: Any) -> None:
    if name == "die":
        os._exit(9)
    elif name.endswith("note"):
        with open(arguments["log"], "a", encoding="utf-8") as file:
            file.write(arguments["name"] + "\n")
        for step in range(arguments.get("steps", 0)):
            params = {"progressToken": meta.get("progressToken"), "progress": step + 1}
            send({"method": "notifications/progress", "params": params})
        time.sleep(arguments.get("s", 0))
        answer(ident, arguments["name"])
    elif name == "nap":
        token = meta.get("progressToken")
        for step in range(int(arguments.get("steps", 0))):
            send(
                {
                    "method": "notifications/progress",
                    "params": {"progressToken": token, "progress": step + 1, "message": "zz"},
                }
            )
            time.sleep(arguments["each"])
        time.sleep(arguments.get("s", 0))
        answer(ident, "rested")
    elif name == "warn":
        print("some words", file=sys.stderr, flush=True)
        answer(ident, "warned")
    elif name == "env":
        answer(ident, os.environ.get(arguments["variable"], ""))
    elif name == "grow":
        tools.append(arguments["tool"])
        send({"method": "notifications/tools/list_changed"})
        answer(ident, "grown")
    elif name == "meta":
        answer(ident, json.dumps(meta), _meta={"x/y": 1}, isError=False)
    else:
        answer(ident, f"{os.getpid()}", structuredContent={"pid": os.getpid(), "tool": name})


def describe(name: str) -> Any:
    tool: Any = {"name": name, "inputSchema": {"type": "object"}, "description": f"does {name}"}
    if name.startswith("read_"):
        tool["annotations"] = {"readOnlyHint": True}
    return tool


for line in sys.stdin:
    message = json.loads(line)
    ident, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method == "initialize":
        send(
            {
                "id": ident,
                "result": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": {"name": "stub", "version": "1"},
                },
            }
        )
    elif method == "tools/list":
        send({"id": ident, "result": {"tools": [describe(name) for name in tools]}})
    elif method == "tools/call":
        threading.Thread(
            target=call,
            args=(ident, params["name"], params.get("arguments") or {}, params.get("_meta") or {}),
            daemon=True,
        ).start()
    elif ident is not None:
        send({"id": ident, "error": {"code": -32601, "message": "no such method"}})
while True:
    time.sleep(60)
