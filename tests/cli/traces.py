#!/usr/bin/env python3
"""Traces: the option --trace of all subcommands.  Prints TAP.
traces.py WEIR SRCDIR
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from server import ready_server
from tap_cases import PATIENCE_S, run_cases

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
UNSAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-00"

# Returns what weir says beside a call, or dies.
WORKER = """
import json, os, sys
for line in sys.stdin:
    call = json.loads(line)
    if call["method"] == "weir/hello":
        result = {"version": 1, "methods": {"add": {}, "die": {}, "fail": {}}, "pid": os.getpid()}
    elif call["method"] == "die":
        os._exit(3)
    elif call["method"] == "fail":
        error = {"code": 1, "message": "no"}
        print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}), flush=True)
        continue
    else:
        result = call.get("weir", {}).get("traceparent")
    print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}), flush=True)
"""

# Answers a record with itself: "slow" late, "later" in the third attempt (in the first it is among
# others), "never" not at all.
PICKY = """
import os, sys, time
tried = sys.argv[1] + "/tried"
for line in sys.stdin:
    if "slow" in line:
        time.sleep(1)
    if "later" in line:
        with open(tried, "a") as file:
            file.write("x")
        if os.path.getsize(tried) < 3:
            os._exit(3)
    if "never" in line:
        os._exit(3)
    sys.stdout.write(line)
    sys.stdout.flush()
