#!/usr/bin/env python3
"""weir serve --http: replies that are kept: Idempotency-Key, and Prefer: respond-async.  Prints TAP.
serve_kept.py WEIR SRCDIR
"""

import json
import sys
from typing import Any

sys.dont_write_bytecode = True
from serve_http_door import Answer, Door, door
from serve_tokens import BEARER, OPERATOR, claims, serving, sign
from tap_cases import await_file, await_that, run_cases, until_gone

LINES = {"Content-Type": "application/x-ndjson"}


def keyed(weir: Door, name: str, params: Any, key: str, **fields: str) -> Answer:
    return weir.call(name, params, Idempotency_Key=key, **fields)


def a_key_calls_once(directory: str) -> None:
    with door("-j2") as weir:
        first = keyed(weir, "write_line", [directory + "/log", "a"], "k 1")
        assert (first.status, first.json) == (200, 1), first
        assert first.fields["Idempotency-Replayed"] is None
        again = keyed(weir, "write_line", [directory + "/log", "a"], "k 1")
        assert (again.status, again.body) == (200, first.body), again
        assert again.fields["Idempotency-Replayed"] == "true"
        for field in ("Weir-Call", "Server-Timing", "Content-Type"):
            assert again.fields[field] == first.fields[field], field
        assert keyed(weir, "write_line", [directory + "/log", "b"], "k 2").json == 2
        for name, params in (("write_line", [directory + "/log", "b"]), ("echo", ["a"])):
            answer = keyed(weir, name, params, "k 1")
            assert (answer.status, answer.type) == (422, "other-body"), answer
        # A failure of the function is its reply, too.
        for replayed in (None, "true"):
            answer = keyed(weir, "fail", ["oops"], "k 3")
            assert (answer.status, answer.type) == (500, "raised"), answer
            assert answer.fields["Idempotency-Replayed"] == replayed
        with open(directory + "/log", encoding="utf-8") as log:
            assert log.read() == "a\nb\n"


def a_key_of_a_call_that_runs_is_a_conflict(directory: str) -> None:
    path = directory + "/go"
    with door("-j1") as weir:
        fields = ["Content-Type: application/json", "Idempotency-Key: k"]
        body = json.dumps([path]).encode()
        request = (
            weir.head("POST /v1/call/wait_for", *fields, f"Content-Length: {len(body)}") + body
        )
        client = weir.connect()
        client.sendall(request)
        await_file(path + ".begun")
        answer = weir.send(request)
        assert (answer.status, answer.type) == (409, "conflict"), answer
        # It goes on without its client, which gets the reply when it asks again.
        client.close()
        with open(path, "w", encoding="utf-8") as file:
            file.write("go\n")
        answers = []

        def is_done() -> bool:
            answers.append(weir.send(request))
            return answers[-1].status != 409

        await_that(is_done, "it never ends")
        assert (answers[-1].status, answers[-1].json) == (200, "done"), answers[-1]
        assert answers[-1].fields["Idempotency-Replayed"] == "true"


def a_call_that_was_not_executed_may_be_tried_again(directory: str) -> None:
    with door("-j1", "--start-timeout", "60s", "--max-queue", "1") as weir:
        paths = [f"{directory}/{n}" for n in range(2)]
        clients = []
        for number, path in enumerate(paths):
            body = json.dumps([path]).encode()
            client = weir.connect()
            clients.append(client)
            fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
            client.sendall(weir.head("POST /v1/call/wait_for", *fields) + body)
            wanted = number + 1
            await_that(
                lambda wanted=wanted: len(weir.ask("GET", "/v1/calls").json) == wanted, "no call"
            )
            if number == 0:
                await_file(path + ".begun")
        answer = keyed(weir, "echo", [1], "k")
        assert (answer.status, answer.type) == (503, "refused"), answer
        assert answer.fields["Retry-After"] == "1"
        for path in paths:
            with open(path, "w", encoding="utf-8") as file:
                file.write("go\n")
        for client in clients:
            with client:
                assert Answer(client).json == "done"
        answer = keyed(weir, "echo", [1], "k")
        assert (answer.status, answer.fields["Idempotency-Replayed"]) == (200, None), answer


def what_a_key_may_be() -> None:
    with door("-j1") as weir:
        for key in ("", "a" * 65, "a\tb", "ü"):
            answer = keyed(weir, "echo", [1], key)
            assert answer.status == 400, (key, answer)
        assert keyed(weir, "echo", [1], "a" * 64).json == 1
        answer = keyed(weir, "count", [1, 2], "k")
        assert answer.status == 400 and "streams" in answer.json["detail"], answer
        answer = weir.ask("POST", "/v1/call/total", "1\n", {**LINES, "Idempotency-Key": "k"})
        assert answer.status == 400, answer


