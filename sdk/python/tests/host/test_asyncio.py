"""weir.arun, apipe and AsyncPool: concurrency, cancellation, loops and threads."""

import asyncio
import gc
import os
import tempfile
import time
import unittest
from collections.abc import AsyncIterator, Iterator
from typing import Any

import hosting
import weir


async def first() -> None:
    await weir.arun(["true"])


# The contexts of loops are there before the first test.
asyncio.run(first())


class Runs(unittest.TestCase):
    def test_arun(self) -> None:
        """arun: results, exceptions, and 20 at a time"""

        async def main() -> None:
            results = await asyncio.gather(
                *(weir.arun(["sh", "-c", f"sleep 0.1; echo {n}"]) for n in range(20))
            )
            self.assertEqual([one.stdout for one in results], [f"{n}\n" for n in range(20)])
            with self.assertRaises(weir.NotFound):
                await weir.arun(["/no/such/program"], check=True)
            self.assertEqual((await weir.arun(["sleep", "60"], timeout=0.05)).status, 124)
            pieces: list[str] = []
            await weir.arun(["echo", "x"], on_stdout=pieces.append)
            self.assertEqual(pieces, ["x\n"])
            with self.assertRaises(ZeroDivisionError):
                await weir.arun(["yes"], on_stdout=lambda text: 1 // 0)
            self.assertEqual((await weir.apipe(["seq 3", "tail -1"])).stdout, "3\n")

        asyncio.run(main())

    def test_cancel(self) -> None:
        """asyncio: cancelling the task stops the program, and the task ends when it has ended"""

        async def main() -> None:
            marker = f"sleep 61.{os.getpid()}"
            task = asyncio.ensure_future(weir.arun(["sh", "-c", f"{marker}; true"]))
            await asyncio.sleep(0.1)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual(
                weir.run(["pgrep", "-f", f"^{marker}$"], env_extra={"LD_PRELOAD": ""}).stdout, ""
            )
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(weir.arun(["sleep", "60"]), 0.05)
            stubborn = ["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.01; done"]
            task = asyncio.ensure_future(weir.arun(stubborn, grace=1000))
            await asyncio.sleep(0.3)
            task.cancel()
            await asyncio.sleep(0.05)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=60)
            self.assertTrue(done and task.cancelled())

        asyncio.run(main())

    def test_loops(self) -> None:
        """asyncio: one loop after the other, and several in threads"""

        out = hosting.output_of(
            """
            import asyncio, os, threading, weir
            async def main(number):
                return int((await weir.arun(["echo", str(number)])).stdout)
            print([asyncio.run(main(n)) for n in range(5)])
            before = len(os.listdir("/dev/fd"))
            got = []
            threads = [
                threading.Thread(target=lambda n=n: got.append(asyncio.run(main(n))))
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            print(sorted(got), len(os.listdir("/dev/fd")) - before)
            """
        )
        self.assertEqual(out, "[0, 1, 2, 3, 4]\n[0, 1, 2, 3] 0\n")

    def test_abandoned_loop(self) -> None:
        """asyncio: a loop that is closed under a run does no harm to the next one"""
        out = hosting.output_of(
            """
            import asyncio, weir
            loop = asyncio.new_event_loop()
            task = loop.create_task(weir.arun(["sleep", "60"]))
            loop.run_until_complete(asyncio.sleep(0.05))
            loop.close()
            del task
            print(asyncio.run(weir.arun(["echo", "next"])).stdout, end="")
            """
        )
        self.assertEqual(out, "next\n")