"""


def run(*words: Any, given: Any = b"", **environment: str) -> Any:
    """Runs weir in no trace but the one given."""
    inherited = {name: value for name, value in os.environ.items() if name != "TRACEPARENT"}
    return subprocess.run(
        [WEIR, *words],
        input=given,
        capture_output=True,
        timeout=PATIENCE_S,
        env={**inherited, **environment},
    )


def worker(directory: Any) -> str:
    path = os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(WORKER)
    return f"{sys.executable} {path}"


def chrome(path: Any) -> Any:
    """The events of a file in Chrome's format, checked: what begins also ends, with the same
    name, category and id, and not before."""
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    begun = {}
    for event in sorted((one for one in events if one["ph"] in "be"), key=lambda one: one["ph"]):
        key = (event["cat"], event["id"], event["name"])
        if event["ph"] == "b":
            assert key not in begun, event
            begun[key] = event
        else:
            event_begun = begun.pop(key)
            event_begun["dur"] = event["ts"] - event_begun["ts"]
            assert event_begun["dur"] >= 0, event_begun
    assert not begun, begun
    for event in events:
        assert event["ph"] in "XMbei" and isinstance(event["pid"], int), event
        assert event["ph"] == "M" or event["ts"] > 1e15, event
    return events


def spans_of(events: Any, name: str) -> Any:
    return [event for event in events if event["ph"] in "Xb" and event["name"] == name]


def value_of(attribute: Any) -> Any:
    ((kind, value),) = attribute["value"].items()
    return int(value) if kind == "intValue" else value


def otlp(path: Any) -> Any:
    """The spans of a file in OTLP/JSON by name, checked."""
    with open(path, encoding="utf-8") as file:
        (resource,) = json.load(file)["resourceSpans"]
    named = {one["key"]: value_of(one) for one in resource["resource"]["attributes"]}
    assert named["service.name"] == "weir", named
    ((scope),) = resource["scopeSpans"]
    spans: dict[str, list[Any]] = {}
    ids = set()
    for span in scope["spans"]:
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]), span
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"]), span
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), span
        assert span["kind"] in (1, 2, 3) and span["spanId"] not in ids, span
        ids.add(span["spanId"])
        span["named"] = {one["key"]: value_of(one) for one in span["attributes"]}
        spans.setdefault(span["name"], []).append(span)
    return spans


def is_below(span: Any, parent: Any) -> bool:
    return bool(
        span["traceId"] == parent["traceId"]
        and span["parentSpanId"] == parent["spanId"]
        and int(span["startTimeUnixNano"]) >= int(parent["startTimeUnixNano"])
        and int(span["endTimeUnixNano"]) <= int(parent["endTimeUnixNano"])
    )


def a_program_has_a_span_and_knows_its_trace(directory: Any) -> None:
    path = os.path.join(directory, "t.json")
    ended = run("run", "--trace", path, "--", "sh", "-c", "echo $TRACEPARENT; exit 3")
    assert ended.returncode == 3, ended
    events = chrome(path)
    (root,) = spans_of(events, "weir run sh")
    (program,) = spans_of(events, "sh")
    ids = root["args"]
    assert ended.stdout.decode() == f"00-{ids['trace_id']}-{ids['span_id']}-01\n", ended
    assert program["args"]["parent_span_id"] == ids["span_id"]
    assert program["args"]["process.exit.code"] == ids["process.exit.code"] == 3
    assert program["args"]["error"] and ids["error"] and "parent_span_id" not in ids
    assert root["ts"] <= program["ts"]
    assert program["ts"] + program["dur"] <= root["ts"] + root["dur"] + 1


def the_trace_of_the_environment_is_continued(directory: Any) -> None:
    path = os.path.join(directory, "t.otlp.json")
    ended = run("run", "--trace", path, "--", "sh", "-c", "echo $TRACEPARENT", TRACEPARENT=PARENT)
    (root,) = otlp(path)["weir run sh"]
    assert (root["traceId"], root["parentSpanId"]) == (TRACE_ID, PARENT_ID)
    assert ended.stdout.decode() == f"00-{TRACE_ID}-{root['spanId']}-01\n"
    malformed = PARENT.replace("-01", "-0")
    run("run", "--trace", path, "--", "true", TRACEPARENT=malformed)
    (root,) = otlp(path)["weir run true"]
    assert root["traceId"] != TRACE_ID and "parentSpanId" not in root


def stages_signals_and_failures_are_told(directory: Any) -> None:
    path = os.path.join(directory, "t.otlp.json")
    ended = run("pipe", "--trace", path, "--timeout", "1s", "seq 3", "sleep 1000")
    assert ended.returncode == 124, ended
    spans = otlp(path)
    (root,) = spans["weir pipe seq | sleep"]
    (first,), (last,) = spans["seq"], spans["sleep"]
    assert is_below(first, root) and is_below(last, root)
    assert root["status"]["code"] == 2 and last["status"]["code"] == 2
    assert last["named"]["process.exit.signal"] == "SIGTERM", last
    assert "timeout" in [event["name"] for event in root["events"]], root
    told = [event for span in (first, last) for event in span.get("events", [])]
    assert {event["name"] for event in told} >= {"signal_sent"}, told
    ended = run("run", "--trace", path, "--", "./is-not-there")
    spans = otlp(path)
    (missing,) = spans["is-not-there"]
    assert missing["status"]["code"] == 2 and missing["status"]["message"], missing


def workers_and_records_of_a_map_are_told(directory: Any) -> None:
    path = os.path.join(directory, "t.json")
    records = b"".join(b"%d\n" % i for i in range(20000))
    ended = run("map", "-j2", "--trace", path, "--", "cat", given=records)
    assert (ended.returncode, ended.stdout) == (0, records), ended.stderr
    events = chrome(path)
    workers = spans_of(events, "cat")
    (root,) = spans_of(events, "weir map cat")
    told = spans_of(events, "record")
    assert 1 <= len(workers) <= 2 and {one["args"]["process.exit.code"] for one in workers} == {0}
    assert len(told) >= 64
    assert len(told) + root["args"].get("weir.calls_left_out", 0) == 20000, root
    assert {one["args"]["weir.line"] for one in told} <= set(range(1, 20001))
    assert {one["args"]["parent_span_id"] for one in told} == {root["args"]["span_id"]}
    known = {one["args"]["process.pid"] for one in told if "process.pid" in one["args"]}
    assert known <= {one["args"]["process.pid"] for one in workers}


def of_many_records_those_that_matter_are_told(directory: Any) -> None:
    """What is slow, answered by the second attempt, and dead, among many that are fast."""
    program = os.path.join(directory, "picky.py")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PICKY)
    path = os.path.join(directory, "t.json")
    lines = [b"1"] * 20000
    lines[9000], lines[12000], lines[15000] = b'"slow"', b'"later"', b'"never"'
    words = ["--on-error", "skip", "--trace", path, "--", sys.executable, program, directory]
    ended = run("map", "-j1", *words, given=b"\n".join(lines) + b"\n")
    assert ended.returncode == 1, ended
    events = chrome(path)
    (root,) = (event for event in events if event.get("cat") == "command")
    told = {one["args"]["weir.line"]: one for one in spans_of(events, "record")}
    assert len(told) + root["args"]["weir.calls_left_out"] == 20000, root
    # Its turn is seen to begin when the reply before it is read.
    assert told[9001]["dur"] >= 50_000, told[9001]
    assert {"error", "weir.stands_for"}.isdisjoint(told[9001]["args"]), told[9001]
    assert told[12001]["args"]["weir.retries"] >= 1
    assert told[15001]["args"]["error"] and told[15001]["args"]["message"] == "crash"


def a_program_per_record_takes_the_rows_of_those_that_ended(directory: Any) -> None:
    path = os.path.join(directory, "t.json")
    records = b"".join(b"%d\n" % (i % 2) for i in range(40))
    ended = run("each", "-j3", "--trace", path, "--", "test", "0", "-eq", given=records)
    assert ended.returncode == 1, ended
    events = chrome(path)
    jobs = spans_of(events, "test")
    assert len(jobs) == 40 and {job["tid"] for job in jobs} <= {1, 2, 3}
    assert sum(job["args"]["process.exit.code"] == 1 for job in jobs) == 20
    for row in (1, 2, 3):
        end = 0.0
        for job in sorted((job for job in jobs if job["tid"] == row), key=lambda job: job["ts"]):
            assert job["ts"] >= end - 1, job
            end = job["ts"] + job["dur"]


def a_function_sees_a_span_of_its_own(directory: Any) -> None:
    path = os.path.join(directory, "t.otlp.json")
    ended = run("call", "--trace", path, "-w", worker(directory), "add")
    spans = otlp(path)
    (root,), (call,), (function,) = spans["weir call add"], spans["call add"], spans["add"]
    assert is_below(call, root) and is_below(function, call)
    assert json.loads(ended.stdout) == f"00-{root['traceId']}-{function['spanId']}-01", ended
    assert function["kind"] == 2 and call["named"]["weir.outcome"] == "returned"
    ended = run("call", "--trace", path, "-w", worker(directory), "die")
    assert ended.returncode == 125, ended
    spans = otlp(path)
    (call,), (function,) = spans["call die"], spans["die"]
    assert call["named"]["weir.outcome"] == "outcome_unknown"
    assert call["status"]["code"] == function["status"]["code"] == 2
    assert "exited with 3" in call["status"]["message"]


@contextlib.contextmanager
def serving(directory: Any, *words: Any) -> Iterator[Any]:
    path = os.path.join(directory, "s")
    argv = [WEIR, "serve", "-s", path, "-w", worker(directory), "-j1", *words]
    environment = {name: value for name, value in os.environ.items() if name != "TRACEPARENT"}
    with ready_server(argv, env=environment):
        yield path


def ask(path: Any, method: str, parent: Any = None) -> Any:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(path)
        request: Any = {"jsonrpc": "2.0", "id": 1, "method": method}
        if parent is not None:
            request["weir"] = {"traceparent": parent}
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile() as lines:
            return json.loads(lines.readline())


def a_server_puts_each_call_into_the_trace_of_its_caller(directory: Any) -> None:
    path = os.path.join(directory, "t.otlp.json")
    with serving(directory, "--trace", path) as at:
        seen = [ask(at, "add", parent)["result"] for parent in (PARENT, None, UNSAMPLED)]
        caller = os.path.join(directory, "c.otlp.json")
        ended = run("call", "-s", at, "--trace", caller, "add")
        assert ended.returncode == 0, ended
    spans = otlp(path)
    (root,) = [
        one for name, all_of in spans.items() if name.startswith("weir serve") for one in all_of
    ]
    calls = spans["call add"]
    assert len(calls) == 3 and len(spans["add"]) == 3
    (of_caller,) = [call for call in calls if call["traceId"] == TRACE_ID]
    (own,) = [call for call in calls if call["traceId"] == root["traceId"]]
    assert of_caller["parentSpanId"] == PARENT_ID and own["parentSpanId"] == root["spanId"]
    below = {span["parentSpanId"]: span for span in spans["add"]}
    assert seen == [
        f"00-{TRACE_ID}-{below[of_caller['spanId']]['spanId']}-01",
        f"00-{root['traceId']}-{below[own['spanId']]['spanId']}-01",
        UNSAMPLED,
    ], seen
    # The command's own span is the parent in the server.
    (asked,) = otlp(caller)["call add"]
    (answered,) = [call for call in calls if call["traceId"] == asked["traceId"]]
    assert answered["parentSpanId"] == asked["spanId"] and asked["kind"] == 3


def of_many_calls_those_that_matter_are_told(directory: Any) -> None:
    """One that fails, and one that its caller takes, among many at once that are fast."""
    path = os.path.join(directory, "t.otlp.json")
    count = 3000
    requests = [{"jsonrpc": "2.0", "id": i, "method": "add"} for i in range(count)]
    requests[2000]["method"] = "fail"
    requests[2500]["weir"] = {"traceparent": PARENT}
    with (
        serving(directory, "--trace", path) as at,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.settimeout(PATIENCE_S)
        client.connect(at)
        with client.makefile() as lines:
            for at_once in range(0, count, 100):
                for one in requests[at_once : at_once + 100]:
                    client.sendall(json.dumps(one).encode() + b"\n")
                for _ in range(100):
                    assert lines.readline()
    spans = otlp(path)
    (root,) = [
        one for name, all_of in spans.items() if name.startswith("weir serve") for one in all_of
    ]
    (failed,), (function,) = spans["call fail"], spans["fail"]
    assert is_below(function, failed) and is_below(failed, root)
    assert failed["status"]["code"] == 2 and failed["named"]["weir.outcome"] == "failed"
    told = spans["call add"]
    assert [span for span in told if span["traceId"] == TRACE_ID]
    assert len(told) + 1 + root["named"].get("weir.calls_left_out", 0) == count, root


def the_file_has_a_bound(directory: Any) -> None:
    path = os.path.join(directory, "t.json")
    records = b"true\n" * 100 + b"echo\n" * 100
    for last in (False, True):
        words = ["--trace", path, "--trace-size", "8K", *(["--trace-last"] if last else [])]
        ended = run("each", "-j1", *words, "--", "{}", given=records)
        assert ended.returncode == 0, ended
        events = chrome(path)
        first, second = spans_of(events, "true"), spans_of(events, "echo")
        (root,) = (event for event in events if event.get("cat") == "command")
        assert 4 <= len(second if last else first) < 40 and not (first if last else second)
        assert os.path.getsize(path) < 12 * 1024
        assert root["args"]["weir.spans_left_out"] + len(first) + len(second) >= 200, root


def what_cannot_be_traced_is_not_started(directory: Any) -> None:
    made = os.path.join(directory, "made")
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    for path, status in ((os.path.join(directory, "no", "t"), 125), (fifo, 125)):
        ended = run("run", "--trace", path, "--", "touch", made)
        assert ended.returncode == status and b"--trace" in ended.stderr, ended
        assert not os.path.exists(made)
    ended = run("map", "--trace", fifo, "--", "cat")
    assert ended.returncode == 2, ended
    ended = run("map", "--trace-size", "1M", "--", "cat")
    assert ended.returncode == 2 and b"requires --trace FILE" in ended.stderr, ended
    same = os.path.join(directory, "same")
    ended = run("map", "--trace", same, "--report", same, "--", "cat")
    assert ended.returncode == 2 and b"--trace" in ended.stderr, ended
    assert not os.path.exists(same)


def a_full_disk_is_told(_: Any) -> None:
    ended = run("run", "--trace", "/dev/full", "--", "true")
    assert ended.returncode == 125 and b"No space left" in ended.stderr, ended


def names_of_others_cannot_break_the_file(directory: Any) -> None:
    path = os.path.join(directory, "t.json")
    name = b'a"\\\xff\n\x1b[1m'
    program = os.path.join(os.fsencode(directory), name)
    with open(program, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n")
    os.chmod(program, 0o700)
    for form in ("chrome", "otlp"):
        ended = run("run", "--trace", path, "--trace-format", form, "--", program)
        assert ended.returncode == 0, ended
        with open(path, encoding="utf-8") as file:
            text = file.read()
        json.loads(text)
        assert "\x1b" not in text and r"\\x1b" in text


if __name__ == "__main__":
    run_cases(
        [
            a_program_has_a_span_and_knows_its_trace,
            the_trace_of_the_environment_is_continued,
            stages_signals_and_failures_are_told,
            workers_and_records_of_a_map_are_told,
            of_many_records_those_that_matter_are_told,
            a_program_per_record_takes_the_rows_of_those_that_ended,
            a_function_sees_a_span_of_its_own,
            a_server_puts_each_call_into_the_trace_of_its_caller,
            of_many_calls_those_that_matter_are_told,
            the_file_has_a_bound,
            what_cannot_be_traced_is_not_started,
            a_full_disk_is_told,
            names_of_others_cannot_break_the_file,
        ]
    )
