#!/usr/bin/env python3
"""weir serve --mcp: functions as the tools of an MCP server.  Prints TAP.
serve_mcp.py WEIR SRCDIR
"""

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from mcp_client import ENVIRONMENT, KEY, MODERN, TOOLS, WEIR, client
from server import ready_server
from tap_cases import PATIENCE_S, await_file, await_gone, run_cases


def same(got: Any, wanted: Any) -> None:
    assert got == wanted, f"{got!r}\nnot {wanted!r}"


def text_of(result: Any) -> Any:
    return result["content"][0]["text"]


def a_legacy_client_is_greeted_in_the_version_that_it_knows() -> None:
    for asked, given in (("2025-06-18", "2025-06-18"), ("2099-01-01", "2025-11-25")):
        with client() as weir:
            result = weir.initialize(asked)
            same(result["protocolVersion"], given)
            same(result["capabilities"], {"tools": {"listChanged": True}})
            same(result["serverInfo"]["name"], "weir")
            same(weir.ask("ping")["result"], {})


def the_greeting_does_not_wait_for_the_workers(directory: str) -> None:
    gate = os.path.join(directory, "gate")
    os.mkfifo(gate)
    with client(worker=f"sh -c 'read x <{gate}; exec {TOOLS}'") as weir:
        weir.initialize()
        weir.send("tools/list", id="list")
        with open(gate, "w", encoding="utf-8") as file:
            file.write("go\n")
        assert len(weir.receive()["result"]["tools"]) > 5


def tools_have_schemas_titles_and_annotations() -> None:
    with client() as weir:
        weir.initialize()
        tools = {tool["name"]: tool for tool in weir.ask("tools/list")["result"]["tools"]}
    same(
        tools["add"],
        {
            "name": "add",
            "title": "Adder",
            "description": "Add two integers.\n\nThe second is 2 if it is left out.",
            "inputSchema": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
                "required": ["a"],
                "additionalProperties": False,
            },
            "outputSchema": {
                "type": "object",
                "properties": {"result": {"type": "integer"}},
                "required": ["result"],
            },
            "annotations": {"readOnlyHint": True},
        },
    )
    same(tools["mirror"]["outputSchema"]["required"], ["x", "y"])
    assert "outputSchema" not in tools["untyped"]
    same(tools["count"]["outputSchema"]["properties"]["result"]["type"], "array")
    assert "total" not in tools, "a function with an input stream is a tool"
    same(list(tools)[:3], ["add", "mirror", "untyped"])


def results_are_text_and_structure() -> None:
    with client() as weir:
        weir.initialize()
        same(
            weir.call("add", a=3),
            {"content": [{"type": "text", "text": "5"}], "structuredContent": {"result": 5}},
        )
        same(weir.call("mirror", point={"x": 1, "y": 2})["structuredContent"], {"x": 2, "y": 1})
        same(
            weir.call("untyped", value={"a": "é"}),
            {"content": [{"type": "text", "text": '{"a":"é"}'}]},
        )
        same(weir.call("untyped", value="just text")["content"][0]["text"], "just text")
        same(weir.call("count", last=3)["structuredContent"], {"result": [0, 1, 2]})
        same(weir.call("count", last=0)["structuredContent"], {"result": []})
        same(
            weir.call("picture")["content"],
            [
                {"type": "text", "text": "a plot:"},
                {"type": "image", "data": "cG5n", "mimeType": "image/png"},
            ],
        )


def failures_are_texts_for_the_model() -> None:
    with client() as weir:
        weir.initialize()
        same(
            weir.call("boom"),
            {"content": [{"type": "text", "text": "it went wrong"}], "isError": True},
        )
        wrong = weir.call("add", a="x")
        assert wrong["isError"] and "a must be an integer" in text_of(wrong), wrong
        died = weir.call("die")
        assert died["isError"] and "not known" in text_of(died), died
        same(weir.call("add", a=1)["structuredContent"], {"result": 3})
        error = weir.call("nope")["error"]
        same((error["code"], error["message"]), (-32602, "Unknown tool: nope"))
        same(weir.ask("tools/call", {"name": 5})["error"]["code"], -32602)
        same(weir.ask("tools/call", {"name": "add", "arguments": [1]})["error"]["code"], -32602)
        same(weir.ask("tools/list", {"cursor": ""})["error"]["code"], -32602)
        same(weir.ask("resources/list")["error"]["code"], -32601)


