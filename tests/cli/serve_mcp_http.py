#!/usr/bin/env python3
"""weir serve --http: MCP over HTTP, at /mcp.  Prints TAP.
serve_mcp_http.py WEIR SRCDIR
"""

import contextlib
import fcntl
import http.client
import json
import re
import select
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, Optional

sys.dont_write_bytecode = True
sys.path.insert(0, f"{sys.argv[2]}/tests/support")
from mcp_schemas import check_schemas
from serve_http_door import Answer, Door, descriptors, door
from serve_tokens import BEARER, OPERATOR, SLOW, write_tokens
from tap_cases import PATIENCE_S, await_that, run_cases

SRCDIR = sys.argv[2]
TOOLS = f"{sys.executable} {SRCDIR}/tests/cli/mcp_tools.py"
KEY = "io.modelcontextprotocol/"
VERSION = "2026-07-28"
META: Any = {
    KEY + "protocolVersion": VERSION,
    KEY + "clientInfo": {"name": "test", "version": "1"},
    KEY + "clientCapabilities": {},
}
ACCEPT = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
said: list[tuple[bool, Any]] = []  # whether by the present revision, and the message


def message(method: str, params: Any = None, ident: Any = 1) -> Any:
    made = {"jsonrpc": "2.0", "method": method}
    if ident is not None:
        made["id"] = ident
    if params is not None:
        made["params"] = params
    return made


def note(modern: bool, line: Any) -> Any:
    said.append((modern, line))
    return line


def events(text: bytes) -> list[Any]:
    """The messages of a stream of events."""
    lines = [line[6:] for line in text.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines]


class Client:
    """Of an earlier revision: it has a session."""

    def __init__(self, weir: Door, **fields: str) -> None:
        self.weir = weir
        self.fields = {**ACCEPT, **fields}
        began = self.post(message("initialize", INITIALIZE))
        assert began.status == 200, began
        self.result = note(False, began.json)["result"]
        self.fields["Mcp-Session-Id"] = began.fields["Mcp-Session-Id"]
        self.fields["MCP-Protocol-Version"] = self.result["protocolVersion"]
        told = self.post(message("notifications/initialized", ident=None))
        assert told.status == 202 and told.body == b"", told

    def post(self, what: Any, **fields: Optional[str]) -> Answer:
        text = what if isinstance(what, (str, bytes)) else json.dumps(what)
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        all_fields = {k: v for k, v in {**self.fields, **named}.items() if v is not None}
        return self.weir.ask("POST", "/mcp", text, all_fields)

    def ask(self, method: str, params: Any = None) -> Any:
        answer = self.post(message(method, params))
        assert answer.status == 200, answer
        assert answer.fields["Content-Type"] == "application/json"
        return note(False, answer.json)

    def call(self, name: str, **arguments: Any) -> Any:
        answer = self.ask("tools/call", {"name": name, "arguments": arguments})
        return answer.get("result") or answer

    def open(self, method: str, what: Any = None, **fields: str) -> Any:
        """A request whose answer is not awaited: its connection."""
        client = self.weir.connect()
        body = b"" if what is None else json.dumps(what).encode()
        lines = [f"{k}: {v}" for k, v in {**self.fields, **fields}.items()]
        if what is not None:
            lines.append(f"Content-Length: {len(body)}")
        client.sendall(self.weir.head(f"{method} /mcp", *lines) + body)
        return client


def modern_fields(method: str, params: Any = None) -> dict[str, str]:
    fields = {**ACCEPT, "MCP-Protocol-Version": VERSION, "Mcp-Method": method}
    if params and "name" in params:
        fields["Mcp-Name"] = params["name"]
    return fields