class Pools(unittest.TestCase):
    def test_calls(self) -> None:
        """AsyncPool: values, streams both ways, errors, 100 calls at a time"""

        async def numbers() -> AsyncIterator[int]:
            for number in range(300):
                await asyncio.sleep(0)
                yield number

        async def main() -> None:
            async with weir.AsyncPool(hosting.WORKER, workers=2, stderr=weir.DEVNULL) as pool:
                self.assertEqual(await pool.call("add", 3, 4), 7)
                got = await asyncio.gather(*(pool.call("add", n, 1) for n in range(100)))
                self.assertEqual(got, list(range(1, 101)))
                values = [value async for value in pool.stream("count", 0, 500)]
                self.assertEqual(values, list(range(500)))
                self.assertEqual(await pool.call("sum", input=numbers()), 44850)
                self.assertEqual(await pool.call("sum", input=range(10)), 45)
                running = [one async for one in pool.stream("running", input=numbers())]
                self.assertEqual((len(running), running[-1]), (300, 44850))
                with self.assertRaises(weir.RemoteError):
                    await pool.call("fail", "x")
                with self.assertRaises(weir.OutcomeUnknown):
                    await pool.call("exit", 3)
                with self.assertRaises(weir.DeadlineExceeded):
                    await pool.call("sleep", 60, timeout=0.05)
                async for value in pool.stream("count", 0, 1 << 60):
                    if value == 3:
                        break
                self.assertEqual(await pool.call("add", 1, 1), 2)
                pool.stats()
            with self.assertRaises(weir.Closed):
                await pool.call("add", 1, 1)
            with self.assertRaises(weir.NoWorker):
                async with weir.AsyncPool(["/no/such/program"]):
                    pass

        asyncio.run(main())

    def test_cancel(self) -> None:
        """AsyncPool: cancelling the task interrupts the function, and the worker goes on"""

        async def main() -> None:
            async with weir.AsyncPool(hosting.WORKER, workers=1) as pool:
                pid = await pool.call("pid")
                task: Any = asyncio.ensure_future(pool.call("sleep", 60))
                await asyncio.sleep(0.1)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(pool.call("sleep", 60), 0.05)
                self.assertEqual(await pool.call("pid"), pid)

        asyncio.run(main())

    @unittest.skipUnless(hosting.IS_LINUX, "weir is built without Linux's facilities")
    def test_warm(self) -> None:
        """AsyncPool: warm, its script is imported once"""

        async def main(path: str) -> "set[int]":
            async with weir.AsyncPool(path, workers=2, warm=True) as pool:
                return {await pool.call("pid") for _ in range(20)}

        with tempfile.TemporaryDirectory() as folder:
            pids = asyncio.run(main(hosting.script_that_notes_imports(folder)))
            hosting.assert_imported_once(folder, pids)

    def test_news(self) -> None:
        """AsyncPool: a call is told of its answer also when another call dispatches it"""

        def block() -> None:
            time.sleep(0.1)

        async def main() -> None:
            options: Any = {"workers": 1, "cancel_grace": 0.05}
            async with weir.AsyncPool(hosting.WORKER, **options) as pool:
                task = asyncio.ensure_future(pool.call("add", 1, 2))
                await asyncio.sleep(0)
                block()  # the loop does not see the answer
                other = pool.stream("sleep", 60)
                # It is here already; events that come every 5 s would hide that it is not told.
                self.assertEqual(await asyncio.wait_for(task, 4), 3)
                await other.aclose()

        asyncio.run(main())

    def test_close_in_company(self) -> None:
        """AsyncPool: while one is closed, the programs of the loop go on"""

        lingering = hosting.FUNCTIONS + (
            "import signal\n"
            "for number in (signal.SIGINT, signal.SIGTERM):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "open(sys.argv[1] + '.ends', 'w').close()\n"
            "while not os.path.exists(sys.argv[1]):\n"
            "    time.sleep(0.01)\n"
        )
        worker = os.path.join(hosting.folder.name, "lingering.py")
        gate = os.path.join(hosting.folder.name, "gate")
        with open(worker, "w", encoding="utf-8") as file:
            file.write(lingering)

        def open_gate() -> None:
            with open(gate, "w", encoding="utf-8"):
                pass

        async def runs() -> None:
            for _ in range(20):
                await weir.arun(["true"])

        async def main() -> None:
            pool = weir.AsyncPool(worker, gate, workers=1, grace=60)
            await pool.start()
            closing = asyncio.ensure_future(pool.close())
            try:
                while not os.path.exists(gate + ".ends"):
                    await asyncio.sleep(0.01)
                await asyncio.wait_for(runs(), 20)
                self.assertFalse(closing.done())
            finally:
                open_gate()
                await closing

        asyncio.run(main())


