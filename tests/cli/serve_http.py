#!/usr/bin/env python3
"""weir serve --http: the web door.  Prints TAP.
serve_http.py WEIR SRCDIR
"""

import base64
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from serve import ENVIRONMENT, WEIR
from serve_http_door import WORKER, Answer, Door, descriptors, door, start
from server import await_ready
from tap_cases import PATIENCE_S, Skip, await_file, await_gone, await_that, run_cases

LINES = {"Content-Type": "application/x-ndjson"}


# --- Calls ----------------------------------------------------------------------


def a_function_is_called_by_position_by_name_and_without_parameters() -> None:
    with door("-j1") as weir:
        answer = weir.call("add", [3, 4])
        assert (answer.status, answer.body) == (200, b"7"), answer
        assert answer.fields["Content-Type"] == "application/json"
        assert answer.fields["Weir-Call"]
        assert answer.fields["Server-Timing"].startswith("queue;dur=")
        assert answer.fields["Cache-Control"] == "no-store"
        assert answer.fields["X-Content-Type-Options"] == "nosniff"
        assert answer.fields["Server"] is None
        assert weir.call("add", {"b": 4, "a": 5}).json == 9
        assert weir.ask("POST", "/v1/call/echo").body == b"null"
        assert weir.ask("POST", "/v1/call/echo", b"", {}).body == b"null"
        # Chunks, a type with a parameter, white space, digits that a double does not have.
        body = b'[ {"a": 12345678901234567890, "b":\n "\xc3\xbc"} ]'
        sent = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, body[:5], len(body) - 5, body[5:])
        fields = ("Content-Type: application/JSON; charset=utf-8", "Transfer-Encoding: chunked")
        answer = weir.send(weir.head("POST /v1/call/echo", *fields) + sent)
        assert answer.body == '{"a":12345678901234567890,"b":"ü"}'.encode(), answer


def a_name_in_the_path_is_decoded_once() -> None:
    with door("-j1") as weir:
        assert weir.call("gr%C3%B6%C3%9Fe%2F%c3%9f", ["abc"]).json == 3
        for name in ("a%00", "a%0A", "%", "%4", "%zz", "%FF", "%C3"):
            answer = weir.call(name, [1])
            assert (answer.status, answer.type) == (400, "bad-request"), (name, answer)
        for name in ("%2561dd", "gr%C3%B6%C3%9Fe/%c3%9f", ""):
            assert weir.call(name, [1, 2]).status == 404, name


def each_failure_has_its_status_and_type(directory: str) -> None:
    with door("-j2", "--start-timeout", "60s") as weir:
        rows: list[tuple[Any, int, str, Any]] = [
            (weir.call("nope", [1]), 404, "unknown-function", -32601),
            (weir.call("add", ["x", 1]), 422, "invalid-parameters", -32602),
            (weir.call("add", {"c": 1}), 422, "invalid-parameters", -32602),
            (weir.ask("POST", "/v1/call/add", "7"), 422, "invalid-parameters", -32602),
            (weir.ask("POST", "/v1/call/add", "[1"), 400, "not-json", -32700),
            (weir.ask("POST", "/v1/call/add", b'["\xff"]'), 400, "not-json", -32700),
            (weir.call("nan"), 500, "no-json-result", -33003),
            (weir.call("fail", ["oops"]), 500, "raised", 1000),
            (weir.call("refuse", [1404]), 404, "failed", 1404),
            (weir.call("refuse", [1599]), 599, "failed", 1599),
            (weir.call("refuse", [1600]), 400, "failed", 1600),
            (weir.call("refuse", [1234]), 400, "failed", 1234),
            (weir.call("die"), 502, "outcome-unknown", -33006),
            (
                weir.call("hang", [directory + "/h"], Weir_Timeout="0.2"),
                504,
                "timed-out",
                -33001,
            ),
        ]
        for answer, status, kind, code in rows:
            assert (answer.status, answer.type, answer.json["code"]) == (status, kind, code), answer
        assert "may have been executed" in weir.call("die").json["detail"]
        assert weir.call("refuse", [1404]).json["data"] == {"until": "tomorrow"}
        assert weir.call("fail", ["oops"]).json["data"] == {"type": "ValueError"}
        assert weir.call("refuse_briefly", [1404]).json["data"] == {"type": "Error"}
        assert weir.call("fail", ["oops"]).json["detail"] == "oops"
    with door("-j1", "--http-tracebacks") as weir:
        assert "oops" in weir.call("fail", ["oops"]).json["data"]["traceback"]


