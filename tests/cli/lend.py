#!/usr/bin/env python3
"""weir/lend: workers of weir serve --stdio that the client calls itself.  Prints TAP.
lend.py WEIR SRCDIR
"""

import array
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
from serve import ENVIRONMENT, WORKER
from serve_stdio import SERVE, Pair
from tap_cases import PATIENCE_S, await_file, await_gone, await_that, needs, run_cases

PLAIN = (
    """sh -c 'read -r line; echo "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"error\\":"""
    """{\\"code\\":-32601,\\"message\\":\\"\\"}}"; cat >/dev/null'"""
)


class Worker:
    """One that was lent."""

    def __init__(self, about: Any, to: int, of: int) -> None:
        self.number, self.pid, self.about = about["worker"], about["pid"], about
        self.to, self.of, self.received = to, of, b""

    def say(self, line: bytes) -> None:
        while line:
            select.select([], [self.to], [], PATIENCE_S)
            line = line[os.write(self.to, line) :]

    def ask(self, method: str, *params: Any, number: int = 1) -> None:
        self.say(message(method, list(params), number))

    def receive(self) -> Any:
        """The next message; None: its end."""
        while b"\n" not in self.received:
            assert select.select([self.of], [], [], PATIENCE_S)[0], "it says nothing"
            some = os.read(self.of, 65536)
            if not some:
                return None
            self.received += some
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line)

    def call(self, method: str, *params: Any) -> Any:
        self.ask(method, *params)
        return self.receive()["result"]

    def close(self) -> None:
        os.close(self.to)
        os.close(self.of)


class Borrower:
    """A client that borrows workers."""

    def __init__(self, served: Any) -> None:
        self.socket, self.process = served.socket, served.process
        self.received, self.fds, self.messages = b"", [], []
        self.workers: list[Worker] = []
        self.last = 0

    def say(self, line: bytes) -> None:
        self.socket.sendall(line)

    def tell(self, method: str, worker: Any, **more: Any) -> None:
        params = {"worker": worker.number, **more}
        self.say(
            json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n"
        )

    def read(self) -> bool:
        some, control, *_ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
        for level, kind, data in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            self.fds.extend(array.array("i", data))
        self.received += some
        return bool(some)

    def receive(self, holds: Any) -> Any:
        """The first message that it holds for; None: the end."""
        while True:
            for one in self.messages:
                if holds(one):
                    self.messages.remove(one)
                    return one
            if not self.read():
                return None
            *lines, self.received = self.received.split(b"\n")
            self.messages.extend(json.loads(line) for line in lines)

    def ask(self, method: str, **params: Any) -> int:
        self.last += 1
        self.say(message(method, params, self.last))
        return self.last

    def answer(self, number: int) -> Any:
        return self.receive(lambda one: one.get("id") == number)

    def notice(self, method: str) -> Any:
        return self.receive(lambda one: one.get("method") == method)["params"]

    def take(self, number: int) -> Worker:
        """The worker of an answer: descriptors come in the order of the answers."""
        answer = self.answer(number)
        assert "result" in answer, answer
        worker = Worker(answer["result"], self.fds.pop(0), self.fds.pop(0))
        self.workers.append(worker)
        return worker

    def lend(self, **params: Any) -> Worker:
        return self.take(self.ask("weir/lend", **params))

    def stats(self) -> Any:
        return self.answer(self.ask("weir/stats"))["result"]


def message(method: str, params: Any, number: int) -> bytes:
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(request).encode() + b"\n"


@contextlib.contextmanager
def borrowing(*words: str, worker: str = WORKER) -> Iterator[Borrower]:
    served = Pair(*words, worker=worker)
    borrower = Borrower(served)
    try:
        yield borrower
    finally:
        served.leave()
        for one in borrower.workers:
            one.close()
        try:
            served.process.communicate(timeout=PATIENCE_S)
        finally:
            served.process.kill()
            served.process.communicate()


def a_lent_worker_is_called_on_its_own_pipes() -> None:
    with borrowing("-j2") as borrower:
        one, two = borrower.lend(), borrower.lend()
        assert one.pid != two.pid and one.number != two.number
        for worker in (one, two):
            assert worker.about["concurrency"] == 1 and worker.about["kind"] == 0
            assert worker.about["methods"]["count"]["stream"] == "out"
            assert worker.call("add", 3, 4) == 7 and worker.call("pid") == worker.pid
        assert [each["state"] for each in borrower.stats()["workers"]] == ["lent", "lent"]


def requests_wait_for_a_worker_and_are_answered_in_order() -> None:
    with borrowing() as borrower:
        one = borrower.lend()
        waiting = [borrower.ask("weir/lend") for _ in range(2)]
        borrower.tell("weir/return", one)
        again = borrower.take(waiting[0])
        assert again.pid == one.pid and again.number != one.number
        borrower.tell("weir/return", again)
        assert borrower.take(waiting[1]).call("add", 1, 1) == 2


def more_than_64_requests_do_not_wait() -> None:
    with borrowing() as borrower:
        borrower.lend()
        waiting = [borrower.ask("weir/lend") for _ in range(65)]
        assert borrower.answer(waiting[64])["error"]["code"] == -33005