def a_modern_request_needs_no_handshake() -> None:
    with client() as weir:
        result = weir.ask("server/discover", {"_meta": MODERN})["result"]
        same(result["supportedVersions"], ["2026-07-28"])
        same((result["ttlMs"], result["cacheScope"]), (0, "private"))
        result = weir.call("add", MODERN, a=1)
        same(result["resultType"], "complete")
        same(result["_meta"][KEY + "serverInfo"]["name"], "weir")
        same(weir.ask("tools/list", {"_meta": MODERN})["result"]["cacheScope"], "private")
        for method in ("ping", "initialize"):
            same(weir.ask(method, {"_meta": MODERN})["error"]["code"], -32601)
        wrong = dict(MODERN, **{KEY + "protocolVersion": "1999-01-01"})
        error = weir.ask("tools/list", {"_meta": wrong})["error"]
        same(error["code"], -32022)
        same(error["data"], {"supported": ["2026-07-28"], "requested": "1999-01-01"})
        bare = {KEY + "protocolVersion": "2026-07-28"}
        same(weir.ask("tools/list", {"_meta": bare})["error"]["code"], -32602)
        error = weir.ask("tools/list")["error"]
        assert error["code"] == -32602 and "no initialize came before" in error["message"], error


def both_eras_may_share_a_connection() -> None:
    with client() as weir:
        weir.initialize()
        assert "resultType" in weir.call("add", MODERN, a=1)
        assert "resultType" not in weir.call("add", a=1)


def progress_goes_to_who_asks_for_it(directory: str) -> None:
    path = os.path.join(directory, "go")
    with client() as weir:
        weir.initialize()
        weir.call("count", last=5)
        same(weir.received, [])
        weir.send(
            "tools/call",
            {"name": "reach", "arguments": {"path": path}, "_meta": {"progressToken": "t"}},
            id=77,
        )
        reported = weir.receive()
        same(reported["method"], "notifications/progress")
        same(
            reported["params"],
            {"progressToken": "t", "progress": 1, "total": 2, "message": "half way"},
        )
        with open(path, "w", encoding="utf-8"):
            pass
        same(text_of(weir.receive()["result"]), "done")


def progress_never_follows_the_answer() -> None:
    with client() as weir:
        weir.initialize()
        for _ in range(20):
            weir.call("report", {"progressToken": 1})
            weir.call("count", {"progressToken": 2}, last=50)
        same(weir.ask("ping")["result"], {})
        same(weir.received, [])


def a_cancelled_call_is_stopped_and_never_answered(directory: str) -> None:
    path = os.path.join(directory, "napping")
    with client() as weir:
        weir.initialize()
        weir.send("tools/call", {"name": "nap", "arguments": {"path": path}}, id="nap")
        await_file(path)
        weir.send("notifications/cancelled", {"requestId": "nap", "reason": "enough"})
        same(weir.call("add", a=1)["structuredContent"], {"result": 3})
        same(weir.received, [])
        assert not os.path.exists(path)
        weir.send("notifications/cancelled", {"requestId": "unknown"})
        weir.send("notifications/cancelled")
        same(weir.ask("ping")["result"], {})


def listeners_are_reported_new_tools(directory: str) -> None:
    path = os.path.join(directory, "tools.py")

    def write(name: str) -> None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                "import os\nfrom weir_worker import function, run\n"
                f"@function\ndef {name}(): os._exit(1)\nrun()\n"
            )

    write("first")
    with client(worker=f"{sys.executable} {path}") as weir:
        weir.initialize()
        same([tool["name"] for tool in weir.ask("tools/list")["result"]["tools"]], ["first"])
        weir.send(
            "subscriptions/listen",
            {"_meta": MODERN, "notifications": {"toolsListChanged": True, "other": True}},
            id="ear",
        )
        same(
            weir.receive(),
            {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {
                    "_meta": {KEY + "subscriptionId": "ear"},
                    "notifications": {"toolsListChanged": True},
                },
            },
        )
        write("second")
        weir.send("tools/call", {"name": "first"}, id="die")
        messages = [weir.receive() for _ in range(3)]
        changed = [
            message["params"]["_meta"][KEY + "subscriptionId"] if "params" in message else None
            for message in messages
            if message.get("method") == "notifications/tools/list_changed"
        ]
        same(sorted(map(str, changed)), ["None", "ear"])
        same([tool["name"] for tool in weir.ask("tools/list")["result"]["tools"]], ["second"])