class Maps(unittest.TestCase):
    def test_map(self) -> None:
        """amap: results in order, from an iterable or an AsyncIterable; several at a time"""

        async def numbers() -> AsyncIterator[int]:
            for number in range(3000):
                if number % 1000 == 0:
                    await asyncio.sleep(0)
                yield number

        async def use(records: Any) -> "list[Any]":
            results = weir.amap(records, ["cat"], workers=2)
            got = [value async for value in results]
            assert results.report is not None
            self.assertEqual(results.report["answered"], len(got))
            self.assertEqual([value async for value in results], [])
            return got

        async def main() -> None:
            got = await asyncio.gather(use(numbers()), use(range(3000)), use([]))
            self.assertEqual(got, [list(range(3000)), list(range(3000)), []])
            pairs = [(n, 1) for n in range(100)]
            added = weir.amap(pairs, hosting.WORKER, call="add", workers=2)
            self.assertEqual([value async for value in added], list(range(1, 101)))

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_failures(self) -> None:
        """amap, aeach: dead records, records that raise, failures, workers that cannot run"""

        async def broken() -> AsyncIterator[str]:
            yield "1"
            raise ZeroDivisionError("here")

        async def main() -> None:
            results = weir.aeach(broken(), ["echo"])
            self.assertEqual((await results.__anext__()).stdout, "1\n")
            with self.assertRaises(ZeroDivisionError):
                await results.__anext__()
            dead: list[Any] = []
            places: Any = [{"id": 1}, {}, {"id": 3}]
            options: Any = {"json": True, "on_error": dead.append}
            got = [one async for one in weir.aeach(places, ["echo", "{@/id}"], **options)]
            self.assertEqual([one.record for one in got], [places[0], places[2]])
            self.assertEqual([one.record for one in dead], [{}])
            with self.assertRaises(weir.DeadRecord):
                async for _ in weir.aeach(places, ["echo", "{@/id}"], json=True):
                    pass
            with self.assertRaises(weir.Failed):
                async for _ in weir.aeach(["1", "0"], ["test", "0", "="], check=True):
                    pass
            with self.assertRaises(weir.NoWorker):
                async for _ in weir.amap([1], ["/no/such/program"]):
                    pass
            with self.assertRaises(ValueError):
                weir.aeach([], ["echo"], rate=0)

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_backpressure(self) -> None:
        """amap: whoever is ahead waits: records for results, and results for who takes them"""
        taken = 0

        async def records() -> AsyncIterator[str]:
            nonlocal taken
            for _ in range(100000):
                taken += 1
                yield "x" * 1000

        async def main() -> None:
            async with weir.amap(records(), ["cat"], workers=1, window=10) as results:
                await results.__anext__()
                last = -1
                while taken != last:
                    last = taken
                    await asyncio.sleep(0.2)
                self.assertLess(taken, 50000)
                for _ in range(2000):
                    await results.__anext__()
            self.assertEqual([one async for one in results], [])

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_streams(self) -> None:
        """aeach: a result is there before the next record is"""
        seen = asyncio.Event()

        async def records() -> AsyncIterator[str]:
            yield "a"
            await seen.wait()
            yield "b"

        async def main() -> None:
            got = []
            async for result in weir.aeach(records(), ["echo"]):
                got.append(result.stdout)
                seen.set()
            self.assertEqual(got, ["a\n", "b\n"])

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_cancel(self) -> None:
        """aeach: cancelling the task stops the programs first; a second cancellation kills them"""

        async def use(script: str, turns: int, in_body: bool) -> None:
            with tempfile.TemporaryDirectory() as folder:
                args = ["sh", "-c", f"cd {folder}; [ $1 = first ] && exit; {script}", "sh"]
                came = asyncio.Event()

                async def take() -> None:
                    async with weir.aeach(["first", "a"], args, workers=2, grace=1000) as results:
                        async for _ in results:
                            came.set()
                            if in_body:
                                await asyncio.sleep(1000)

                def pids() -> "list[int]":
                    return [int(name) for name in os.listdir(folder) if name.isdigit()]

                task = asyncio.ensure_future(take())
                await came.wait()
                while not pids():
                    await asyncio.sleep(0.002)
                task.cancel()
                if turns == 2:
                    while not os.path.exists(folder + "/asked"):
                        await asyncio.sleep(0.002)
                    self.assertFalse(task.done())
                    task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await asyncio.wait_for(task, 60)
                self.assertFalse(hosting.is_running(pids()[0]))
                self.assertTrue(os.path.exists(folder + "/asked"))

        async def main() -> None:
            ends = "trap 'echo >asked; exit' TERM; echo >$$; while :; do sleep 0.01; done"
            stays = "trap 'echo >asked' TERM; echo >$$; while :; do sleep 0.01; done"
            for in_body in (False, True):
                await use(ends, 1, in_body)
                await use(stays, 2, in_body)

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_records_end(self) -> None:
        """amap, aeach: records are closed, and no task is left, when it is over"""
        closed: list[str] = []

        async def waiting() -> AsyncIterator[str]:
            try:
                yield "1"
                await asyncio.sleep(1000)
            finally:
                await asyncio.sleep(0)
                closed.append("waiting")

        async def endless() -> AsyncIterator[str]:
            try:
                while True:
                    yield "1" * 1000
            finally:
                await asyncio.sleep(0)
                closed.append("endless")

        def numbers() -> Iterator[str]:
            try:
                while True:
                    yield "1" * 1000
            finally:
                closed.append("numbers")

        async def leave(records: Any) -> None:
            async with weir.amap(records, ["cat"], workers=1) as results:
                await results.__anext__()

        async def fail(records: Any) -> None:
            with self.assertRaises(weir.WeirError):
                async for _ in weir.amap(records, ["false"], workers=1):
                    pass

        async def cancel(records: Any) -> None:
            async def take() -> None:
                async with weir.aeach(records, ["echo"], workers=1) as results:
                    await results.__anext__()
                    came.set()
                    await asyncio.sleep(1000)

            came = asyncio.Event()
            task = asyncio.ensure_future(take())
            await came.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        async def main() -> None:
            for use in (leave, fail, cancel):
                for make in (waiting, endless, numbers):
                    before, records = asyncio.all_tasks(), make()
                    await use(records)
                    self.assertEqual(closed, [make.__name__], use)
                    self.assertEqual(asyncio.all_tasks() - before, set())
                    closed.clear()

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_cleanup_of_records(self) -> None:
        """amap: leaving waits for the records' own cleanup, and a cancellation interrupts that"""

        async def main() -> None:
            cleans, goes_on = asyncio.Event(), asyncio.Event()
            ended: list[str] = []

            async def records() -> AsyncIterator[int]:
                try:
                    while True:
                        yield 1
                finally:
                    cleans.set()
                    try:
                        await goes_on.wait()
                        ended.append("whole")
                    except asyncio.CancelledError:
                        ended.append("interrupted")
                        raise

            async def take() -> None:
                async with weir.amap(records(), ["cat"], workers=1) as results:
                    await results.__anext__()

            task = asyncio.ensure_future(take())
            await cleans.wait()
            goes_on.set()
            await task
            self.assertEqual(ended, ["whole"])
            cleans.clear()
            goes_on.clear()
            task = asyncio.ensure_future(take())
            await cleans.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            while len(ended) < 2:
                await asyncio.sleep(0)
            self.assertEqual(ended, ["whole", "interrupted"])

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_closed_loop(self) -> None:
        """amap: workers whose loop was closed end when the iterator is forgotten"""
        out = hosting.output_of(
            """
            import asyncio, gc, time, weir
            def is_running(pid):
                try:
                    with open(f"/proc/{pid}/stat") as stat:
                        return stat.read().rpartition(")")[2].split()[0] not in "ZX"
                except (FileNotFoundError, ProcessLookupError):
                    return False
            async def records():
                yield 1
                await asyncio.Event().wait()
            async def begin():
                worker = ["sh", "-c", "while read n; do echo $$; done"]
                results = weir.amap(records(), worker, workers=1)
                return results, await results.__anext__()
            loop = asyncio.new_event_loop()
            results, pid = loop.run_until_complete(begin())
            loop.close()
            print(is_running(pid))
            del results
            gc.collect()
            until = time.monotonic() + 40
            while is_running(pid) and time.monotonic() < until:
                time.sleep(0.002)
            print(is_running(pid))
            """
        )
        self.assertEqual(out, "True\nFalse\n")

    def test_records_close(self) -> None:
        """amap: records may end their own map"""

        async def main() -> None:
            async def records() -> AsyncIterator[int]:
                yield 1
                await results.aclose()

            results = weir.amap(records(), ["cat"], workers=1)
            self.assertLessEqual([one async for one in results], [1])

        asyncio.run(asyncio.wait_for(main(), 120))

    def test_forgotten(self) -> None:
        """amap: leaving the loop, and forgetting the iterator, ends the workers"""

        async def endless() -> AsyncIterator[int]:
            while True:
                yield 1
                await asyncio.sleep(0)

        async def main() -> None:
            pid = 0
            words = ["sh", "-c", "read line; echo $$; exec cat"]
            async for pid in weir.amap(endless(), words, workers=1):
                break
            gc.collect()
            until = time.monotonic() + 30
            while hosting.is_running(pid) and time.monotonic() < until:
                await asyncio.sleep(0.002)
            self.assertFalse(hosting.is_running(pid))

        asyncio.run(asyncio.wait_for(main(), 120))


if __name__ == "__main__":
    unittest.main()
