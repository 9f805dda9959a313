#!/usr/bin/env python3
"""weir serve --http: /metrics, and the figures of methods in weir/stats.  Prints TAP.
serve_metrics.py WEIR SRCDIR
"""

import contextlib
import hashlib
import json
import os
import re
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from serve_http_door import Door, door
from tap_cases import await_file, await_that, run_cases

Sample = tuple[str, frozenset[tuple[str, str]]]

LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """The samples of /metrics, each of a metric whose type was given before."""

    def __init__(self, text: str) -> None:
        self.samples: dict[Sample, float] = {}
        self.types: dict[str, str] = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, line
                self.types[name] = kind
            elif not line.startswith("# HELP "):
                self.read(line)
        with contextlib.suppress(ImportError):
            # PyPI's prometheus-client judges where it is installed.
            from prometheus_client.parser import (  # type: ignore[import-not-found,unused-ignore]
                text_string_to_metric_families,
            )

            families = list(text_string_to_metric_families(text))
            assert sum(len(family.samples) for family in families) == len(self.samples)

    def read(self, line: str) -> None:
        match = LINE.fullmatch(line)
        assert match, line
        name = match[1]
        base = re.sub("_(bucket|sum|count)$", "", name)
        assert name in self.types or self.types[base] == "histogram", line
        key = (name, frozenset(LABEL.findall(match[2] or "")))
        assert key not in self.samples, line
        self.samples[key] = float(match[3])

    def of(self, name: str, **labels: str) -> float:
        return self.samples.get((name, frozenset(labels.items())), 0)


