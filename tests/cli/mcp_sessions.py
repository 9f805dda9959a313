#!/usr/bin/env python3
"""Recorded MCP servers as workers: what weir makes of what they said, and whether all that weir
says is what the official schemas allow.  Prints TAP.
mcp_sessions.py WEIR SRCDIR BUILDDIR DATA
"""

import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile
from typing import Any

WEIR, SRCDIR, BUILDDIR, DATA = sys.argv[1:5]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases

MOST_CALLS = 4  # of one session
SAID: list[tuple[str, Any]] = []  # the session and the message


def run(session: str, log: str, *words: str) -> tuple[int, str, str]:
    worker = shlex.join([sys.executable, f"{SRCDIR}/tests/support/mcp_replay.py", session, log])
    done = subprocess.run(
        [WEIR, "call", "--protocol", "mcp", "-w", worker, *words],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def answered_calls(session: str) -> list[tuple[Any, Any]]:
    """The params of the calls that were answered, each once, with the answer."""
    calls: dict[str, Any] = {}
    found: dict[str, tuple[Any, Any]] = {}
    with open(session, encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    for entry in entries:
        try:
            message = json.loads(entry["line"])
        except ValueError:
            continue
        number = json.dumps(message.get("id"))
        if entry["dir"] == ">" and message.get("method") == "tools/call":
            calls[number] = message["params"]
        elif entry["dir"] == "<" and "method" not in message and number in calls:
            params = calls.pop(number)
            key = json.dumps([params["name"], params.get("arguments")])
            found.setdefault(key, (params, message))
    return list(found.values())[:MOST_CALLS]


def value_of(result: Any) -> Any:
    """What weir call prints of a result, made here in another way."""
    if "structuredContent" in result:
        return result["structuredContent"]
    blocks = result["content"]
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return blocks[0]["text"]
    return blocks


def check_call(session: str, log: str, params: Any, answer: Any) -> None:
    arguments = json.dumps(params.get("arguments", {}))
    name = json.dumps(params["name"])
    status, out, err = run(
        session, log, "--whole", "tools/call", f"name={name}", f"arguments={arguments}"
    )
    if "error" in answer:
        assert status == 1 and answer["error"]["message"] in err, (status, out, err)
        return
    result = answer["result"]
    assert status == 0 and json.loads(out) == result, (status, out, err)
    words = [f"{key}={json.dumps(value)}" for key, value in params.get("arguments", {}).items()]
    status, out, err = run(session, log, params["name"], *words)
    if "no function named" in err:
        return  # the recorded list was cut
    if result.get("isError"):
        assert status == 1, (status, out, err)
        return
    assert status == 0 and json.loads(out) == value_of(result), (status, out, err)


def session_case(session: str) -> Any:
    def case(directory: str) -> None:
        log = os.path.join(directory, "log")
        if "dies-of-discover" in session:
            status, _, err = run(session, log, "--start-timeout", "20s", "--list")
            with open(log, encoding="utf-8") as file:
                said = [json.loads(line)["method"] for line in file]
            assert status == 125 and said[-1] == "initialize", (status, said, err)
            assert said.count("server/discover") == 1, said
            return
        status, out, err = run(session, log, "--list", "--json")
        assert status == 0 and isinstance(json.loads(out), list), (status, out, err)
        for params, answer in answered_calls(session):
            check_call(session, log, params, answer)
        with open(log, encoding="utf-8") as file:
            SAID.extend((os.path.basename(session), json.loads(line)) for line in file)

    case.__name__ = os.path.basename(session).removesuffix(".ndjson")
    return case


def definition_of(message: Any) -> str:
    if "method" not in message:
        return "JSONRPCErrorResponse" if "error" in message else "JSONRPCResultResponse"
    return "ClientRequest" if "id" in message else "ClientNotification"


def version_of(message: Any) -> str:
    meta = message.get("params", {}).get("_meta", {})
    is_modern = "io.modelcontextprotocol/protocolVersion" in meta
    return "2026-07-28" if is_modern else "2025-11-25"


def all_that_weir_says_is_valid() -> None:
    assert len(SAID) > 50, len(SAID)
    groups: dict[tuple[str, str], list[Any]] = {}
    for session, message in SAID:
        groups.setdefault((version_of(message), definition_of(message)), []).append(
            {"description": session, "data": message, "valid": True}
        )
    suite = []
    for (version, name), tests in groups.items():
        with open(f"{DATA}/schema-{version}.json", encoding="utf-8") as file:
            schema = {**json.load(file), "$ref": f"#/$defs/{name}"}
        broken = {"description": "no message", "data": {"jsonrpc": "1.0"}, "valid": False}
        suite.append(
            {"description": f"{version} {name}", "schema": schema, "tests": [*tests, broken]}
        )
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "said.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(suite, file)
        tool = f"{BUILDDIR}/tests/support/json_schema"
        out = subprocess.run([tool, path], capture_output=True, check=True).stdout.decode()
    bad = [line for line in out.splitlines() if "\tright\t" not in line]
    assert not bad and out.count("\tright\t") == len(SAID) + len(suite), bad[:5]


cases = [session_case(path) for path in sorted(glob.glob(f"{DATA}/sessions/host-*.ndjson"))]
run_cases([*cases, all_that_weir_says_is_valid])