def a_returned_worker_serves_calls_through_weir() -> None:
    with borrowing() as borrower:
        worker = borrower.lend()
        assert worker.call("add", 3, 4) == 7
        borrower.say(message("pid", [], 100))  # it waits: no worker is left
        borrower.tell("weir/return", worker)
        assert borrower.answer(100)["result"] == worker.pid


def a_lent_worker_that_dies_is_reported_and_replaced() -> None:
    with borrowing() as borrower:
        worker = borrower.lend()
        worker.ask("say", "farewell")
        worker.receive()
        worker.ask("die")
        assert worker.receive() is None
        gone = borrower.notice("weir/gone")
        assert (gone["worker"], gone["exit"], gone["signal"]) == (worker.number, None, 9)
        assert gone["stderr_tail"] == "farewell" and "SIGKILL" in gone["reason"], gone
        assert gone["unread"] == 0
        assert borrower.lend().call("add", 3, 4) == 7
        assert borrower.stats()["restarts"] == 1


def is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


@needs("/proc")
def what_a_dead_worker_had_not_read_is_reported() -> None:
    with borrowing() as borrower:
        worker = borrower.lend()
        os.kill(worker.pid, signal.SIGSTOP)
        await_that(lambda: is_stopped(worker.pid), "it stops")
        unread = message("add", [1, 2], 7)
        worker.say(unread)
        os.kill(worker.pid, signal.SIGKILL)
        assert borrower.notice("weir/gone")["unread"] == len(unread)


def a_worker_that_exits_with_a_status_is_reported(directory: Any) -> None:
    path = os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            "import os\nfrom weir_worker import function, run\n"
            "@function\ndef leave():\n    os._exit(9)\nrun()\n"
        )
    with borrowing(worker=f"{sys.executable} {path}") as borrower:
        worker = borrower.lend()
        worker.ask("leave")
        gone = borrower.notice("weir/gone")
        assert (gone["exit"], gone["signal"]) == (9, None), gone


def steps_of_the_stop_sequence(directory: Any) -> None:
    with borrowing("--grace", "100ms") as borrower:
        worker, path = borrower.lend(), os.path.join(directory, "h")
        worker.ask("hang", path)
        await_file(path + ".begun")
        os.unlink(path + ".begun")
        borrower.tell("weir/stop", worker, step="interrupt")
        assert worker.receive()["error"]["code"] == -32800  # it lives on
        assert worker.call("add", 3, 4) == 7
        for step, reason in (("terminate", None), ("kill", "printed nonsense")):
            worker.ask("stubborn", path)
            await_file(path + ".begun")
            os.unlink(path + ".begun")
            borrower.tell("weir/stop", worker, step=step, **({"reason": reason} if reason else {}))
            gone = borrower.notice("weir/gone")
            assert gone["signal"] == 9, gone
            assert gone["reason"] == (reason or "ignored the cancellation and was stopped")
            worker = borrower.lend()
        assert worker.call("add", 3, 4) == 7


def reported_calls_count_and_recycle() -> None:
    with borrowing("--recycle-calls", "10") as borrower:
        worker = borrower.lend()
        borrower.tell("weir/used", worker, calls=4, errors=1)
        stats = borrower.stats()
        assert (stats["calls"], stats["errors"], stats["workers"][0]["calls"]) == (4, 1, 4), stats
        borrower.tell("weir/used", worker, calls=6)
        assert borrower.notice("weir/return") == {"worker": worker.number}
        assert worker.call("add", 3, 4) == 7  # a call that was under way ends first
        new = borrower.lend()
        assert new.pid != worker.pid
        borrower.tell("weir/return", worker)
        await_gone(worker.pid)
        assert new.call("add", 3, 4) == 7


def a_hangup_recalls_the_workers() -> None:
    with borrowing() as borrower:
        worker = borrower.lend()
        borrower.process.send_signal(signal.SIGHUP)
        assert borrower.notice("weir/return") == {"worker": worker.number}
        borrower.tell("weir/return", worker)
        await_gone(worker.pid)
        assert borrower.lend().pid != worker.pid


def a_signal_waits_for_lent_workers() -> None:
    with borrowing() as borrower:
        worker = borrower.lend()
        waiting = borrower.ask("weir/lend")
        borrower.process.terminate()
        assert borrower.notice("weir/return") == {"worker": worker.number}
        assert borrower.answer(waiting)["error"]["code"] == -33005
        assert worker.call("add", 3, 4) == 7
        borrower.tell("weir/return", worker)
        assert borrower.receive(lambda one: False) is None
        assert borrower.process.wait(PATIENCE_S) == 0


def a_worker_that_is_kept_is_stopped_after_the_drain_time() -> None:
    with borrowing("--drain", "50ms", "--grace", "100ms") as borrower:
        worker = borrower.lend()
        borrower.process.terminate()
        assert borrower.notice("weir/gone")["worker"] == worker.number
        assert borrower.process.wait(PATIENCE_S) == 0