def modern(weir: Door, method: str, params: Any = None, **fields: Any) -> Answer:
    """A request of the present revision; a field that is None is left out."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    chosen = {k: v for k, v in {**modern_fields(method, params), **named}.items() if v is not None}
    text = json.dumps(message(method, {"_meta": META, **(params or {})}))
    answer = weir.ask("POST", "/mcp", text, chosen)
    if answer.fields["Content-Type"] == "application/json":
        note(True, answer.json)
    return answer


@contextlib.contextmanager
def tools(*words: str) -> Iterator[Door]:
    with door("-j1", *words, worker=TOOLS) as weir:
        yield weir


def code(answer: Answer) -> Any:
    return answer.json["error"]["code"]


# --- Sessions ------------------------------------------------------------------------


def a_session_has_an_id_until_it_is_deleted() -> None:
    with tools() as weir:
        client = Client(weir)
        names = [tool["name"] for tool in client.ask("tools/list")["result"]["tools"]]
        assert "add" in names, names
        assert client.call("add", a=1)["structuredContent"] == {"result": 3}
        assert client.ask("ping")["result"] == {}
        again = Client(weir)
        assert again.fields["Mcp-Session-Id"] != client.fields["Mcp-Session-Id"]
        ended = weir.ask("DELETE", "/mcp", None, client.fields)
        assert ended.status == 204, ended
        gone = client.post(message("tools/list"))
        assert gone.status == 404 and gone.json["id"] == 1, gone
        assert weir.ask("DELETE", "/mcp", None, client.fields).status == 404
        assert again.call("add", a=1)["structuredContent"] == {"result": 3}


def a_message_without_its_session_is_refused() -> None:
    with tools() as weir:
        client = Client(weir)
        no = client.post(message("tools/list"), Mcp_Session_Id=None)
        assert no.status == 400 and code(no) == -32602, no
        note = client.post(message("notifications/initialized", ident=None), Mcp_Session_Id=None)
        assert note.status == 400, note
        assert client.post(message("tools/list"), Mcp_Session_Id="nothing").status == 404
        old = client.post(message("tools/list"), MCP_Protocol_Version="1900-01-01")
        assert old.status == 400 and code(old) == -32022, old
        assert old.json["error"]["data"]["requested"] == "1900-01-01", old
        earlier = client.post(message("tools/list"), MCP_Protocol_Version="2025-03-26")
        assert earlier.status == 200, earlier


def a_thousand_sessions_are_kept() -> None:
    with tools() as weir:
        first, used = Client(weir), Client(weir)
        text = json.dumps(message("initialize", INITIALIZE)).encode()
        fields = [f"{name}: {value}" for name, value in ACCEPT.items()]
        head = weir.head("POST /mcp", *fields, f"Content-Length: {len(text)}")
        with weir.connect() as connection:
            for _ in range(999):
                connection.sendall(head + text)
                assert Answer(connection).status == 200
                if _ == 0:
                    assert used.post(message("ping")).status == 200
        assert first.post(message("ping")).status == 404
        assert used.post(message("ping")).status == 200


# --- Messages ------------------------------------------------------------------------


def a_message_may_have_lines_and_a_batch_is_answered() -> None:
    with tools() as weir:
        client = Client(weir)
        text = json.dumps(
            message("tools/call", {"name": "untyped", "arguments": {"value": {"a": ["x\n", 1]}}}),
            indent=2,
        ).replace("\n", "\r\n")
        answer = client.post(text)
        assert json.loads(answer.json["result"]["content"][0]["text"]) == {"a": ["x\n", 1]}
        batch = client.post(
            [
                message("ping", ident=1),
                message("notifications/initialized", ident=None),
                message("tools/call", {"name": "add", "arguments": {"a": 5}}, "x"),
                7,
            ]
        )
        found = {json.dumps(one.get("id")): one for one in batch.json}
        assert found["1"]["result"] == {}, found
        assert found['"x"']["result"]["structuredContent"] == {"result": 7}, found
        assert found["null"]["error"]["code"] == -32600, found


def what_is_no_message_is_refused() -> None:
    with tools() as weir:
        client = Client(weir)
        for text, expected in (
            ('{"jsonrpc"', -32700),
            ("", -32700),
            ('{"jsonrpc":"2.0","id":1,"method":"x"} {}', -32700),
            ('"words"', -32600),
            ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        ):
            answer = client.post(text)
            assert answer.status == 400 and code(answer) == expected, (text, answer)
        form = client.post("{}", Content_Type="text/plain")
        assert form.status == 415, form
        assert client.post(message("ping"), Accept="text/html").status == 406
        assert weir.ask("PUT", "/mcp", "{}").status == 405
        for what in ({"id": 7, "result": {}}, {"id": 7, "error": {"code": 1, "message": "no"}}):
            assert client.post({"jsonrpc": "2.0", **what}).status == 202


def progress_makes_the_answer_a_stream(directory: str) -> None:
    with tools() as weir:
        client = Client(weir)
        path = f"{directory}/go"
        params = {
            "name": "reach",
            "arguments": {"path": path},
            "_meta": {"progressToken": "p"},
        }
        connection = client.open("POST", message("tools/call", params))
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        assert response.headers["Content-Type"] == "text/event-stream"
        report = note(False, next_event(response))
        assert report["method"] == "notifications/progress", report
        assert report["params"] == {
            "progressToken": "p",
            "progress": 1,
            "total": 2,
            "message": "half way",
        }
        with open(path, "w", encoding="utf-8"):
            pass
        last = note(False, next_event(response))
        assert last["result"]["structuredContent"] == {"result": "done"}, last
        assert response.read().strip() == b""
        response.close()
        connection.close()
        plain = client.post(message("tools/call", params), Accept="application/json")
        assert plain.json["result"]["structuredContent"] == {"result": "done"}, plain
        stream = client.post(message("ping"), Accept="text/event-stream")
        assert events(stream.body) == [{"jsonrpc": "2.0", "id": 1, "result": {}}], stream


# --- The present revision ---------------------------------------------------------------


def a_request_of_2026_stands_for_itself() -> None:
    with tools() as weir:
        found = modern(weir, "server/discover")
        assert found.json["result"]["supportedVersions"] == [VERSION], found
        assert "Mcp-Session-Id" not in found.fields
        added = modern(weir, "tools/call", {"name": "add", "arguments": {"a": 4}})
        assert added.json["result"]["structuredContent"] == {"result": 6}, added
        assert modern(weir, "tools/list", Mcp_Session_Id="ignored").status == 200
        for method in ("ping", "initialize", "logging/setLevel"):
            unknown = modern(weir, method)
            assert unknown.status == 404 and code(unknown) == -32601, unknown
        told = weir.ask(
            "POST",
            "/mcp",
            json.dumps(message("notifications/x", {"_meta": META}, None)),
            {**ACCEPT, "MCP-Protocol-Version": VERSION},
        )
        assert told.status == 202, told
        batch = weir.ask(
            "POST",
            "/mcp",
            json.dumps([message("ping")]),
            {**ACCEPT, "MCP-Protocol-Version": VERSION},
        )
        assert batch.status == 400 and code(batch) == -32600, batch
        for method in ("GET", "DELETE"):
            refused = weir.ask(method, "/mcp", None, {"Accept": "text/event-stream"})
            assert refused.status == 405 and refused.fields["Allow"] == "POST", refused


def fields_must_say_what_the_message_says() -> None:
    name = {"name": "add", "arguments": {"a": 1}}
    with tools() as weir:
        for fields in (
            {"MCP_Protocol_Version": None},
            {"MCP_Protocol_Version": "2025-11-25"},
            {"Mcp_Method": None},
            {"Mcp_Method": "tools/list"},
            {"Mcp_Method": "Tools/Call"},
            {"Mcp_Name": None},
            {"Mcp_Name": "mirror"},
            {"Mcp_Name": "=?base64?bWlycm9y?="},
            {"Mcp_Name": "=?base64?!!?="},
        ):
            refused = modern(weir, "tools/call", name, **fields)
            assert refused.status == 400 and code(refused) == -32020, (fields, refused)
        assert modern(weir, "tools/call", name, Mcp_Name="=?base64?YWRk?=").status == 200
        assert modern(weir, "tools/call", name, Mcp_Name="  add\t").status == 200
        other = {KEY + "protocolVersion": "v9"}
        no_version = modern(
            weir, "tools/list", {"_meta": {**META, **other}}, MCP_Protocol_Version="v9"
        )
        assert no_version.status == 400 and code(no_version) == -32022, no_version
        for meta in ({}, {KEY + "protocolVersion": VERSION}):
            bare = modern(weir, "tools/list", {"_meta": meta})
            assert bare.status == 400 and code(bare) == -32602, bare


# --- Who goes, and what is cancelled --------------------------------------------------------


def running(weir: Door, **fields: str) -> int:
    return int(weir.ask("GET", "/v1/stats", None, fields).json["running"])


def returned(weir: Door, function: str) -> int:
    # The statistics name a function from its first call on.
    methods = weir.ask("GET", "/v1/stats").json["methods"]
    return int(methods.get(function, {}).get("outcomes", {}).get("returned", 0))


def a_client_of_2026_that_goes_cancels_its_call() -> None:
    params = {"name": "slow_count", "arguments": {"last": 100000}, "_meta": META}
    with tools() as weir:
        body = json.dumps(message("tools/call", params)).encode()
        fields = modern_fields("tools/call", params)
        lines = [f"{k}: {v}" for k, v in fields.items()]
        client = weir.connect()
        client.sendall(weir.head("POST /mcp", *lines, f"Content-Length: {len(body)}") + body)
        await_that(lambda: running(weir) == 1, "the call runs")
        client.close()
        await_that(lambda: running(weir) == 0, "the call ends")


def an_earlier_client_says_when_a_call_is_cancelled() -> None:
    params = {"name": "slow_count", "arguments": {"last": 100000}}
    with tools() as weir:
        client = Client(weir)
        first = client.open("POST", message("tools/call", params, "a"))
        await_that(lambda: running(weir) == 1, "the call runs")
        first.close()
        second = client.open("POST", message("tools/call", params, "b"))
        cancelled = {"requestId": "b", "reason": "enough"}
        await_that(lambda: weir.ask("GET", "/v1/stats").json["queued"] == 1, "the second waits")
        assert client.post(message("notifications/cancelled", cancelled, None)).status == 202
        answer = Answer(second)
        assert answer.status == 200 and events(answer.body) == [], answer
        second.close()
        assert running(weir) == 1, "the first has no client, and goes on"
        client.post(message("notifications/cancelled", {"requestId": "a"}, None))
        await_that(lambda: running(weir) == 0, "the call ends")
        third = client.open("POST", message("tools/call", params, "c"))
        await_that(lambda: running(weir) == 1, "the call runs")
        assert weir.ask("DELETE", "/mcp", None, client.fields).status == 204
        assert events(Answer(third).body) == []
        third.close()
        await_that(lambda: running(weir) == 0, "the call ends")


def calls_without_their_clients_do_not_count_as_connections() -> None:
    params = {"name": "slow_count", "arguments": {"last": 100000}}
    with tools("--max-connections", "2") as weir:
        client = Client(weir)

        def leave(ident: int) -> None:
            one = client.open("POST", message("tools/call", params, ident))

            def is_taken() -> bool:
                nonlocal one
                stats = weir.ask("GET", "/v1/stats")
                if stats.status == 200 and stats.json["running"] + stats.json["queued"] == ident:
                    return True
                if select.select([one], [], [], 0)[0] and b" 503 " in one.recv(64, socket.MSG_PEEK):
                    one.close()  # for connections whose ends the server had not seen yet
                    one = client.open("POST", message("tools/call", params, ident))
                return False

            await_that(is_taken, "the call was taken")
            one.close()

        def pings(status: int) -> None:
            await_that(lambda: client.post(message("ping")).status == status, f"{status}")

        leave(1)
        leave(2)
        pings(200)
        leave(3)  # from here on there are more than connections may be
        pings(200)
        leave(4)
        pings(503)
        assert running(weir) == 1
        weir.ask("DELETE", "/mcp", None, client.fields)
        await_that(lambda: running(weir) == 0, "the calls end")
        Client(weir)


# --- Streams ------------------------------------------------------------------------------


def listen(weir: Door, **fields: str) -> tuple[Any, Any]:
    """A subscription of the present revision: its connection and its response."""
    wanted = {"notifications": {"toolsListChanged": True}, "_meta": META}
    body = json.dumps(message("subscriptions/listen", wanted, "s")).encode()
    lines = [f"{k}: {v}" for k, v in {**modern_fields("subscriptions/listen"), **fields}.items()]
    listener = weir.connect()
    listener.sendall(weir.head("POST /mcp", *lines, f"Content-Length: {len(body)}") + body)
    heard = http.client.HTTPResponse(listener, method="POST")
    heard.begin()
    return listener, heard


def next_event(response: Any) -> Any:
    while True:
        line = response.readline().decode()
        assert line, "the stream has ended"
        if line.startswith("data: "):
            return json.loads(line[6:])


def streams_tell_what_changes_and_end_with_the_server(directory: str) -> None:
    path = f"{directory}/mcp.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(
            {
                "mcpServers": {
                    "stub": {
                        "command": sys.executable,
                        "args": [f"{SRCDIR}/tests/cli/mcp_stub.py"],
                    }
                }
            },
            file,
        )
    with door("-f", path, "--grace", "0.1", worker=None) as weir:
        client = Client(weir)
        stream = client.open("GET")
        told = http.client.HTTPResponse(stream, method="GET")
        told.begin()
        assert told.status == 200 and told.headers["Content-Type"] == "text/event-stream"
        assert weir.ask("GET", "/mcp", None, client.fields).status == 409
        assert client.post(message("ping"), Accept="application/json").status == 200
        listener, heard = listen(weir)
        first = note(True, next_event(heard))
        assert first["method"] == "notifications/subscriptions/acknowledged", first
        assert first["params"]["notifications"] == {"toolsListChanged": True}, first
        assert client.call("grow", tool="fresh")["content"][0]["text"] == "grown"
        assert note(False, next_event(told))["method"] == "notifications/tools/list_changed"
        changed = note(True, next_event(heard))
        assert changed["method"] == "notifications/tools/list_changed", changed
        assert changed["params"]["_meta"][KEY + "subscriptionId"] == "s", changed
        weir.process.terminate()
        last = note(True, next_event(heard))
        assert last["id"] == "s" and last["result"]["resultType"] == "complete", last
        assert heard.read().strip() == b"" and told.read().strip() == b""
        assert weir.process.wait(timeout=PATIENCE_S) == 0, weir.process.said
        for one in (told, heard, stream, listener):
            one.close()


# --- Who may ------------------------------------------------------------------------------


def tokens_and_expose_hold_for_tools(directory: str) -> None:
    path = f"{directory}/tokens"
    write_tokens(path)
    with tools("--http-tokens", path, "--expose", "add", "--expose", "mirror") as weir:
        assert weir.ask("POST", "/mcp", json.dumps(message("ping")), ACCEPT).status == 401
        caller = Client(weir, Authorization=f"Bearer {BEARER}")
        every = Client(weir, Authorization=f"Bearer {OPERATOR}")
        listed = [tool["name"] for tool in caller.ask("tools/list")["result"]["tools"]]
        assert listed == ["add"], listed
        listed = [tool["name"] for tool in every.ask("tools/list")["result"]["tools"]]
        assert sorted(listed) == ["add", "mirror"], listed
        assert caller.call("add", a=1)["structuredContent"] == {"result": 3}
        for client, tool in ((caller, "mirror"), (every, "untyped")):
            refused = client.call(tool)["error"]
            assert refused == {"code": -32602, "message": f"Unknown tool: {tool}"}, refused
        stolen = caller.post(message("ping"), Mcp_Session_Id=every.fields["Mcp-Session-Id"])
        assert stolen.status == 404, stolen
        slow = Client(weir, Authorization=f"Bearer {SLOW}")
        call = message("tools/call", {"name": "add", "arguments": {"a": 1}})
        assert slow.post([call] * 5).status == 429
        assert slow.post(message("tools/list")).status == 200


def new_tokens_end_the_streams_of_old_ones(directory: str) -> None:
    path = f"{directory}/tokens"
    write_tokens(path)
    with tools("--http-tokens", path) as weir:
        field = {"Authorization": f"Bearer {OPERATOR}"}
        session = Client(weir, **field)
        stream = session.open("GET")
        told = http.client.HTTPResponse(stream, method="GET")
        told.begin()
        listener, heard = listen(weir, **field)
        next_event(heard)
        write_tokens(path, {"tokens": [{"name": "new", "sha256": "0" * 64}]})
        weir.process.send_signal(signal.SIGHUP)
        assert told.read().strip() == b""
        last = note(True, next_event(heard))
        assert last["id"] == "s" and last["result"]["resultType"] == "complete", last
        assert heard.read().strip() == b""
        for one in (told, heard, stream, listener):
            one.close()
        listener, heard = listen(weir, **field)
        assert heard.status == 401
        for one in (heard, listener):
            one.close()


def records_of_calls_say_who_called_and_what_was_answered(directory: str) -> None:
    log, path = f"{directory}/log", f"{directory}/tokens"
    write_tokens(path)
    boom, add = {"name": "boom", "arguments": {}}, {"name": "add", "arguments": {"a": 1}}
    with tools("--audit", log, "--http-tokens", path) as weir:
        field = {"Authorization": f"Bearer {OPERATOR}"}
        session = Client(weir, **field)
        session.call("add", a=1)
        session.call("boom")
        for params in (add, boom):
            assert modern(weir, "tools/call", params, **field).status == 200
        events_only = modern(weir, "tools/call", add, **field, Accept="text/event-stream")
        assert events_only.status == 200
        slow = {"name": "slow_count", "arguments": {"last": 100000}}
        with session.open("POST", message("tools/call", slow, "a")):
            await_that(lambda: running(weir, **field) == 1, "the call runs")
        cancel = message("notifications/cancelled", {"requestId": "a"}, None)
        await_that(
            lambda: session.post(cancel).status == 202 and running(weir, **field) == 0, "its end"
        )
    with open(log, encoding="utf-8") as file:
        calls = [line["call"] for line in map(json.loads, file) if line["event"] == "call"]
    assert [one["method"] for one in calls] == ["add", "boom", "add", "boom", "add", "slow_count"]
    for number, one in enumerate(calls):
        request = one["request"]
        assert one["door"] == "mcp" and re.fullmatch(r"127\.0\.0\.1:\d+", request.pop("peer")), one
        status = 200 if number < 5 else None
        assert request == {"id": None, "token": "operator", "subject": None, "status": status}, one


def answers_wait_for_their_records(directory: str) -> None:
    log = f"{directory}/log"
    params = {"name": "add", "arguments": {"a": 1}}
    with tools("--audit", log, "--audit-fsync", "always") as weir, open(log, "rb") as held:
        client = Client(weir)
        fcntl.flock(held, fcntl.LOCK_EX)  # so nothing can be written
        with client.open("POST", message("tools/call", params)) as waiting:
            await_that(lambda: returned(weir, "add") == 1, "the function has returned")
            assert weir.ask("GET", "/v1/calls").json == []
            assert select.select([waiting], [], [], 0)[0] == []
            fcntl.flock(held, fcntl.LOCK_UN)
            assert Answer(waiting).json["result"]["structuredContent"] == {"result": 3}


def other_pages_and_names_are_refused() -> None:
    with tools("--http-origin", "https://app.example.org") as weir:
        evil = weir.ask("POST", "/mcp", "{}", {**ACCEPT, "Origin": "http://evil.example"})
        assert evil.status == 403 and evil.type == "origin", evil
        rebound = weir.send(
            b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        assert rebound.status == 421, rebound
        page = Client(weir, Origin="https://app.example.org")
        answer = page.post(message("ping"))
        assert answer.fields["Access-Control-Allow-Origin"] == "https://app.example.org"
        assert "Mcp-Session-Id" in answer.fields["Access-Control-Expose-Headers"]
        asked = weir.ask(
            "OPTIONS",
            "/mcp",
            None,
            {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"},
        )
        assert "Mcp-Session-Id" in asked.fields["Access-Control-Allow-Headers"], asked


def nothing_stays_of_many_requests() -> None:
    with tools() as weir:
        before = descriptors(weir.process)
        client = Client(weir)
        for number in range(100):
            answer = client.post(message("tools/call", {"name": "add", "arguments": {"a": number}}))
            assert answer.json["result"]["structuredContent"] == {"result": number + 2}
            assert modern(weir, "tools/list").status == 200
        await_that(lambda: descriptors(weir.process) == before, "its descriptors are closed")


# --- The schemas of MCP ------------------------------------------------------------------------


def every_message_is_valid_by_the_schemas_of_mcp(directory: str) -> None:
    check_schemas(directory, ((modern, "JSONRPCMessage", value) for modern, value in said), 50)


if __name__ == "__main__":
    run_cases(
        [
            a_session_has_an_id_until_it_is_deleted,
            a_message_without_its_session_is_refused,
            a_thousand_sessions_are_kept,
            a_message_may_have_lines_and_a_batch_is_answered,
            what_is_no_message_is_refused,
            progress_makes_the_answer_a_stream,
            a_request_of_2026_stands_for_itself,
            fields_must_say_what_the_message_says,
            a_client_of_2026_that_goes_cancels_its_call,
            an_earlier_client_says_when_a_call_is_cancelled,
            calls_without_their_clients_do_not_count_as_connections,
            streams_tell_what_changes_and_end_with_the_server,
            tokens_and_expose_hold_for_tools,
            new_tokens_end_the_streams_of_old_ones,
            records_of_calls_say_who_called_and_what_was_answered,
            answers_wait_for_their_records,
            other_pages_and_names_are_refused,
            nothing_stays_of_many_requests,
            every_message_is_valid_by_the_schemas_of_mcp,
        ]
    )