def a_call_goes_on_without_its_client(directory: str) -> None:
    path = directory + "/go"
    with door("-j1") as weir:
        answer = weir.call("wait_for", [path], Prefer="wait=5, Respond-Async")
        assert answer.status == 202, answer
        assert answer.fields["Preference-Applied"] == "respond-async"
        place = answer.fields["Location"]
        assert (
            place == "/v1/calls/" + answer.fields["Weir-Call"] == "/v1/calls/" + answer.json["id"]
        )
        await_file(path + ".begun")
        assert weir.ask("GET", place).status == 202
        assert [call["method"] for call in weir.ask("GET", "/v1/calls").json] == ["wait_for"]
        with open(path, "w", encoding="utf-8") as file:
            file.write("go\n")
        await_that(lambda: weir.ask("GET", place).status != 202, "it never ends")
        for _ in range(2):
            answer = weir.ask("GET", place)
            assert (answer.status, answer.json) == (200, "done"), answer
            assert answer.fields["Idempotency-Replayed"] is None
        # One that fails, and one that is cancelled.
        place = weir.call("fail", ["oops"], Prefer="respond-async").fields["Location"]
        await_that(lambda: weir.ask("GET", place).status != 202, "it never ends")
        answer = weir.ask("GET", place)
        assert (answer.status, answer.type, answer.json["detail"]) == (500, "raised", "oops")
        place = weir.call("hang", [directory + "/h"], Prefer="respond-async").fields["Location"]
        await_file(directory + "/h.begun")
        assert weir.ask("DELETE", place).status == 204
        await_file(directory + "/h.cancelled")
        await_that(lambda: weir.ask("GET", place).status != 202, "it never ends")
        assert weir.ask("GET", place).type == "cancelled"
        assert weir.ask("GET", "/v1/calls/nothing").status == 404
        # A call that waits for its client is not there for others.
        answer = weir.call("echo", [1])
        assert weir.ask("GET", "/v1/calls/" + answer.fields["Weir-Call"]).status == 404
        # A preference that cannot be met is left out, as it may be.
        answer = weir.call("count", [1, 2], Prefer="respond-async")
        assert (answer.status, answer.json) == (200, [1, 2]), answer
        # A key and no wait.
        first = keyed(weir, "echo", [5], "k", Prefer="respond-async")
        assert first.status == 202
        place = first.fields["Location"]
        await_that(lambda: weir.ask("GET", place).status == 200, "it never ends")
        again = keyed(weir, "echo", [5], "k", Prefer="respond-async")
        assert (again.status, again.json) == (200, 5), again
        # The server leaves while one runs.
        assert weir.call("hang", [directory + "/i"], Prefer="respond-async").status == 202
        await_file(directory + "/i.begun")
        until_gone(weir.process)


def the_oldest_replies_are_forgotten() -> None:
    with door("-j2", "--start-timeout", "60s") as weir:
        answer = keyed(weir, "blob", [7 << 20], "big 0")
        assert len(answer.body) == (7 << 20) + 2
        for n in range(1, 3):
            assert keyed(weir, "blob", [(7 << 20) + n], f"big {n}").status == 200
        # 21 MiB were made; the two newest fit.
        for n, replayed in ((2, "true"), (1, "true"), (0, None)):
            answer = keyed(weir, "blob", [(7 << 20) + n], f"big {n}")
            assert answer.status == 200, n
            assert answer.fields["Idempotency-Replayed"] == replayed, n


def a_reply_is_for_its_caller_alone(directory: str) -> None:
    with serving(directory) as weir:

        def ask(token: str, method: str, target: str, **fields: str) -> Answer:
            named = {key.replace("_", "-"): value for key, value in fields.items()}
            named |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            return weir.ask(method, target, "[1]" if method == "POST" else None, named)

        for token, replayed in ((BEARER, None), (OPERATOR, None), (BEARER, "true")):
            answer = ask(token, "POST", "/v1/call/echo", Idempotency_Key="k")
            assert (answer.json, answer.fields["Idempotency-Replayed"]) == (1, replayed), answer
        place = ask(BEARER, "POST", "/v1/call/echo", Prefer="respond-async").fields["Location"]
        await_that(lambda: ask(BEARER, "GET", place).status == 200, "it never ends")
        assert ask(OPERATOR, "GET", place).status == 404
        assert weir.ask("GET", place).status == 401
        # A one-time token has one request.
        token = sign(claims("echo", b"[1]"))
        fields = {"Idempotency_Key": "k", "Prefer": "respond-async"}
        answer = ask(token, "POST", "/v1/call/echo", **fields)
        assert (answer.status, answer.json) == (200, 1), answer
        assert ask(token, "POST", "/v1/call/echo", **fields).type == "token-used"


run_cases(
    [
        a_key_calls_once,
        a_key_of_a_call_that_runs_is_a_conflict,
        a_call_that_was_not_executed_may_be_tried_again,
        what_a_key_may_be,
        a_call_goes_on_without_its_client,
        the_oldest_replies_are_forgotten,
        a_reply_is_for_its_caller_alone,
    ]
)
