"""weir.pipe and weir.map: verdicts, specs, order, dead records and ends."""

import os
import signal
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any

import hosting
import weir

LINES = """
import json, os, sys
for line in sys.stdin:
    value = json.loads(line)
    if value == "die":
        sys.stderr.write("dying of it\\n")
        sys.stderr.flush()
        os._exit(7)
    print(json.dumps([value, "done"]), flush=True)
"""
WORKER = [sys.executable, "-c", LINES]


class Pipes(unittest.TestCase):
    def test_pipe(self) -> None:
        """pipe: words, lines and stages; input, output and the results of all"""
        result = weir.pipe(["seq 10", ["sort", "-r"], weir.Stage("head -2", name="top")])
        self.assertEqual((result.stdout, result.status, result.ok), ("9\n8\n", 0, True))
        self.assertEqual([stage.name for stage in result.stages], ["seq", "sort", "top"])
        self.assertEqual(result.stages[1].result.status, 0)
        self.assertEqual(result.json()["kind"], "pipe")
        self.assertEqual(weir.pipe(["cat", "cat"], input="b\na\n").stdout, "b\na\n")
        data = os.urandom(1 << 20)
        self.assertEqual(weir.pipe(["cat", "cat"], input=data, text=False).stdout, data)

    def test_verdict(self) -> None:
        """pipe: which stage decides, and its exception"""
        broken = ["sh -c 'echo why >&2; exit 3'", "cat"]
        result = weir.pipe(broken)
        self.assertEqual((result.status, result.decided_by), (3, "sh"))
        self.assertEqual(
            (result.reason, result.stages[0].result.stderr), ("exited with 3", "why\n")
        )
        self.assertEqual(weir.pipe(broken, verdict="last").status, 0)
        self.assertEqual(weir.pipe(["seq 1000000", "head -1"]).status, 0)
        self.assertNotEqual(weir.pipe(["seq 1000000", "head -1"], verdict="strict").status, 0)
        stopped = weir.pipe([weir.Stage("sleep 60", timeout=0.05, stop="INT:60s,KILL")])
        self.assertEqual(stopped.stages[0].result.stopped_with, (signal.SIGINT,))
        with self.assertRaisesRegex(weir.Failed, "sh: exited with 3"):
            weir.pipe(broken, check=True)
        with self.assertRaises(TimeoutError):
            weir.pipe(["sleep 60", "cat"], timeout=0.05, check=True)

    def test_spec(self) -> None:
        """pipe: a dict is a whole spec; its faults are one exception"""
        result = weir.pipe({"weir": 1, "stages": [{"cmd": "printf x", "meter": True}]})
        self.assertEqual((result.stdout, result.stages[0].bytes_out), ("x", 1))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out")
            weir.pipe({"stages": [{"cmd": ["echo", "y"]}], "out": {"path": path}}, check=True)
            with open(path, encoding="ascii") as file:
                self.assertEqual(file.read(), "y\n")
        with self.assertRaisesRegex(weir.SpecError, "nonsense"):
            weir.pipe({"stages": [{"cmd": "true", "nonsense": 1}]})


