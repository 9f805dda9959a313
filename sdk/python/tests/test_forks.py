"""Children that a program makes by fork(): of a worker's function, and beside a client."""

import os
import signal
import socket
import subprocess
import sys
import threading
import unittest
from collections.abc import Iterator
from typing import Any

import support
import test_client
from weir import _client as client

# Each function forks in its own way; the child ends in the way that it is told.  What a child says about
# itself goes into files of its own, twelve of them, so that they get the numbers that the wire had.
CODE = """
    import asyncio, contextlib, functools, multiprocessing, os, signal, subprocess, sys, threading, time
    from typing import Iterator
    from weir_worker import Error, context, function, log, run
    kept = []
    def leave(folder, how):
        for number in range(12):
            kept.append(open(f"{folder}/own{number}", "w+"))
        log("from the child")
        if how == "exit":
            sys.exit(3)
        if how == "text":
            sys.exit("leaving")
        if how == "raise":
            raise KeyError("gone")
        if how == "os":
            os._exit(7)
        return "from the child"
    def status_of(pid):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    @function
    def plain(folder: str, how: str):
        pid = os.fork()
        return leave(folder, how) if pid == 0 else status_of(pid)
    @function
    def quick(folder: str, how: str) -> int:
        return plain(folder, how)
    @function
    def slowly(folder: str, how: str):
        time.sleep(0.1)
        return plain(folder, how)
    @function
    def generator(folder: str, how: str) -> Iterator[int]:
        pid = os.fork()
        if pid == 0:
            yield leave(folder, how)
        yield status_of(pid)
    @function
    def closing(folder: str, how: str) -> Iterator[int]:
        try:
            yield from (1, 2)
        finally:
            pid = os.fork()
            if pid == 0:
                leave(folder, how)
            else:
                log(str(status_of(pid)))
    @function
    async def coroutine(folder: str, how: str):
        await asyncio.sleep(0)
        pid = os.fork()
        if pid == 0:
            return leave(folder, how)
        return status_of(pid)
    @function
    async def waiting(folder: str, how: str):
        async def other():
            await asyncio.sleep(0)
            open(f"{folder}/other{os.getpid()}", "w").close()
        task = asyncio.ensure_future(other())
        pid = os.fork()
        if pid == 0:
            await asyncio.sleep(0.01)
            return leave(folder, how)
        await task
        return [status_of(pid), len([name for name in os.listdir(folder) if name.startswith("other")])]
    @function
    async def steps(folder: str, how: str):
        pid = os.fork()
        if pid == 0:
            yield leave(folder, how)
        yield status_of(pid)
    @function
    def process(folder: str, how: str):
        made = multiprocessing.get_context("fork").Process(target=leave, args=(folder, how))
        made.start()
        made.join()
        return made.exitcode
    @function
    def terminal(folder: str, how: str):
        pid, fd = os.forkpty()
        if pid == 0:
            return leave(folder, how)
        with contextlib.suppress(OSError):
            while os.read(fd, 4096):
                pass
        os.close(fd)
        return status_of(pid)
    @function
    def in_thread(folder: str, how: str):
        pids = []
        def work():
            pid = os.fork()
            if pid == 0:
                leave(folder, how)
                os._exit(5)
            pids.append(pid)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return status_of(pids[0])
    @function
    def prepared(folder: str, how: str):
        return subprocess.run([sys.executable, "-c", "import sys; sys.exit(9)"], preexec_fn=lambda: leave(folder, "")).returncode
    @function
    def again(folder: str, how: str):
        pid = os.fork()
        if pid:
            return status_of(pid)
        os.closerange(3, 256)
        mine = [open(f"{folder}/own{number}", "w") for number in range(30)]
        pid = os.fork()
        if pid == 0:
            for file in mine:
                file.write("mine")
            sys.exit(4)
        return sys.exit(status_of(pid))
    @function
    def reads(folder: str, how: str, numbers: Iterator[int]):
        first = next(numbers)
        pid = os.fork()
        if pid == 0:
            try:
                next(numbers)
            except Error:
                return leave(folder, how)
        return [status_of(pid), first + sum(numbers)]
    @function
    def interrupted(how: str):
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(told, b"!")
                time.sleep(60)
            except KeyboardInterrupt:
                if how == "caught":
                    sys.exit(42)
                raise
        os.read(ready, 1)
        os.kill(pid, signal.SIGINT)
        os.close(ready), os.close(told)
        return status_of(pid)
    @function
    def own_handler():
        signal.signal(signal.SIGINT, lambda *ignored: os._exit(11))
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(told, b"!")
            time.sleep(60)
        os.read(ready, 1)
        os.kill(pid, signal.SIGINT)
        os.close(ready), os.close(told)
        return status_of(pid)
    @function
    def lasting(folder: str):
        pid = os.fork()
        if pid == 0:
            open(f"{folder}/ready", "w").close()
            signal.pause()
        while not os.path.exists(f"{folder}/ready"):
            time.sleep(0.001)
        return [pid, sorted(os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))]
    @function
    def add(a: int, b: int) -> int:
        return a + b
    run()
"""
ENDS = {"return": 0, "exit": 3, "text": 1, "raise": 1, "os": 7}


