#!/usr/bin/env python3
"""weir as the host of MCP servers: weir call --protocol mcp.  Prints TAP.
mcp_host.py WEIR SRCDIR
"""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, await_that, run_cases

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


def server(script: Any = None, log: str = "") -> str:
    words = [sys.executable, f"{SRCDIR}/tests/support/mcp_server.py", json.dumps(script or {}), log]
    return shlex.join(words[:4] if log else words[:3])


def start(*words: str, worker: str, **how: Any) -> Any:
    return subprocess.Popen(
        [WEIR, "call", "--protocol", "mcp", "-w", worker, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=how.pop("stderr", subprocess.PIPE),
        **how,
    )


def call(*words: str, script: Any = None, log: str = "") -> Any:
    process = start(*words, worker=server(script, log))
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


def logged(path: str) -> Any:
    """What the server got: its messages, and EOF."""
    with open(path, encoding="utf-8") as file:
        return [line if line == "EOF\n" else json.loads(line) for line in file]


def methods(path: str) -> Any:
    return [message if message == "EOF\n" else message.get("method") for message in logged(path)]


def a_legacy_server_is_initialized(directory: str) -> None:
    log = f"{directory}/log"
    assert call("echo", "message=hi", log=log) == (0, '"{\\"message\\":\\"hi\\"}"\n', "")
    got = logged(log)
    assert methods(log) == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
        "EOF\n",
    ]
    assert got[1]["params"]["protocolVersion"] == "2025-11-25"
    assert got[4]["params"]["_meta"] == {"progressToken": got[4]["id"]}
    assert [message["id"] for message in got if "id" in message] == [1, 2, 3, 4]


def a_modern_server_is_reported_the_version_each_time(directory: str) -> None:
    log = f"{directory}/log"
    assert call("echo", script={"era": "modern"}, log=log)[:2] == (0, '"{}"\n')
    got = logged(log)
    assert methods(log) == [
        "server/discover",
        "tools/list",
        "subscriptions/listen",
        "tools/call",
        "EOF\n",
    ]
    for message in got[:-1]:
        assert MODERN.items() <= message["params"]["_meta"].items(), message
    assert got[2]["params"]["notifications"] == {"toolsListChanged": True}


def every_error_but_one_means_a_legacy_server() -> None:
    for code in (-32602, 0, -32601, 7):
        assert call("structured", script={"code": code})[0] == 0
    assert call("structured", script={"supported": ["2025-06-18"]})[0] == 0
    assert call("structured", script={"supported": ["2026-07-28"]})[0] == 0
    status, _, err = call("structured", script={"supported": ["2031-01-01"]})
    assert status == 125 and '["2031-01-01"]' in err, err
    status, _, err = call("structured", script={"version": "1999-01-01"})
    assert status == 125 and '"1999-01-01"' in err, err


def a_server_that_dies_of_the_first_request_is_greeted_again(directory: str) -> None:
    log = f"{directory}/log"
    assert call("structured", script={"era": "old"}, log=log) == (0, '{"n":5}\n', "")
    assert methods(log)[:3] == ["server/discover", "initialize", "notifications/initialized"]


def a_slow_start_is_not_taken_for_silence(directory: str) -> None:
    log = f"{directory}/log"
    assert call("structured", script={"era": "modern", "delay": 2.2}, log=log)[0] == 0
    assert methods(log)[:3] == ["server/discover", "initialize", "tools/list"]


def a_version_may_be_wished_for(directory: str) -> None:
    for version, first in (("2025-11-25", "initialize"), ("2026-07-28", "server/discover")):
        log = f"{directory}/{version}"
        words = ("--mcp-version", version, "structured")
        assert call(*words, script={"era": "both"}, log=log)[0] == 0
        assert methods(log)[0] == first
    status, _, err = call("--mcp-version", "2026-07-28", "structured")
    assert status == 125 and "does not speak MCP 2026-07-28" in err, err


def a_silent_server_has_not_started() -> None:
    status, _, err = call("--start-timeout", "1s", "echo", script={"era": "silent"})
    assert status == 125 and "is it an MCP server?" in err, err
    status, _, err = call("echo", script={"list_error": True})
    assert status == 125 and "tools/list" in err, err


def an_argument_that_was_not_passed_as_text_is_named() -> None:
    err = call("fail", "broke=5")[2]
    assert err.endswith("broke=5 is not passed as text: for text, write broke='\"5\"'\n"), err
    for word in ("brok=5", "broke=five", 'broke="5"'):
        assert call("fail", word)[2] == "weir call: it broke\n", word


