#!/usr/bin/env python3
"""weir serve --http --audit: the records of calls, and --http-log.  Prints TAP.
serve_audit.py WEIR SRCDIR
"""

import fcntl
import hashlib
import json
import os
import re
import select
import subprocess
import sys
from typing import Any

sys.dont_write_bytecode = True
import validate
from serve import SRCDIR, WEIR
from serve_http_door import JSON, Answer, Door, door
from serve_tokens import BEARER, OTHER_KEY, claims, serving, sign
from tap_cases import PATIENCE_S, await_file, await_that, run_cases


def read(log: str) -> list[Any]:
    with open(log, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def records(log: str) -> list[Any]:
    """Of a server that has ended: those of its calls.  All are as the schema says."""
    all_of_them = read(log)
    schema = validate.load(f"{SRCDIR}/docs/schemas/audit-record.schema.json")
    for record in all_of_them:
        errors = [e.message for e in validate.Draft202012Validator(schema).iter_errors(record)]
        assert not errors, (record, errors)
    events = [record["event"] for record in all_of_them]
    assert events == ["started", *["call"] * (len(events) - 2), "ended"], events
    done = subprocess.run([WEIR, "audit", "verify", log], capture_output=True, check=False)
    assert f", {len(events) - 2} calls" in done.stdout.decode(), done
    return all_of_them[1:-1]


def brief(record: Any) -> tuple[Any, ...]:
    return record["call"]["method"], record["outcome"], record["call"]["request"]["status"]


def digest(text: bytes) -> dict[str, Any]:
    return {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def each_call_has_a_record(directory: str) -> None:
    log, path = os.path.join(directory, "log"), os.path.join(directory, "file")
    with door("-j1", "--audit", log) as weir:
        answer = weir.call("add", [3, 4])
        weir.call("add", ["x", 4])
        weir.call("gr%C3%B6%C3%9Fe%2F%C3%9F", [7])
        weir.call("nope%20x", [1])
        weir.call("count", [1, 3], Accept="application/x-ndjson")
        assert weir.call("breaks", [2], Accept="application/x-ndjson").is_cut
        assert weir.call("hang", [path], Weir_Timeout="0.2").status == 504
        with weir.connect() as client:
            body = json.dumps([path + "2"]).encode()
            head = weir.head(
                "POST /v1/call/hang",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            )
            client.sendall(head + body)
            await_file(path + "2.begun")
        await_file(path + "2.cancelled")
        assert weir.ask("POST", "/v1/call/add", b"[1,2]", {}).status == 415
        assert weir.ask("POST", "/v1/call/add", b"[1,", JSON).status == 400
        assert weir.ask("GET", "/v1/call/add").status == 405
        assert weir.ask("GET", "/v1/methods").status == 200
    calls = records(log)
    assert [brief(call) for call in calls] == [
        ("add", "ok", 200),
        ("add", "failed", 422),
        ("größe/ß", "failed", 422),
        ("nope x", "failed", 404),
        ("count", "ok", 200),
        ("breaks", "failed", 200),
        ("hang", "timed_out", 504),
        ("hang", "cancelled", None),
        ("add", "not_started", 415),
        ("add", "not_started", 400),
    ], [brief(call) for call in calls]
    first = calls[0]["call"]
    assert first["arguments"] == digest(b"[3, 4]") and first["result"] == digest(b"7"), first
    assert first["worker"] > 0 and first["door"] == "http" and first["connection"] == 1, first
    assert first["request"]["id"] == answer.fields["Weir-Call"], first
    assert re.fullmatch(r"127\.0\.0\.1:\d+", first["request"]["peer"]), first
    assert calls[7]["call"]["worker"] > 0, calls[7]
    assert calls[8]["call"]["arguments"] is None and calls[8]["call"]["request"]["id"] is None
    shown = subprocess.run([WEIR, "audit", "show", log], capture_output=True, check=False).stdout
    assert re.search(rb" call add  # http connection 1, 127\.0\.0\.1:\d+, status 200, w", shown), (
        shown
    )


def replies_that_are_kept_have_one_call(directory: str) -> None:
    log = os.path.join(directory, "log")
    with door("-j1", "--audit", log) as weir:
        answer = weir.call("add", [1, 2], Prefer="respond-async")
        assert answer.status == 202
        target = answer.fields["Location"]
        await_that(lambda: weir.ask("GET", target).status == 200, "it has ended")
        for _ in range(2):
            assert weir.call("add", [1, 3], Idempotency_Key="k").json == 4
    calls = records(log)
    assert [brief(call) for call in calls] == [
        ("add", "ok", 200),
        ("add", "ok", 200),
        ("add", "not_started", 200),
    ], calls
    assert calls[0]["call"]["request"]["id"] == answer.fields["Weir-Call"]


def who_called_is_said(directory: str) -> None:
    log = os.path.join(directory, "log")
    with serving(directory, "-j1", "--audit", log, "--audit-arguments") as weir:

        def call(token: str, name: str = "add", params: Any = (3, 4)) -> int:
            return weir.call(name, list(params), Authorization=f"Bearer {token}").status

        once = sign(claims(body=b"[3, 4]", sub="the door"))
        assert call(BEARER) == 200
        assert call(BEARER, "blob", [1]) == 403
        assert call("wrong") == 401
        assert call(once) == 200
        assert call(once) == 401
        assert call(sign(claims(body=b"[3, 4]"), key=OTHER_KEY)) == 401
        assert weir.call("add", [3, 4]).status == 401
    calls = records(log)
    requests = [call["call"]["request"] for call in calls]
    assert [(one["token"], one["subject"], one["status"]) for one in requests] == [
        ("caller", None, 200),
        ("caller", None, 403),
        (None, None, 401),
        ("k1", "the door", 200),
        ("k1", "the door", 401),
        (None, None, 401),
        (None, None, 401),
    ], requests
    outcomes = [call["outcome"] for call in calls]
    assert outcomes == ["ok", *["not_started"] * 2, "ok", *["not_started"] * 3], outcomes
    assert calls[0]["call"]["arguments"]["text"] == "[3, 4]", calls[0]
    text = await_file(log)
    assert BEARER not in text and once not in text


FRAGILE = """
import os
from weir_worker import function, run

@function(idempotent=True)
def fragile(text: str) -> str:
    os.kill(os.getpid(), 9)

@function
def safe(text: str) -> str:
    return text

run()
"""


def each_attempt_of_a_fallback_has_a_record(directory: str) -> None:
    log, path = os.path.join(directory, "log"), os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(FRAGILE)
    words = ["-j2", "--audit", log, "--fallback", "fragile=safe"]
    with door(*words, worker=f"{sys.executable} {path}") as weir:
        answer = weir.call("fragile", ["x"])
        assert (answer.json, answer.fields["Weir-Fallback"]) == ("x", "safe"), answer
    calls = records(log)
    assert brief(calls[0])[::2] == ("fragile", None), calls
    assert calls[0]["outcome"] in ("failed", "status_lost"), calls
    assert [brief(call) for call in calls[1:]] == [("safe", "ok", 200)], calls
    assert calls[0]["traceparent"] == calls[1]["traceparent"] is not None
    assert calls[0]["call"]["request"]["id"] == calls[1]["call"]["request"]["id"]


def a_call_without_a_trace_gets_one(directory: str) -> None:
    log = os.path.join(directory, "log")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with door("-j1", "--audit", log) as weir:
        made = [weir.call("trace", []).json[0] for _ in range(2)]
        assert weir.call("trace", [], traceparent=parent).json[0] == parent
    assert made[0] != made[1] and re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", made[0]), made
    assert [call["traceparent"] for call in records(log)] == [*made, parent]


def returned(weir: Door) -> Any:
    return weir.ask("GET", "/v1/stats").json["methods"]["add"]["outcomes"]["returned"]


def answers_can_wait_for_their_records(directory: str) -> None:
    for always in (True, False):
        log = os.path.join(directory, f"log{always}")
        words = ["--audit-fsync", "always"] if always else []
        with door("-j1", "--audit", log, *words) as weir, open(log, "rb") as held:
            assert weir.call("add", [1, 2]).json == 3
            fcntl.flock(held, fcntl.LOCK_EX)  # so nothing can be written
            with weir.connect() as client:
                head = weir.head(
                    "POST /v1/call/add", "Content-Type: application/json", "Content-Length: 5"
                )
                client.sendall(head + b"[3,4]")
                if always:
                    await_that(lambda: returned(weir) == 2, "the function has returned")
                    await_that(lambda: weir.ask("GET", "/v1/calls").json == [], "so has the call")
                    assert select.select([client], [], [], 0)[0] == []
                    fcntl.flock(held, fcntl.LOCK_UN)
                assert Answer(client).json == 7
            fcntl.flock(held, fcntl.LOCK_UN)
        assert len(records(log)) == 2


def a_log_that_cannot_be_written_ends_the_server_with_one_message(directory: str) -> None:
    log = os.path.join(directory, "log")
    with door("-j1", "--audit", log) as weir:
        weir.call("add", [1, 2])
        await_that(lambda: '"call"' in await_file(log), "it is recorded")
        with open(log, "ab") as file:
            file.write(b"torn")
        weir.call("add", [1, 2])
        assert weir.process.wait(timeout=PATIENCE_S) == 125
        said = b"".join(weir.process.said).decode()
    await_that(lambda: log in b"".join(weir.process.said).decode(), "it is said")
    assert b"".join(weir.process.said).decode().count(log) == 1, said
    assert len(await_file(log).splitlines()) == 3  # started, call, torn


def requests_can_be_printed(directory: str) -> None:
    with serving(directory, "-j1", "--http-log") as weir:
        weir.call("add", [3, 4], Authorization=f"Bearer {BEARER}")
        weir.ask("GET", "/healthz?secret=1")
        weir.send(b"GET / HTTP/1.0\r\n\r\n")
        expected = [
            r"weir serve: 127\.0\.0\.1:\d+ caller POST /v1/call/add 200 \d+\.\d ms\n",
            r"weir serve: 127\.0\.0\.1:\d+ - GET /healthz 200 \d+\.\d ms\n",
            r"weir serve: 127\.0\.0\.1:\d+ - - - 505 \d+\.\d ms\n",
        ]
        await_that(lambda: len(weir.process.said) >= len(expected), "all are printed")
        for line, pattern in zip(weir.process.said, expected):
            assert re.fullmatch(pattern, line.decode()), (line, pattern)


if __name__ == "__main__":
    run_cases(
        [
            each_call_has_a_record,
            replies_that_are_kept_have_one_call,
            who_called_is_said,
            each_attempt_of_a_fallback_has_a_record,
            a_call_without_a_trace_gets_one,
            answers_can_wait_for_their_records,
            a_log_that_cannot_be_written_ends_the_server_with_one_message,
            requests_can_be_printed,
        ]
    )