def what_is_no_call_is_refused_before_its_body_is_read() -> None:
    with door("-j1") as weir:
        for fields in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/jsonx"}):
            answer = weir.ask("POST", "/v1/call/add", "[1,2]", fields)
            assert (answer.status, answer.type) == (415, "media-type"), answer
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert weir.ask("POST", "/v1/call/add", "a=1", form).status == 415
        for timeout in ("x", "-1", "", "1.2345", "1e3", "0x1", "1.", ".5"):
            assert weir.call("add", [1, 2], Weir_Timeout=timeout).status == 400, timeout
        assert weir.ask("POST", "/v1/call/add?a=1", "[1,2]").status == 400
        assert weir.call("add", [1, 2], Accept="text/html").status == 406
        assert weir.call("add", [1, 2], Accept="text/html, */*;q=0.1").status == 200
        answer = weir.send(weir.head("GET /v1/call/add"))
        assert (answer.status, answer.fields["Allow"]) == (405, "POST"), answer
        answer = weir.send(weir.head("PUT /v1/methods"))
        assert (answer.status, answer.fields["Allow"]) == (405, "GET, HEAD"), answer
        assert weir.ask("POST", "/v1/call/add", "[1,2]").json == 3


def the_other_routes_answer() -> None:
    with door("-j1", "--expose", "a*", "--expose", "echo") as weir:
        methods = weir.ask("GET", "/v1/methods").json
        assert sorted(methods) == ["add", "echo"], methods
        assert weir.ask("GET", "/v1/methods/add").json == methods["add"]
        assert weir.ask("GET", "/v1/methods/count").status == 404
        assert weir.call("count", [1, 2]).status == 404
        assert weir.ask("GET", "/v1/calls").json == []
        assert weir.ask("GET", "/healthz").json == {"status": "ok"}
        assert weir.ask("GET", "/readyz").json == {"status": "ready"}
        assert len(weir.ask("GET", "/v1/stats").json["workers"]) == 1
        with weir.connect() as client:
            client.sendall(weir.head("HEAD /healthz"))
            answer = Answer(client, "HEAD")
            assert (answer.status, answer.fields["Content-Length"]) == (200, "15"), answer
            client.sendall(weir.head("GET /healthz"))
            assert Answer(client).status == 200
        assert weir.ask("GET", "/nothing").status == 404
        answer = weir.ask("OPTIONS", "/v1/methods")
        assert (answer.status, answer.fields["Allow"]) == (204, "GET, HEAD, OPTIONS"), answer


def the_functions_are_described_for_generators_of_clients() -> None:
    with door("-j1") as weir:
        answer = weir.ask("GET", "/openapi.json")
        document = answer.json
        assert document["openapi"] == "3.1.0", document
        call = document["paths"]["/v1/call/add"]["post"]
        assert (call["operationId"], call["summary"]) == ("add", "Adds two integers."), call
        assert call["requestBody"]["required"] is True
        schemas = document["components"]["schemas"]
        assert sorted(schemas["add.input"]["properties"]) == ["a", "b"], schemas
        assert schemas["add.input"]["required"] == ["a", "b"]
        # A result has all members, parameters need not have those with a default.
        assert schemas["star.Note"]["required"] == ["text"], schemas
        assert schemas["star.output.Note"]["required"] == ["text", "stars"], schemas
        items = schemas["star.output"]["items"]
        assert items == {"$ref": "#/components/schemas/star.output.Note"}, items
        assert "move.Point" in schemas and "move.output.Point" not in schemas
        assert "/v1/call/gr%C3%B6%C3%9Fe%2F%C3%9F" in document["paths"]
        count = document["paths"]["/v1/call/count"]["post"]["responses"]["200"]["content"]
        assert sorted(count) == ["application/json", "application/x-ndjson", "text/event-stream"]
        running = document["paths"]["/v1/call/running"]["post"]
        assert list(running["requestBody"]["content"]) == ["application/x-ndjson"]
        assert running["parameters"][0]["name"] == "params"
        # What has no stream may be kept; its reply is fetched elsewhere.
        names = [one["$ref"].rpartition("/")[2] for one in call["parameters"]]
        assert names == ["timeout", "key", "prefer"], call
        assert sorted(call["responses"]) == ["200", "202", "default"], call
        assert len(running["parameters"]) == 2 and "202" not in running["responses"], running
        reply = document["paths"]["/v1/calls/{id}"]["get"]
        assert reply["parameters"][0]["name"] == "id" and "202" in reply["responses"], reply
        given = document["components"]["parameters"]
        for field, name in (("timeout", "Weir-Timeout"), ("key", "Idempotency-Key")):
            assert given[field]["name"] == name, given
        assert "security" not in document

        def references(part: Any) -> Any:
            if isinstance(part, dict):
                for key, value in part.items():
                    yield from [value] if key == "$ref" else references(value)
            elif isinstance(part, list):
                for value in part:
                    yield from references(value)

        for reference in references(document):
            place = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]
        etag = {"If-None-Match": answer.fields["ETag"]}
        assert weir.ask("GET", "/openapi.json", None, etag).status == 304
        with contextlib.suppress(ImportError):
            # PyPI's openapi-spec-validator judges where it is installed.
            from openapi_spec_validator import (  # type: ignore[import-not-found,unused-ignore]
                validate,
            )

            validate(document)