def the_end_of_the_client_ends_its_workers(directory: Any) -> None:
    path = os.path.join(directory, "h")
    with borrowing("-j2", "--grace", "100ms") as borrower:
        idle, busy = borrower.lend(), borrower.lend()
        busy.ask("stubborn", path)
        await_file(path + ".begun")
    assert borrower.process.returncode == 0
    await_gone(idle.pid)
    await_gone(busy.pid)


def a_client_that_is_killed_leaves_no_lent_worker(directory: Any) -> None:
    """The harness looks for processes."""
    path = os.path.join(directory, "h")
    client = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent("""
            import sys
            given, sys.argv[1:] = sys.argv[1:], sys.argv[2:4]
            sys.path.insert(0, given[0])
            from lend import borrowing
            with borrowing("--grace", "100ms") as borrower:
                worker = borrower.lend()
                worker.ask("stubborn", given[3])
                worker.receive()
            """),
            os.path.dirname(os.path.abspath(__file__)),
            *sys.argv[1:3],
            path,
        ],
        env=ENVIRONMENT,
    )
    await_file(path + ".begun")
    client.kill()
    client.wait()


def workers_are_lent_by_kind(directory: Any) -> None:
    path = os.path.join(directory, "worker.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            "from weir_worker import function, run\n"
            "@function\ndef double(n: int) -> int:\n    return 2 * n\nrun()\n"
        )
    with borrowing("-w", f"{sys.executable} {path}") as borrower:
        one, two = borrower.lend(), borrower.lend(kind=1)
        assert (one.about["kind"], two.about["kind"]) == (0, 1)
        assert "add" in one.about["methods"] and list(two.about["methods"]) == ["double"]
        assert borrower.answer(borrower.ask("weir/lend", kind=2))["error"]["code"] == -32602
        assert borrower.answer(borrower.ask("weir/lend", kind="x"))["error"]["code"] == -32602


def a_worker_that_cannot_start_again_is_an_error(directory: Any) -> None:
    gate = os.path.join(directory, "gate")
    with open(gate, "w", encoding="utf-8"):
        pass
    with borrowing(worker=f"sh -c 'test -e {gate} || exit 3; exec {WORKER}'") as borrower:
        worker = borrower.lend()
        os.unlink(gate)
        worker.ask("die")
        borrower.notice("weir/gone")
        error = borrower.answer(borrower.ask("weir/lend"))["error"]
        assert error["code"] == -33007 and "exited with 3" in error["message"], error


def workers_are_lent_on_one_socket_only() -> None:
    given = message("weir/lend", {}, 1) + message("add", [3, 4], 2)
    done = subprocess.run(
        [*SERVE, "-w", WORKER],
        input=given,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    answers = {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert answers[1]["error"]["code"] == -32600 and answers[2]["result"] == 7, answers


def what_cannot_be_lent_is_refused() -> None:
    with borrowing(worker=PLAIN) as borrower:
        assert borrower.answer(borrower.ask("weir/lend"))["error"]["code"] == -32600
    with borrowing() as borrower:
        borrower.say(b"[" + message("weir/lend", {}, 5).rstrip() + b"]\n")
        assert borrower.receive(lambda one: True)["error"]["code"] == -32600


def notices_about_workers_that_are_not_lent_are_ignored() -> None:
    with borrowing() as borrower:
        worker = borrower.lend()
        borrower.tell("weir/return", worker)
        for method in ("weir/return", "weir/used", "weir/stop"):
            borrower.tell(method, worker, step="kill", calls=5)
        for bad in ({}, {"worker": "x"}, {"worker": -1}, []):
            for method in ("weir/return", "weir/used", "weir/stop"):
                notice = {"jsonrpc": "2.0", "method": method, "params": bad}
                borrower.say(json.dumps(notice).encode() + b"\n")
        stats = borrower.stats()
        assert stats["calls"] == 0 and stats["workers"][0]["pid"] == worker.pid
        await_that(lambda: borrower.stats()["workers"][0]["state"] == "ready", "it is back")


if __name__ == "__main__":
    run_cases(
        [
            a_lent_worker_is_called_on_its_own_pipes,
            requests_wait_for_a_worker_and_are_answered_in_order,
            more_than_64_requests_do_not_wait,
            a_returned_worker_serves_calls_through_weir,
            a_lent_worker_that_dies_is_reported_and_replaced,
            what_a_dead_worker_had_not_read_is_reported,
            a_worker_that_exits_with_a_status_is_reported,
            steps_of_the_stop_sequence,
            reported_calls_count_and_recycle,
            a_hangup_recalls_the_workers,
            a_signal_waits_for_lent_workers,
            a_worker_that_is_kept_is_stopped_after_the_drain_time,
            the_end_of_the_client_ends_its_workers,
            a_client_that_is_killed_leaves_no_lent_worker,
            workers_are_lent_by_kind,
            a_worker_that_cannot_start_again_is_an_error,
            workers_are_lent_on_one_socket_only,
            what_cannot_be_lent_is_refused,
            notices_about_workers_that_are_not_lent_are_ignored,
        ]
    )
