"""Cases that must hold, with the numbers of the list they come from."""

import os
import signal
import subprocess
import sys
import time
import unittest
from typing import Any

import support

MIB = 1 << 20


class Printing(unittest.TestCase):
    def test_what_functions_print(self) -> None:
        """32: print, os.write(1), os.system and a child's output land on stderr, the reply is intact"""
        with support.worker("""
            import os, subprocess, sys
            from weir_worker import function, run
            print("said at import")
            @function
            def noisy():
                print("said by print")
                sys.stdout.write("without an end")
                os.write(1, b"said by os.write\\n")
                os.system("echo said by system")
                subprocess.run(["echo", "said by a child"])
                return input.__name__
            run()
        """) as worker:
            self.assertEqual(worker.answer(1, "noisy")["result"], "input")
            self.assertEqual(worker.end(), 0)
            said = worker.stderr()
            for text in (
                "at import",
                "by print",
                "an end",
                "by os.write",
                "by system",
                "by a child",
            ):
                self.assertIn(text, said)

    def test_a_print_before_the_import_of_a_plain_file(self) -> None:
        """32: a file that does not know weir prints while it is imported"""
        with support.worker(
            """
            print("loading")
            def twice(x: int) -> int:
                print("twice")
                return 2 * x
        """,
            ["-m", "weir_worker"],
        ) as worker:
            self.assertEqual(worker.answer(1, "twice", 4)["result"], 8)
            self.assertEqual(worker.end(), 0)
            self.assertIn("loading\ntwice\n", worker.stderr())

    def test_stdin_is_not_the_wire(self) -> None:
        """32: a function that reads stdin, or whose child does, reads nothing of the wire"""
        with support.worker("""
            import subprocess, sys
            from weir_worker import function, run
            @function
            def greedy():
                return sys.stdin.read() + subprocess.run(["cat"], stdout=subprocess.PIPE).stdout.decode()
            run()
        """) as worker:
            worker.write(
                b'{"jsonrpc":"2.0","id":1,"method":"greedy","params":[]}\n'
                b'{"jsonrpc":"2.0","id":2,"method":"greedy","params":[]}\n'
            )
            self.assertEqual([worker.get()["result"], worker.get()["result"]], ["", ""])

    def test_children_do_not_hold_the_wire(self) -> None:
        """32: neither a program that a function starts nor a fork of it holds the wire open"""
        with support.worker("""
            import os, signal, subprocess
            from weir_worker import function, run
            @function
            def leave():
                first = subprocess.Popen(["sleep", "60"], close_fds=False).pid
                second = os.fork()
                if second == 0:
                    signal.pause()
                return [first, second]
            run()
        """) as worker:
            children = worker.answer(1, "leave")["result"]
            try:
                worker.process.stdin.close()
                self.assertIsNone(worker.get())
            finally:
                for pid in children:
                    os.kill(pid, signal.SIGKILL)

    def test_a_forked_child_that_returns_says_nothing(self) -> None:
        """32: a fork that comes back into the worker does not answer"""
        with support.worker("""
            import os
            from weir_worker import function, run
            @function
            def both():
                pid = os.fork()
                if pid:
                    os.waitpid(pid, 0)
                return pid
            run()
        """) as worker:
            self.assertGreater(worker.answer(1, "both")["result"], 0)
            self.assertGreater(worker.answer(2, "both")["result"], 0)