class Functions(unittest.TestCase):
    def setUp(self) -> None:
        made = support.worker(CODE)
        self.worker = made.__enter__()
        self.addCleanup(made.__exit__, None, None, None)
        self.worker.hello()

    def params(self, *more: Any) -> Any:
        return [self.worker.folder.name, *more]

    def of_child(self) -> Any:
        """What stands in the child's files."""
        found = ""
        for name in os.listdir(self.worker.folder.name):
            if name.startswith("own"):
                with open(os.path.join(self.worker.folder.name, name), encoding="utf-8") as file:
                    found += file.read()
        return found

    def check_alive(self) -> None:
        self.assertEqual(self.worker.answer("alive", "add", 1, 2)["result"], 3)
        self.assertEqual(self.of_child(), "")

    def test_every_way_to_fork_and_to_end(self) -> None:
        """fork: the child of a function ends with its own status, and says nothing on the wire"""
        for method in ("plain", "quick", "slowly", "coroutine", "process", "terminal"):
            for how, status in ENDS.items():
                if method == "process" and how == "os":
                    continue
                self.assertEqual(
                    self.worker.answer(method + how, method, *self.params(how)).get("result"),
                    status,
                    (method, how),
                )
                self.check_alive()
        self.assertEqual(self.worker.answer(1, "in_thread", *self.params("return"))["result"], 5)
        self.assertEqual(self.worker.answer(2, "prepared", *self.params(""))["result"], 9)
        self.check_alive()
        self.assertEqual(self.worker.end(), 0)
        said = self.worker.stderr()
        for text in ("info: from the child", "leaving\n", "KeyError: 'gone'"):
            self.assertIn(text, said)
        self.assertNotIn("weir/", said)

    def test_generators(self) -> None:
        """fork: in a generator, in an async one, and while it is closed"""
        for method in ("generator", "steps"):
            for how, status in ENDS.items():
                self.worker.call(method + how, method, *self.params(how), credit=5)
                self.assertEqual(self.worker.get()["params"]["value"], status, (method, how))
                self.assertEqual(self.worker.get()["id"], method + how)
        for how, status in ENDS.items():
            self.worker.call(how, "closing", *self.params(how), credit=1)
            self.worker.get()
            self.worker.notify("cancel", id=how)
            self.assertEqual(self.worker.get()["params"]["message"], str(status), how)
            self.assertEqual(self.worker.get()["error"]["code"], -32800)
        self.check_alive()

    def test_batch_and_map(self) -> None:
        """fork: in a batch and in a map the child does not go on with the next"""
        for how, status in ENDS.items():
            self.worker.send(
                [{"id": number, "method": "quick", "params": self.params(how)} for number in (1, 2)]
            )
            self.assertEqual(
                [one.get("result") for one in self.worker.get()], [status, status], how
            )
            answer = self.worker.answer("map", "weir/map")
            self.assertIn("error", answer)
            self.worker.send(
                {
                    "id": "map",
                    "method": "weir/map",
                    "params": {"method": "plain", "items": [self.params(how)] * 2},
                }
            )
            self.assertEqual(self.worker.get()["result"], {"values": [status, status]}, how)
        self.check_alive()

    def test_a_child_that_waits_on_the_loop(self) -> None:
        """fork: a child of an async function ends at its first wait, and runs no task of its parent"""
        self.assertEqual(self.worker.answer(1, "waiting", *self.params("exit"))["result"], [1, 1])
        self.check_alive()

    def test_input(self) -> None:
        """fork: the input stream is the parent's; in the child it is broken"""
        self.worker.call(1, "reads", *self.params("exit"), stream="in")
        self.assertEqual(self.worker.get()["method"], "weir/credit")
        self.worker.notify("chunk", id=1, value=1)
        self.worker.notify("chunk", id=1, value=2)
        self.worker.notify("end", id=1)
        self.assertEqual(self.worker.get()["result"], [3, 3])
        self.check_alive()

    def test_a_child_of_a_child(self) -> None:
        """fork: a child's child keeps the files that have got the numbers of the wire"""
        self.assertEqual(self.worker.answer(1, "again", *self.params(""))["result"], 4)
        self.assertEqual(self.of_child(), "mine" * 30)

    def test_sigint(self) -> None:
        """fork: SIGINT in the child is KeyboardInterrupt, and ends it as it ends Python"""
        self.assertEqual(self.worker.answer(1, "interrupted", "caught")["result"], 42)
        self.assertEqual(self.worker.answer(2, "interrupted", "")["result"], -signal.SIGINT)
        self.check_alive()
        self.assertEqual(self.worker.answer(3, "own_handler")["result"], 11)

    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "no /proc")
    def test_descriptors(self) -> None:
        """fork: the child has no end of the wire, nor of the worker's own pipes"""
        pid, open_there = self.worker.answer(1, "lasting", *self.params())["result"]
        try:
            self.assertEqual([name for name in open_there if name.startswith("pipe:")], [])
            self.worker.process.stdin.close()
            self.assertIsNone(self.worker.get())
        finally:
            os.kill(pid, signal.SIGKILL)