def results_are_cut() -> None:
    for era in ("legacy", "modern"):
        for tool, status, out in (
            ("structured", 0, '{"n":5}\n'),
            ("two", 0, '[{"type":"text","text":"a"},{"type":"text","text":"b"}]\n'),
            ("fail", 1, ""),
        ):
            assert call(tool, script={"era": era})[:2] == (status, out), (era, tool)
    out = call("--whole", "structured")[1]
    assert out == '{"content":[{"type":"text","text":"5"}],"structuredContent":{"n":5}}\n', out
    assert call("--whole", "fail") == (
        0,
        '{"content":[{"type":"text","text":"it broke"}],"isError":true}\n',
        "",
    )
    status, out, err = call("--json", "fail")
    error = json.loads(out)
    assert (status, err) == (1, "weir call: it broke\n")
    assert (error["code"], error["message"], error["data"]["isError"]) == (1000, "it broke", True)
    status, _, err = call("odd", script={"era": "modern"})
    assert status == 1 and "unknown resultType: task" in err, err


def a_tool_takes_its_arguments_by_name(directory: str) -> None:
    status, _, err = call("echo", "hi")
    assert status == 1 and "by name" in err, err
    log = f"{directory}/log"
    assert call("tools/call", "name=echo", 'arguments={"n":1.50}', log=log)[0] == 0
    with open(log, encoding="utf-8") as file:
        assert '"arguments":{"n":1.50}' in file.read()


def requests_are_passed_on(directory: str) -> None:
    log = f"{directory}/log"
    has = {"capabilities": {"tools": {}, "resources": {}}}
    status, out, err = call("resources/read", "uri=file:///a", script=has, log=log)
    assert (status, err) == (0, ""), err
    assert json.loads(out)["contents"][0]["uri"] == "file:///a"
    status, out, err = call("prompts/list", script=has, log=f"{directory}/other")
    assert status == 1 and "prompts/list" in err, err
    assert "prompts/list" not in methods(f"{directory}/other")


def unknown_tools_are_looked_for_once_more(directory: str) -> None:
    log = f"{directory}/log"
    status, _, err = call("nope", log=log)
    assert status == 1 and "--list" in err and methods(log).count("tools/list") == 1, err
    log = f"{directory}/again"
    status, _, err = call("nope", script={"capabilities": {"tools": {}}}, log=log)
    assert status == 1 and methods(log).count("tools/list") == 2, methods(log)


def tools_are_listed_with_their_types() -> None:
    status, out, err = call("--list")
    assert (status, err) == (0, "")
    assert 'echo(message: string, times?: integer|null, how?: "loud"|"low")\n' in out, out
    assert "\n    Gives back what it gets.\n" in out and "More words" not in out
    tools = json.loads(call("--list", "--json", script={"tools": [{"name": "a", "odd": 1.5}]})[1])
    assert tools == [{"name": "a", "inputSchema": {"type": "object"}}], tools


def notifications_become_what_weir_has() -> None:
    status, out, err = call("log")
    assert (status, out) == (0, '"logged"\n')
    assert ': info: {"n":1}\n' in err and ": error: words\n" in err, err
    status, out, err = call("noise")
    assert (status, out) == (0, '"done"\n') and "DEBUG: words" in err


def progress_is_shown_on_a_terminal() -> None:
    main, side = pty.openpty()
    process = start("progress", worker=server(), stderr=side)
    os.close(side)
    assert process.communicate(timeout=PATIENCE_S)[0] == b'"True"\n'
    shown = os.read(main, 65536).decode()
    os.close(main)
    assert "1 of 2: step 1" in shown, shown
    assert call("progress") == (0, '"True"\n', "")


def what_a_server_asks_is_answered() -> None:
    asked = {"id": 0, "result": {}}
    assert json.loads(json.loads(call("ask")[1])) == asked
    for number in ("x", 18446744073709551616, -3):
        words = (f"id={json.dumps(number)}", "method=roots/list")
        answer = json.loads(json.loads(call("ask", *words)[1]))
        assert answer["id"] == number and answer["error"]["code"] == -32601, answer
        assert answer["error"]["message"] == "weir has no roots/list"


