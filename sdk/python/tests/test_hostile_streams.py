"""Cases of streams and of cancelling that must hold, with the numbers of the list they come from."""

import os
import signal
import time
import unittest
from typing import Any

import support


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

    def test_an_endless_stream_with_a_slow_consumer(self) -> None:
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

    def test_the_consumer_stops_after_three(self) -> None:
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

    def test_input_ends_in_an_error(self) -> None:
        """35: input ends in an error: the iterator raises it, after what came before"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "catches", stream="in")
            self.assertEqual(worker.get()["method"], "weir/credit")
            worker.notify("chunk", id=1, value=5)
            worker.notify("end", id=1, error={"code": 1007, "message": "broken", "data": [1]})
            self.assertEqual(worker.get()["result"], [5, [1007, "broken", [1]]])

    def test_a_chunk_of_the_wrong_type(self) -> None:
        """35: a chunk of the wrong type is named by its place"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "slowly", stream="in")
            worker.get()
            worker.notify("chunk", id=1, value=5)
            worker.notify("chunk", id=1, value="x")
            error = worker.get()["error"]
            self.assertEqual((error["code"], "numbers[1]" in error["message"]), (-32602, True))

    def test_a_long_input(self) -> None:
        """35: 10,000 chunks in, as the credit allows"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            self.assertEqual(send_numbers(worker, "slowly", 10000), sum(range(10000)))

    @unittest.skipUnless(hasattr(os, "sched_setaffinity"), "needs to choose a processor")
    def test_a_wait_while_the_watcher_still_has_the_wire(self) -> None:
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

    def test_an_iterator_in_a_thread(self) -> None:
        """35: the input may be read by a thread of the function's"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            self.assertEqual(send_numbers(worker, "threaded", 100), sum(range(100)))


def send_numbers(worker: Any, method: Any, count: Any) -> Any:
    worker.call(1, method, stream="in")
    credit = sent = 0
    ended = False
    while True:
        message = worker.get()
        if message.get("method") != "weir/credit":
            return message.get("result", message)
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
            from weir._worker import current
            while current.worker.inbox.running is None or current.worker.inbox.running.stop is None:
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

    def test_cancel_under_50_ms(self) -> None:
        """36: cancel a sleep, recv, lock, queue, child, loop, join, select: under 50 ms"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            for way in self.WAYS:
                times: list[float] = []
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

    def test_cancel_a_queued_call(self) -> None:
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

    def races(self, method: Any, spread_us: Any) -> None:
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

    def test_races_of_quick_calls(self) -> None:
        """36: 500 races of cancel and completion, quick calls"""
        self.races("add", 60)

    def test_races_of_slower_calls(self) -> None:
        """36: 500 races of cancel and completion, calls of 0.3 ms"""
        self.races("add_slowly", 600)

    def test_races_in_the_watchers_time(self) -> None:
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

    def test_races_at_the_return(self) -> None:
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

    def test_long_work_of_our_own(self) -> None:
        """36: the SDK itself is busy for long, with parsing and encoding: nobody else reads the wire"""
        with support.worker(self.CODE) as worker:
            big = list(range(400000))
            for ident in range(10):
                self.assertEqual(len(worker.answer(ident, "echo", big)["result"]), len(big))
                self.assertEqual(worker.answer(ident, "add", 1, 1)["result"], 2)

    def test_except_exception_does_not_eat_it(self) -> None:
        """36: a bare `except Exception` does not eat Cancelled, finally runs"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "careful")
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["params"]["message"], "cleaned up")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_a_bare_except(self) -> None:
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
            self.assertEqual(worker.process.wait(60), -signal.SIGTERM)

    def test_sigint_cancels_what_runs(self) -> None:
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

    def test_the_reason(self) -> None:
        """36: Cancelled tells a cancellation from a deadline"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "when")
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["result"], "cancelled")
            # Beyond its deadline it is answered so whatever the function gives.
            self.assertEqual(worker.answer(2, "when", deadline_ms=20)["error"]["code"], -33001)

    def test_an_answer_before_a_long_call_is_not_kept(self) -> None:
        """36: what is answered before a long call in the same write does not wait for it"""
        with support.worker(self.CODE) as worker:
            worker.write(
                b'{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}\n'
                b'{"jsonrpc":"2.0","id":2,"method":"sleep","params":[60]}\n'
            )
            self.assertEqual(worker.get()["result"], 3)