def the_page_is_one_file_under_a_strict_policy() -> None:
    with door("-j1") as weir:
        for target in ("/", "/run"):
            answer = weir.ask("GET", target)
            assert answer.fields["Content-Type"] == "text/html; charset=utf-8", answer
            assert len(answer.body) < 30 << 10
            policy = answer.fields["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy, policy
            for tag in ("script", "style"):
                (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.body.decode(), re.DOTALL)
                digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                assert f"{tag}-src 'sha256-{digest}'" in policy, (tag, policy)
            assert not re.search(rb"\s(src|href|on[a-z]+)=|https?:", answer.body)
            assert b"innerHTML" not in answer.body
        assert weir.ask("GET", "/x").status == 404
    with door("-j1", "--no-http-page") as weir:
        for target in ("/", "/run", "/v1/calls"):
            assert weir.ask("GET", target).status == 404, target


def a_trace_context_reaches_the_function() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with door("-j1") as weir:
        assert weir.call("trace", traceparent=parent, tracestate="a=1").json == [parent, "a=1"]
        for bad in (
            parent.upper(),
            "01" + parent[2:],
            parent.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
            parent + "-1",
        ):
            assert weir.call("trace", traceparent=bad, tracestate="a=1").json == [None, None], bad


# --- Streams --------------------------------------------------------------------


def a_stream_is_sent_as_events_as_lines_or_as_one_array() -> None:
    with door("-j1") as weir:
        answer = weir.call("count", [1, 3], Accept="text/event-stream")
        assert answer.fields["Content-Type"] == "text/event-stream"
        assert answer.fields["X-Accel-Buffering"] == "no"
        wanted = "".join(f"id: {i}\ndata: {i}\n\n" for i in (1, 2, 3))
        assert answer.body.decode() == wanted + "event: end\ndata: null\n\n", answer
        answer = weir.call("count", [1, 3], Accept="application/x-ndjson")
        assert answer.fields["Content-Type"] == "application/x-ndjson"
        assert answer.body == b"1\n2\n3\n"
        assert weir.call("count", [1, 3]).body == b"[1,2,3]"
        assert weir.call("count", [1, 0]).body == b"[]"
        assert weir.call("count", [1, 0], Accept="application/x-ndjson").body == b""
        wants = "application/json;q=0.1, application/*;q=0.2, text/event-stream;q=0.9"
        assert (
            weir.call("count", [1, 1], Accept=wants).fields["Content-Type"] == "text/event-stream"
        )
        long = "".join(f"{i}\n" for i in range(1, 5001)).encode()
        assert weir.call("count", [1, 5000], Accept="application/x-ndjson").body == long
        # What is no stream has one value.
        assert weir.call("add", [1, 2], Accept="application/x-ndjson").body == b"3\n"
        answer = weir.call("add", [1, 2], Accept="text/event-stream")
        assert answer.body == b"event: end\ndata: 3\n\n", answer


def a_stream_that_fails_says_so() -> None:
    with door("-j1") as weir:
        for accept in ("text/event-stream", "application/x-ndjson", "application/json"):
            answer = weir.call("breaks", [0], Accept=accept)
            assert (answer.status, answer.type) == (500, "raised"), answer
        assert weir.call("breaks", [2]).status == 500
        answer = weir.call("breaks", [1], Accept="text/event-stream")
        event = answer.body.decode().split("\n\n")[1]
        assert event.startswith("event: error\ndata: {"), answer
        assert json.loads(event.partition("data: ")[2])["detail"] == "broken"
        answer = weir.call("breaks", [2], Accept="application/x-ndjson")
        assert answer.is_cut and answer.body == b"0\n1\n", answer


def an_array_has_a_limit(directory: str) -> None:
    with door("-j1") as weir:
        answer = weir.call("endless", [directory + "/e", 100000])
        assert (answer.status, "8 MiB" in answer.json["detail"]) == (500, True), answer
        await_file(directory + "/e.closed")


def a_client_that_does_not_read_holds_the_function_up_and_ends_it_by_going(directory: str) -> None:
    path = directory + "/e"
    with door("-j1") as weir:
        with weir.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            body = json.dumps([path, 10000])
            client.sendall(
                weir.head(
                    "POST /v1/call/endless",
                    "Content-Type: application/json",
                    "Accept: application/x-ndjson",
                    f"Content-Length: {len(body)}",
                )
                + body.encode()
            )
            await_file(path)
            seen = [-1, -2]
            while seen[-1] != seen[-2]:
                # What it has got far is the same twice, with a whole call of another between.
                seen.append(int(await_file(path)))
                time.sleep(0.3)
            assert seen[-1] * 10000 < 20 << 20, seen
            assert client.recv(10).startswith(b"HTTP/1.1"), "nothing came"
        await_file(path + ".closed")


def lines_go_in_and_out_at_once() -> None:
    with door("-j1") as weir:
        answer = weir.ask("POST", "/v1/call/total", "1\n\n2\r\n3.5", LINES)
        assert (answer.status, answer.body) == (200, b"6.5"), answer
        answer = weir.ask("POST", "/v1/call/total", "".join(f"{i}\n" for i in range(50000)), LINES)
        assert answer.json == sum(range(50000)), answer
        with weir.connect() as client:
            client.sendall(
                weir.head(
                    "POST /v1/call/running?params=%7B%22start%22%3A10%7D",
                    "Content-Type: application/x-ndjson",
                    "Accept: application/x-ndjson",
                    "Transfer-Encoding: chunked",
                )
            )
            response = http.client.HTTPResponse(client, method="POST")
            so_far = 10
            for value in (1, 2, 3):
                client.sendall(b"2\r\n%d\n\r\n" % value)
                so_far += value
                if value == 1:
                    response.begin()
                    assert response.status == 200
                assert response.readline() == b"%d\n" % so_far
            client.sendall(b"0\r\n\r\n")
            assert response.read() == b""
            response.close()
            client.sendall(weir.head("GET /healthz"))
            assert Answer(client).status == 200, "the connection goes on"


def the_framing_of_chunks_is_not_kept() -> None:
    def resident(process: Any) -> int:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

    with door("-j1") as weir, weir.connect() as client:
        before = resident(weir.process)
        client.sendall(
            weir.head(
                "POST /v1/call/total",
                "Content-Type: application/x-ndjson",
                "Transfer-Encoding: chunked",
            )
            + b"2\r\n1\n\r\n"
        )
        for _ in range(200):
            client.sendall(b"00000001\r\n\n\r\n" * 8000)
        client.sendall(b"2\r\n2\n\r\n0\r\n\r\n")
        assert Answer(client).json == 3
        assert resident(weir.process) - before < 8000, (before, resident(weir.process))


def a_slow_reader_of_events_is_not_cut_off(directory: str) -> None:
    with door("-j1") as weir, weir.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        body = json.dumps([directory + "/e", 1000000]).encode()
        client.sendall(
            weir.head(
                "POST /v1/call/endless",
                "Content-Type: application/json",
                "Accept: text/event-stream",
                f"Content-Length: {len(body)}",
            )
            + body
        )
        end = time.monotonic() + 17  # a silence of 15 s is broken by a comment
        while time.monotonic() < end:
            assert client.recv(20000), "cut off"
            time.sleep(0.1)
        got = 0
        while got < 6 << 20:
            piece = client.recv(1 << 20)
            assert piece, f"cut off after {got}"
            got += len(piece)
        client.close()
        await_file(directory + "/e.closed")


def an_input_stream_that_is_wrong_is_refused() -> None:
    with door("-j1", "--http-max-body", "1000") as weir:
        assert weir.ask("POST", "/v1/call/total", "1\nx\n2\n", LINES).status == 400
        assert weir.ask("POST", "/v1/call/total", "1" * 3000, LINES).status == 413
        assert weir.ask("POST", "/v1/call/add", "1\n", LINES).status == 422
        for query in ("a=1", "params=%zz", "params=[1]&a=1"):
            assert weir.ask("POST", "/v1/call/total?" + query, "1\n", LINES).status == 400, query
        fields = ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")
        answer = weir.send(weir.head("POST /v1/call/total", *fields) + b"2\r\n1\n\r\nx\r\n")
        assert answer.status == 400, answer
        assert weir.ask("POST", "/v1/call/total", "1\n2\n", LINES).json == 3


# --- Clients that go --------------------------------------------------------------


def hanging(weir: Door, path: str) -> Any:
    body = json.dumps([path]).encode()
    head = weir.head(
        "POST /v1/call/hang", "Content-Type: application/json", f"Content-Length: {len(body)}"
    )
    client = weir.connect()
    client.sendall(head + body)
    await_file(path + ".begun")
    return client


def the_call_of_a_client_that_goes_is_cancelled_at_once(directory: str) -> None:
    with door("-j1") as weir:
        took: list[float] = []
        # The best of some, of many where this machine is busy with other things.
        while (i := len(took)) < 5 or min(took) >= 0.05:
            assert i < 100, took
            client = hanging(weir, f"{directory}/{i}")
            if i == 1:
                client.shutdown(socket.SHUT_WR)  # half of it is enough
            if i == 2:
                client.sendall(weir.head("GET /healthz"))  # and though it has sent more
                await_that(lambda: weir.ask("GET", "/readyz").status == 200, "ready")
            gone = time.monotonic()
            if i != 1:
                client.close()
            took.append(float(await_file(f"{directory}/{i}.cancelled")) - gone)
            client.close()
        assert weir.call("add", [1, 2]).json == 3


def a_client_may_go_in_any_state(directory: str) -> None:
    with door("-j1") as weir:
        weir.call("add", [1, 2])
        await_that(lambda: weir.ask("GET", "/v1/calls").json == [], "a call")
        before = descriptors(weir.process)
        call = weir.head("POST /v1/call/add", "Content-Type: application/json", "Content-Length: 5")
        stream = weir.head(
            "POST /v1/call/running",
            "Content-Type: application/x-ndjson",
            "Transfer-Encoding: chunked",
        )
        for message in (
            b"",
            b"GET",
            call,
            call + b"[1,",
            call + b"[1,2]",
            call * 2,
            stream,
            stream + b"2\r\n1\n\r\n",
        ):
            with weir.connect() as client:
                client.sendall(message)
        await_that(lambda: descriptors(weir.process) <= before, "descriptors are left")
        await_that(lambda: weir.ask("GET", "/v1/calls").json == [], "a call is left")
        assert weir.call("add", [1, 2]).json == 3


def a_call_is_listed_and_cancelled_by_another_client(directory: str) -> None:
    with door("-j1") as weir:
        with hanging(weir, directory + "/h") as client:
            (call,) = weir.ask("GET", "/v1/calls").json
            assert (call["method"], call["state"]) == ("hang", "running"), call
            assert call["worker"] == int(await_file(directory + "/h.begun"))
            answer = weir.ask("DELETE", f"/v1/calls/{call['id']}")
            assert (answer.status, answer.body) == (204, b""), answer
            answer = Answer(client)
            assert (answer.status, answer.type) == (409, "cancelled"), answer
            assert answer.fields["Weir-Call"] == call["id"]
        assert weir.ask("DELETE", f"/v1/calls/{call['id']}").status == 404


# --- Connections --------------------------------------------------------------------


def requests_share_a_connection_and_may_be_pipelined() -> None:
    with door("-j1") as weir, weir.connect() as client:
        call = weir.head("POST /v1/call/add", "Content-Type: application/json", "Content-Length: 5")
        for i in range(3):
            client.sendall(call + b"[1,%d]" % i)
            assert Answer(client).json == 1 + i
        client.sendall(b"".join(call + b"[2,%d]" % i for i in range(5)) + weir.head("GET /healthz"))
        file = client.makefile("rb")
        bodies = []
        for _ in range(6):
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := file.readline()) != b"\r\n":
                if line.startswith(b"Content-Length:"):
                    length = int(line.split(b":")[1])
            bodies.append(file.read(length))
        assert bodies == [b"2", b"3", b"4", b"5", b"6", b'{"status":"ok"}'], bodies
        client.sendall(weir.head("GET /healthz", "Connection: close"))
        assert b"Connection: close" in file.read()
        file.close()