def a_tool_may_ask_to_be_repeated(directory: str) -> None:
    log = f"{directory}/log"
    assert call("repeat", script={"era": "modern"}, log=log)[:2] == (0, '"at last"\n')
    got = [message for message in logged(log) if message != "EOF\n"]
    calls = [message for message in got if message.get("method") == "tools/call"]
    assert [message["params"].get("requestState") for message in calls] == [None, "s1", "s2"]
    assert len({message["id"] for message in calls}) == 3
    status, _, err = call("forever")
    assert status == 1 and "again and again" in err
    status, _, err = call("input")
    assert status == 1 and "elicitation/create, but there is no user to ask" in err, err
    assert '"requestState":"x"' in call("--whole", "input")[1]


def a_call_that_waits_to_be_repeated_outlives_its_server(directory: str) -> None:
    words = ("die_once", f"mark={directory}/mark", "repeats=true")
    assert call(*words, script={"era": "modern"})[:2] == (0, '"alive"\n')


def a_cancelled_call_is_over_at_once_and_no_signal_is_sent(directory: str) -> None:
    log = f"{directory}/log"
    process = start("hang", worker=server(log=log))
    await_that(lambda: os.path.exists(log) and "tools/call" in methods(log), "it is called")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert methods(log)[-2:] == ["notifications/cancelled", "EOF\n"], methods(log)
    last = logged(log)[-3:-1]
    assert last[1]["params"] == {"requestId": last[0]["id"], "reason": "cancelled"}


def a_deadline_is_reported(directory: str) -> None:
    log = f"{directory}/log"
    status, _, err = call("--timeout", "500ms", "hang", log=log)
    assert status == 124 and "deadline" in err, err
    if "tools/call" in methods(log):
        assert logged(log)[-2]["params"]["reason"] == "its time was over"


def a_call_that_may_be_repeated_survives_the_server(directory: str) -> None:
    mark = f"{directory}/mark"
    assert call("die_once", f"mark={mark}") == (0, '"alive"\n', "")
    os.remove(mark)
    status, _, err = call("--no-retry", "die_once", f"mark={mark}")
    assert status == 125 and "outcome_unknown" in err, err
    assert call("die")[0] == 125


def nothing_is_left_of_a_stubborn_server(directory: str) -> None:
    log = f"{directory}/log"
    process = start("hang", worker=server({"stubborn": True}, log))
    await_that(lambda: os.path.exists(log) and "tools/call" in methods(log), "it is called")
    process.kill()  # the case fails if the server stays
    process.communicate(timeout=PATIENCE_S)


def a_list_without_end_is_refused() -> None:
    circle = {"tools": [[{"name": "a"}], [{"name": "b"}]], "circle": True}
    status, _, err = call("a", script=circle)
    assert status == 125 and "circle" in err, err
    status, _, err = call("a", script={"endless": True})
    assert status == 125 and "1000 pages" in err, err


def a_list_has_all_its_pages() -> None:
    pages = [[{"name": "a"}], [{"name": "b"}], [{"name": "c\n"}, {"name": ""}, {"no": 1}]]
    for era in ("legacy", "modern"):
        status, out, err = call("--list", script={"tools": pages, "era": era})
        assert (status, out) == (0, "a()\nb()\n"), out
        assert "left out" in err, err


def a_giant_schema_costs_its_types_alone() -> None:
    assert call("--list", script={"giant": 300000}) == (0, "deep()\nlong()\n", "")
    assert call("--list", script={"giant": 17 << 20})[0] == 125


def wrong_ids_and_floods_do_no_harm(directory: str) -> None:
    wrong = [
        json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": []}})
        for number in (0, 3, 99, "4", -1)
    ] + ['{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}']
    assert call("structured", script={"first": wrong})[:2] == (0, '{"n":5}\n')
    flood = [
        '{"jsonrpc":"2.0","id":1,"method":"ping"}',
        '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
    ]
    log = f"{directory}/log"
    script = {"first": flood, "times": 1000}  # their answers fit into a pipe
    assert call("structured", script=script, log=log)[:2] == (0, '{"n":5}\n')
    assert methods(log).count("tools/list") <= 4


def a_server_that_reads_no_answers_is_stopped() -> None:
    status, _, err = call("structured", script={"flood": True})
    assert status == 125 and "without reading the answers" in err, err


def the_wrong_protocol_is_named() -> None:
    for script in ({"code": -32602}, {"era": "old"}):
        words = [WEIR, "call", "-w", server(script), "echo"]
        process = subprocess.run(words, capture_output=True, timeout=PATIENCE_S, check=False)
        err = process.stderr.decode()
        assert process.returncode == 125 and "if it is an MCP server, say --protocol mcp" in err, (
            err
        )


