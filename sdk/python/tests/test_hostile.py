"""Cases that must hold, with the numbers of the list they come from."""
import os
import signal
import subprocess
import sys
import time
import unittest

import support

MIB = 1 << 20


class Printing(unittest.TestCase):
    def test_what_functions_print(self):
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
            for text in ("at import", "by print", "an end", "by os.write", "by system", "by a child"):
                self.assertIn(text, said)

    def test_a_print_before_the_import_of_a_plain_file(self):
        """32: a file that does not know weir prints while it is imported"""
        with support.worker("""
            print("loading")
            def twice(x: int) -> int:
                print("twice")
                return 2 * x
        """, ["-m", "weir_worker"]) as worker:
            self.assertEqual(worker.answer(1, "twice", 4)["result"], 8)
            self.assertEqual(worker.end(), 0)
            self.assertIn("loading\ntwice\n", worker.stderr())

    def test_stdin_is_not_the_wire(self):
        """32: a function that reads stdin, or whose child does, reads nothing of the wire"""
        with support.worker("""
            import subprocess, sys
            from weir_worker import function, run
            @function
            def greedy():
                return sys.stdin.read() + subprocess.run(["cat"], stdout=subprocess.PIPE).stdout.decode()
            run()
        """) as worker:
            worker.write(b'{"jsonrpc":"2.0","id":1,"method":"greedy","params":[]}\n'
                         b'{"jsonrpc":"2.0","id":2,"method":"greedy","params":[]}\n')
            self.assertEqual([worker.get()["result"], worker.get()["result"]], ["", ""])

    def test_children_do_not_hold_the_wire(self):
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

    def test_a_forked_child_that_returns_says_nothing(self):
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

    def test_what_cannot_be_said(self):
        """33: NaN, infinity, sets, bytes, objects, what contains itself: -33003, and the worker stays"""
        with support.worker(self.CODE) as worker:
            for what in ("nan", "inf", "set", "bytes", "object", "key", "itself"):
                answer = worker.answer(what, "say", what)
                self.assertEqual((answer["id"], answer.get("error", {}).get("code")), (what, -33003), what)
            self.assertIn("object", worker.answer(1, "say", "object")["error"]["message"] + "object")
            self.assertEqual(worker.answer(2, "echo", 5)["result"], 5)

    def test_numbers_and_surrogates(self):
        """33: 2^63 passes, and a lone surrogate goes out as an escape"""
        with support.worker(self.CODE) as worker:
            self.assertEqual(worker.answer(1, "say", "big")["result"], 2 ** 63)
            self.assertEqual(worker.answer(2, "say", "tuple")["result"], [1, 2])
            worker.call(3, "say", "surrogate")
            self.assertIn(b'"a\\ud800b"', worker.lines.read())
            worker.write(b'{"jsonrpc":"2.0","id":"\\udc00","method":"echo","params":["\\ud83d"]}\n')
            self.assertEqual(worker.lines.read(), b'{"jsonrpc":"2.0","id":"\\udc00","result":"\\ud83d"}')
            worker.call(4, "say", "bigger")
            self.assertIn(worker.get().get("error", {"code": None})["code"], (None, -33003))

    def test_invalid_utf8_and_depth(self):
        """33: ill-formed UTF-8 and a depth of 100,000 are answered by their id"""
        with support.worker(self.CODE) as worker:
            worker.write(b'{"jsonrpc":"2.0","id":1,"method":"echo","params":["\xff"]}\n')
            worker.write(b'{"jsonrpc":"2.0","id":2,"method":"echo","params":' + b"[" * 100000 + b"]" * 100000 + b"}\n")
            worker.write(b'{"jsonrpc":"2.0","id":3,"method":"echo","params":[3]}\n')
            self.assertEqual([(one["id"], one.get("error", {}).get("code"))
                              for one in (worker.get(), worker.get(), worker.get())],
                             [(1, -32700), (2, -32700), (3, None)])
            self.assertIn(worker.answer(4, "say", "deep")["error"]["code"], (-33002, -33003))
            self.assertEqual(worker.answer(5, "echo", 5)["result"], 5)

    def test_long_answers(self):
        """33: a 9 MiB reply passes, one over 64 MiB is -33002 by its id"""
        with support.worker(self.CODE) as worker:
            self.assertEqual(len(worker.answer(1, "large", 9)["result"]), 9 << 19)
            self.assertEqual(worker.answer(2, "large", 64)["error"]["code"], -33002)
            self.assertEqual(worker.answer(3, "echo", 5)["result"], 5)


