#!/usr/bin/env python3
"""The bounds of weir serve: calls, connections and memory of all clients together, batches,
ids, names and locks.  Prints TAP.
serve_limits.py WEIR SRCDIR
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
from serve import (
    SRCDIR,
    WEIR,
    Client,
    await_file,
    await_that,
    call,
    memory_kb,
    serving,
    start,
    stats,
)
from tap_cases import PATIENCE_S, Skip, is_sanitized, run_cases

MIB = 1 << 20
# Above what a limit counts: the program, and one line on its way from a worker.  A sanitizer
# keeps what was freed for a while.
SLACK_KB = (600 if is_sanitized() else 150) * 1024


def figures(path: Any) -> Any:
    return stats(path)["server"]


def send_what_is_taken(client: Any, data: Any, seconds: float = 0.3) -> Any:
    """Sends until all is sent, or nothing more is taken for a while; returns how much that was."""
    sent = 0
    client.socket.setblocking(False)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < len(data) and select.select([], [client.socket], [], seconds)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += client.socket.send(data[sent : sent + MIB])
    client.socket.settimeout(PATIENCE_S)
    return sent


def is_closed(client: Any) -> bool:
    """Reads what there is; whether that has an end."""
    with contextlib.suppress(ConnectionResetError):
        while client.socket.recv(MIB):
            pass
    return True


def request(number: Any, method: Any, params: Any, **more: Any) -> Any:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params, **more}


# --- Memory ---


def half_lines_of_many_clients_are_bounded_together(directory: Any) -> None:
    with serving(directory, "-j1", "--max-memory", "32M") as (server, path):
        half = b'{"jsonrpc":"2.0","id":1,"method":"echo","params":["' + b"x" * (10 * MIB)
        clients = [Client(path) for _ in range(12)]
        for client in clients:
            send_what_is_taken(client, half)
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        now = figures(path)
        assert now["memory"] <= now["max_memory"] == 32 * MIB, now
        assert now["dropped"] > 0 or now["held"] == 1, now
        assert memory_kb(server, "VmHWM") < 32 * 1024 + SLACK_KB
        for client in clients:
            client.close()
        await_that(lambda: figures(path)["memory"] < MIB, lambda: f"kept: {figures(path)}")


def a_client_stuck_in_half_a_line_is_dropped_with_the_reason(directory: Any) -> None:
    with serving(directory, "-j1", "--max-memory", "8M") as (_, path):
        client = Client(path)
        send_what_is_taken(client, b'["' + b"x" * (12 * MIB))
        await_that(lambda: figures(path)["held"] == 1, lambda: f"not held: {figures(path)}")
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        answer = client.receive()
        assert answer["id"] is None and answer["error"]["code"] == -33005, answer
        assert "memory" in answer["error"]["message"], answer
        with contextlib.suppress(ConnectionResetError):
            assert client.receive() is None
        client.close()
        assert figures(path)["dropped"] == 1


def a_held_client_that_goes_away_is_missed_at_once(directory: Any) -> None:
    with serving(directory, "-j1", "--max-memory", "8M") as (_, path):
        client = Client(path)
        send_what_is_taken(client, b'["' + b"x" * (12 * MIB))
        await_that(lambda: figures(path)["held"] == 1, lambda: f"not held: {figures(path)}")
        client.close()
        await_that(lambda: figures(path)["memory"] < MIB, lambda: f"kept: {figures(path)}")
        assert figures(path)["dropped"] == 0


def answers_that_no_process_reads_cost_their_client_the_connection(directory: Any) -> None:
    with serving(directory, "-j1", "--max-memory", "32M") as (server, path):
        client = Client(path)
        for number in range(60):
            client.ask("big", [2 * MIB], number)
        await_that(lambda: figures(path)["dropped"] == 1, lambda: f"not dropped: {figures(path)}")
        assert memory_kb(server, "VmHWM") < 32 * 1024 + SLACK_KB
        assert is_closed(client)
        client.close()
        assert call(path, "add", "3", "4") == (0, "7\n", "")
        await_that(lambda: figures(path)["open_calls"] == 0, "its calls are cancelled")


def answers_to_a_batch_are_bounded_too(directory: Any) -> None:
    with serving(directory, "-j1", "--max-memory", "32M") as (server, path):
        client = Client(path)
        client.say(json.dumps([request(number, "big", [2 * MIB]) for number in range(60)]))
        await_that(lambda: figures(path)["dropped"] == 1, lambda: f"not dropped: {figures(path)}")
        assert memory_kb(server, "VmHWM") < 32 * 1024 + SLACK_KB
        assert is_closed(client)
        client.close()


def floods_of_large_messages(path: Any, directory: Any) -> Iterator[Any]:
    """Each is what one client sends without reading: of sizes that leave holes everywhere."""
    text = [b"x" * (size * MIB // 4) for size in range(1, 13)]
    calls = [
        b'{"jsonrpc":"2.0","id":%d,"method":"echo","params":["%s"]}' % (number, one)
        for number, one in enumerate(text, 1)
    ]
    hang = (
        json.dumps(request(100, "wait_for", [os.path.join(directory, "flooded")])).encode() + b"\n"
    )
    yield b"\n".join(calls) + b"\n"
    yield b"[" + b",".join(calls) + b"]\n"
    yield hang + b"\n".join(calls)
    yield b"".join(
        json.dumps(request(number, "big", [len(one)])).encode() + b"\n"
        for number, one in enumerate(text * 2)
    )


def floods_of_large_messages_stay_within_the_limit(directory: Any) -> None:
    limit = 48 * MIB
    if is_sanitized():
        raise Skip("a sanitizer keeps what was freed")
    with serving(directory, "-j1", "--max-memory", str(limit)) as (server, path):
        base = memory_kb(server, "VmRSS")
        for flood in floods_of_large_messages(path, directory):
            clients = [Client(path) for _ in range(6)]
            for client in clients:
                send_what_is_taken(client, flood, 0.1)
            now = figures(path)
            assert now["memory"] <= now["max_memory"] == limit, now
            for client in clients:
                client.close()
        open(os.path.join(directory, "flooded"), "w").close()
        grown = (memory_kb(server, "VmHWM") - base) / 1024
        assert grown < 1.25 * limit / MIB, f"{grown:.0f} MiB"
        await_that(lambda: figures(path)["memory"] < MIB, lambda: f"kept: {figures(path)}")
        left = (memory_kb(server, "VmRSS") - base) / 1024
        assert left < 16, f"{left:.0f} MiB are left"


def a_held_client_that_reads_is_read_again(directory: Any) -> None:
    with serving(directory, "-j1", "--max-memory", "32M") as (_, path):
        client = Client(path)
        for number in range(14):
            client.ask("big", [2 * MIB], number)
        await_that(lambda: figures(path)["held"] == 1, lambda: f"not held: {figures(path)}")
        client.ask("add", [3, 4], "last")
        for number in range(14):
            answer = client.receive()
            assert answer["id"] == number and len(answer["result"]) == 2 * MIB
        assert client.receive() == {"jsonrpc": "2.0", "id": "last", "result": 7}
        assert figures(path)["dropped"] == 0 and figures(path)["held"] == 0
        client.close()


def idle_connections_keep_no_buffers(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        clients = [Client(path) for _ in range(20)]
        for client in clients:
            client.ask("echo", ["x" * 4 * MIB])
            assert client.receive()["id"] == 1
        assert figures(path)["memory"] < 20 * 80 * 1024, figures(path)
        for client in clients:
            client.close()


# --- Turns ---


def a_batch_of_many_elements_lets_others_have_their_turn(directory: Any) -> None:
    count = 200000
    element = b'{"jsonrpc":"2.0","id":%d,"method":"nosuch"}'
    with serving(directory, "-j1") as (_, path):
        one, other = Client(path), Client(path)
        other.ask("add", [1, 2])
        assert other.receive()["result"] == 3
        one.say(b"[" + b",".join(element % number for number in range(count)) + b"]\n")
        other.ask("add", [3, 4], 2)
        assert other.receive()["result"] == 7
        assert not select.select([one.socket], [], [], 0)[0], "the batch was done before"
        assert len(one.receive()) == count
        one.ask("add", [5, 6], 3)
        assert one.receive()["result"] == 11
        one.close()
        other.close()


def requests_behind_a_large_batch_keep_their_order(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        lines = [
            json.dumps([1] * 1000),
            json.dumps(request(1, "weir/methods", [])),
            "[]",
            json.dumps([2] * 2000),
            json.dumps(request(2, "weir/methods", [])),
        ]
        client.say("\n".join(lines))
        assert len(client.receive()) == 1000
        assert client.receive()["id"] == 1
        assert client.receive()["error"]["code"] == -32600
        assert len(client.receive()) == 2000
        assert client.receive()["id"] == 2
        client.close()


def many_open_streams_are_each_given_credit(directory: Any) -> None:
    count = 300
    with serving(directory, "-j2", "--window", "4") as (_, path):
        client = Client(path)
        for number in range(count):
            client.ask("count", [1, 3], number, weir={"credit": 1})
            client.say(
                f'{{"jsonrpc":"2.0","method":"weir/credit","params":{{"id":{number},"n":5}}}}'
            )
        values, done = {}, 0
        while done < count:
            message = client.receive()
            if "method" in message:
                values.setdefault(message["params"]["id"], []).append(message["params"]["value"])
            else:
                assert message["result"] is None, message
                done += 1
        assert values == {number: [1, 2, 3] for number in range(count)}
        client.close()


# --- Numbers ---


def calls_beyond_the_limit_are_refused(directory: Any) -> None:
    with serving(directory, "-j1", "--max-calls", "3") as (_, path):
        client, go = Client(path), os.path.join(directory, "go")
        for number in range(5):
            client.ask("wait_for", [go], number)
        for number in (3, 4):
            answer = client.receive()
            assert answer["id"] == number and answer["error"]["code"] == -33005, answer
            assert "--max-calls" in answer["error"]["message"], answer
        client.say(json.dumps([request("b", "add", [1, 2]), request("c", "weir/methods", [])]))
        answers = {answer["id"]: answer for answer in client.receive()}
        assert answers["b"]["error"]["code"] == -33005 and answers["c"]["result"], answers
        assert call(path, "weir/methods")[0] == 0
        now = figures(path)
        assert (now["open_calls"], now["refused_calls"], now["max_calls"]) == (3, 3, 3), now
        open(go, "w", encoding="utf-8").close()
        assert sorted(client.receive()["id"] for _ in range(3)) == [0, 1, 2]
        client.ask("add", [3, 4])
        assert client.receive()["result"] == 7
        client.close()


def connections_beyond_the_limit_are_refused_with_a_message(directory: Any) -> None:
    with serving(directory, "-j1", "--max-connections", "2") as (_, path):
        clients = [Client(path), Client(path)]
        for client in clients:
            client.ask("add", [3, 4])
            assert client.receive()["result"] == 7
        third = Client(path)
        answer = third.receive()
        assert answer["id"] is None and answer["error"]["code"] == -33005, answer
        assert "--max-connections" in answer["error"]["message"], answer
        assert third.receive() is None
        third.close()
        status, out, err = call(path, "add", "3", "4")
        assert (status, out) == (125, "") and "--max-connections" in err, (status, out, err)
        clients.pop().close()
        await_that(lambda: call(path, "add", "3", "4")[0] == 0, "the place is free again")
        now = figures(path)
        assert now["max_connections"] == 2 and now["connections"] == 2, now
        assert now["refused_connections"] >= 2, now
        clients.pop().close()


def limits_that_cannot_be_are_named() -> None:
    for option, value in (
        ("--max-calls", "0"),
        ("--max-calls", "many"),
        ("--max-connections", "0"),
        ("--max-connections", "-1"),
        ("--max-memory", "0"),
        ("--max-memory", "1K"),
        ("--max-memory", "large"),
    ):
        done = subprocess.run(
            [WEIR, "serve", "-s", "unused", "-w", "true", option, value],
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 2 and option.encode() in done.stderr, (option, value, done)


def the_figures_are_as_their_schema_says(directory: Any) -> None:
    with serving(directory, "-j2") as (_, path):
        document = os.path.join(directory, "stats.json")
        with open(document, "w", encoding="utf-8") as file:
            json.dump(stats(path), file)
        schema = f"{SRCDIR}/docs/schemas/serve-stats.schema.json"
        subprocess.run(
            [sys.executable, f"{SRCDIR}/tests/cli/validate.py", schema, document],
            check=True,
            timeout=PATIENCE_S,
        )
        with open(schema, encoding="utf-8") as file:
            known = json.load(file)["properties"]
        assert known.keys() == stats(path).keys()
        assert known["server"]["properties"].keys() == figures(path).keys()


# --- Batches ---


def batch(path: Any, elements: Any, *between: Any) -> Any:
    """The answers to a batch by id, with what a client says when it is under way."""
    client = Client(path)
    client.say(json.dumps(elements))
    for line in between:
        client.say(json.dumps(line))
    answers = client.receive()
    assert isinstance(answers, list), answers
    client.ask("add", [3, 4], "after")
    assert client.receive() == {"jsonrpc": "2.0", "id": "after", "result": 7}
    client.close()
    assert len(answers) == sum(1 for element in elements if "id" in element), answers
    return {
        json.dumps(answer["id"]): answer["error"]["code"] if "error" in answer else answer["result"]
        for answer in answers
    }


def notice(method: Any, **params: Any) -> Any:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def a_batch_is_answered_whatever_becomes_of_its_calls(directory: Any) -> None:
    go = os.path.join(directory, "go")
    open(go, "w", encoding="utf-8").close()
    hang, add = request(1, "hang", [os.path.join(directory, "hang")]), request(2, "add", [1, 2])
    with serving(directory, "-j1") as (_, path):
        assert batch(path, [hang, add], notice("weir/credit", id=1, n=0)) == {"1": -33004, "2": 3}
        assert batch(path, [hang, add], notice("weir/chunk", id=1, value=1)) == {
            "1": -33004,
            "2": 3,
        }
        assert batch(path, [hang, add], notice("weir/end", id=1)) == {"1": -33004, "2": 3}
        assert batch(path, [hang, add], notice("weir/cancel", id=1)) == {"1": -32800, "2": 3}
        assert batch(
            path, [hang, add], notice("weir/cancel", id=2), notice("weir/cancel", id=1)
        ) == {"1": -32800, "2": -32800}
        assert batch(path, [dict(hang, weir={"deadline_ms": 50}), add]) == {"1": -33001, "2": 3}
        assert batch(path, [request(1, "die", []), add]) == {"1": -33006, "2": 3}
        assert batch(path, [add, dict(add, id=3), notice("nosuch")]) == {"2": 3, "3": 3}
        assert batch(path, [add, add]) == {"2": 3, "null": -32600}
        assert batch(path, [request(1, "nosuch", []), add]) == {"1": -32601, "2": 3}
        assert batch(path, [request(1, "add", ["x"]), add]) == {"1": -32602, "2": 3}
        assert batch(path, [request(1, "count", [1, 3]), add]) == {"1": -33004, "2": 3}
        assert batch(path, [request(1, "count", [1, 3], weir={"credit": 5}), add]) == {
            "1": -33004,
            "2": 3,
        }
        assert batch(path, [request(1, "total", []), add]) == {"1": -33004, "2": 3}
        assert batch(path, [add, {"id": 7}]) == {"2": 3, "7": -32600}
        now = stats(path)
        assert now["running"] == now["queued"] == now["server"]["open_calls"] == 0, now
        assert now["server"]["memory"] < MIB, now


def a_batch_of_which_calls_are_refused_is_answered(directory: Any) -> None:
    with serving(directory, "-j1", "--max-queue", "2") as (_, path):
        go = os.path.join(directory, "go")
        client = Client(path)
        client.say(json.dumps([request(number, "wait_for", [go]) for number in range(6)]))
        await_that(lambda: stats(path)["queued"] == 2, "the queue is full")
        open(go, "w", encoding="utf-8").close()
        answers = client.receive()
        assert len(answers) == 6
        assert sum(answer.get("error", {}).get("code") == -33005 for answer in answers) == 3, (
            answers
        )
        client.close()


def let(directory: Any, *numbers: Any) -> None:
    for number in numbers:
        open(os.path.join(directory, f"go{number}"), "w", encoding="utf-8").close()


def greedy(path: Any, directory: Any, calls: Any) -> Any:
    """A client with so many calls, each of which waits for a file of its own."""
    client = Client(path)
    for number in range(calls):
        client.ask("wait_for", [os.path.join(directory, f"go{number}")], number)
    return client


def a_client_that_fills_the_queue_holds_up_nobody_else(directory: Any) -> None:
    with serving(directory, "-j1", "--max-queue", "8") as (_, path):
        greediest = greedy(path, directory, 12)
        refused = {greediest.receive()["id"] for _ in range(3)}
        assert refused == {9, 10, 11}, refused
        other = Client(path)
        other.ask("add", [1, 2])
        answer = greediest.receive()  # its newest call made room
        assert (answer["id"], answer["error"]["code"]) == (8, -33005), answer
        assert "this connection has most of it" in answer["error"]["message"], answer
        let(directory, 0, 1)
        assert other.receive()["result"] == 3  # two to seven still wait
        let(directory, *range(2, 8))
        assert [greediest.receive()["id"] for _ in range(8)] == list(range(8))
        now = stats(path)
        assert now["queued"] == now["running"] == 0, now
        greediest.close()
        other.close()


def several_clients_share_a_full_queue(directory: Any) -> None:
    with serving(directory, "-j1", "--max-queue", "6") as (_, path):
        clients = [greedy(path, directory, 7)]
        await_that(lambda: stats(path)["queued"] == 6, lambda: stats(path))
        clients += [greedy(path, directory, 7) for _ in range(2)]
        # One of the first client's runs; of the six that wait each has two.
        refused = [
            sum("error" in client.receive() for _ in range(count))
            for client, count in zip(clients, (4, 5, 5))
        ]
        assert refused == [4, 5, 5], refused
        let(directory, *range(7))
        assert [
            [client.receive()["id"] for _ in range(count)]
            for client, count in zip(clients, (3, 2, 2))
        ] == [[0, 1, 2], [0, 1], [0, 1]]
        for client in clients:
            client.close()


def without_others_a_client_may_have_the_whole_queue(directory: Any) -> None:
    with serving(directory, "-j1", "--max-queue", "8") as (_, path):
        client = greedy(path, directory, 9)
        await_that(lambda: stats(path)["queued"] == 8, lambda: stats(path))
        client.close()
        await_that(lambda: stats(path)["queued"] == 0, lambda: stats(path))
        assert call(path, "add", "3", "4") == (0, "7\n", "")


def a_batch_is_answered_when_the_server_drains(directory: Any) -> None:
    begun = os.path.join(directory, "hang")
    with serving(directory, "-j1", "--drain", "300ms") as (server, path):
        client = Client(path)
        client.say(json.dumps([request(1, "hang", [begun]), request(2, "add", [1, 2])]))
        await_file(begun + ".begun")
        server.terminate()
        answers = {answer["id"]: answer["error"]["code"] for answer in client.receive()}
        assert answers == {1: -32800, 2: -32800}, answers
        assert client.receive() is None
        client.close()
        assert server.wait(timeout=PATIENCE_S) == 0


def a_batch_whose_client_goes_away_leaves_nothing(directory: Any) -> None:
    begun = os.path.join(directory, "hang")
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        client.say(json.dumps([request(1, "hang", [begun]), request(2, "add", [1, 2])]))
        await_file(begun + ".begun")
        client.close()
        await_file(begun + ".cancelled")
        await_that(
            lambda: figures(path)["open_calls"] == 0 and figures(path)["memory"] < MIB,
            lambda: f"kept: {figures(path)}",
        )


# --- Ids and names ---


def an_id_is_one_however_it_is_spelt(directory: Any) -> None:
    def text(number: Any, method: Any, params: Any) -> str:
        return f'{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{params}}}'

    with serving(directory, "-j2") as (_, path):
        for first, second in (
            ('"dup"', '"dup"'),
            ('"dup"', '"du\\u0070"'),
            ('"\\u0064up"', '"dup"'),
            ('"\\/"', '"/"'),
            ('"\\n"', '"\\u000a"'),
            ("0", "-0"),
            ('"\\u00e9"', '"é"'),
            ('"\\ud83d\\ude00"', '"\U0001f600"'),
            ('"\\u0000"', '"\\u0000"'),
            ("7", "7"),
        ):
            client, go = Client(path), os.path.join(directory, "go")
            client.say(text(first, "wait_for", json.dumps([go])))
            client.say(text(second, "add", "[1,2]"))
            answer = client.receive()
            assert answer["id"] is None and answer["error"]["code"] == -32600, (
                first,
                second,
                answer,
            )
            client.say(f'{{"jsonrpc":"2.0","method":"weir/cancel","params":{{"id":{second}}}}}')
            line = client.file.readline().decode()
            assert line.startswith(f'{{"jsonrpc":"2.0","id":{first},"error":{{"code":-32800'), line
            client.close()
        for first, second in (
            ("1", '"1"'),
            ('"a"', '"a\\u0000"'),
            ('"\\ud800"', '"\\ud801"'),
            ('"\\ud800"', '"\\ufffd"'),
            ('"a"', '"\\"a\\""'),
            ("10", "1"),
        ):
            client, go = Client(path), os.path.join(directory, "go")
            client.say(text(first, "wait_for", json.dumps([go])))
            client.say(text(second, "add", "[1,2]"))
            line = client.file.readline().decode()
            assert line == f'{{"jsonrpc":"2.0","id":{second},"result":3}}\n', (first, second, line)
            client.close()
        client = Client(path)
        for number in ("1.0", "1e0", "true", "[]", "null"):
            client.say(text(number, "add", "[1,2]"))
            answer = client.receive()
            assert answer["id"] is None and answer["error"]["code"] == -32600, (number, answer)
        client.close()


def a_name_is_not_cut_at_a_nul_character(directory: Any) -> None:
    with serving(directory, "-j1") as (_, path):
        client = Client(path)
        for method in ("add\0", "add\0x", "\0", "", "add\n", "a" * 129, "weir/stats\0"):
            client.ask(method, [1, 2])
            answer = client.receive()
            assert answer["id"] == 1 and answer["error"]["code"] == -32601, (method, answer)
        for trace in ("00-1\0-2", "\0", "a\nb", "é", 5, None, []):
            for member in ("traceparent", "tracestate"):
                client.ask("add", [1, 2], weir={member: trace})
                answer = client.receive()
                assert answer["error"]["code"] == -32600, (trace, answer)
        client.ask("weir/map", {"method": "add\0x", "items": [[1, 2]]})
        assert client.receive()["error"]["code"] == -32601
        client.ask("fail", ["cut\0here"])
        assert client.receive()["error"]["message"] == "cut\0here"
        client.close()
        assert "cut" in call(path, "fail", "cut")[2]


# --- The lock of the socket's directory ---


def a_lock_that_another_process_holds_does_not_hold_the_server(directory: Any) -> None:
    path = os.path.join(directory, "s")
    holder = os.open(directory, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    server = start(path, "-j1")
    err = server.communicate(timeout=PATIENCE_S)[1].decode()
    assert server.returncode == 125 and "lock" in err and path in err, (server.returncode, err)
    server = start(path, "-j1")
    await_that(lambda: waits(server), "it waits for the lock")
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=PATIENCE_S) == 143
    server.stderr.close()
    os.close(holder)
    with serving(directory, "-j1") as (_, other):
        assert call(other, "add", "3", "4") == (0, "7\n", "")
        holder = os.open(directory, os.O_RDONLY)
        fcntl.flock(holder, fcntl.LOCK_EX)
    os.close(holder)


def waits(server: Any) -> bool:
    """Whether it has opened the directory of its socket: only to lock it."""
    directory = os.path.dirname(server.args[3])
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{server.pid}/fd"):
            if os.readlink(f"/proc/{server.pid}/fd/{name}") == directory:
                return True
    return False


if __name__ == "__main__":
    run_cases(
        [
            half_lines_of_many_clients_are_bounded_together,
            a_client_stuck_in_half_a_line_is_dropped_with_the_reason,
            a_held_client_that_goes_away_is_missed_at_once,
            answers_that_no_process_reads_cost_their_client_the_connection,
            answers_to_a_batch_are_bounded_too,
            floods_of_large_messages_stay_within_the_limit,
            a_held_client_that_reads_is_read_again,
            idle_connections_keep_no_buffers,
            a_batch_of_many_elements_lets_others_have_their_turn,
            requests_behind_a_large_batch_keep_their_order,
            many_open_streams_are_each_given_credit,
            calls_beyond_the_limit_are_refused,
            connections_beyond_the_limit_are_refused_with_a_message,
            limits_that_cannot_be_are_named,
            the_figures_are_as_their_schema_says,
            a_batch_is_answered_whatever_becomes_of_its_calls,
            a_batch_of_which_calls_are_refused_is_answered,
            a_client_that_fills_the_queue_holds_up_nobody_else,
            several_clients_share_a_full_queue,
            without_others_a_client_may_have_the_whole_queue,
            a_batch_is_answered_when_the_server_drains,
            a_batch_whose_client_goes_away_leaves_nothing,
            an_id_is_one_however_it_is_spelt,
            a_name_is_not_cut_at_a_nul_character,
            a_lock_that_another_process_holds_does_not_hold_the_server,
        ]
    )
