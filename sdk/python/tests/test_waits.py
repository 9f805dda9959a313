"""Where a client waits, and for whom: a busy server, one that reads nothing, another user's."""

import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any

import support
import test_client
from test_client import in_thread
from weir import _client as client

PATIENCE_S = 60
HELLO = b'{"jsonrpc":"2.0","id":1,"result":{"version":1,"methods":{"count":{"stream":"out"}}}}\n'


class Silent:
    """A server that says hello and then reads nothing, until it is told to."""

    def __init__(self) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(PATIENCE_S)
        begun = in_thread(lambda: client.Client(theirs))
        self.ours.recv(4096)
        self.ours.sendall(HELLO)
        self.client = begun()

    def lines(self, count: Any) -> Any:
        """Reads lines."""
        data = b""
        while data.count(b"\n") < count:
            data += self.ours.recv(1 << 20)
        return data.split(b"\n")[:count]

    def close(self) -> None:
        self.client.close()
        self.ours.close()


class Sending(unittest.TestCase):
    def setUp(self) -> None:
        self.silent = Silent()
        self.addCleanup(self.silent.close)
        self.weir = self.silent.client

    def test_a_server_that_reads_nothing(self) -> None:
        """waits: a call that is longer than the socket holds keeps its timeout; the next is not sent"""
        start = time.monotonic()
        with self.assertRaises(client.DeadlineExceeded):
            self.weir.call("echo", "x" * (4 << 20), timeout=0.1)
        with self.assertRaisesRegex(client.DeadlineExceeded, "not sent"):
            self.weir.call("echo", "second", timeout=0.1)
        self.assertLess(time.monotonic() - start, PATIENCE_S / 2)
        # It reads again: the call stands there whole, cancelled, and the connection is as good as before.
        first, cancel = self.silent.lines(2)
        self.assertEqual((len(first) > 4 << 20, b"weir/cancel" in cancel), (True, True))
        third = in_thread(lambda: self.weir.call("echo", "third", timeout=PATIENCE_S))
        self.assertIn(b'"third"', self.silent.lines(1)[0])
        self.silent.ours.sendall(b'{"jsonrpc":"2.0","id":4,"result":3}\n')
        self.assertEqual(third(), 3)

    def test_a_result_with_a_number_that_is_too_long(self) -> None:
        """results: an integer of more digits than Python takes ends its call, and no other"""
        calls = [
            in_thread(lambda: self.weir.call("echo", "x", timeout=PATIENCE_S)) for _ in range(2)
        ]
        first, second = (json.loads(line)["id"] for line in self.silent.lines(2))
        answer = '{"jsonrpc":"2.0","id":%d,"result":%s}\n'
        self.silent.ours.sendall((answer % (first, "7" * 5000) + answer % (second, 7)).encode())
        outcomes = []
        for call in calls:
            try:
                outcomes.append(call())
            except client.RemoteError as error:
                outcomes.append(error.code)
        if hasattr(sys, "set_int_max_str_digits"):
            self.assertEqual(sorted(outcomes), [-33003, 7])
        else:
            self.assertIn(7, outcomes)

    def test_timeouts_that_are_no_time(self) -> None:
        """waits: an infinite timeout is none, and one that is not a number is refused"""
        for timeout, weir in (float("inf"), None), (1e300, None):
            call = in_thread(lambda: self.weir.call("echo", timeout=timeout))
            message = json.loads(self.silent.lines(1)[0])
            self.assertEqual(message.get("weir"), weir, timeout)
            self.silent.ours.sendall(b'{"jsonrpc":"2.0","id":%d,"result":7}\n' % message["id"])
            self.assertEqual(call(), 7)
        with self.assertRaisesRegex(ValueError, "not a number"):
            self.weir.call("echo", timeout=float("nan"))

    def test_a_stream_of_nothing_but_its_closing_value(self) -> None:
        """results: call() gives the closing value of a stream without values"""
        call = in_thread(lambda: self.weir.call("count", 0, timeout=PATIENCE_S))
        ident = json.loads(self.silent.lines(1)[0])["id"]
        self.silent.ours.sendall(b'{"jsonrpc":"2.0","id":%d,"result":[1,2]}\n' % ident)
        self.assertEqual(call(), [1, 2])

    def test_streams_and_input(self) -> None:
        """waits: a stream and an input keep their timeout, too; leaving a stream does not wait"""
        stream = self.weir.stream("count", "x" * (4 << 20), timeout=0.1)
        with self.assertRaises(client.DeadlineExceeded):
            next(stream)
        stream = self.weir.stream("count", timeout=None) if self.weir._link._has_room() else None
        self.assertIsNone(stream)
        pending = self.silent.lines(2)
        self.assertIn(b"weir/cancel", pending[1])
        stream = self.weir.stream("count", "x" * (4 << 20))
        start = time.monotonic()
        del stream
        gc.collect()
        self.assertLess(time.monotonic() - start, PATIENCE_S / 2)
        self.assertIn(b"weir/cancel", self.silent.lines(2)[1])

    def test_close_while_others_wait(self) -> None:
        """waits: close() ends calls that wait for room, for an answer and for their input's credit"""
        waits = [in_thread(lambda: self.weir.call("echo", "x" * (4 << 20)))]
        support.wait_until(lambda: self.weir._link._sending, "the first is being sent")
        waits += [in_thread(lambda: self.weir.call("echo", "y")) for _ in range(2)]
        waits.append(in_thread(lambda: list(self.weir.stream("count"))))
        support.wait_until(lambda: len(self.weir._link._calls) == 4, "all of them wait")
        self.weir.close()
        for wait in waits:
            with self.assertRaises((client.OutcomeUnknown, client.Closed)):
                wait()

    def test_the_server_goes_away(self) -> None:
        """waits: the server goes away while a call is being sent"""
        waiting = in_thread(lambda: self.weir.call("echo", "x" * (4 << 20)))
        support.wait_until(lambda: self.weir._link._sending, "it is being sent")
        self.silent.ours.close()
        with self.assertRaises((client.OutcomeUnknown, client.Closed)):
            waiting()
        with self.assertRaises(client.Closed):
            self.weir.call("echo", 1)

    def test_the_collector_closes_a_stream_while_a_call_is_sent(self) -> None:
        """waits: messages stay whole when one is made within another"""
        send = self.weir._link._socket.send
        streams = [self.weir.stream("count")]

        class Socket:
            def send(self, data: Any, flags: Any) -> Any:
                if streams:
                    sent = send(memoryview(data)[:10], flags)
                    streams.clear()
                    return sent
                return send(data, flags)

            def __getattr__(self, name: Any) -> Any:
                return getattr(inner, name)

        inner, self.weir._link._socket = self.weir._link._socket, Socket()
        self.silent.lines(1)
        self.weir.submit("echo", "whole")
        call, cancel = self.silent.lines(2)
        self.assertTrue(
            call.startswith(b"{") and b'"whole"' in call and b"weir/cancel" in cancel,
            (call, cancel),
        )
        self.weir._link._socket = inner