class Wire(unittest.TestCase):
    def test_three_calls_of_a_megabyte(self):
        """34: three 1 MB calls at once, both ways"""
        with support.worker(Values.CODE) as worker:
            text = "x" * MIB
            for ident in (1, 2, 3):
                worker.lines.unwritten += (
                    b'{"jsonrpc":"2.0","id":%d,"method":"echo","params":["%s"]}\n' % (ident, text.encode()))
            self.assertEqual([(one["id"], one["result"] == text)
                              for one in (worker.get(), worker.get(), worker.get())],
                             [(1, True), (2, True), (3, True)])

    def test_one_byte_at_a_time(self):
        """34: one byte a write, characters cut in two"""
        with support.worker(Values.CODE) as worker:
            for byte in '{"jsonrpc":"2.0","id":1,"method":"echo","params":["é日😀"]}\r\n'.encode():
                worker.write(bytes([byte]))
            self.assertEqual(worker.get()["result"], "é日😀")

    def test_the_host_goes_away(self):
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
            worker.process.wait(20)


class Streams(unittest.TestCase):
    CODE = """
        from typing import Iterator
        from weir_worker import Error, function, log, run
        @function
        def endless() -> Iterator[str]:
            try:
                while True:
                    yield "x" * 10000
            finally:
                log("closed")
        @function
        def slowly(numbers: Iterator[int]) -> int:
            total = 0
            for number in numbers:
                total += number
            return total
        @function
        def thinks(numbers: Iterator[int]) -> int:
            import os, time
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            total = 0
            for number in numbers:
                total += number
                time.sleep(0.07)
                log("thought")
            return total
        @function
        def catches(numbers: Iterator[int]) -> list:
            got = []
            try:
                for number in numbers:
                    got.append(number)
            except Error as error:
                got.append([error.code, error.message, error.data])
            return got
        @function
        def threaded(numbers: Iterator[int]) -> int:
            import threading
            box = []
            thread = threading.Thread(target=lambda: box.append(sum(numbers)))
            thread.start()
            thread.join()
            return box[0]
        run()
    """

    def test_an_endless_stream_with_a_slow_consumer(self):
        """35: an endless stream waits for credit, the worker's memory stays"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "endless", credit=16)
            for _ in range(16):
                worker.get()
            before = worker.memory_kb()
            for _ in range(200):
                worker.notify("credit", id=1, n=16)
                for _ in range(16):
                    self.assertEqual(len(worker.get()["params"]["value"]), 10000)
            self.assertLess(worker.memory_kb() - before, 4096)
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["params"]["message"], "closed")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_the_consumer_stops_after_three(self):
        """35: the consumer stops after 3: the generator is closed, whatever credit there is"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "endless", credit=1000000)
            for _ in range(3):
                worker.get()
            worker.notify("cancel", id=1)
            last = worker.get()
            while last.get("method") == "weir/chunk":
                last = worker.get()
            self.assertEqual(last["params"]["message"], "closed")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_input_ends_in_an_error(self):
        """35: input ends in an error: the iterator raises it, after what came before"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "catches", stream="in")
            self.assertEqual(worker.get()["method"], "weir/credit")
            worker.notify("chunk", id=1, value=5)
            worker.notify("end", id=1, error={"code": 1007, "message": "broken", "data": [1]})
            self.assertEqual(worker.get()["result"], [5, [1007, "broken", [1]]])

    def test_a_chunk_of_the_wrong_type(self):
        """35: a chunk of the wrong type is named by its place"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "slowly", stream="in")
            worker.get()
            worker.notify("chunk", id=1, value=5)
            worker.notify("chunk", id=1, value="x")
            error = worker.get()["error"]
            self.assertEqual((error["code"], "numbers[1]" in error["message"]), (-32602, True))

    def test_a_long_input(self):
        """35: 10,000 chunks in, as the credit allows"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            self.assertEqual(send_numbers(worker, "slowly", 10000), sum(range(10000)))

    @unittest.skipUnless(hasattr(os, "sched_setaffinity"), "needs to choose a processor")
    def test_a_wait_while_the_watcher_still_has_the_wire(self):
        """35: who has been long at work and waits for input takes the wire back, whoever runs first"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "thinks", stream="in")
            for number in range(20):
                worker.notify("chunk", id=1, value=number)
                message = worker.get()
                while message.get("method") == "weir/credit":
                    message = worker.get()
                self.assertEqual(message.get("method"), "weir/log", message)
            worker.notify("end", id=1)
            self.assertEqual(worker.get()["result"], sum(range(20)))

    def test_an_iterator_in_a_thread(self):
        """35: the input may be read by a thread of the function's"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            self.assertEqual(send_numbers(worker, "threaded", 100), sum(range(100)))


def send_numbers(worker, method, count):
    worker.call(1, method, stream="in")
    credit = sent = 0
    ended = False
    while True:
        message = worker.get()
        if message.get("method") != "weir/credit":
            return message["result"] if "result" in message else message
        credit += message["params"]["n"]
        data = b""
        while credit and sent < count:
            data += b'{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":1,"value":%d}}\n' % sent
            sent += 1
            credit -= 1
        if sent == count and not ended:
            data += b'{"jsonrpc":"2.0","method":"weir/end","params":{"id":1}}\n'
            ended = True
        worker.write(data)


class Cancelling(unittest.TestCase):
    CODE = """
        import queue, signal, socket, subprocess, threading, time
        from weir_worker import Cancelled, context, function, log, run
        @function
        def sleep(s):
            time.sleep(s)
        @function
        def recv():
            pair = socket.socketpair()
            pair[0].recv(1)
        @function
        def lock():
            held = threading.Lock()
            held.acquire()
            held.acquire()
        @function
        def get():
            queue.Queue().get()
        @function
        def child():
            subprocess.run(["sleep", "60"])
        @function
        def spin():
            while True:
                pass
        @function
        def join():
            thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
            thread.start()
            thread.join()
        @function
        def select():
            import select
            select.select([], [], [])
        @function
        def careful():
            try:
                time.sleep(60)
            except Exception:
                return "eaten"
            finally:
                log("cleaned up")
        @function
        def stubborn():
            log("begun")
            for _ in range(2):
                try:
                    time.sleep(60)
                except:
                    log("not me")
            time.sleep(60)
        @function
        def when() -> float:
            try:
                time.sleep(60)
            except Cancelled as cancelled:
                return cancelled.reason
        @function
        def add(a: int, b: int) -> int:
            return a + b
        @function
        def return_when_stopped():
            from weir_worker import current
            while current.worker.running is None or current.worker.running.stop is None:
                pass
            return "returned"
        @function
        def echo(value):
            return value
        @function
        def add_slowly(a: int, b: int) -> int:
            time.sleep(0.0003)
            return a + b
        run()
    """
    WAYS = ("sleep", "recv", "lock", "get", "child", "spin", "join", "select")

    def test_cancel_under_50_ms(self):
        """36: cancel a sleep, recv, lock, queue, child, loop, join, select: under 50 ms"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            for way in self.WAYS:
                times = []
                # The best of some, of many where this machine is busy with other things.
                while len(times) < 5 or min(times) >= 0.05:
                    ident = len(times)
                    self.assertLess(ident, 100, way)
                    params = [60] if way == "sleep" else []
                    worker.call(ident, way, *params)
                    # Long enough that the function waits: also what is tested, at its worst.
                    time.sleep(0.002 * (ident % 5))
                    start = time.monotonic()
                    worker.notify("cancel", id=ident)
                    self.assertEqual(worker.get()["error"]["code"], -32800, way)
                    times.append(time.monotonic() - start)

    def test_cancel_a_queued_call(self):
        """36: cancel a queued call: the running one is unharmed"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "sleep", 0.2)
            worker.call(2, "sleep", 60)
            worker.notify("cancel", id=2)
            answers = [worker.get(), worker.get()]
            self.assertEqual([one["id"] for one in answers], [2, 1])
            self.assertEqual(answers[0]["error"]["code"], -32800)
            self.assertIsNone(answers[1]["result"])

    def races(self, method, spread_us):
        """500 calls, each cancelled about when it completes: one response each, in order, none other."""
        with support.worker(self.CODE) as worker:
            worker.hello()
            cancelled = 0
            for ident in range(500):
                worker.call(ident, method, ident, 1)
                pause = (ident * 7919 % spread_us) / 1e6
                until = time.perf_counter() + pause
                while time.perf_counter() < until:
                    pass
                worker.notify("cancel", id=ident)
                answer = worker.get()
                self.assertEqual(answer["id"], ident)
                if "error" in answer:
                    self.assertEqual(answer["error"]["code"], -32800)
                    cancelled += 1
                else:
                    self.assertEqual(answer["result"], ident + 1)
            self.assertEqual(worker.answer("last", "add", 1, 1)["result"], 2)
            self.assertEqual(worker.end(), 0)
            self.assertIsNone(worker.get())
            self.assertNotIn("Traceback", worker.stderr())

    def test_races_of_quick_calls(self):
        """36: 500 races of cancel and completion, quick calls"""
        self.races("add", 60)

    def test_races_of_slower_calls(self):
        """36: 500 races of cancel and completion, calls of 0.3 ms"""
        self.races("add_slowly", 600)

    def test_races_in_the_watchers_time(self):
        """36: 200 races where the watcher interrupts just when the function returns"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            outcomes = set()
            for ident in range(200):
                worker.call(ident, "sleep", 0.025)
                time.sleep(0.0235 + ident % 20 * 0.0002)
                worker.notify("cancel", id=ident)
                answer = worker.get()
                self.assertEqual(answer["id"], ident)
                outcomes.add(answer.get("error", {}).get("code"))
            self.assertLessEqual(outcomes, {None, -32800})
            self.assertEqual(worker.answer("last", "add", 1, 1)["result"], 2)
            self.assertNotIn("Traceback", worker.stderr())

    def test_races_at_the_return(self):
        """36: 100 races where the function returns at the moment when it is to be stopped"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            for ident in range(100):
                if ident % 2:
                    worker.call(ident, "return_when_stopped", deadline_ms=25)
                else:
                    worker.call(ident, "return_when_stopped")
                    worker.notify("cancel", id=ident)
                answer = worker.get()
                self.assertEqual(answer["id"], ident)
                self.assertEqual(answer.get("result", "returned"), "returned")
                self.assertIn(answer.get("error", {}).get("code"), (None, -32800, -33001))
            self.assertEqual(worker.answer("last", "add", 1, 1)["result"], 2)
            self.assertEqual(worker.end(), 0)
            self.assertNotIn("Traceback", worker.stderr())

    def test_long_work_of_our_own(self):
        """36: the SDK itself is busy for long, with parsing and encoding: nobody else reads the wire"""
        with support.worker(self.CODE) as worker:
            big = list(range(400000))
            for ident in range(10):
                self.assertEqual(len(worker.answer(ident, "echo", big)["result"]), len(big))
                self.assertEqual(worker.answer(ident, "add", 1, 1)["result"], 2)

    def test_except_exception_does_not_eat_it(self):
        """36: a bare `except Exception` does not eat Cancelled, finally runs"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "careful")
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["params"]["message"], "cleaned up")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_a_bare_except(self):
        """36: a bare `except` goes on: SIGINT cancels again, SIGTERM ends the worker"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "stubborn")
            self.assertEqual(worker.get()["params"]["message"], "begun")
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["params"]["message"], "not me")
            os.kill(worker.pid, signal.SIGINT)
            self.assertEqual(worker.get()["params"]["message"], "not me")
            os.kill(worker.pid, signal.SIGTERM)
            self.assertEqual(worker.process.wait(20), -signal.SIGTERM)

    def test_sigint_cancels_what_runs(self):
        """36: SIGINT cancels what runs, and is nothing to an idle worker"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            os.kill(worker.pid, signal.SIGINT)
            self.assertEqual(worker.answer(1, "add", 1, 2)["result"], 3)
            worker.call(2, "stubborn")
            self.assertEqual(worker.get()["params"]["message"], "begun")
            os.kill(worker.pid, signal.SIGINT)
            self.assertEqual(worker.get()["params"]["message"], "not me")
            os.kill(worker.pid, signal.SIGINT)
            self.assertEqual(worker.get()["params"]["message"], "not me")
            os.kill(worker.pid, signal.SIGINT)
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_the_reason(self):
        """36: Cancelled tells a cancellation from a deadline"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "when")
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["result"], "cancelled")
            # Beyond its deadline it is answered so whatever the function gives.
            self.assertEqual(worker.answer(2, "when", deadline_ms=20)["error"]["code"], -33001)

    def test_an_answer_before_a_long_call_is_not_kept(self):
        """36: what is answered before a long call in the same write does not wait for it"""
        with support.worker(self.CODE) as worker:
            worker.write(b'{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}\n'
                         b'{"jsonrpc":"2.0","id":2,"method":"sleep","params":[60]}\n')
            self.assertEqual(worker.get()["result"], 3)


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

    def test_far_deadlines(self):
        """deadlines: one of centuries is as good as none"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            for ident, deadline in enumerate((2 ** 31, 10 ** 15, 10 ** 400)):
                self.assertEqual(worker.answer(ident, "sleep", 0.03, deadline_ms=deadline).get("result"), "slept")
            # What waits behind it is looked after too.
            worker.call("a", "sleep", 60, deadline_ms=10 ** 15)
            worker.notify("cancel", id="a")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_odd_errors(self):
        """errors: one that cannot say itself, sys.exit(), data of one's own, data that is none"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            self.assertEqual(worker.answer(1, "bad")["error"]["data"]["type"].rpartition(".")[2], "Bad")
            self.assertEqual(worker.answer(2, "leave", 3)["error"]["data"]["type"], "SystemExit")
            self.assertEqual(worker.answer(3, "own", [1])["error"], {"code": 1402, "message": "mine", "data": [1]})
            self.assertEqual(worker.answer(4, "own", None)["error"]["code"], 1402)
            self.assertEqual(worker.answer(5, "sleep", 0)["result"], "slept")

    def test_an_iterator_that_is_kept(self):
        """streams: an input that outlives its call is over"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "keep", stream="in")
            worker.get()
            worker.notify("chunk", id=1, value=5)
            self.assertEqual(worker.get()["result"], 5)
            self.assertEqual(worker.answer(2, "kept_one")["result"], [])

    def test_logs_from_threads(self):
        """log: whole lines from four threads at once"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "talk")
            messages = [worker.get() for _ in range(201)]
            self.assertEqual([one.get("method") for one in messages[:-1]], ["weir/log"] * 200)
            self.assertEqual(messages[-1]["result"], 5)

    def test_a_generator_that_does_not_close(self):
        """streams: a generator that yields when it is closed: the call ends all the same"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "stubborn", credit=1)
            worker.get()
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["error"]["code"], -32800)
            self.assertEqual(worker.answer(2, "sleep", 0)["result"], "slept")

    def test_closed_descriptors(self):
        """start: with standard input or output closed it ends, and says nothing"""
        for closing in ("<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"):
            done = subprocess.run(["sh", "-c", f'exec "$0" -c "$1" {closing}', sys.executable,
                                   "from weir_worker import function, run\nrun()"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment(), timeout=30)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""), closing)

    def test_a_long_batch(self):
        """batch: 1,000 calls in one line, one of them slow and cancelled"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.send([{"id": number, "method": "sleep", "params": [60 if number == 500 else 0]}
                         for number in range(1000)])
            worker.notify("cancel", id=500)
            answers = worker.get()
            self.assertEqual(sorted(one["id"] for one in answers), list(range(1000)))
            self.assertEqual([one["id"] for one in answers if "error" in one], [500])


class Memory(unittest.TestCase):
    def test_no_growth(self):
        """memory: none is gained over 100,000 calls, cancelled ones and streams among them"""
        with support.worker(Neighbours.CODE) as worker:
            worker.hello()

            def calls(count):
                for first in range(0, count, 500):
                    worker.lines.unwritten += b"".join(
                        b'{"jsonrpc":"2.0","id":%d,"method":"sleep","params":[0]}\n' % ident
                        for ident in range(first, first + 500))
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
    def test_an_idle_worker_does_nothing(self):
        """an idle worker's watcher parks: no processor time"""
        with support.worker(Values.CODE) as worker:
            worker.answer(1, "echo", 1)

            def switches():
                with open(f"/proc/{worker.pid}/task/{others()[0]}/status", encoding="ascii") as file:
                    return [line for line in file if line.startswith("voluntary")]

            def others():
                return [one for one in os.listdir(f"/proc/{worker.pid}/task") if int(one) != worker.pid]
            if not os.path.exists("/proc/self/task"):
                self.skipTest("no /proc")
            last = [None]

            def parked():
                now = switches()
                still = now == last[0]
                last[0] = now
                time.sleep(0.05)
                return still
            support.wait_until(parked, "the watcher parks")
            self.assertEqual(worker.answer(2, "echo", 2)["result"], 2)


if __name__ == "__main__":
    unittest.main()
