"""The client: the vectors of the role host, and a small server that speaks the protocol by a worker."""

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any

import support
import test_vectors
import vectors
from weir import _client as client
from weir._link import error_in
from weir.worker import Error

STREAMS = {
    "add": None,
    "echo": None,
    "fail": None,
    "sleep": None,
    "big": None,
    "about": None,
    "count": "out",
    "endless": "out",
    "breaks": "out",
    "sum": "in",
    "first": "in",
    "running": "both",
}
METHODS = {name: {"stream": stream} if stream else {} for name, stream in STREAMS.items()}
HELLO = {"version": 1, "name": "vectors", "concurrency": 8, "pid": 1, "methods": METHODS}


def in_thread(work: Any) -> Any:
    """Runs it in a thread; gives a function that waits for what it gave or raised."""
    box: queue.Queue[Any] = queue.Queue()

    def run() -> None:
        try:
            box.put((work(), None))
        except BaseException as error:
            box.put((None, error))

    threading.Thread(target=run, daemon=True).start()

    def wait() -> Any:
        value, error = box.get(timeout=vectors.PATIENCE_S)
        if error is not None:
            raise error
        return value

    return wait


class OneCall:
    """A call of a vector, and the thread that waits for it."""

    def __init__(self, connection: Any, step: Any) -> None:
        self.fed: queue.Queue[Any] = queue.Queue()
        params = step.get("params", [])
        args, kwargs = (params, {}) if isinstance(params, list) else ((), params)
        if "deadline_ms" in step:
            kwargs["timeout"] = step["deadline_ms"] / 1000
        if step.get("input"):
            kwargs["input"] = self.feed()
        self.streams = STREAMS.get(step["method"]) in ("out", "both")
        begin = connection.stream if self.streams else connection.submit
        self._result: Any = None
        self.call = None
        # In a thread, as a plain worker's second call waits for the first.
        self._begun = in_thread(lambda: self.begin(begin, step["method"], args, kwargs))

    def begin(self, begin: Any, method: Any, args: Any, kwargs: Any) -> Any:
        call = begin(method, *args, **kwargs)
        if not self.streams:
            self._result = in_thread(call.result)
        return call

    def feed(self) -> Iterator[Any]:
        while True:
            value, error, end = self.fed.get()
            if error is not None:
                raise error
            if end:
                return
            yield value

    def begun(self) -> Any:
        self.call = self.call or self._begun()
        return self.call

    def take(self) -> Any:
        return next(self.begun())

    def outcome(self) -> Any:
        call = self.begun()
        if not self.streams:
            return self._result()
        with contextlib.suppress(StopIteration):
            while True:
                next(call)
        return call.result

    def cancel(self) -> None:
        call = self.begun()
        call.close() if self.streams else call.cancel()