class Large(unittest.TestCase):
    def test_large_calls_from_many_threads(self) -> None:
        """waits: 2 MiB calls and chunks of six threads, whole and in order"""
        server = test_client.Server()
        self.addCleanup(server.close)
        with client.connect(server.path) as weir:

            def work(thread: Any) -> Any:
                text = str(thread) * (2 << 20)
                return all(weir.call("echo", text) == text for _ in range(3))

            def feed() -> Any:
                return [
                    len(one)
                    for one in weir.call("first", 5, input=("x" * (1 << 20) for _ in range(8)))
                ]

            waits = [in_thread(lambda thread=thread: work(thread)) for thread in range(6)]
            self.assertEqual([wait() for wait in waits], [True] * 6)
            self.assertEqual(feed(), [1 << 20] * 5)


class Connecting(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="weir-sdk.")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "s")

    def full(self) -> Any:
        """A server whose queue of connections is full; and those in it."""
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        listener.listen(0)
        listener.settimeout(PATIENCE_S)
        held: list[Any] = []
        while True:
            one = socket.socket(socket.AF_UNIX)
            self.addCleanup(one.close)
            one.setblocking(False)
            try:
                one.connect(self.path)
            except BlockingIOError:
                return listener, held
            except ConnectionRefusedError:
                self.skipTest("here a full queue refuses")
            held.append(one)

    def test_a_full_queue(self) -> None:
        """connect: a server whose queue is full is waited for"""
        listener, held = self.full()
        connecting = in_thread(lambda: client.connect(self.path, timeout=PATIENCE_S))
        for _ in range(len(held)):
            listener.accept()[0].close()
        connection, _ = listener.accept()
        with connection:
            self.assertIn(b"weir/hello", connection.recv(4096))
            connection.sendall(HELLO)
            connecting().close()

    def test_a_full_queue_and_a_timeout(self) -> None:
        """connect: but no longer than the timeout"""
        self.full()
        with self.assertRaises(TimeoutError) as caught:
            client.connect(self.path, timeout=0.05)
        self.assertEqual(caught.exception.filename, self.path)
        with self.assertRaises(TimeoutError):
            client.connect(self.path, timeout=0)

    def test_a_server_that_is_stopped(self) -> None:
        """connect: hello has what is left of the timeout"""
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        listener.listen()
        with self.assertRaisesRegex(ConnectionError, "hello"):
            client.connect(self.path, timeout=0.05)