CHECKED = """
import json, sys
INT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = {
    "good": (INT, {"structuredContent": {"n": 5}}),
    "bad": (INT, {"structuredContent": {"n": "five"}}),
    "none": (INT, {}),
    "failing": (INT, {"isError": True}),
    "free": (None, {"structuredContent": 7}),
    "odd": ({"type": "nothing"}, {"structuredContent": {"n": 1}}),
    "regular": ({"type": "object", "patternProperties": {"^n$": INT}}, {"structuredContent": {}}),
    "far": ({"$ref": "http://127.0.0.1:9/schema"}, {"structuredContent": {"n": 2}}),
}
for line in sys.stdin:
    message = json.loads(line)
    method = message["method"]
    if method == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                  "serverInfo": {"name": "x", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"},
                             **({"outputSchema": output} if output else {})}
                            for name, (output, _) in TOOLS.items()]}
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "a text"}],
                  **TOOLS[message["params"]["name"]][1]}
    elif "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"],
                          "error": {"code": -32601, "message": "no"}}), flush=True)
        continue
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def what_tools_return_is_checked_if_that_is_asked_for(directory: str) -> None:
    path = f"{directory}/checked.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write(CHECKED)
    worker = shlex.join([sys.executable, path])

    def run(*words: str) -> tuple[int, str, str]:
        process = start(*words, worker=worker)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out.decode(), err.decode()

    assert run("bad") == (0, '{"n": "five"}\n', "")
    assert run("--check", "none", "bad")[0] == 0
    assert run("--check", "output", "good") == (0, '{"n": 5}\n', "")
    assert run("--check", "output", "free") == (0, "7\n", "")
    status, _, err = run("--check", "output", "bad")
    assert status != 0 and "does not fit the tool's outputSchema: /n " in err, (status, err)
    status, out, _ = run("--check", "output", "--json", "--whole", "bad")
    assert status != 0 and json.loads(out)["code"] == -33003, out
    status, _, err = run("--check", "output", "none")
    assert status != 0 and "there is no structuredContent" in err, (status, err)
    status, _, err = run("--check", "output", "failing")
    assert status == 1 and "a text" in err, (status, err)
    for name in ("odd", "regular", "far"):
        status, _, err = run("--check", "output", name)
        assert status == 0 and "an outputSchema is not checked: " in err, (name, status, err)


def options_that_do_nothing_are_refused() -> None:
    for words in (["--whole", "a"], ["--no-retry", "a"], ["--mcp-version", "2025-11-25", "a"]):
        done = subprocess.run([WEIR, "call", "-w", "x", *words], capture_output=True, check=False)
        assert done.returncode == 2 and b"requires --protocol mcp" in done.stderr, done.stderr
    done = subprocess.run(
        [WEIR, "call", "--protocol", "mcp", "a"], capture_output=True, check=False
    )
    assert done.returncode == 2 and b"requires --worker" in done.stderr
    assert call("--stdin", "echo")[0] == 2


run_cases(
    [
        a_legacy_server_is_initialized,
        a_modern_server_is_reported_the_version_each_time,
        every_error_but_one_means_a_legacy_server,
        a_server_that_dies_of_the_first_request_is_greeted_again,
        a_slow_start_is_not_taken_for_silence,
        a_version_may_be_wished_for,
        a_silent_server_has_not_started,
        an_argument_that_was_not_passed_as_text_is_named,
        results_are_cut,
        a_tool_takes_its_arguments_by_name,
        requests_are_passed_on,
        unknown_tools_are_looked_for_once_more,
        tools_are_listed_with_their_types,
        notifications_become_what_weir_has,
        progress_is_shown_on_a_terminal,
        what_a_server_asks_is_answered,
        a_tool_may_ask_to_be_repeated,
        a_call_that_waits_to_be_repeated_outlives_its_server,
        a_cancelled_call_is_over_at_once_and_no_signal_is_sent,
        a_deadline_is_reported,
        a_call_that_may_be_repeated_survives_the_server,
        nothing_is_left_of_a_stubborn_server,
        a_list_without_end_is_refused,
        a_list_has_all_its_pages,
        a_giant_schema_costs_its_types_alone,
        wrong_ids_and_floods_do_no_harm,
        a_server_that_reads_no_answers_is_stopped,
        the_wrong_protocol_is_named,
        what_tools_return_is_checked_if_that_is_asked_for,
        options_that_do_nothing_are_refused,
    ]
)