def a_body_is_waited_for_and_announced_ones_are_asked_for() -> None:
    with door("-j1", "--http-max-body", "1000") as weir:
        fields = ["Content-Type: application/json", "Expect: 100-continue"]
        with weir.connect() as client:
            client.sendall(weir.head("POST /v1/call/add", *fields, "Content-Length: 5"))
            wanted = b"HTTP/1.1 100 Continue\r\n\r\n"
            assert client.recv(len(wanted), socket.MSG_WAITALL) == wanted
            client.sendall(b"[1,2]")
            assert Answer(client).json == 3
        with weir.connect() as client:
            client.sendall(weir.head("POST /v1/call/add", *fields, "Content-Length: 1001"))
            answer = Answer(client)
            assert (answer.status, answer.fields["Connection"]) == (413, "close"), answer
        fields[0] = "Content-Type: text/plain"
        assert weir.send(weir.head("POST /v1/call/add", *fields, "Content-Length: 5")).status == 415


def connections_are_limited() -> None:
    with door("-j1", "--http-connections", "3") as weir, contextlib.ExitStack() as stack:
        clients = []
        for _ in range(3):
            clients.append(stack.enter_context(weir.connect()))
            clients[-1].sendall(weir.head("GET /healthz"))
            assert Answer(clients[-1]).status == 200
        with weir.connect() as client:
            answer = Answer(client)
            assert (answer.status, answer.fields["Connection"]) == (503, "close"), answer
        clients[0].close()

        def is_served() -> bool:
            with weir.connect() as client:
                client.sendall(weir.head("GET /healthz"))
                try:
                    return Answer(client).status == 200
                except (ConnectionError, http.client.BadStatusLine):
                    return False

        await_that(is_served, "there is no room again")


