#!/usr/bin/env python3
"""An MCP server that says what a recorded one said.
mcp_replay.py SESSION [LOG]

SESSION has a JSON object a line: "dir" is ">" for a line to the server and "<" for one from it,
"line" the line itself.  A request is answered as the recorded one with the same method and, of a
call, the same name and arguments; with what came between the two before it, and with the ids and
progress tokens of today.  A request that was never answered is not answered.  LOG gets each line
that comes.
"""

import json
import sys
from typing import Any

with open(sys.argv[1], encoding="utf-8") as file:
    LINES = [json.loads(line) for line in file]
LOG = open(sys.argv[2], "a", encoding="utf-8") if len(sys.argv) > 2 else None


def key_of(message: Any) -> str:
    params = message.get("params", {})
    called = [params.get(name) for name in ("name", "arguments", "uri", "cursor")]
    return json.dumps([message["method"], called], sort_keys=True)


def recorded() -> dict[str, tuple[Any, list[Any]]]:
    """What followed a request: its answer, with the other lines of the server before it."""
    found: dict[str, tuple[Any, list[Any]]] = {}
    waiting: dict[str, tuple[str, list[Any]]] = {}
    for entry in LINES:
        try:
            message = json.loads(entry["line"])
        except ValueError:
            continue  # noise
        number = json.dumps(message.get("id"))
        if entry["dir"] == ">" and "method" in message and "id" in message:
            waiting[number] = (key_of(message), [])
        elif entry["dir"] == "<" and "method" not in message and number in waiting:
            key, before = waiting.pop(number)
            found.setdefault(key, (message, before))
        elif entry["dir"] == "<":
            for _, before in waiting.values():
                before.append(message)
    return found


def say(message: Any) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":"), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main() -> None:
    answers = recorded()
    dies = not any(entry["dir"] == "<" for entry in LINES)
    for line in sys.stdin:
        message = json.loads(line)
        if LOG is not None:
            LOG.write(line)
            LOG.flush()
        if "method" not in message or "id" not in message:
            continue
        if dies and message["method"] != "server/discover":
            sys.exit(1)  # mcp 1.2.0 ends at the line after the first
        answer, before = answers.get(key_of(message), (None, []))
        if answer is None:
            if message["method"] == "tools/list":
                say({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": []}})
            elif message["method"] == "server/discover" and not dies:
                error = {"code": -32601, "message": "Method not found"}
                say({"jsonrpc": "2.0", "id": message["id"], "error": error})
            continue
        for other in before:
            if "progressToken" in other.get("params", {}):
                other["params"]["progressToken"] = message["id"]
            say(other)
        say({**answer, "id": message["id"]})


main()
