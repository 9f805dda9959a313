#!/usr/bin/env python3
"""Records as calls of an MCP server's tool: weir map --call NAME --protocol mcp.  Prints TAP.
mcp_map.py WEIR SRCDIR
"""

import json
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases


def run(
    tool: str, records: Any, *words: str, script: Any = None, log: str = ""
) -> tuple[int, list[str], str]:
    server = [sys.executable, f"{SRCDIR}/tests/support/mcp_server.py", json.dumps(script or {})]
    done = subprocess.run(
        [
            WEIR,
            "map",
            "--call",
            tool,
            "--protocol",
            "mcp",
            *words,
            "--",
            *server,
            *filter(None, [log]),
        ],
        input="".join(json.dumps(record) + "\n" for record in records),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


def letters(path: str) -> list[Any]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def logged(path: str) -> list[Any]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line != "EOF\n"]


def a_record_is_the_arguments(directory: str) -> None:
    for era in ("legacy", "modern"):
        log = f"{directory}/{era}"
        got = run("echo", [{"message": "a"}, {}, []], script={"era": era}, log=log)
        assert got == (0, ['"{\\"message\\":\\"a\\"}"', '"{}"', '"{}"'], ""), got
        calls = [m["params"] for m in logged(log) if m.get("method") == "tools/call"]
        assert [call["arguments"] for call in calls] == [{"message": "a"}, {}, {}], calls


def there_is_one_server_by_default() -> None:
    status, out, err = run("read_pid", [{}] * 200)
    assert status == 0 and len(out) == 200 and len(set(out)) == 1, (out, err)


def what_is_no_object_is_dead_before_it_is_sent(directory: str) -> None:
    dead, log = f"{directory}/dead", f"{directory}/log"
    status, out, _ = run("structured", [5, {}, [1], "x"], "--dead-letter", dead, log=log)
    assert status == 1 and out == ['{"n":5}'], out
    assert [(letter["reason"], letter["line"]) for letter in letters(dead)] == [
        ("invalid", 1),
        ("invalid", 3),
        ("invalid", 4),
    ]
    assert sum(m.get("method") == "tools/call" for m in logged(log)) == 1


def a_tool_that_fails_makes_a_dead_letter(directory: str) -> None:
    dead = f"{directory}/dead"
    words = ("--dead-letter", dead, "--retries", "1")
    assert run("fail", [{}], *words)[:2] == (1, [])
    (letter,) = letters(dead)
    assert (letter["reason"], letter["attempts"]) == ("error", 2), letter
    assert (letter["error"]["code"], letter["error"]["message"]) == (1000, "it broke"), letter
    assert run("repeat", [{}], *words, script={"era": "modern"})[:2] == (1, [])
    assert "asks to be repeated" in letters(dead)[-1]["error"]["message"]


def a_tool_that_only_reads_may_run_several_at_a_time(directory: str) -> None:
    status, out, err = run("meet", [{"of": 1}, {"of": 2}, {"of": 2}])
    assert (status, out) == (0, ['"met"'] * 3), err
    dead = f"{directory}/dead"
    words = ("--record-timeout", "500ms", "--retries", "0", "--dead-letter", dead)
    got = run("meet_alone", [{"of": 1}, {"of": 2}, {"of": 2}], *words)
    assert got[:2] == (1, ['"met"']), got
    assert [letter["reason"] for letter in letters(dead)] == ["timeout", "timeout"]


def what_the_server_asks_is_answered() -> None:
    status, out, _ = run("ask", [{"id": "x"}, {"method": "roots/list"}])
    first, second = (json.loads(json.loads(line)) for line in out)
    assert status == 0 and first == {"id": "x", "result": {}} and second["error"]["code"] == -32601


def a_server_that_dies_is_started_again(directory: str) -> None:
    record = {"mark": f"{directory}/mark"}
    assert run("die_once", [record, record])[:2] == (0, ['"alive"', '"alive"'])
    dead = f"{directory}/dead"
    assert run("die", [{}], "--retries", "0", "--dead-letter", dead)[:2] == (4, [])


def a_server_of_the_old_kind_is_greeted_again(directory: str) -> None:
    log = f"{directory}/log"
    assert run("structured", [{}], script={"era": "old"}, log=log) == (0, ['{"n":5}'], "")
    greetings = [m["method"] for m in logged(log)][:2]
    assert greetings == ["server/discover", "initialize"], greetings


def a_server_that_is_slow_to_discover_is_asked_again(directory: str) -> None:
    log = f"{directory}/log"
    script = {"era": "modern", "delay": 2.2}
    assert run("structured", [{}], script=script, log=log)[0] == 0
    assert [m["method"] for m in logged(log)][:2] == ["server/discover", "initialize"]


def a_request_may_be_called_like_a_tool() -> None:
    script = {"capabilities": {"resources": {}}}
    status, out, _ = run("resources/read", [{"uri": "file:///a"}], script=script)
    assert status == 0 and json.loads(out[0])["contents"][0]["uri"] == "file:///a", out
    status, _, err = run("resources/read", [{"uri": "file:///a"}])
    assert status == 4 and 'no function "resources/read"' in err, err


def a_tool_that_is_not_there_ends_the_run() -> None:
    status, _, err = run("missing", [{}])
    assert status == 4 and 'no function "missing"; it has: echo' in err, err


def a_protocol_is_for_calls() -> None:
    done = subprocess.run(
        [WEIR, "map", "--protocol", "mcp", "--", "cat"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2 and "--protocol requires --call" in done.stderr, done


run_cases(
    [
        a_record_is_the_arguments,
        there_is_one_server_by_default,
        what_is_no_object_is_dead_before_it_is_sent,
        a_tool_that_fails_makes_a_dead_letter,
        a_tool_that_only_reads_may_run_several_at_a_time,
        what_the_server_asks_is_answered,
        a_server_that_dies_is_started_again,
        a_server_of_the_old_kind_is_greeted_again,
        a_server_that_is_slow_to_discover_is_asked_again,
        a_request_may_be_called_like_a_tool,
        a_tool_that_is_not_there_ends_the_run,
        a_protocol_is_for_calls,
    ]
)
