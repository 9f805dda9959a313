#!/usr/bin/env python3
"""Traces as others read them: OpenTelemetry's own definition of OTLP, and the engine of Chrome's
performance panel.  Prints TAP.
trace_readers.py BUILDDIR SRCDIR
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

BUILDDIR, SRCDIR = sys.argv[1:3]
WEIR = f"{BUILDDIR}/weir"
PEERS = f"{SRCDIR}/tests/peers"
OTLP_PYTHON = f"{BUILDDIR}/peers-venv/bin/python"
CHROME_MODULES = f"{BUILDDIR}/peers-npm"
sys.path.insert(0, f"{SRCDIR}/tests/support")
from server import ready_server
from tap_cases import PATIENCE_S, Skip, run_cases

WORKER = f"{BUILDDIR}/tests/children/rpc_worker"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "TRACEPARENT"},
    "WEIR_SPAWNER": os.path.abspath(f"{BUILDDIR}/weir-spawner"),
}
Span = dict[str, Any]


class Reader(NamedTuple):
    name: str
    suffix: str
    read: Callable[[str], list[Span]]


def weir(*words: str, given: bytes = b"", status: int = 0) -> bytes:
    ended = subprocess.run(
        [WEIR, *words], input=given, capture_output=True, timeout=PATIENCE_S, env=ENVIRONMENT
    )
    assert ended.returncode == status, ended
    return ended.stdout


def read_otlp(path: str) -> list[Span]:
    if not os.path.exists(OTLP_PYTHON):
        raise Skip("opentelemetry-proto is not installed: make check-peers")
    argv = [OTLP_PYTHON, f"{PEERS}/trace_otlp.py", path]
    return read_with(argv)


def read_chrome(path: str) -> list[Span]:
    if shutil.which("node") is None or not os.path.exists(f"{CHROME_MODULES}/made"):
        raise Skip("there is no node, or no @paulirish/trace_engine: make check-peers")
    return read_with(["node", f"{PEERS}/trace_chrome.mjs", CHROME_MODULES, path])


def read_with(argv: list[str]) -> list[Span]:
    ended = subprocess.run(argv, capture_output=True, timeout=PATIENCE_S)
    assert ended.returncode == 0, ended
    spans: list[Span] = json.loads(ended.stdout)
    return spans


def tree(spans: list[Span], outer: str = "") -> dict[str, list[Span]]:
    """The spans by name, checked: one root, each span within its parent.  outer: the parent of the
    root.  Times from 1970 in microseconds are right to a quarter as JavaScript's numbers."""
    by_id = {span["id"]: span for span in spans}
    assert len(by_id) == len(spans) and len({span["trace"] for span in spans}) == 1, spans
    (_,) = (span for span in spans if span["parent"] == outer)
    named: dict[str, list[Span]] = {}
    for span in spans:
        assert span["name"] and span["us"] >= 0, span
        named.setdefault(span["name"], []).append(span)
        if span["parent"] != outer:
            parent = by_id[span["parent"]]
            span["parent_name"] = parent["name"]
            assert span["begin_us"] >= parent["begin_us"] - 1, (span, parent)
            ends = span["begin_us"] + span["us"], parent["begin_us"] + parent["us"]
            assert ends[0] <= ends[1] + 1, (span, parent)
    return named


def below(named: dict[str, list[Span]], name: str) -> list[str]:
    return sorted(
        span["name"]
        for spans in named.values()
        for span in spans
        if span.get("parent_name") == name
    )


def of_run(path: str, reader: Reader) -> None:
    weir("run", "--trace", path, "--", "sh", "-c", "exit 3", status=3)
    named = tree(reader.read(path))
    assert below(named, "weir run sh") == ["sh"]
    assert named["sh"][0]["has_failed"] and named["weir run sh"][0]["has_failed"]


def of_pipe(path: str, reader: Reader) -> None:
    weir("pipe", "--trace", path, "seq 5", "sort -r")
    named = tree(reader.read(path))
    assert below(named, "weir pipe seq | sort") == ["seq", "sort"]


def of_map(path: str, reader: Reader) -> None:
    records = b"".join(b"%d\n" % number for number in range(5000))
    weir("map", "-j2", "--trace", path, "--", "cat", given=records)
    named = tree(reader.read(path))
    assert set(below(named, "weir map cat")) == {"cat", "record"}
    assert len(named["record"]) >= 64


def of_each(path: str, reader: Reader) -> None:
    words = ["--trace", path, "--", "test", "{}", "-lt", "9"]
    weir("each", "-j2", *words, given=b"7\n8\n9\n", status=1)
    named = tree(reader.read(path))
    assert below(named, "weir each test") == ["test"] * 3
    assert sum(span["has_failed"] for span in named["test"]) == 1


def of_call(path: str, reader: Reader) -> None:
    weir("call", "--trace", path, "-w", WORKER, "add", "3", "4")
    named = tree(reader.read(path))
    assert below(named, "call add") == ["add"]
    assert below(named, "weir call add") == ["call add", "rpc_worker"]


def of_a_server_and_its_caller(path: str, reader: Reader) -> None:
    """Each has a file, and a clock; the spans of the call are one trace."""
    at, caller = f"{path}.socket", path + reader.suffix
    words = ["-s", at, "-j1", "-w", WORKER, "--trace", path]
    with ready_server([WEIR, "serve", *words], env=ENVIRONMENT):
        weir("call", "-s", at, "--trace", caller, "add", "3", "4")
    (asked,) = tree(reader.read(caller))["call add"]
    served = reader.read(path)
    of_call = [span for span in served if span["trace"] == asked["trace"]]
    named = tree(of_call, asked["id"])
    assert sorted(named) == ["add", "call add"] and below(named, "call add") == ["add"]
    assert tree([span for span in served if span not in of_call])["rpc_worker"]


def case(reader: Reader, check: Callable[[str, Reader], None]) -> Callable[[str], None]:
    def run(directory: str) -> None:
        check(f"{directory}/t{reader.suffix}", reader)

    run.__name__ = f"{reader.name}_reads_the_trace_{check.__name__}"
    return run


if __name__ == "__main__":
    run_cases(
        [
            case(reader, check)
            for reader in (
                Reader("opentelemetry", ".otlp.json", read_otlp),
                Reader("chrome", ".json", read_chrome),
            )
            for check in (of_run, of_pipe, of_map, of_each, of_call, of_a_server_and_its_caller)
        ]
    )
