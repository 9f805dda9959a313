#!/usr/bin/env python3
"""The vectors of weir as an MCP server, the recorded sessions, and the schemas of MCP.  Prints TAP.
mcp_vectors.py WEIR SRCDIR

The schemas and sessions are looked for in $MCP_SCHEMAS; without them their cases are skipped.
"""

import glob
import json
import os
import sys
from typing import Any, Callable

sys.dont_write_bytecode = True
from mcp_client import KEY, SRCDIR, client
from mcp_schemas import SCHEMAS, check_schemas

sys.path.insert(0, f"{SRCDIR}/sdk/python/tests")
import vectors
from tap_cases import run_cases

# By the method of the request: the definition of its result, in both eras.
RESULTS = {
    "initialize": "InitializeResult",
    "server/discover": "DiscoverResult",
    "tools/list": "ListToolsResult",
    "tools/call": "CallToolResult",
    "ping": "EmptyResult",
    "subscriptions/listen": "SubscriptionsListenResult",
}
NOTIFICATIONS = {
    "notifications/progress": "ProgressNotification",
    "notifications/tools/list_changed": "ToolListChangedNotification",
    "notifications/subscriptions/acknowledged": "SubscriptionsAcknowledgedNotification",
}

# What the servers of all cases have said: (modern, definition, value).
said: list[tuple[bool, str, Any]] = []


class Listener:
    """Sorts lines by what they must be."""

    def __init__(self) -> None:
        self.asked: dict[Any, Any] = {}

    def sent(self, message: Any) -> None:
        for one in message if isinstance(message, list) else [message]:
            if isinstance(one, dict) and "id" in one and isinstance(one.get("method"), str):
                meta = one.get("params") or {}
                meta = meta.get("_meta", {}) if isinstance(meta, dict) else {}
                modern = KEY + "protocolVersion" in meta
                self.asked[json.dumps(one["id"])] = (one["method"], modern)

    def received(self, message: Any) -> None:
        for one in message if isinstance(message, list) else [message]:
            if "method" in one:
                modern = "subscriptions" in one["method"] or "_meta" in one.get("params", {})
                said.append((modern, NOTIFICATIONS[one["method"]], one))
                continue
            method, modern = self.asked.get(json.dumps(one.get("id")), ("", True))
            said.append(
                (modern, "JSONRPCErrorResponse", one)
                if "error" in one
                else (modern, RESULTS[method], one["result"])
            )


def run_vector(case: Any) -> None:
    listener = Listener()
    with client() as weir:
        for number, step in enumerate(case["steps"], 1):
            ((kind, value),) = step.items()
            data = vectors.line_of(step)
            if data is not None:
                listener.sent(value if kind == "in" else None)
                weir.write(data)
            elif kind == "in_end":
                assert weir.process.stdin
                weir.process.stdin.close()
            elif kind == "out_end":
                assert weir.line() is None
            else:
                assert kind == "out", f"no such step: {kind}"
                line = weir.line()
                assert line is not None, f"step {number}: the server has gone"
                listener.received(json.loads(line))
                assert vectors.matches(value, vectors.load(line)), (
                    f"step {number}: wanted {json.dumps(value)}\ngot {line[:400]}"
                )


def run_session(path: str) -> None:
    """The client's lines; its requests are answered, whatever tools it called."""
    listener, open_ids = Listener(), set()
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    with client() as weir:
        for line in lines:
            message = json.loads(line["line"])
            if line["dir"] != ">" or "method" not in message:
                continue
            listener.sent(message)
            weir.write(line["line"])
            params = message.get("params") or {}
            if "id" in message and message["method"] != "subscriptions/listen":
                open_ids.add(json.dumps(message["id"]))
            if message["method"] == "notifications/cancelled":
                open_ids.discard(json.dumps(params.get("requestId")))
            # One after the other, as the client did.
            while open_ids and message["method"] != "tools/call":
                received = weir.receive()
                assert received is not None
                listener.received(received)
                open_ids.discard(json.dumps(received.get("id", ())))
        while open_ids:
            received = weir.receive()
            assert received is not None, open_ids
            listener.received(received)
            open_ids.discard(json.dumps(received.get("id", ())))


def every_line_is_valid_by_the_schemas_of_mcp(directory: str) -> None:
    check_schemas(directory, said, 100)


def case_of(name: str, work: Callable[[Any], None], given: Any) -> Any:
    def case() -> None:
        work(given)

    case.__name__ = name.replace(" ", "_")
    return case


def main() -> None:
    made = []
    for path in sorted(glob.glob(f"{SRCDIR}/tests/data/mcp/front-*.json")):
        with open(path, encoding="utf-8") as file:
            for case in json.load(file)["cases"]:
                made.append(case_of(case["name"], run_vector, case))
    for path in sorted(glob.glob(f"{SCHEMAS}/sessions/client-*.ndjson")):
        name = os.path.basename(path).removesuffix(".ndjson")
        made.append(case_of(f"the session {name} is served", run_session, path))
    run_cases([*made, every_line_is_valid_by_the_schemas_of_mcp])


if __name__ == "__main__":
    main()