class Maps(unittest.TestCase):
    def test_order(self) -> None:
        """map: results in the order of the records, from several workers"""
        with weir.map(range(2000), WORKER, workers=3) as results:
            self.assertEqual(list(results), [[n, "done"] for n in range(2000)])
        assert results.report is not None
        self.assertEqual((results.report["answered"], results.report["dead"]), (2000, 0))
        got = sorted(weir.map(range(100), WORKER, workers=3, ordered=False))
        self.assertEqual(got, [[n, "done"] for n in range(100)])

    def test_call(self) -> None:
        """map: with call each record is a call of a function"""
        pairs = [(n, 1) for n in range(100)]
        self.assertEqual(
            list(weir.map(pairs, hosting.WORKER, call="add", workers=2)), list(range(1, 101))
        )

    def test_values(self) -> None:
        """map: a function with an output stream gives its values, also none; any JSON passes"""
        pairs = [(0, 3), (0, 0), (5, 6)]
        got = list(weir.map(pairs, hosting.WORKER, call="count", workers=1))
        self.assertEqual(got, [0, 1, 2, 5])
        nested: Any = []
        for _ in range(800):
            nested = [nested]
        values: list[Any] = [
            None,
            "a\nb,",
            1 << 70,
            1.5,
            {},
            "\u2028\ud800",
            [],
            nested,
            "x" * 300000,
        ]
        self.assertEqual(list(weir.map(values, ["cat"], workers=1)), values)
        self.assertEqual(list(weir.map([], ["cat"])), [])

    def test_dead(self) -> None:
        """map: a dead record is raised, skipped or handed to a function"""
        records = [1, "die", 2]
        with self.assertRaises(weir.DeadRecord) as dead:
            list(weir.map(records, WORKER, workers=1, retries=0, stderr=weir.DEVNULL))
        error = dead.exception
        self.assertEqual((error.seq, error.reason, error.record), (1, "crash", "die"))
        self.assertIn("dying of it", error.stderr_tail)
        options: Any = {"workers": 1, "retries": 0, "stderr": weir.DEVNULL}
        rest = [[1, "done"], [2, "done"]]
        self.assertEqual(list(weir.map(records, WORKER, on_error="skip", **options)), rest)
        seen: list[Any] = []
        self.assertEqual(list(weir.map(records, WORKER, on_error=seen.append, **options)), rest)
        self.assertEqual([one.record for one in seen], ["die"])
        options["on_error"] = lambda error: order.append(error.record)
        order: list[Any] = []
        order.extend(weir.map(records, WORKER, **options))
        self.assertEqual(order, [rest[0], "die", rest[1]])

    def test_ends(self) -> None:
        """map: records that raise, workers that cannot run, and a reader that leaves early"""

        def broken() -> Iterator[int]:
            yield 1
            raise ZeroDivisionError("here")

        results = weir.map(broken(), WORKER, workers=1)
        self.assertEqual(next(results), [1, "done"])
        with self.assertRaises(ZeroDivisionError):
            next(results)
        with self.assertRaisesRegex(weir.NoWorker, "/no/such/program"):
            list(weir.map([1], ["/no/such/program"]))

        def endless() -> Iterator[int]:
            number = 0
            while True:
                yield number
                number += 1

        with weir.map(endless(), WORKER, workers=2) as results:
            self.assertEqual(next(results), [0, "done"])
        self.assertEqual(list(results), [])

    def test_not_read(self) -> None:
        """map: a reader that pauses stops the records, too"""
        taken = 0

        def records() -> Iterator[str]:
            nonlocal taken
            for _ in range(100000):
                taken += 1
                yield "x" * 1000

        with weir.map(records(), WORKER, workers=1, window=10) as results:
            next(results)
            last = -1
            while taken != last:
                last = taken
                time.sleep(0.2)
            self.assertLess(taken, 50000)

    def test_many(self) -> None:
        """map: 64 threads with a map each, all of whose records come back in order"""
        wrong: list[Any] = []

        def use(first: int) -> None:
            records = list(range(first, first + 500))
            got = list(weir.map(records, ["cat"], workers=1))
            if got != records:
                wrong.append((first, got))

        threads = [threading.Thread(target=use, args=(1000 * n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_shared(self) -> None:
        """map, each: threads that share one get each result once, and the end"""
        out = hosting.output_of(
            """
            import sys, threading, weir
            sys.setswitchinterval(1e-5)
            def share(take):
                got = []
                threads = [threading.Thread(target=take, args=(got,)) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                return got
            numbers = weir.map(range(100000), ["cat"], workers=2)
            got = share(lambda got: got.extend(numbers))
            print(sorted(got) == list(range(100000)), numbers.report["answered"])
            names = [str(n) for n in range(100)]
            results = weir.each(names, ["echo"], workers=4)
            got = share(lambda got: got.extend(results))
            print(sorted(int(one.stdout) for one in got) == list(range(100)))
            """
        )
        self.assertEqual(out, "True 100000\nTrue\n")

    def test_close_shared(self) -> None:
        """map: closing one ends it for the threads that share it"""
        gate = threading.Event()
        got: list[Any] = []
        results = weir.map(iter(lambda: gate.wait(), True), ["cat"], workers=1)
        threads = [threading.Thread(target=lambda: got.append(list(results))) for _ in range(4)]
        for thread in threads:
            thread.start()
        results.close()
        for thread in threads:
            thread.join(60)
        gate.set()
        self.assertEqual(got, [[]] * 4)

    def test_take(self) -> None:
        """map: the engine refuses a second thread that takes, and loses nothing"""
        out = hosting.output_of(
            """
            import sys, threading, weir
            sys.setswitchinterval(1e-5)
            results = weir.map(range(100000), ["cat"], workers=2)
            job, got = results._run.job, []
            def take():
                while True:
                    is_over = job.done()
                    try:
                        piece = job.take()
                    except RuntimeError:
                        continue
                    if piece is not None:
                        got.extend(map(int, piece.split()))
                    elif is_over:
                        break
            threads = [threading.Thread(target=take) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            print(sorted(got) == list(range(100000)))
            """
        )
        self.assertEqual(out, "True\n")

    def test_fork(self) -> None:
        """map: fork leaves it to the parent; a child is told so, and may have one of its own"""
        out = hosting.output_of(
            """
            import os, weir
            results = weir.map(iter(range(10**9)), ["cat"], workers=1)
            print(next(results), flush=True)
            if os.fork() == 0:
                try:
                    for _ in results:
                        pass
                except RuntimeError as error:
                    print("another one" in str(error), flush=True)
                print(list(weir.map([1, 2], ["cat"], workers=1)), flush=True)
                os._exit(0)
            os.wait()
            print(next(results) > 0)
            """
        )
        self.assertEqual(out, "0\nTrue\n[1, 2]\nTrue\n")

    def test_exit(self) -> None:
        """map: a program may end with maps open, in whatever they are"""
        code = """
            import sys, threading, time, weir
            words = ["sh", "-c", "echo $$ >&2; exec cat"]
            with open(sys.argv[1], "w") as file:
                full = weir.map(iter(range(10**9)), words, workers=1, stderr=file)
                print(next(full), flush=True)
                waiting = weir.map(iter(lambda: time.sleep(1000), 0), words, workers=1, stderr=file)
                empty = weir.map(iter(lambda: threading.Event().wait(), 0), ["cat"], workers=1)
                threading.Thread(target=lambda: next(empty, None), daemon=True).start()
            """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "pids")
            process = hosting.program(code, path)
            out, err = process.communicate(timeout=60)
            self.assertEqual((out, err, process.returncode), ("0\n", "", 0))
            with open(path, encoding="ascii") as file:
                pids = [int(line) for line in file]
        for pid in pids:
            hosting.wait_until(lambda pid=pid: not hosting.is_running(pid), f"the end of {pid}")

    def test_interrupt(self) -> None:
        """map: Ctrl-C ends the workers"""
        process = hosting.program(
            """
            import sys, weir
            words = ["sh", "-c", "echo $$ >&2; exec sleep 1000"]
            try:
                next(weir.map([1], words, workers=1))
            except KeyboardInterrupt:
                print(weir.run(["echo", "on"]).stdout, end="")
            """
        )
        assert process.stderr is not None
        pid = int(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("on\n", 0), err)
        hosting.wait_until(lambda: not hosting.is_running(pid), "the worker's end")


if __name__ == "__main__":
    unittest.main()