def metrics(weir: Door) -> Metrics:
    answer = weir.ask("GET", "/metrics")
    assert answer.status == 200, answer
    assert answer.fields["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", answer
    return Metrics(answer.body.decode())


def calls_are_counted_by_method_and_outcome(directory: str) -> None:
    with door("-j2") as weir:
        for _ in range(3):
            assert weir.call("add", [1, 2]).status == 200
        assert weir.call("add", ["x", 1]).status == 422
        assert weir.call("no-such", [1]).status == 404
        assert weir.call('no"such', [1]).status == 404
        assert weir.call("gr%C3%B6%C3%9Fe%2F%c3%9f", ["abc"]).json == 3
        assert weir.call("hang", [directory + "/h"], Weir_Timeout="0.2").status == 504
        assert weir.call("count", [1, 5]).json == [1, 2, 3, 4, 5]
        lines = {"Content-Type": "application/x-ndjson"}
        assert weir.ask("POST", "/v1/call/total", "1\n2\n3\n", lines).json == 6
        body = json.dumps([directory + "/i"]).encode()
        fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        with weir.connect() as client:
            client.sendall(weir.head("POST /v1/call/hang", *fields) + body)
            await_file(directory + "/i.begun")
        await_that(
            lambda: metrics(weir).of("weir_calls_total", method="hang", outcome="cancelled") == 1,
            "a call of a client that has gone is cancelled",
        )
        found = metrics(weir)
        for method, outcome, wanted in (
            ("add", "returned", 3),
            ("add", "failed", 1),
            ("", "failed", 2),
            ("größe/ß", "returned", 1),
            ("hang", "deadline", 1),
        ):
            assert found.of("weir_calls_total", method=method, outcome=outcome) == wanted, method
        assert found.of("weir_stream_values_total", method="count", direction="out") == 5
        assert found.of("weir_stream_values_total", method="total", direction="in") == 3

        name = "weir_call_duration_seconds"
        assert found.of(name + "_count", method="add") == 4
        assert found.of(name + "_bucket", method="add", le="+Inf") == 4
        assert found.of(name + "_sum", method="hang") >= 0.2
        assert found.of(name + "_bucket", method="hang", le="0.1") <= 1  # of two
        bounds = [
            (float(dict(labels)["le"]), value)
            for (sample, labels), value in found.samples.items()
            if sample == name + "_bucket" and ("method", "add") in labels
        ]
        assert len(bounds) == 20 and bounds == sorted(bounds), bounds
        assert [value for _, value in bounds] == sorted(value for _, value in bounds), bounds
        # Every call that a worker got has waited, however briefly.
        assert found.of("weir_call_queue_seconds_count") == 9, found.samples


def workers_connections_and_requests_are_counted() -> None:
    with door("-j2") as weir:
        assert weir.call("die").status == 502
        assert weir.call("add", [1, 2]).status == 200
        assert weir.ask("GET", "/v1/methods/add").status == 200
        assert weir.ask("GET", "/nothing").status == 404
        assert weir.send(weir.head("BREW /")).status == 405
        found = metrics(weir)
        states = [value for (name, _), value in found.samples.items() if name == "weir_workers"]
        assert len(states) == 7 and sum(states) >= 1, found.samples
        assert found.of("weir_worker_restarts_total", kind="1") == 1
        if os.path.exists("/proc/self/stat"):
            assert found.of("weir_worker_resident_memory_bytes", kind="1") > 1 << 20
        for method, route, status in (
            ("POST", "/v1/call/{name}", "502"),
            ("POST", "/v1/call/{name}", "200"),
            ("GET", "/v1/methods/{name}", "200"),
            ("GET", "", "404"),
            ("_OTHER", "", "405"),
        ):
            count = found.of(
                "http_server_request_duration_seconds_count",
                http_request_method=method,
                http_route=route,
                http_response_status_code=status,
            )
            assert count == 1, (method, route, status, found.samples)
        assert found.of("http_server_active_requests") == 1  # this one
        assert found.of("weir_http_connections") >= 1
        assert abs(found.of("process_start_time_seconds") - time.time()) < 600
        assert found.of("weir_calls_running") == 0
        assert found.of("weir_calls_queued") == 0
        assert any(name == "weir_build_info" for name, _ in found.samples)
        fields = ("Content-Type: application/json", "Content-Length: 5")
        with weir.connect() as client:
            client.sendall(weir.head("POST /v1/call/add", *fields) + b"[1")
            await_that(
                lambda: metrics(weir).of("http_server_active_requests") == 2, "half a request"
            )
        await_that(lambda: metrics(weir).of("http_server_active_requests") == 1, "it has gone")


def refused_tokens_are_counted_by_reason(directory: str) -> None:
    path = os.path.join(directory, "tokens.json")
    digest = hashlib.sha256(b"secret").hexdigest()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump({"tokens": [{"name": "ci", "sha256": digest, "methods": ["add"]}]}, file)
    with door("-j1", "--http-tokens", path) as weir:
        for token, status in (("x", 401), ("a.b.c", 401), ("secret", 200), (None, 401)):
            fields = {"Authorization": f"Bearer {token}"} if token else {}
            assert weir.call("add", [1, 2], **fields).status == status, token
        assert weir.call("echo", [1], Authorization="Bearer secret").status == 403
        found = metrics(weir)  # without a token: it is this machine that asks
        for reason in ("unknown", "malformed", "missing", "forbidden"):
            assert found.of("weir_tokens_refused_total", reason=reason) == 1, found.samples


def the_statistics_have_the_figures_of_each_method() -> None:
    with door("-j1") as weir:
        assert weir.call("add", [1, 2]).status == 200
        assert weir.call("fail", ["x"]).status == 500
        assert weir.call("count", [1, 3]).status == 200
        stats: Any = weir.ask("GET", "/v1/stats").json
        assert sorted(stats["methods"]) == ["add", "count", "fail"], stats
        add, fail = stats["methods"]["add"], stats["methods"]["fail"]
        assert (add["calls"], add["errors"], add["outcomes"]["returned"]) == (1, 0, 1), add
        assert (fail["calls"], fail["errors"], fail["outcomes"]["failed"]) == (1, 1, 1), fail
        assert stats["methods"]["count"]["values_out"] == 3
        assert sum(add["buckets"]) == 1 and len(add["buckets"]) == len(stats["bounds_ms"]) + 1
        assert 0 < add["latency_ms"]["p50"] <= add["latency_ms"]["max"], add


def a_name_is_escaped(directory: str) -> None:
    path = os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            "from weir_worker import function, run\n"
            "@function(name='a\"b\\\\c d')\n"
            "def f(): pass\n"
            "run()\n"
        )
    with door("-j1", worker=f"{sys.executable} {path}") as weir:
        assert weir.call("a%22b%5Cc%20d").status == 200
        found = metrics(weir)
        name = 'a\\"b\\\\c d'
        assert found.of("weir_calls_total", method=name, outcome="returned") == 1, found.samples


run_cases(
    [
        calls_are_counted_by_method_and_outcome,
        workers_connections_and_requests_are_counted,
        refused_tokens_are_counted_by_reason,
        the_statistics_have_the_figures_of_each_method,
        a_name_is_escaped,
    ]
)