class Values(unittest.TestCase):
    CODE = """
        import sys
        from typing import Any
        from weir_worker import function, run
        @function
        def echo(value: Any) -> Any:
            return value
        @function
        def say(what: str) -> Any:
            itself = []
            itself.append(itself)
            deep = []
            for _ in range(100000):
                deep = [deep]
            return {"nan": float("nan"), "inf": [float("-inf")], "set": {1}, "bytes": b"x", "object": say, "key": {(1,): 2},
                    "surrogate": "a\\ud800b", "big": 2 ** 63, "bigger": 2 ** 20000, "itself": itself, "deep": deep,
                    "tuple": (1, 2)}[what]
        @function
        def large(mib: int) -> str:
            return "é" * (mib << 19)
        run()
    """

    def test_what_cannot_be_said(self) -> None:
        """33: NaN, infinity, sets, objects, what contains itself: -33003, and the worker stays"""
        with support.worker(self.CODE) as worker:
            for what in ("nan", "inf", "set", "object", "key", "itself"):
                answer = worker.answer(what, "say", what)
                self.assertEqual(
                    (answer["id"], answer.get("error", {}).get("code")), (what, -33003), what
                )
            self.assertIn(
                "object", worker.answer(1, "say", "object")["error"]["message"] + "object"
            )
            self.assertEqual(worker.answer(2, "echo", 5)["result"], 5)

    def test_numbers_and_surrogates(self) -> None:
        """33: 2^63 passes, and a lone surrogate goes out as an escape; too many digits are refused by the id"""
        with support.worker(self.CODE) as worker:
            self.assertEqual(worker.answer(1, "say", "big")["result"], 2**63)
            self.assertEqual(worker.answer(2, "say", "tuple")["result"], [1, 2])
            worker.call(3, "say", "surrogate")
            self.assertIn(b'"a\\ud800b"', worker.lines.read())
            worker.write(b'{"jsonrpc":"2.0","id":"\\udc00","method":"echo","params":["\\ud83d"]}\n')
            self.assertEqual(
                worker.lines.read(), b'{"jsonrpc":"2.0","id":"\\udc00","result":"\\ud83d"}'
            )
            worker.call(4, "say", "bigger")
            self.assertIn(worker.get().get("error", {"code": None})["code"], (None, -33003))
            if hasattr(sys, "set_int_max_str_digits"):
                worker.write(
                    b'{"jsonrpc":"2.0","id":5,"method":"echo","params":[%s]}\n' % (b"1" * 5000)
                )
                answer = worker.get()
                self.assertEqual((answer["id"], answer["error"]["code"]), (5, -32602))

    def test_invalid_utf8_and_depth(self) -> None:
        """33: ill-formed UTF-8 and a depth of 100,000 are answered by their id"""
        with support.worker(self.CODE) as worker:
            worker.write(b'{"jsonrpc":"2.0","id":1,"method":"echo","params":["\xff"]}\n')
            worker.write(
                b'{"jsonrpc":"2.0","id":2,"method":"echo","params":'
                + b"[" * 100000
                + b"]" * 100000
                + b"}\n"
            )
            worker.write(b'{"jsonrpc":"2.0","id":3,"method":"echo","params":[3]}\n')
            self.assertEqual(
                [
                    (one["id"], one.get("error", {}).get("code"))
                    for one in (worker.get(), worker.get(), worker.get())
                ],
                [(1, -32700), (2, -32700), (3, None)],
            )
            self.assertIn(worker.answer(4, "say", "deep")["error"]["code"], (-33002, -33003))
            self.assertEqual(worker.answer(5, "echo", 5)["result"], 5)

    def test_long_answers(self) -> None:
        """33: a 9 MiB reply passes, one over 64 MiB is -33002 by its id"""
        with support.worker(self.CODE) as worker:
            self.assertEqual(len(worker.answer(1, "large", 9)["result"]), 9 << 19)
            self.assertEqual(worker.answer(2, "large", 64)["error"]["code"], -33002)
            self.assertEqual(worker.answer(3, "echo", 5)["result"], 5)


class Wire(unittest.TestCase):
    def test_three_calls_of_a_megabyte(self) -> None:
        """34: three 1 MB calls at once, both ways"""
        with support.worker(Values.CODE) as worker:
            text = "x" * MIB
            for ident in (1, 2, 3):
                worker.lines.unwritten += (
                    b'{"jsonrpc":"2.0","id":%d,"method":"echo","params":["%s"]}\n'
                    % (ident, text.encode())
                )
            self.assertEqual(
                [
                    (one["id"], one["result"] == text)
                    for one in (worker.get(), worker.get(), worker.get())
                ],
                [(1, True), (2, True), (3, True)],
            )

    def test_one_byte_at_a_time(self) -> None:
        """34: one byte a write, characters cut in two"""
        with support.worker(Values.CODE) as worker:
            for byte in '{"jsonrpc":"2.0","id":1,"method":"echo","params":["é日😀"]}\r\n'.encode():
                worker.write(bytes([byte]))
            self.assertEqual(worker.get()["result"], "é日😀")

    def test_the_host_goes_away(self) -> None:
        """34: nobody reads any more: the worker ends, even while its function runs on"""
        with support.worker("""
            import time
            from weir_worker import function, log, run
            @function
            def talks():
                while True:
                    log("still here")
                    time.sleep(0.001)
            run()
        """) as worker:
            worker.hello()
            worker.call(1, "talks")
            self.assertEqual(worker.get()["method"], "weir/log")
            worker.process.stdout.close()
            worker.process.wait(60)