class HostCase:
    """A worker made of a case's steps, for the client at the other end of a socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.ours = ours
        # Under a number of its own for each direction, as Lines wants it.
        self.fd_out = os.dup(ours.fileno())
        self.client: Any = None
        self._started = in_thread(lambda: client.Client(theirs))
        self.lines = vectors.Lines(ours.fileno(), self.fd_out)
        self.names: dict[str, Any] = {}
        self.calls: dict[str, OneCall] = {}

    def bound(self, value: Any) -> Any:
        if isinstance(value, dict):
            if list(value) == ["$id"]:
                return self.names[value["$id"]]
            return {name: self.bound(one) for name, one in value.items()}
        return [self.bound(one) for one in value] if isinstance(value, list) else value

    def expect(self, pattern: Any) -> None:
        while True:
            line = self.lines.read()
            message = None if line is None else vectors.load(line)
            if message is None or message.get("method") != "weir/credit":
                break
        if message is None or not vectors.matches(pattern, message, self.names):
            raise vectors.Failed(
                f"wanted {vectors.short(pattern)}\n     got {vectors.short(message)}"
            )

    def run(self, case: Any) -> None:
        if case.get("hello", True):
            self.step(
                {"out": {"id": {"$id": "hello"}, "method": "weir/hello", "params": {"version": 1}}}
            )
            self.step({"in": {"id": {"$id": "hello"}, "result": HELLO}})
            self.step({"started": True})
        for number, step in enumerate(case["steps"], 1):
            try:
                self.step(step)
            except vectors.Failed as failed:
                raise vectors.Failed(f"step {number}: {failed}") from None

    def step(self, step: Any) -> None:
        ((kind, value),) = step.items()
        if kind == "in":
            step = {"in": self.bound(value)}
        data = vectors.line_of(step)
        if data is not None:
            self.lines.write(data)
        elif kind == "out":
            self.expect(value)
        else:
            getattr(self, "do_" + kind)(value)

    def do_in_end(self, _: Any) -> None:
        self.ours.shutdown(socket.SHUT_WR)

    def do_started(self, wanted: Any) -> None:
        try:
            self.client = self._started()
        except ConnectionError as error:
            if wanted:
                raise vectors.Failed(str(error)) from None
        else:
            if not wanted:
                raise vectors.Failed("it has started")

    def do_call(self, step: Any) -> None:
        self.calls[step["name"]] = OneCall(self.client, step)

    def do_feed(self, step: Any) -> None:
        self.calls[step["call"]].fed.put((step["value"], None, False))

    def do_finish(self, name: Any) -> None:
        self.calls[name].fed.put((None, None, True))

    def do_fail_input(self, step: Any) -> None:
        error = step["error"]
        self.calls[step["call"]].fed.put((None, Error(error["message"], error["code"]), False))

    def do_take(self, step: Any) -> None:
        value = in_thread(self.calls[step["call"]].take)()
        if not vectors.matches(step["value"], vectors.load(json.dumps(value)), self.names):
            raise vectors.Failed(f"took {value!r}")

    def do_cancel(self, name: Any) -> None:
        self.calls[name].cancel()

    def do_outcome(self, step: Any) -> None:
        wanted = {name: one for name, one in step.items() if name != "call"}
        got = vectors.load(json.dumps(self.outcome(self.calls[step["call"]])))
        if not vectors.matches(wanted, got, self.names):
            raise vectors.Failed(f"wanted {vectors.short(wanted)}\n     got {vectors.short(got)}")

    def outcome(self, call: Any) -> Any:
        try:
            return {"result": in_thread(call.outcome)()}
        except client.OutcomeUnknown:
            return {"unknown": True}
        except client.DeadlineExceeded:
            return {"error": {"code": -33001}}
        except client.CallCancelled:
            return {"error": {"code": -32800}}
        except client.RemoteError as error:
            return {"error": {"code": error.code, "message": error.message, "data": error.data}}
        except Error as error:
            # What our own input raised comes back as it was.
            return {"error": {"code": error.code, "message": error.message}}

    def do_state(self, wanted: Any) -> None:
        for name, value in wanted.items():
            self.client._link.turn(
                time.monotonic() + vectors.PATIENCE_S, lambda: getattr(self.client, name) == value
            )
            if getattr(self.client, name) != value:
                raise vectors.Failed(f"{name} is {getattr(self.client, name)}, not {value}")

    def close(self) -> None:
        for call in self.calls.values():
            call.fed.put((None, None, True))
        self.ours.close()
        os.close(self.fd_out)
        if self.client is not None:
            self.client.close()


class HostVectors(unittest.TestCase):
    pass


def add(number: Any, file: Any, case: Any) -> None:
    def test(self: Any) -> None:
        run = HostCase()
        try:
            run.run(case)
        except vectors.Failed as failed:
            self.fail(str(failed))
        finally:
            run.close()

    test.__doc__ = f"client: {file}: {case['name']}"
    setattr(HostVectors, f"test_{number:03}", test)


for _number, (_file, _case) in enumerate(vectors.cases_of(test_vectors.FOLDER, "host")):
    add(_number, _file, _case)


class Server:
    """Stands for `weir serve`: each connection has a worker to itself, on the socket's two ends."""

    def __init__(self, program: str = "vector_worker.py") -> None:
        self.program = [os.path.join(support.HERE, program)]
        self.folder = tempfile.TemporaryDirectory(prefix="weir-sdk.")
        self.path = os.path.join(self.folder.name, "weir.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.workers: list[subprocess.Popen[bytes]] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.workers.append(
                    subprocess.Popen(
                        [sys.executable, *self.program],
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=subprocess.DEVNULL,
                        env=support.environment(),
                    )
                )

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.folder.cleanup()