# --- Attacks ----------------------------------------------------------------------------


def slow_heads_are_cut_off_while_others_are_served() -> None:
    with door("-j1", "--http-head-timeout", "400ms") as weir, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(weir.connect()) for _ in range(60)]
        begun = time.monotonic()
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-")
        assert weir.call("add", [1, 2]).json == 3
        for client in clients[:30]:
            with contextlib.suppress(OSError):
                client.sendall(b"a")  # a byte now and then does not help
        for client in clients:
            assert Answer(client).status == 408
        assert 0.4 <= time.monotonic() - begun < PATIENCE_S / 2
        # The clock begins with the first byte, not with the connection.
        with weir.connect() as client:
            time.sleep(0.6)
            client.sendall(weir.head("GET /healthz"))
            assert Answer(client).status == 200


def large_heads_and_bodies_are_refused_early() -> None:
    with door("-j1") as weir:
        assert weir.send(weir.head("GET /" + "a" * 3000)).status == 414
        assert weir.send(weir.head("GET /", "X: " + "a" * 17000)).status == 431
        assert weir.send(weir.head("GET /", *(f"X-{i}: 1" for i in range(64)))).status == 431
        fields = ("Content-Type: application/json", "Content-Length: 999999999999999")
        assert weir.send(weir.head("POST /v1/call/echo", *fields)).status == 413
        fields = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        with weir.connect() as client:
            client.sendall(weir.head("POST /v1/call/echo", *fields))
            with contextlib.suppress(OSError):
                for _ in range(100):
                    client.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
            assert Answer(client).status == 413
        assert weir.call("echo", ["x" * 1000000]).status == 200