class Import(unittest.TestCase):
    def test_a_fork_at_import(self) -> None:
        """fork: a child made before serve() cannot serve; its parent can"""
        with support.worker("""
            import os
            from weir_worker import function, run
            @function
            def who() -> int:
                return os.getpid()
            if os.fork() == 0:
                try:
                    run()
                except RuntimeError as error:
                    os.write(2, f"child: {error}\\n".encode())
                os._exit(0)
            os.wait()
            run()
        """) as worker:
            self.assertEqual(worker.answer(1, "who")["result"], worker.pid)
            self.assertEqual(worker.end(), 0)
            self.assertIn(
                "child: serve() belongs to the process that has the wire", worker.stderr()
            )


class Clients(unittest.TestCase):
    """A client on both sides: what the child does is in `work`, which gives its exit status."""

    server: test_client.Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = test_client.Server()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.close()

    def setUp(self) -> None:
        self.weir = client.connect(self.server.path)
        self.addCleanup(self.weir.close)

    def in_child(self, work: Any) -> Any:
        pid = os.fork()
        if pid == 0:
            status = 99
            try:
                status = work()
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def closed(self, *works: Any) -> Any:
        """Whether each of these says that the client is the parent's."""
        for number, work in enumerate(works, 1):
            try:
                work()
                return number
            except client.Closed as error:
                if "fork" not in str(error):
                    return 50 + number
        return 0

    def test_calls(self) -> None:
        """fork: a client is closed in the child, and the parent's goes on"""
        pending = self.weir.submit("sleep", 100)
        self.assertEqual(
            self.in_child(
                lambda: self.closed(
                    lambda: self.weir.call("add", 1, 2),
                    lambda: self.weir.submit("add", 1, 2),
                    lambda: self.weir.stream("count", 0, 9),
                    lambda: self.weir.map("add", [(1, 2)]),
                    self.weir.stats,
                    pending.result,
                )
            ),
            0,
        )
        self.assertEqual(pending.result(), "slept")
        self.assertEqual(self.weir.call("add", 1, 2), 3)

    def test_closing(self) -> None:
        """fork: close(), the end of `with` and the garbage collector in the child harm nothing"""
        stream: Any
        with self.weir.stream("endless") as stream:
            self.assertEqual(next(stream), 0)

            def work() -> Any:
                nonlocal stream
                wrong = self.closed(lambda: next(stream))
                stream.close()
                stream = None
                with self.weir:
                    pass
                self.weir.close()
                return wrong

            for _ in range(3):
                self.assertEqual(self.in_child(work), 0)
            self.assertEqual([next(stream) for _ in range(300)], list(range(1, 301)))
        self.assertEqual(self.weir.call("add", 1, 2), 3)

    def test_the_connection_is_not_held(self) -> None:
        """fork: the child does not hold the connection open"""
        ours, theirs = socket.socketpair()
        with ours:
            begun = test_client.in_thread(lambda: client.Client(theirs))
            ours.recv(4096)
            ours.sendall(b'{"jsonrpc":"2.0","id":1,"result":{"version":1,"methods":{}}}\n')
            made = begun()
            ready, told = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.write(told, b"!")
                os.close(told)
                signal.pause()
            os.close(told)
            try:
                os.read(ready, 1)
                # Without a word to the other side, as when the process is killed.
                made._link._socket.close()
                ours.settimeout(60)
                self.assertEqual(ours.recv(1), b"")
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os.close(ready)
                made.close()

    def test_locks_of_other_threads(self) -> None:
        """fork: a lock that another thread held does not stop the child"""
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            link = self.weir._link
            with link._lock, link._send_lock:
                held.set()
                done.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(60)
        waiting = test_client.in_thread(lambda: self.weir.call("add", 1, 2))

        def work() -> Any:
            signal.alarm(60)
            wrong = self.closed(lambda: self.weir.call("add", 1, 2))
            if not wrong:
                self.weir.close()
            return wrong or 0

        try:
            self.assertEqual(self.in_child(work), 0)
        finally:
            done.set()
            thread.join()
        self.assertEqual(waiting(), 3)

    def test_threads_that_wait(self) -> None:
        """fork: while threads wait and feed, the parent's calls get their own answers"""

        def numbers() -> Iterator[Any]:
            for number in range(200):
                if number == 100:
                    self.assertEqual(
                        self.in_child(lambda: self.closed(lambda: self.weir.call("add", 1, 2))), 0
                    )
                yield number

        waits = [
            test_client.in_thread(lambda: self.weir.call("sum", input=numbers())),
            test_client.in_thread(lambda: list(self.weir.stream("count", 0, 300))),
        ]
        for _ in range(5):
            self.assertEqual(
                self.in_child(lambda: self.closed(lambda: self.weir.call("add", 1, 2))), 0
            )
        self.assertEqual([wait() for wait in waits], [sum(range(200)), list(range(300))])

    def test_a_fork_that_python_does_not_see(self) -> None:
        """fork: made by a library in C, too, the child finds the client closed"""
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                """if True:
            import ctypes, os, sys
            from weir import _client as client
            weir = client.connect(sys.argv[1])
            pid = ctypes.PyDLL(None).fork()
            if pid == 0:
                try:
                    weir.call("add", 1, 2)
                    os._exit(1)
                except client.Closed:
                    os._exit(0)
            wrong = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            sys.exit(wrong or weir.call("add", 1, 2) != 3)
            """,
                self.server.path,
            ],
            env=support.environment(),
            timeout=60,
        )
        self.assertEqual(done.returncode, 0)

    def test_a_child_may_connect(self) -> None:
        """fork: the child has a client of its own when it connects again"""

        def work() -> Any:
            with client.connect(self.server.path) as mine:
                return 0 if mine.call("add", 20, 22) == 42 else 1

        self.assertEqual(self.in_child(work), 0)

    def test_a_signal_handler_that_forks(self) -> None:
        """fork: a handler forks while its thread waits for an answer, or for its turn to read"""
        code = """if True:
            import os, signal, sys, threading
            from weir import _client as client
            weir = client.connect(sys.argv[1])
            pids = []
            def handler(*ignored):
                pid = os.fork()
                if pid == 0:
                    signal.alarm(60)
                    pids.clear()
                    return
                pids.append(pid)
            signal.signal(signal.SIGUSR1, handler)
            if sys.argv[2] == "turn":
                first = weir.submit("sleep", 1500)
                threading.Thread(target=first.result).start()
                while not weir._link._reading:
                    pass
            timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            second = weir.submit("sleep", 1000)
            try:
                value = second.result()
            except client.Closed:
                os._exit(0 if not pids else 2)
            if not pids:
                os._exit(3)
            status = os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1])
            os._exit(status or value != "slept")
        """
        for way in ("read", "turn"):
            done = subprocess.run(
                [sys.executable, "-c", code, self.server.path, way],
                env=support.environment(),
                timeout=60,
            )
            self.assertEqual(done.returncode, 0, way)


if __name__ == "__main__":
    unittest.main()