class Calls(unittest.TestCase):
    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.close()

    def setUp(self) -> None:
        self.weir = client.connect(self.server.path)
        self.addCleanup(self.weir.close)

    def test_values(self) -> None:
        """client: values by position and by name; what the hello tells"""
        self.assertEqual(self.weir.call("add", 3, 4), 7)
        self.assertEqual(self.weir.call("add", a=3, b=4, timeout=10), 7)
        self.assertEqual(self.weir.methods["count"]["stream"], "out")
        self.assertEqual(self.weir.call("echo", "é\ud800😀"), "é\ud800😀")
        self.assertEqual(len(self.weir.call("big", 9 << 20)), 9 << 20)
        with self.assertRaises(TypeError):
            self.weir.call("add", 3, b=4)

    def test_errors(self) -> None:
        """client: errors with type and traceback, codes, unknown methods"""
        with self.assertRaises(client.RemoteError) as caught:
            self.weir.call("fail", "no luck")
        error = caught.exception
        self.assertEqual((error.code, error.type, error.message), (1000, "ValueError", "no luck"))
        self.assertIn("vector_worker.py", error.traceback or "")
        self.assertIn("ValueError: no luck", str(error))
        for method, args, code in (
            ("fail", ("x", 1234), 1234),
            ("nosuch", (), -32601),
            ("add", (1,), -32602),
            ("nan", (), -33003),
        ):
            with self.assertRaises(client.RemoteError) as caught:
                self.weir.call(method, *args)
            self.assertEqual(caught.exception.code, code)
        with self.assertRaises(ValueError):
            self.weir.call("echo", float("nan"))
        self.assertEqual(self.weir.call("add", 1, 1), 2)

    def test_deadline_and_cancel(self) -> None:
        """client: a deadline, a cancellation: the function is stopped, the connection lives"""
        with self.assertRaises(client.DeadlineExceeded):
            self.weir.call("sleep", 60000, timeout=0.05)
        pending = self.weir.submit("sleep", 60000)
        pending.cancel()
        with self.assertRaises(client.CallCancelled):
            pending.result()
        self.assertEqual(self.weir.call("add", 1, 1), 2)

    def test_streams(self) -> None:
        """client: streams out, in and both; more than the first credit"""
        self.assertEqual(list(self.weir.stream("count", 0, 500)), list(range(500)))
        self.assertEqual(self.weir.call("count", 1, 4), [1, 2, 3])
        self.assertEqual(self.weir.call("sum", input=range(500)), sum(range(500)))
        self.assertEqual(self.weir.call("sum", input=[]), 0)
        self.assertEqual(list(self.weir.stream("running", input=iter([1, 2, 3]))), [1, 3, 6])
        self.assertEqual(self.weir.call("first", 2, input=(n for n in range(1000))), [0, 1])
        with self.assertRaises(client.RemoteError):
            list(self.weir.stream("breaks", 2))

    def test_leaving_a_stream_cancels(self) -> None:
        """client: leaving a stream cancels its call: the one worker is free again"""
        for value in self.weir.stream("endless"):
            if value == 200:
                break
        self.assertEqual(self.weir.call("add", 1, 1), 2)
        with self.weir.stream("endless") as stream:
            self.assertEqual([next(stream), next(stream)], [0, 1])
        self.assertEqual(self.weir.call("add", 1, 1), 2)

    def test_input_that_raises(self) -> None:
        """client: what the input raises is raised by the call"""

        def broken() -> Iterator[Any]:
            yield 1
            raise KeyError("gone")

        with self.assertRaises(KeyError):
            self.weir.call("sum", input=broken())
        self.assertEqual(self.weir.call("add", 1, 1), 2)

    def test_map(self) -> None:
        """client: many calls in one message"""
        self.assertEqual(self.weir.map("add", [(1, 2), [3, 4], {"a": 5, "b": 6}]), [3, 7, 11])
        self.assertEqual(self.weir.map("echo", ["a", 1]), ["a", 1])
        with self.assertRaises(client.RemoteError):
            self.weir.map("add", [(1, 2), (1, "x")])

    def test_errors_of_the_pool_have_their_class(self) -> None:
        """client: a full queue, no worker and poison are told apart"""
        for code, kind in (
            (-33005, client.QueueFull),
            (-33007, client.NoWorker),
            (-33008, client.Poison),
        ):
            error: Any = error_in({"code": code, "message": "why"})
            self.assertIs(type(error), kind)
            self.assertEqual((error.code, error.message), (code, "why"))

    def test_threads_share_a_client(self) -> None:
        """client: eight threads, 200 calls each, streams among them"""

        def work(thread: Any) -> bool:
            for number in range(200):
                if self.weir.call("add", thread, number) != thread + number:
                    return False
                if number % 50 == 0 and list(self.weir.stream("count", 0, 40)) != list(range(40)):
                    return False
            return True

        waits = [in_thread(lambda thread=thread: work(thread)) for thread in range(8)]
        self.assertEqual([wait() for wait in waits], [True] * 8)

    def test_the_server_goes_away(self) -> None:
        """client: the server dies: open calls end as unknown, later ones say that it is closed"""
        pending = self.weir.submit("sleep", 60000)
        waiting = in_thread(pending.result)
        self.weir.submit("add", 1, 1)
        for worker in self.server.workers:
            if worker.pid == self.weir.server["pid"]:
                worker.kill()
        with self.assertRaises(client.OutcomeUnknown):
            waiting()
        with self.assertRaises(client.Closed):
            self.weir.call("add", 1, 1)

    def test_close_from_another_thread(self) -> None:
        """client: close() ends what waits in other threads"""
        waiting = in_thread(self.weir.submit("sleep", 60000).result)
        self.weir.close()
        with self.assertRaises(client.OutcomeUnknown):
            waiting()

    def test_paths_that_no_socket_can_have(self) -> None:
        for path in "@name", "\0name", "/" + "x" * 200:
            with self.assertRaisesRegex(ValueError, "abstract|limit is"):
                client.connect(path)

    def test_no_server(self) -> None:
        """client: no socket, or none that answers"""
        with self.assertRaises(FileNotFoundError):
            client.connect(self.server.path + ".not")
        with socket.socket(socket.AF_UNIX) as silent:
            path = self.server.path + ".silent"
            silent.bind(path)
            silent.listen()
            with self.assertRaises(ConnectionError):
                client.connect(path, timeout=0.05)


if __name__ == "__main__":
    unittest.main()