def what_has_two_meanings_is_refused_and_nothing_behind_it_is_done(directory: str) -> None:
    with door("-j1") as weir:
        body = json.dumps([directory + "/smuggled"]).encode()
        behind = (
            weir.head(
                "POST /v1/call/hang",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            )
            + body
        )
        tricks: list[tuple[list[str], bytes]] = [
            (["Content-Length: 4", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
            (["Content-Length: 5", "Content-Length: 6"], b"[1,2]"),
            (["Content-Length: 5", "Content-Length: 5"], b"[1,2]"),
            (["Content-Length: +5"], b"[1,2]"),
            (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n"),
            (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding:\x0bchunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding: chunked"], b"0;a\r\n\r\n"),
            (["Transfer-Encoding: chunked"], b"5\r\n[1,2]0\r\n\r\n"),
            (["Transfer-Encoding: chunked"], b"0\r\nX: y\r\n\r\n"),
            (["X: a\n\nGET / HTTP/1.1", "Content-Length: 5"], b"[1,2]"),
        ]
        for fields, sent in tricks:
            head = weir.head("POST /v1/call/add", "Content-Type: application/json", *fields)
            with weir.connect() as client:
                client.sendall(head + sent + behind)
                answer = Answer(client)
                assert answer.status in (400, 501), (fields, answer)
                assert answer.fields["Connection"] == "close", (fields, answer)
                assert client.recv(1) == b"", fields
        assert not os.path.exists(directory + "/smuggled.begun")
        assert weir.call("add", [1, 2]).json == 3


def pages_elsewhere_cannot_call() -> None:
    page = "https://app.example.org"
    with door("-j1", "--http-host", "weir.example.org", "--http-origin", page) as weir:
        port = weir.place[1]

        def status(host: str, origin: str = "") -> int:
            fields = [f"Origin: {origin}"] if origin else []
            message = "\r\n".join(["GET /healthz HTTP/1.1", f"Host: {host}", *fields, "", ""])
            return weir.send(message.encode()).status

        for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST", "weir.example.org"):
            assert status(f"{host}:{port}") == 200, host
        assert status("weir.example.org") == 200
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "localhost",
            f"localhost:{port + 1}",
            f"localhost:{port}.evil",
            f"127.0.0.1:{port}@evil",
            f"x.weir.example.org:{port}",
        ):
            assert status(host) == 421, host
        ours = f"localhost:{port}"
        assert status(ours, f"http://localhost:{port}") == 200
        assert status(ours, page) == 200
        for origin in ("http://evil", "null", "", f"http://localhost:{port + 1}", page + ".evil"):
            if origin:
                assert status(ours, origin) == 403, origin
        # What a form of a page elsewhere sends is refused twice.
        form = {"Origin": "http://evil", "Content-Type": "text/plain"}
        assert weir.ask("POST", "/v1/call/add", "[1,2]", form).status == 403
        answer = weir.ask("OPTIONS", "/v1/call/add", None, {"Origin": page})
        assert answer.status == 204
        assert answer.fields["Access-Control-Allow-Origin"] == page
        assert answer.fields["Access-Control-Allow-Methods"] == "POST, OPTIONS"
        assert answer.fields["Access-Control-Max-Age"] == "600"
        assert weir.ask("OPTIONS", "/v1/call/add", None, {"Origin": "http://evil"}).status == 403
        answer = weir.ask(
            "POST", "/v1/call/add", "[1,2]", {"Origin": page, "Content-Type": "application/json"}
        )
        assert answer.fields["Access-Control-Allow-Origin"] == page
        assert answer.fields["Access-Control-Allow-Credentials"] is None


def status_as(user: int, weir: Door) -> int:
    """What another user is answered, from a process of its own."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.setuid(user)
            os._exit(weir.send(weir.head("GET /healthz")).status // 10)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) * 10


def other_users_are_refused(directory: str) -> None:
    if os.geteuid() != 0:
        raise Skip("only root can be another user")
    with door("-j1") as weir:
        assert weir.ask("GET", "/healthz").status == 200  # and all modules are loaded
        assert status_as(0, weir) == 200
        assert status_as(12345, weir) == 400  # 403
    os.chmod(directory, 0o755)
    with door("-j1", place=f"unix:{directory}/door.sock") as weir:
        os.chmod(weir.place, 0o666)
        assert weir.ask("GET", "/healthz").status == 200  # and all modules are loaded
        assert status_as(0, weir) == 200
        assert status_as(12345, weir) == 400


def a_unix_socket_is_private_and_called_by_any_name(directory: str) -> None:
    path = directory + "/door.sock"
    with door("-j1", place="unix:" + path) as weir:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert weir.send(b"GET /healthz HTTP/1.1\r\nHost: any.thing\r\n\r\n").status == 200
        assert weir.call("add", [1, 2]).json == 3
    assert not os.path.exists(path)


# --- Life ----------------------------------------------------------------------------------


def a_server_that_stops_answers_what_runs(directory: str) -> None:
    with door("-j1") as weir, weir.connect() as idle, weir.connect() as client:
        idle.sendall(weir.head("GET /healthz"))
        assert Answer(idle).status == 200
        body = json.dumps([directory + "/go"])
        client.sendall(
            weir.head(
                "POST /v1/call/wait_for",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            )
            + body.encode()
        )
        await_file(directory + "/go.begun")
        weir.process.terminate()
        assert idle.recv(1) == b""
        with open(directory + "/go", "w", encoding="utf-8"):
            pass
        answer = Answer(client)
        assert (answer.json, answer.fields["Connection"]) == ("done", "close"), answer
        assert weir.process.wait(timeout=PATIENCE_S) == 0


def a_call_that_outlasts_the_drain_is_reported(directory: str) -> None:
    words = ("-j1", "--drain", "200ms", "--grace", "1s")
    with door(*words) as weir, hanging(weir, directory + "/h") as client:
        weir.process.terminate()
        answer = Answer(client)
        assert answer.status == 503, answer
        assert weir.process.wait(timeout=PATIENCE_S) == 0


def sockets_of_a_service_manager_are_served(directory: str) -> None:
    path = directory + "/weir.sock"
    with socket.socket() as web, socket.socket(socket.AF_UNIX) as ours:
        web.bind(("127.0.0.1", 0))
        web.listen()
        ours.bind(path)
        ours.listen()
        for names, listening, status in (
            ("http:weir", [web, ours], 0),
            ("http", [web], 0),
            ("weir:http", [ours, web], 0),
            ("a:b", [ours, web], 125),
            ("http:http", [web, web], 125),
            ("http:weir:weir", [web, ours, ours], 125),
        ):
            # Out of the way of 3, 4 and 5 first.
            fds = [fcntl.fcntl(listener, fcntl.F_DUPFD, 10) for listener in listening]
            moves = "".join(f"exec {3 + i}<&{fd} {fd}<&-; " for i, fd in enumerate(fds))
            shell = moves + (
                "LISTEN_PID=$$ LISTEN_FDS=$1 LISTEN_FDNAMES=$2; shift 2; "
                'export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES; exec "$@"'
            )
            words = [str(len(fds)), names, WEIR, "serve", "-j1", "-w", WORKER]
            process = subprocess.Popen(
                ["bash", "-c", shell, "sh", *words],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=fds,
            )
            for fd in fds:
                os.close(fd)
            try:
                if status == 0:
                    said = await_ready(process)
                    weir = Door(process, web.getsockname())
                    assert f"http://{weir.host}\n".encode() in said, said
                    assert weir.call("add", [1, 2]).json == 3
                    process.terminate()
                assert process.wait(timeout=PATIENCE_S) == status, names
            finally:
                process.kill()
                process.wait()
                process.stderr.close()
        assert os.path.exists(path)


def a_delay_before_the_drain_is_served() -> None:
    with door("-j1", "--drain-delay", "1h") as weir:
        weir.process.terminate()
        await_that(lambda: weir.ask("GET", "/readyz").status == 503, "it is ready")
        assert weir.ask("GET", "/readyz").json["detail"] == "the server is stopping"
        assert weir.call("add", [1, 2]).json == 3
        weir.process.terminate()
        assert weir.process.wait(timeout=PATIENCE_S) == 0
    with door("-j1", "--drain-delay", "300ms") as weir:
        weir.process.terminate()
        assert weir.process.wait(timeout=PATIENCE_S) == 0


def readiness_follows_the_workers(directory: str) -> None:
    with door("-j1", "--start-timeout", "60s") as weir:
        await_that(lambda: weir.ask("GET", "/readyz").status == 200, "it is not ready")
        pid = weir.ask("GET", "/v1/stats").json["workers"][0]["pid"]
        os.kill(pid, 9)
        await_gone(pid)
        await_that(lambda: weir.ask("GET", "/readyz").status == 200, "it is not ready again")
        assert weir.ask("GET", "/healthz").status == 200


def bad_places_are_usage_errors() -> None:
    for words in (
        ["x"],
        ["65536"],
        ["1.2.3:80"],
        ["example.org:80"],
        ["::1:80"],
        [":80"],
        ["0.0.0.0:0"],  # without tokens
        ["[::]:0"],
        ["192.0.2.1:0"],
        ["0", "--stdio"],
    ):
        process = start("--http", *words)
        with process.stderr:
            assert process.wait(timeout=PATIENCE_S) == 2, (words, process.stderr.read())


def both_doors_are_open_where_both_are_asked_for(directory: str) -> None:
    path = directory + "/weir.sock"
    with door("-j1", "-s", path) as weir:
        assert weir.call("add", [1, 2]).json == 3
        assert os.path.exists(path)
    with door("-j1", place="[::1]:0") as weir:
        assert weir.ask("GET", "/healthz").status in (200, 421)


run_cases(
    [
        a_function_is_called_by_position_by_name_and_without_parameters,
        a_name_in_the_path_is_decoded_once,
        each_failure_has_its_status_and_type,
        what_is_no_call_is_refused_before_its_body_is_read,
        the_other_routes_answer,
        the_functions_are_described_for_generators_of_clients,
        the_page_is_one_file_under_a_strict_policy,
        a_trace_context_reaches_the_function,
        a_stream_is_sent_as_events_as_lines_or_as_one_array,
        a_stream_that_fails_says_so,
        an_array_has_a_limit,
        a_client_that_does_not_read_holds_the_function_up_and_ends_it_by_going,
        lines_go_in_and_out_at_once,
        the_framing_of_chunks_is_not_kept,
        a_slow_reader_of_events_is_not_cut_off,
        an_input_stream_that_is_wrong_is_refused,
        the_call_of_a_client_that_goes_is_cancelled_at_once,
        a_client_may_go_in_any_state,
        a_call_is_listed_and_cancelled_by_another_client,
        requests_share_a_connection_and_may_be_pipelined,
        a_body_is_waited_for_and_announced_ones_are_asked_for,
        connections_are_limited,
        slow_heads_are_cut_off_while_others_are_served,
        large_heads_and_bodies_are_refused_early,
        what_has_two_meanings_is_refused_and_nothing_behind_it_is_done,
        pages_elsewhere_cannot_call,
        other_users_are_refused,
        a_unix_socket_is_private_and_called_by_any_name,
        a_server_that_stops_answers_what_runs,
        a_call_that_outlasts_the_drain_is_reported,
        sockets_of_a_service_manager_are_served,
        a_delay_before_the_drain_is_served,
        readiness_follows_the_workers,
        bad_places_are_usage_errors,
        both_doors_are_open_where_both_are_asked_for,
    ]
)