class Neighbours(unittest.TestCase):
    CODE = """
        import sys, threading, time
        from typing import Any, Iterator
        from weir_worker import Error, context, function, log, run
        kept = []
        @function
        def sleep(s: float) -> str:
            time.sleep(s)
            return "slept"
        @function
        def bad():
            class Bad(Exception):
                def __str__(self):
                    raise ValueError
            raise Bad()
        @function
        def leave(status: int):
            sys.exit(status)
        @function
        def own(data: Any):
            raise Error("mine", 1402, data)
        @function
        def keep(values: Iterator[int]) -> int:
            kept.append(values)
            return next(values)
        @function
        def kept_one() -> list:
            return list(kept[0])
        @function
        def talk() -> int:
            threads = [threading.Thread(target=lambda: [log("x" * 1000) for _ in range(50)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return 5
        @function
        def stubborn() -> Iterator[int]:
            while True:
                try:
                    yield 1
                except GeneratorExit:
                    yield 2
        run()
    """

    def test_far_deadlines(self) -> None:
        """deadlines: one of centuries is as good as none"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            for ident, deadline in enumerate((2**31, 10**15, 10**400)):
                self.assertEqual(
                    worker.answer(ident, "sleep", 0.03, deadline_ms=deadline).get("result"), "slept"
                )
            # What waits behind it is looked after too.
            worker.call("a", "sleep", 60, deadline_ms=10**15)
            worker.notify("cancel", id="a")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_odd_errors(self) -> None:
        """errors: one that cannot say itself, sys.exit(), data of one's own, data that is none"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            self.assertEqual(
                worker.answer(1, "bad")["error"]["data"]["type"].rpartition(".")[2], "Bad"
            )
            self.assertEqual(worker.answer(2, "leave", 3)["error"]["data"]["type"], "SystemExit")
            self.assertEqual(
                worker.answer(3, "own", [1])["error"],
                {"code": 1402, "message": "mine", "data": [1]},
            )
            self.assertEqual(worker.answer(4, "own", None)["error"]["code"], 1402)
            self.assertEqual(worker.answer(5, "sleep", 0)["result"], "slept")

    def test_an_iterator_that_is_kept(self) -> None:
        """streams: an input that outlives its call is over"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "keep", stream="in")
            worker.get()
            worker.notify("chunk", id=1, value=5)
            self.assertEqual(worker.get()["result"], 5)
            self.assertEqual(worker.answer(2, "kept_one")["result"], [])

    def test_logs_from_threads(self) -> None:
        """log: whole lines from four threads at once"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "talk")
            messages = [worker.get() for _ in range(201)]
            self.assertEqual([one.get("method") for one in messages[:-1]], ["weir/log"] * 200)
            self.assertEqual(messages[-1]["result"], 5)

    def test_a_generator_that_does_not_close(self) -> None:
        """streams: a generator that yields when it is closed: the call ends all the same"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "stubborn", credit=1)
            worker.get()
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["error"]["code"], -32800)
            self.assertEqual(worker.answer(2, "sleep", 0)["result"], "slept")

    def test_closed_descriptors(self) -> None:
        """start: with standard input or output closed it ends, and says nothing"""
        for closing in ("<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"):
            done = subprocess.run(
                [
                    "sh",
                    "-c",
                    f'exec "$0" -c "$1" {closing}',
                    sys.executable,
                    "from weir_worker import function, run\nrun()",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=support.environment(),
                timeout=30,
            )
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""), closing)

    def test_a_long_batch(self) -> None:
        """batch: 1,000 calls in one line, one of them slow and cancelled"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.send(
                [
                    {"id": number, "method": "sleep", "params": [60 if number == 500 else 0]}
                    for number in range(1000)
                ]
            )
            worker.notify("cancel", id=500)
            answers = worker.get()
            self.assertEqual(sorted(one["id"] for one in answers), list(range(1000)))
            self.assertEqual([one["id"] for one in answers if "error" in one], [500])


class Memory(unittest.TestCase):
    def test_no_growth(self) -> None:
        """memory: none is gained over 100,000 calls, cancelled ones and streams among them"""
        with support.worker(Neighbours.CODE) as worker:
            worker.hello()

            def calls(count: Any) -> None:
                for first in range(0, count, 500):
                    worker.lines.unwritten += b"".join(
                        b'{"jsonrpc":"2.0","id":%d,"method":"sleep","params":[0]}\n' % ident
                        for ident in range(first, first + 500)
                    )
                    for ident in range(first, first + 500):
                        self.assertEqual(worker.get()["id"], ident)
                for ident in range(20):
                    worker.call(ident, "sleep", 60)
                    worker.notify("cancel", id=ident)
                    worker.get()
                    worker.call(ident, "stubborn", credit=1)
                    worker.get()
                    worker.notify("cancel", id=ident)
                    worker.get()

            calls(5000)
            before = worker.memory_kb()
            calls(100000)
            # An arena more or less is no growth; twenty bytes a call would be.
            self.assertLess(worker.memory_kb() - before, 2048)


class Idle(unittest.TestCase):
    def test_an_idle_worker_does_nothing(self) -> None:
        """an idle worker's watcher parks: no processor time"""
        with support.worker(Values.CODE) as worker:
            worker.answer(1, "echo", 1)

            def switches() -> Any:
                with open(
                    f"/proc/{worker.pid}/task/{others()[0]}/status", encoding="ascii"
                ) as file:
                    return [line for line in file if line.startswith("voluntary")]

            def others() -> Any:
                return [
                    one for one in os.listdir(f"/proc/{worker.pid}/task") if int(one) != worker.pid
                ]

            if not os.path.exists("/proc/self/task"):
                self.skipTest("no /proc")
            last = [None]

            def parked() -> Any:
                now = switches()
                still = now == last[0]
                last[0] = now
                time.sleep(0.05)
                return still

            support.wait_until(parked, "the watcher parks")
            self.assertEqual(worker.answer(2, "echo", 2)["result"], 2)


if __name__ == "__main__":
    unittest.main()