def what_is_no_request_is_answered_without_an_id() -> None:
    with client() as weir:
        weir.initialize()
        for line, code in (
            ("no JSON", -32700),
            ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
            ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
            ('{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
            ("5", -32600),
            ("[]", -32600),
        ):
            weir.write(line)
            answer = weir.receive()
            same((answer["error"]["code"], "id" in answer), (code, False))
        for line in ("", '{"jsonrpc":"2.0","id":1,"result":{}}', '{"jsonrpc":"2.0","method":"x"}'):
            weir.write(line)
        same(weir.ask("ping")["result"], {})
        same(weir.received, [])


def a_batch_is_served() -> None:
    with client() as weir:
        weir.initialize("2025-03-26")
        weir.write(
            json.dumps(
                [
                    {"jsonrpc": "2.0", "id": 0, "method": "ping"},
                    {"jsonrpc": "2.0", "method": "notifications/cancelled"},
                    {
                        "jsonrpc": "2.0",
                        "id": "a",
                        "method": "tools/call",
                        "params": {"name": "add", "arguments": {"a": 1}},
                    },
                ]
            )
        )
        same(sorted(str(one["id"]) for one in weir.receive()), ["0", "a"])


def results_are_bounded() -> None:
    with client("--max-result", "64K") as weir:
        weir.initialize()
        for name, arguments in (("big", {"size": 100000}), ("flood", {})):
            result = weir.call(name, **arguments)
            assert result["isError"], name
            assert len(text_of(result)) < 200, name
        same(len(text_of(weir.call("big", size=30000))), 30000)


def streams_of_any_size_leave_the_connection_open() -> None:
    with client() as weir:
        weir.initialize()
        for size in [500] * 20 + [4093, 4094, 4095, 8190, 65532, 1000000, 1048572]:
            same(len(weir.call("pieces", size=size)["structuredContent"]["result"][0]), size)


def an_id_in_use_is_refused(directory: str) -> None:
    path = os.path.join(directory, "napping")
    with client() as weir:
        weir.initialize()
        for _ in range(2):
            weir.send("tools/call", {"name": "nap", "arguments": {"path": path}}, id="twice")
        answer = weir.receive()
        same((answer["error"]["code"], "id" in answer), (-32600, False))


def is_soon_at_best(seconds: Any) -> None:
    """Of some: where this machine is busy with other things, not each is as quick as it can be."""
    took = [seconds()]
    while min(took) >= 1.5:
        assert len(took) < 20, took
        took.append(seconds())


def the_end_of_the_input_ends_everything_soon(directory: str) -> None:
    def seconds(end: Any) -> float:
        path = os.path.join(directory, f"napping-{end}")
        with client() as weir:
            weir.initialize()
            worker = weir.call("pid")["structuredContent"]["result"]
            weir.send("tools/call", {"name": "nap", "arguments": {"path": path}}, id="nap")
            await_file(path)
            began = time.monotonic()
            if end is not None:
                weir.process.send_signal(end)
                same(weir.line(), None)
            same(weir.leave(), 0)
            took = time.monotonic() - began
            await_gone(worker)
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)  # by a worker that was killed before it could
        return took

    for end in (None, signal.SIGTERM):
        is_soon_at_best(functools.partial(seconds, end))


def a_worker_that_does_not_heed_is_killed() -> None:
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "from weir_worker import function, run\n@function\ndef f() -> int: return 1\n"
        "run()\ntime.sleep(600)\n"
    )

    def seconds() -> float:
        with client(worker=f'{sys.executable} -c "{stubborn}"') as weir:
            weir.initialize()
            weir.call("f")
            began = time.monotonic()
            same(weir.leave(), 0)
            return time.monotonic() - began

    is_soon_at_best(seconds)


def workers_that_do_not_start_are_status_125() -> None:
    with client(worker=f"{TOOLS} broken", stderr=subprocess.PIPE) as weir:
        weir.initialize()
        answer = weir.ask("tools/list")
        same(answer["error"]["code"], -32603)
        same(weir.process.wait(PATIENCE_S), 125)
        assert weir.process.stderr and b"broken: no such model" in weir.process.stderr.read()


def one_socket_serves_both_protocols(directory: str) -> None:
    path = os.path.join(directory, "s")
    with ready_server([WEIR, "serve", "-s", path, "-j1", "-w", TOOLS], env=ENVIRONMENT):
        done = subprocess.run(
            [WEIR, "call", "-s", path, "add", "1"],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        same(done.stdout, b"3\n")
        for params in ({}, {"_meta": MODERN}):
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(PATIENCE_S)
                link.connect(path)
                method = "initialize" if not params else "tools/list"
                link.sendall(
                    json.dumps(
                        {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
                    ).encode()
                    + b"\n"
                )
                with link.makefile("rb") as file:
                    assert "result" in json.loads(file.readline())


def nothing_is_left_when_weir_is_killed() -> None:
    with client() as weir:
        weir.initialize()
        worker = weir.call("pid")["structuredContent"]["result"]
        weir.process.kill()
        weir.leave()
        await_gone(worker)


if __name__ == "__main__":
    run_cases(
        [
            a_legacy_client_is_greeted_in_the_version_that_it_knows,
            the_greeting_does_not_wait_for_the_workers,
            tools_have_schemas_titles_and_annotations,
            results_are_text_and_structure,
            failures_are_texts_for_the_model,
            a_modern_request_needs_no_handshake,
            both_eras_may_share_a_connection,
            progress_goes_to_who_asks_for_it,
            progress_never_follows_the_answer,
            a_cancelled_call_is_stopped_and_never_answered,
            listeners_are_reported_new_tools,
            what_is_no_request_is_answered_without_an_id,
            a_batch_is_served,
            results_are_bounded,
            streams_of_any_size_leave_the_connection_open,
            an_id_in_use_is_refused,
            the_end_of_the_input_ends_everything_soon,
            a_worker_that_does_not_heed_is_killed,
            workers_that_do_not_start_are_status_125,
            one_socket_serves_both_protocols,
            nothing_is_left_when_weir_is_killed,
        ]
    )
