#!/usr/bin/env python3
"""weir serve -f: one MCP server in front of many, and --join.  Prints TAP.
mcp_gateway.py WEIR SRCDIR
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
import validate
from mcp_client import ENVIRONMENT, KEY, MODERN, SRCDIR, WEIR, Client, client
from server import ready_server
from tap_cases import PATIENCE_S, await_file, await_gone, await_that, run_cases

STUB = f"{SRCDIR}/tests/cli/mcp_stub.py"
TOOLS = f"{SRCDIR}/tests/cli/mcp_tools.py"


def same(got: Any, wanted: Any) -> None:
    assert got == wanted, f"{got!r}\nnot {wanted!r}"


def text_of(result: Any) -> Any:
    return result["content"][0]["text"]


def stub(*tools: str, **own: Any) -> Any:
    return {"command": sys.executable, "args": [STUB, *tools], "weir": own}


def write(directory: str, **servers: Any) -> str:
    path = os.path.join(directory, "mcp.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"mcpServers": servers, "theirs": 1}, file)
    return path


@contextlib.contextmanager
def gateway(
    directory: str, *words: str, stderr: int = subprocess.DEVNULL, **servers: Any
) -> Iterator[Client]:
    file = write(directory, **servers)
    with client("-f", file, *words, worker=None, stderr=stderr) as weir:
        weir.initialize()
        yield weir


def names(weir: Client) -> Any:
    return [tool["name"] for tool in weir.ask("tools/list")["result"]["tools"]]


def status_of(*words: str) -> Any:
    done = subprocess.run(
        [WEIR, "serve", "--mcp", *words],
        env=ENVIRONMENT,
        input=b"",
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stderr.decode()


def tools_of_all_servers_are_one_list(directory: str) -> None:
    native = {"command": sys.executable, "args": [TOOLS], "weir": {"protocol": "native"}}
    with gateway(directory, a=stub("echo"), b=stub("look", tools=["look"]), c=native) as weir:
        made = names(weir)
        same(made[:3], ["echo", "a__pid", "die" if "die" in made else "a__die"])
        assert "look" in made and "add" in made and "c__pid" in made, made
        same(weir.call("look")["structuredContent"]["tool"], "look")
        same(weir.call("add", a=1)["structuredContent"], {"result": 3})
        assert weir.call("a__pid") != weir.call("c__pid")


def a_name_of_two_servers_gets_both_labels(directory: str) -> None:
    with gateway(directory, a=stub("echo", tools=["echo"]), b=stub("echo", tools=["echo"])) as weir:
        same(names(weir), ["a__echo", "b__echo"])
        same(weir.call("b__echo")["structuredContent"]["tool"], "echo")
        same(weir.call("echo")["error"]["code"], -32602)


def a_name_can_always_or_never_have_its_label(directory: str) -> None:
    with gateway(
        directory,
        a=stub("echo", tools=["echo"], prefix="always"),
        b=stub("echo", tools=["echo"], prefix="never"),
    ) as weir:
        same(names(weir), ["a__echo", "echo"])


def a_name_that_appears_later_renames_no_other(directory: str) -> None:
    with gateway(directory, a=stub("echo", tools=["echo"]), b=stub(tools=["echo", "grow"])) as weir:
        same(names(weir), ["echo", "grow"])
        weir.send("tools/call", {"name": "grow", "arguments": {"tool": "echo"}}, id="grow")
        received = {weir.receive().get("method", "the answer") for _ in range(2)}
        same(received, {"notifications/tools/list_changed", "the answer"})
        same(names(weir), ["echo", "grow", "b__echo"])


def a_long_name_is_cut_and_stays_unique(directory: str) -> None:
    long = "x" * 100
    with gateway(directory, a=stub(long + "1", long + "2", tools=["x*"])) as weir:
        made = names(weir)
        same([len(name) for name in made], [64, 64])
        assert made[0] != made[1]
        same(weir.call(made[1])["structuredContent"]["tool"], long + "2")


def filters_hold_for_lists_and_calls(directory: str) -> None:
    with gateway(
        directory,
        a=stub("read_a", "read_b", "write_a", tools=["read_*", "write_*"], **{"except": ["*_b"]}),
        b=stub("read_c", "write_c", read_only=True),
    ) as weir:
        same(names(weir), ["read_a", "write_a", "read_c"])
        for name in ("read_b", "pid", "write_c", "b__write_c", "a__pid"):
            same(weir.call(name)["error"]["message"], f"Unknown tool: {name}")
        same(weir.call("read_c")["structuredContent"]["tool"], "read_c")


def a_filter_that_fits_nothing_is_reported(directory: str) -> None:
    path = write(directory, a=stub("echo", tools=["echo", "ecko"]))
    with client("-f", path, worker=None, stderr=subprocess.PIPE) as weir:
        weir.initialize()
        same(names(weir), ["echo"])
        weir.process.stdin.close()
        said = weir.process.stderr.read()
        assert b'a: "tools" has "ecko", which fits no tool' in said, said
        weir.process.stdin = open(os.devnull, "wb")  # leave() closes it


def a_server_that_does_not_start_does_not_stop_the_others(directory: str) -> None:
    broken = {"command": "/no/such/server"}
    with gateway(directory, broken=broken, a=stub("echo", tools=["echo"])) as weir:
        same(names(weir), ["echo"])
        same(weir.call("echo")["structuredContent"]["tool"], "echo")


def calls_have_time_limits(directory: str) -> None:
    with gateway(
        directory, a=stub(tools=["nap", "pid"], timeout_s=60, timeouts={"na*": 0.2})
    ) as weir:
        result = weir.call("nap", s=60)
        assert result["isError"] and "deadline" in text_of(result), result
        assert "isError" not in weir.call("pid")


def progress_keeps_an_idle_limit_away(directory: str) -> None:
    with gateway(directory, a=stub(tools=["nap", "pid"], idle_s=1)) as weir:
        same(text_of(weir.call("nap", {"progressToken": 1}, steps=6, each=0.3)), "rested")
        assert weir.received and weir.received[0]["params"]["message"] == "zz", weir.received
        result = weir.call("nap", s=60)
        assert result["isError"] and "no progress" in text_of(result), result


def results_are_passed_on_in_the_era_of_the_client(directory: str) -> None:
    with gateway(directory, a=stub()) as weir:
        legacy = weir.call("meta")
        same((legacy["_meta"], legacy["isError"]), ({"x/y": 1}, False))
        assert "resultType" not in legacy
        modern = weir.call("meta", MODERN)
        same(modern["resultType"], "complete")
        same(modern["_meta"]["x/y"], 1)
        same(modern["_meta"][KEY + "serverInfo"]["name"], "weir")


def a_server_that_dies_is_started_again(directory: str) -> None:
    with gateway(directory, a=stub()) as weir:
        first = text_of(weir.call("pid"))
        died = weir.call("die")
        assert died["isError"] and "not known" in text_of(died)
        assert text_of(weir.call("pid")) != first


def the_environment_of_the_file_is_added(directory: str) -> None:
    server = dict(stub(), env={"SECRET": "s3cret"})
    with gateway(directory, a=server) as weir:
        same(text_of(weir.call("env", variable="SECRET")), "s3cret")
        same(text_of(weir.call("env", variable="PATH")), os.environ["PATH"])


def what_a_server_prints_has_its_label(directory: str) -> None:
    with gateway(directory, a=stub(), stderr=subprocess.PIPE) as weir:
        assert weir.process.stderr
        weir.call("warn")
        said = b""
        while b"\na: some words\n" not in b"\n" + said:
            more = os.read(weir.process.stderr.fileno(), 4096)
            assert more, said
            said += more


def what_a_tool_asks_goes_to_a_modern_client_and_back(directory: str) -> None:
    script = json.dumps({"era": "modern"})
    server = {"command": sys.executable, "args": [f"{SRCDIR}/tests/support/mcp_server.py", script]}
    log = os.path.join(directory, "log")
    capabilities = {"elicitation": {"form": {}}}
    meta = {**MODERN, KEY + "clientCapabilities": capabilities}
    with client("-f", write(directory, a=server), "--audit", log, worker=None) as weir:
        asked = weir.call("input", meta=meta, n=1)
        same((asked["resultType"], asked["requestState"]), ("input_required", "x"))
        answers = {name: {"action": "accept"} for name in asked["inputRequests"]}
        params = {"name": "input", "arguments": {"n": 1}, "inputResponses": answers}
        answer = weir.ask("tools/call", {**params, "requestState": "x", "_meta": meta})
        got = json.loads(text_of(answer["result"]))
        own = got.pop("_meta")
        same(got, {**params, "requestState": "x"})
        same(own[KEY + "clientCapabilities"], capabilities)
        same(weir.call("missing", meta=meta)["error"]["code"], -32602)
        weir.leave()
    with open(log, encoding="utf-8") as file:
        made = [json.loads(line).get("call", {}).get("method") for line in file]
    same(made, [None, "input", "input", None])


def tools_that_change_are_held_back(directory: str) -> None:
    pins = os.path.join(directory, "pins")
    file = ("-f", write(directory, a=stub("echo", tools=["echo", "warn"])))
    status, said = status_of(*file, "--pin", pins)
    assert status == 2 and "--pin-update" in said, (status, said)
    with client(*file, "--pin", pins, "--pin-update", worker=None) as weir:
        weir.initialize()
        same(names(weir), ["echo", "warn"])
    pinned = json.loads(await_file(pins))
    same((pinned["kind"], sorted(pinned["servers"]["a"])), ("pins", ["echo", "warn"]))
    with client(*file, "--pin", pins, worker=None) as weir:
        weir.initialize()
        same(names(weir), ["echo", "warn"])
    pinned["servers"]["a"]["warn"] = "0" * 64
    del pinned["servers"]["a"]["echo"]
    with open(pins, "w", encoding="utf-8") as out:
        json.dump(pinned, out)
    with client(*file, "--pin", pins, worker=None, stderr=subprocess.PIPE) as weir:
        weir.initialize()
        same(names(weir), [])
        same(weir.call("warn")["error"]["code"], -32602)
        assert weir.process.stdin and weir.process.stderr
        weir.process.stdin.close()
        said = weir.process.stderr.read().decode()
        assert "the tool warn is held back: it has changed since it was pinned" in said, said
        assert "the tool echo is held back: it is new since the tools were pinned" in said, said
        weir.leave()


def each_call_is_in_the_audit_log(directory: str) -> None:
    log = os.path.join(directory, "log")
    words = ("--audit", log, "--audit-arguments")
    with gateway(directory, *words, a=stub("echo"), b=stub("look", tools=["look"])) as weir:
        pid = int(text_of(weir.call("pid")))
        weir.call("look", password="hunter2")
        weir.call("none")
        weir.send("tools/call", {"name": "nap", "arguments": {"s": 60}}, id="nap")
        weir.ask("tools/list")
        weir.send("notifications/cancelled", {"requestId": "nap"})
        weir.call("die")
        weir.leave()
    with open(log, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    same([record["event"] for record in records], ["started", *["call"] * 4, "ended"])
    same(len({record["job"] for record in records}), 1)
    calls = [(r["call"]["label"], r["call"]["method"], r["outcome"]) for r in records[1:-1]]
    same(
        calls,
        [
            ("a", "pid", "ok"),
            ("b", "look", "ok"),
            ("a", "nap", "cancelled"),
            ("a", "die", "status_lost"),
        ],
    )
    first = records[1]["call"]
    same((first["worker"], first["client"], first["door"]), (pid, "test", "mcp"))
    same(first["arguments"]["sha256"], hashlib.sha256(b"{}").hexdigest())
    same(first["arguments"]["bytes"], 2)
    same(records[2]["call"]["arguments"]["text"], '{"password": ***}')
    schema = validate.load(f"{SRCDIR}/docs/schemas/audit-record.schema.json")
    for record in records:
        same([e.message for e in validate.Draft202012Validator(schema).iter_errors(record)], [])
    done = subprocess.run([WEIR, "audit", "verify", log], capture_output=True, check=False)
    assert b"1 started, 1 ended, 0 unfinished, 4 calls" in done.stdout, done
    done = subprocess.run([WEIR, "audit", "show", log], capture_output=True, check=False)
    assert b" call b look " in done.stdout and b"# mcp connection 1, test" in done.stdout, done


def calls_that_cannot_be_recorded_end_the_server(directory: str) -> None:
    log = os.path.join(directory, "log")
    with gateway(directory, "--audit", log, a=stub(), stderr=subprocess.PIPE) as weir:
        weir.call("pid")
        await_that(lambda: '"call"' in await_file(log), "it is recorded")
        with open(log, "ab") as file:
            file.write(b"torn")
        weir.send("tools/call", {"name": "pid", "arguments": {}}, id="last")
        same(weir.process.wait(PATIENCE_S), 125)
        assert weir.process.stderr and b"log" in weir.process.stderr.read()
        weir.process.stderr.close()


def a_server_can_be_named_on_the_command_line() -> None:
    with client("--server", f"files={sys.executable} {STUB} echo", worker=None) as weir:
        weir.initialize()
        same(weir.call("echo")["structuredContent"]["tool"], "echo")


def mistakes_in_the_file_are_named(directory: str) -> None:
    for own, words in (
        ({"tool": ["x"]}, 'server "a": "tool" is not a member'),
        ({"tools": "x"}, '"tools" must be an array of strings'),
        ({"protocol": "http"}, '"protocol" must be "mcp" or "native"'),
        ({"timeout_s": -1}, '"timeout_s" must be a number of seconds'),
        ({"timeouts": {"x": 0}}, '"timeouts" must be a number of seconds'),
        ({"workers": 0}, '"workers" must be an integer'),
        ({"prefix": "some"}, '"prefix" must be "clash"'),
    ):
        status, said = status_of("-f", write(directory, a=stub(**own)))
        assert status == 2 and words in said, (own, status, said)
    for text in ("", "{", "[]", '{"mcpServers":{}}', '{"mcpServers":{"a":{"url":"http://x"}}}'):
        path = os.path.join(directory, "bad.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        same(status_of("-f", path)[0], 2)
    same(status_of("-f", write(directory, **{"a b": stub()}))[0], 2)
    same(status_of("-f", os.path.join(directory, "none.json"))[0], 2)
    same(status_of("--server", "x")[0], 2)
    same(status_of("--join", directory, "-w", "x")[0], 2)


@contextlib.contextmanager
def shared(directory: str) -> Iterator[Any]:
    path = os.path.join(directory, "s")
    words = ["-s", path, "-f", write(directory, a=stub("echo"))]
    with ready_server([WEIR, "serve", *words], env=ENVIRONMENT) as server:
        yield server, path


@contextlib.contextmanager
def joined(path: str) -> Iterator[Client]:
    made = Client([WEIR, "serve", "--mcp", "--join", path])
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.leave()


def clients_that_join_share_one_server(directory: str) -> None:
    with shared(directory) as (_, path), joined(path) as one, joined(path) as two:
        one.initialize()
        assert "resultType" in two.call("pid", MODERN)
        same(text_of(one.call("pid")), text_of(two.call("pid", MODERN)))
        same((one.leave(), two.leave()), (0, 0))


def open_requests_are_answered_when_the_shared_server_goes(directory: str) -> None:
    with shared(directory) as (server, path), joined(path) as weir:
        weir.initialize()
        pid = int(text_of(weir.call("pid")))
        weir.send("tools/call", {"name": "nap", "arguments": {"s": 60}}, id="nap")
        weir.send("tools/call", {"name": "nap", "arguments": {"s": 60}}, id=5)
        weir.send("notifications/cancelled", {"requestId": 5})
        same(weir.ask("ping")["result"], {})
        server.kill()
        server.wait(PATIENCE_S)
        answer = weir.receive()
        same((answer["id"], answer["error"]["code"]), ("nap", -32603))
        same(weir.line(), None)
        same(weir.process.wait(PATIENCE_S), 1)
        await_gone(pid)
        weir.leave()


def no_server_at_the_socket_is_status_125(directory: str) -> None:
    status, said = status_of("--join", os.path.join(directory, "none"))
    assert status == 125 and "is weir serve running there" in said, (status, said)


def servers_that_heed_nothing_are_ended_soon(directory: str) -> None:
    with gateway(directory, a=stub()) as weir:
        pid = int(text_of(weir.call("pid")))
        same(weir.leave(), 0)
        await_gone(pid)


def no_server_is_left_when_weir_is_killed(directory: str) -> None:
    with gateway(directory, a=stub()) as weir:
        pid = int(text_of(weir.call("pid")))
        weir.process.kill()
        weir.leave()
        await_gone(pid)


if __name__ == "__main__":
    run_cases(
        [
            tools_of_all_servers_are_one_list,
            a_name_of_two_servers_gets_both_labels,
            a_name_can_always_or_never_have_its_label,
            a_name_that_appears_later_renames_no_other,
            a_long_name_is_cut_and_stays_unique,
            filters_hold_for_lists_and_calls,
            a_filter_that_fits_nothing_is_reported,
            a_server_that_does_not_start_does_not_stop_the_others,
            calls_have_time_limits,
            progress_keeps_an_idle_limit_away,
            results_are_passed_on_in_the_era_of_the_client,
            a_server_that_dies_is_started_again,
            the_environment_of_the_file_is_added,
            what_a_server_prints_has_its_label,
            what_a_tool_asks_goes_to_a_modern_client_and_back,
            tools_that_change_are_held_back,
            each_call_is_in_the_audit_log,
            calls_that_cannot_be_recorded_end_the_server,
            a_server_can_be_named_on_the_command_line,
            mistakes_in_the_file_are_named,
            clients_that_join_share_one_server,
            open_requests_are_answered_when_the_shared_server_goes,
            no_server_at_the_socket_is_status_125,
            servers_that_heed_nothing_are_ended_soon,
            no_server_is_left_when_weir_is_killed,
        ]
    )