FOREIGN = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
os.setgroups([])
os.setgid(65534)
os.setuid(int(sys.argv[2]))
s.listen(5)
print("ready", flush=True)
seen = b""
while True:
    c, _ = s.accept()
    data = c.recv(4096)
    if data:
        c.sendall(b'{"jsonrpc":"2.0","id":1,"result":{"version":1,"methods":{}}}\\n')
    print("seen" if data else "nothing", flush=True)
"""


@unittest.skipUnless(os.geteuid() == 0, "needs root: another user's server")
class Foreign(unittest.TestCase):
    def serve(self, uid: Any) -> Any:
        folder = tempfile.TemporaryDirectory(prefix="weir-sdk.")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        path = os.path.join(folder.name, "s")
        server = subprocess.Popen(
            [sys.executable, "-c", FOREIGN, path, str(uid)], stdout=subprocess.PIPE
        )
        assert server.stdout
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(server.stdout.readline(), b"ready\n")
        return path, server

    def test_another_users_server(self) -> None:
        """connect: another user's server is sent nothing, unless any_server allows it"""
        path, server = self.serve(65533)
        with self.assertRaisesRegex(PermissionError, "uid 65533.*any_server=True"):
            client.connect(path)
        self.assertEqual(server.stdout.readline(), b"nothing\n")
        client.connect(path, any_server=True).close()
        self.assertEqual(server.stdout.readline(), b"seen\n")

    def test_ours_and_roots(self) -> None:
        """connect: our own server and root's are as good as each other"""
        path, _ = self.serve(0)
        client.connect(path).close()
        code = """if True:
            import os, sys
            from weir import _client as client
            os.setgid(65534), os.setuid(65533)
            client.connect(sys.argv[1]).close()
        """
        for uid in (0, 65533):
            path, _ = self.serve(uid)
            done = subprocess.run(
                [sys.executable, "-c", code, path],
                env=support.environment(),
                stderr=subprocess.PIPE,
            )
            self.assertEqual((done.returncode, done.stderr), (0, b""), uid)


class InFunctions(unittest.TestCase):
    def test_a_function_that_waits_for_another_server(self) -> None:
        """waits: a function that waits in a client of its own is interrupted there"""
        silent = Silent()
        self.addCleanup(silent.close)
        with tempfile.TemporaryDirectory(prefix="weir-sdk.") as folder:
            path = os.path.join(folder, "s")
            listener = socket.socket(socket.AF_UNIX)
            self.addCleanup(listener.close)
            listener.bind(path)
            listener.listen()
            with support.worker("""
                from weir_worker import Cancelled, function, run
                from weir import _client as client
                @function
                def ask(path: str):
                    weir = client.connect(path)
                    try:
                        weir.call("sleep", 60)
                    except Cancelled as cancelled:
                        weir.close()
                        return cancelled.reason
                run()
            """) as worker:
                worker.call(1, "ask", path)
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(HELLO)
                    self.assertIn(b"sleep", connection.recv(4096))
                    worker.notify("cancel", id=1)
                    self.assertEqual(worker.get()["result"], "cancelled")


if __name__ == "__main__":
    unittest.main()
