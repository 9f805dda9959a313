"""weir.Pool: calls, streams, errors, and what happens to workers and hosts."""

import contextlib
import os
import signal
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any

import hosting
import weir

# make check-hosts: how long calls are made while workers are killed, in seconds.
STORM_S = float(os.environ.get("WEIR_STORM", "0").rstrip("s"))


class Calls(unittest.TestCase):
    def setUp(self) -> None:
        self.pool = weir.Pool(hosting.WORKER, workers=2, stderr=weir.DEVNULL)
        self.addCleanup(self.pool.close)

    def test_values(self) -> None:
        """pool: values by position and by name, any JSON"""
        self.assertEqual(self.pool.call("add", 3, 4), 7)
        self.assertEqual(self.pool.call("add", a=3, b=4), 7)
        for value in None, True, 1 << 70, 1.5, "\u00e9\n\0", [1, [2]], {"a": {"b": None}}:
            self.assertEqual(self.pool.call("echo", value), value)
        self.assertEqual(self.pool.map("add", [(n, n) for n in range(500)])[-1], 998)
        self.assertIn("add", self.pool.methods)

    def test_streams(self) -> None:
        """pool: streams in, out and both ways, longer than their windows"""
        self.assertEqual(list(self.pool.stream("count", 0, 1000)), list(range(1000)))
        self.assertEqual(self.pool.call("count", 0, 1000), list(range(1000)))
        self.assertEqual(self.pool.call("sum", input=range(1000)), 499500)
        self.assertEqual(self.pool.submit("sum", input=range(5)).result(), 10)
        self.assertEqual(list(self.pool.stream("running", input=[1, 2, 3])), [1, 3, 6])
        self.assertEqual(len(list(self.pool.stream("running", input=range(1000)))), 1000)
        with self.pool.stream("count", 0, 1 << 60) as stream:
            self.assertEqual([next(stream), next(stream)], [0, 1])
        self.assertEqual(self.pool.call("add", 1, 1), 2)

    def test_input_error(self) -> None:
        """pool: what the input raises is raised by the call"""

        def broken() -> Iterator[int]:
            yield 1
            raise ZeroDivisionError("here")

        with self.assertRaises(ZeroDivisionError):
            self.pool.call("sum", input=broken())

    def test_errors(self) -> None:
        """pool: each outcome of a call has its exception"""
        with self.assertRaises(weir.RemoteError) as failed:
            self.pool.call("fail", "here")
        self.assertEqual((failed.exception.code, failed.exception.type), (1000, "KeyError"))
        self.assertIn("fail", failed.exception.traceback or "")
        with self.assertRaises(weir.OutcomeUnknown):
            self.pool.call("exit", 3)
        with self.assertRaises(weir.DeadlineExceeded):
            self.pool.call("sleep", 60, timeout=0.05)
        with self.assertRaises(TimeoutError):
            list(self.pool.stream("sleep", 60, timeout=0.05))
        with self.assertRaises(weir.RemoteError):
            self.pool.call("no_such_function")
        with self.assertRaises(TypeError):
            self.pool.call("add", 1, b=2)
        with self.assertRaises((TypeError, ValueError)):
            self.pool.call("echo", object())

    def test_close_of_another(self) -> None:
        """pool: calls are answered while another thread closes another pool"""
        with tempfile.TemporaryDirectory() as folder:
            gate = os.path.join(folder, "gate")
            script = os.path.join(folder, "stays.py")
            with open(script, "w", encoding="utf-8") as file:
                file.write(hosting.FUNCTIONS + "import signal\n")
                file.write("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
                file.write(f"while not os.path.exists({gate!r}):\n    time.sleep(0.005)\n")
            other = weir.Pool(script, workers=1, grace=120, stderr=weir.DEVNULL)
            closer = threading.Thread(target=other.close)
            caller = threading.Thread(
                target=lambda: [self.pool.call("sleep", 0.002) for _ in range(50)], daemon=True
            )
            closer.start()
            caller.start()
            caller.join(60)
            was_answered = not caller.is_alive()
            with open(gate, "w", encoding="utf-8"):
                pass
            closer.join(60)
            self.assertTrue(was_answered and not closer.is_alive())

    def test_done(self) -> None:
        """pool: done() alone sees the end of a call"""
        pending = self.pool.submit("sleep", 0.01)
        hosting.wait_until(pending.done, "the end of the call")
        self.assertEqual(pending.result(timeout=0), "slept")

    def test_pending(self) -> None:
        """pool: a pending call can be waited for, cancelled, and has callbacks"""
        pending = self.pool.submit("sleep", 60)
        self.assertFalse(pending.done())
        with self.assertRaises(TimeoutError):
            pending.result(timeout=0.01)
        pending.cancel()
        with self.assertRaises(weir.CallCancelled):
            pending.result()
        self.assertTrue(pending.done())
        self.assertIsInstance(pending.exception(), weir.CallCancelled)
        told: Any = threading.Event()
        self.pool.submit("add", 1, 2).add_done_callback(lambda one: told.set())
        self.assertTrue(told.wait(30))

    def test_dead_worker(self) -> None:
        """pool: a worker that died while nobody waited is not given the next call"""
        for pid in {self.pool.call("pid") for _ in range(20)}:
            os.kill(pid, signal.SIGKILL)
            hosting.wait_until(lambda pid=pid: not hosting.is_running(pid), "its death")
        time.sleep(0.05)  # the news of it comes from another process
        for _ in range(4):
            self.assertEqual(self.pool.call("add", 1, 1), 2)

    def test_replace(self) -> None:
        """pool: replace gives new workers, and loses no call"""
        before = {self.pool.call("pid") for _ in range(20)}
        self.pool.replace()
        hosting.wait_until(lambda: self.pool.call("pid") not in before, "a new worker")

    def test_threads(self) -> None:
        """64 threads, workers killed at random: each call ends once"""
        ended = {"started": 0, "returned": 0, "unknown": 0}
        lock = threading.Lock()
        over = threading.Event()
        until = time.monotonic() + STORM_S

        def count(what: str) -> None:
            with lock:
                ended[what] += 1

        def work() -> None:
            number = 0
            while number < 40 or time.monotonic() < until:
                number += 1
                count("started")
                try:
                    got = self.pool.call("add", number, 1)
                    assert got == number + 1, got
                    count("returned")
                except weir.OutcomeUnknown:
                    count("unknown")

        def murder() -> None:
            while not over.wait(0.05):
                with contextlib.suppress(weir.CallError):
                    hosting.kill(self.pool.call("pid"))

        killer = threading.Thread(target=murder)
        killer.start()
        threads = [threading.Thread(target=work) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(STORM_S + 120)
        over.set()
        killer.join(30)
        self.assertEqual(ended["returned"] + ended["unknown"], ended["started"], ended)
        self.assertGreaterEqual(ended["started"], 64 * 40)
        self.assertGreater(ended["returned"], ended["started"] // 2)


class Life(unittest.TestCase):
    def test_close(self) -> None:
        """close: ends the workers, and what is under way; later calls are Closed"""
        pool = weir.Pool(hosting.WORKER, workers=1)
        pid = pool.call("pid")
        pending = pool.submit("sleep", 60)
        pool.close()
        pool.close()
        self.assertFalse(hosting.is_running(pid))
        with self.assertRaises(weir.CallError):
            pending.result()
        with self.assertRaises(weir.Closed):
            pool.call("pid")
        with weir.Pool(hosting.WORKER, workers=1) as drained:
            pending = drained.submit("sleep", 0.1)
            drained.close(drain=30)
            self.assertEqual(pending.result(), "slept")

    def test_missing(self) -> None:
        """a script that is missing or broken is an error with the reason"""
        with self.assertRaises(FileNotFoundError):
            weir.Pool("/no/such/worker.py")
        with self.assertRaisesRegex(weir.NoWorker, "/no/such/program"):
            weir.Pool(["/no/such/program"])
        with self.assertRaisesRegex(weir.NoWorker, "did not answer weir/hello"):
            weir.Pool(["sleep", "1000"], workers=1, start_timeout=0.05)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "broken.py")
            for text, said in (
                ("1 / 0\n", "ZeroDivisionError"),
                ("print('hello')\n", "exited with 0"),
            ):
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
                with self.assertRaisesRegex(weir.NoWorker, said):
                    weir.Pool(path, workers=1, stderr=weir.DEVNULL)

    def test_programs(self) -> None:
        """a pool of a list of words, with arguments and an environment"""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "shows.py")
            with open(path, "w", encoding="ascii") as file:
                file.write(
                    "import os, sys\nfrom weir.worker import function, serve\n"
                    "@function\ndef show():\n    return [sys.argv[1:], os.environ['A'], os.getcwd()]\n"
                    "serve()\n"
                )
            with weir.Pool(path, "x", "y", workers=1, env_extra={"A": "b"}, cwd="/") as pool:
                self.assertEqual(pool.call("show"), [["x", "y"], "b", "/"])

    @unittest.skipUnless(hosting.IS_LINUX, "weir is built without Linux's facilities")
    def test_warm(self) -> None:
        """a warm pool, or map, imports its script once: each worker is forked from that process"""
        with tempfile.TemporaryDirectory() as folder:
            path = hosting.script_that_notes_imports(folder)
            with weir.Pool(path, workers=3, warm=True) as pool:
                pids = {pool.call("pid") for _ in range(20)}
            hosting.assert_imported_once(folder, pids)
        with tempfile.TemporaryDirectory() as folder:
            path = hosting.script_that_notes_imports(folder)
            pids = set(weir.map([[]] * 20, path, call="pid", workers=3, warm=True))
            hosting.assert_imported_once(folder, pids)

    def test_fork(self) -> None:
        """fork: the pool stays the parent's; a child is told so, and may have one of its own"""
        out = hosting.output_of(
            """
            import os, sys, weir
            pool = weir.Pool(sys.argv[1], workers=1)
            print(pool.call("add", 1, 1), flush=True)
            pid = os.fork()
            if pid == 0:
                try:
                    pool.call("add", 1, 1)
                except RuntimeError as error:
                    print(isinstance(error, weir.Closed), "make one after fork" in str(error), flush=True)
                with weir.Pool(sys.argv[1], workers=1) as own:
                    print(own.call("add", 2, 2), flush=True)
                sys.exit(0)
            os.waitpid(pid, 0)
            print(pool.call("add", 3, 3))
            """,
            hosting.WORKER,
        )
        self.assertEqual(out, "2\nTrue True\n4\n6\n")

    def test_exit(self) -> None:
        """exit: a pool that is open, with calls in other threads, ends with its program"""
        out = hosting.output_of(
            """
            import sys, threading, weir
            pool = weir.Pool(sys.argv[1], workers=2)
            print(pool.call("pid"))
            pending = pool.submit("sleep", 60)
            threading.Thread(target=lambda: pool.call("sleep", 60), daemon=True).start()
            """,
            hosting.WORKER,
        )
        pid = int(out)
        hosting.wait_until(lambda: not hosting.is_running(pid), "the worker's end")

    def test_killed_hosts(self) -> None:
        """SIGKILL of the host at 20 random moments leaves no process"""
        for turn in range(20):
            process = hosting.program(
                """
                import os, sys, threading, weir
                pool = weir.Pool(sys.argv[1], workers=2)
                print(pool.call("pid"), flush=True)
                def work():
                    while True:
                        pool.call("pid")
                for _ in range(2):
                    threading.Thread(target=work, daemon=True).start()
                while True:
                    print(weir.run(["sh", "-c", "echo $$; exec sleep 0.01"]).stdout, end="", flush=True)
                """,
                hosting.WORKER,
            )
            assert process.stdout is not None
            pids = [int(process.stdout.readline())]
            for _ in range(turn % 4):
                pids.append(int(process.stdout.readline()))
            process.kill()
            pids += [int(line) for line in process.communicate(timeout=60)[0].splitlines()]
            for pid in pids:
                hosting.wait_until(lambda pid=pid: not hosting.is_running(pid), f"the end of {pid}")

    def test_interrupt(self) -> None:
        """Ctrl-C: a call on the main thread is cancelled at once, and the pool goes on"""
        process = hosting.program(
            """
            import sys, weir
            pool = weir.Pool(sys.argv[1], workers=1)
            pool.call("add", 1, 1)
            print("ready", flush=True)
            try:
                pool.call("sleep", 60)
            except KeyboardInterrupt:
                print(pool.call("add", 1, 1), flush=True)
            """,
            hosting.WORKER,
        )
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "ready\n")
        time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("2\n", 0), err)
        self.assertLess(time.monotonic() - began, 30)  # the call takes 60


if __name__ == "__main__":
    unittest.main()
