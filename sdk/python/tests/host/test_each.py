"""weir.each: records, results, failures, dead records and ends."""

import os
import pathlib
import pickle
import tempfile
import time
import unittest
from collections.abc import Iterator
from typing import Any

import hosting
import weir


def outputs(records: Any, args: Any, **options: Any) -> "list[str]":
    return [result.stdout for result in weir.each(records, args, check=True, **options)]


class Records(unittest.TestCase):
    def test_kinds(self) -> None:
        """each: str, bytes and paths, as they are; a result has the record itself"""
        records = ["a b", "", "two\nlines", b"\xff", "\udcfe", pathlib.Path("/d/x.gz")]
        with weir.each(records, ["printf", "%s|%s|%s", "{}", "{/.}", "{#}"]) as results:
            got = list(results)
        self.assertEqual([result.record for result in got], records)
        self.assertIs(got[5].record, records[5])
        self.assertEqual([result.seq for result in got], list(range(6)))
        self.assertEqual(
            [result.stdout for result in got],
            [
                "a b|a b|1",
                "||2",
                "two\nlines|two\nlines|3",
                "\ufffd|\ufffd|4",
                "\ufffd|\ufffd|5",
                "/d/x.gz|x|6",
            ],
        )
        self.assertEqual(got[3].out.replaced, 2)
        assert results.report is not None
        self.assertEqual((results.report["kind"], results.report["answered"]), ("each", 6))

    def test_not_a_record(self) -> None:
        """each: what is no record is raised after the results before it"""
        for wrong, kind in (("a\0b", ValueError), (5, TypeError), (None, TypeError)):
            results = weir.each(["first", wrong], ["echo"])
            self.assertEqual(next(results).stdout, "first\n")
            with self.assertRaises(kind):
                next(results)
        with self.assertRaises(TypeError):
            weir.each(["a"], "echo")
        with self.assertRaises(ValueError):
            weir.each(["a"], ["echo"], rate=0)
        with self.assertRaisesRegex(ValueError, "ndjson"):
            weir.each(["a"], ["echo", "{@/id}"])

    def test_json(self) -> None:
        """each: JSON records and their members; one without is dead, in its place"""
        records: list[Any] = [{"id": 1}, {"id": "two", "x": [None]}, {"no": 3}, {"id": 4}]
        args = ["echo", "{@/id}"]
        seen: list[Any] = []
        for result in weir.each(records, args, json=True, on_error=seen.append):
            seen.append(result)  # noqa: PERF402 - in the order of both
        self.assertEqual([one.record for one in seen], records)
        self.assertIsInstance(seen[2], weir.DeadRecord)
        self.assertEqual((seen[2].seq, seen[2].reason, seen[2].attempts), (2, "member", 0))
        self.assertEqual([seen[n].stdout for n in (0, 1, 3)], ["1\n", "two\n", "4\n"])
        results = weir.each(records, args, json=True)
        self.assertEqual([next(results).seq, next(results).seq], [0, 1])
        with self.assertRaises(weir.DeadRecord):
            next(results)
        self.assertEqual(list(results), [])
        got = weir.each(records, args, json=True, on_error="skip", ordered=False)
        self.assertEqual(sorted(result.seq for result in got), [0, 1, 3])

    def test_stdin(self) -> None:
        """each: the record as the program's stdin"""
        self.assertEqual(outputs(["b\na", "c"], ["sort"], stdin=True), ["a\nb\n", "c\n"])
        self.assertEqual(outputs([[1, "ü"]], ["cat"], stdin=True, json=True), ['[1,"ü"]\n'])


class Outcomes(unittest.TestCase):
    def test_failures(self) -> None:
        """each: failures are results, as those of run; with check the first one is raised"""
        args = ["sh", "-c", "echo out; echo why >&2; $1", "sh", "{}"]
        records = ["true", "exit 3"]
        good, bad = weir.each(records, args)
        self.assertTrue(good.ok)
        self.assertEqual((bad.ok, bad.status, bad.code, bad.attempts), (False, 3, 3, 1))
        self.assertEqual((bad.stdout, bad.stderr, bad.err.bytes), ("out\n", "why\n", b"why\n"))
        with self.assertRaisesRegex(weir.Failed, "exited with 3: why"):
            list(weir.each(records, args, check=True))
        seen = weir.run(["sh", "-c", "exit 3"]).json()
        self.assertEqual(set(bad.json()), set(seen) | {"seq", "record", "attempts"})
        (killed,) = weir.each(["KILL"], ["sh", "-c", "kill -$1 $$", "sh", "{}"])
        self.assertEqual((killed.signal, killed.returncode, killed.status), (9, -9, 137))
        self.assertEqual(killed.sentence, "killed by SIGKILL (Killed)")
        with self.assertRaises(weir.Failed):
            killed.check_returncode()
        (none,) = weir.each(["x"], ["/no/such/{}"])
        self.assertEqual((none.end, none.status, none.pid), (weir.End.NOT_STARTED, 127, 0))
        with self.assertRaisesRegex(FileNotFoundError, "cannot execute /no/such/x"):
            none.check_returncode()

    def test_as_run(self) -> None:
        """each: a result says what run says of the same program"""
        for command in (["true"], ["sh", "-c", "exit 9"], ["sh", "-c", "kill -9 $$"], ["/none"]):
            said = weir.run(command)
            (result,) = weir.each(["x"], [*command, "{}"], workers=1)
            for name in ("end", "why", "code", "signal", "sys_errno", "status", "sentence"):
                self.assertEqual(getattr(result, name), getattr(said, name), (command, name))
            for name in ("wall", "user", "sys", "max_rss", "started_at"):
                self.assertIs(type(getattr(result, name)), type(getattr(said, name)), name)
            self.assertLess(abs(result.started_at - said.started_at), 60)

    def test_ok_exit(self) -> None:
        """each: ok_exit says what is no failure"""
        got = list(weir.each(["0", "1", "2"], ["sh", "-c", "exit {}"], ok_exit=(0, 1)))
        self.assertEqual([result.ok for result in got], [True, True, False])
        self.assertEqual(got[1].status, 1)
        got[1].check_returncode()
        with self.assertRaises(ValueError):
            weir.each(["a"], ["true"], ok_exit=(256,))

    def test_timeout(self) -> None:
        """each: what takes too long is stopped, also if it then exits with 0"""
        (result,) = weir.each(["60"], ["sleep"], record_timeout=0.05)
        self.assertEqual((result.ok, result.why, result.status), (False, weir.Why.TIMEOUT, 124))
        self.assertEqual(result.stopped_with[0].name, "SIGTERM")
        args = ["sh", "-c", "trap 'exit 0' TERM; sleep 60 & wait", "sh"]
        with self.assertRaises(TimeoutError):
            list(weir.each(["x"], args, record_timeout=0.2, check=True))

    def test_retries(self) -> None:
        """each: a failure is tried again, and only the last try is a result"""
        with tempfile.TemporaryDirectory() as folder:
            args = ["sh", "-c", "echo >>{}; test $(wc -l <{}) = 3"]
            record = os.path.join(folder, "tries")
            (result,) = weir.each([record], args, retries=5, retry_delay=0.001)
            self.assertEqual((result.ok, result.attempts), (True, 3))
        (result,) = weir.each(["x"], ["false"], retries=2)
        self.assertEqual((result.ok, result.attempts), (False, 3))

    def test_output(self) -> None:
        """each: head and tail of a long output"""
        (result,) = weir.each(["100000"], ["seq"], max_output=100)
        self.assertEqual((result.out.total, result.out.truncated), (588895, True))
        self.assertTrue(result.stdout.startswith("1\n2\n"))
        self.assertTrue(result.stdout.endswith("99999\n100000\n"))

    def test_pace(self) -> None:
        """each: starts are apart as delay and rate say"""
        paces: list[dict[str, Any]] = [{"delay": 0.1}, {"rate": 10}]
        for pace in paces:
            got = weir.each("abcd", ["true"], workers=4, **pace)
            starts = [result.started_at for result in got]
            self.assertGreater(starts[-1] - starts[0], 0.15, pace)

    def test_command(self) -> None:
        """each: the command's directory, environment and limits"""
        script = 'pwd; echo "$A $B $WEIR_SEQ"; ulimit -n'
        got = outputs(
            ["x"],
            ["/bin/sh", "-c", script],
            cwd="/",
            env={"A": "1"},
            env_extra={"B": "2"},
            limits={"files": 77},
        )
        self.assertEqual(got, ["/\n1 2 0\n77\n"])

    def test_value(self) -> None:
        """each: a result cannot be changed, and can be pickled"""
        (result,) = weir.each([{"id": 1}], ["echo", "{@/id}"], json=True)
        with self.assertRaises(AttributeError):
            result.status = 5
        copy = pickle.loads(pickle.dumps(result))
        self.assertEqual((copy.record, copy.stdout, copy.ok), ({"id": 1}, "1\n", True))
        self.assertEqual((copy.json(), copy.out.bytes), (result.json(), b"1\n"))
        self.assertIsInstance(copy, weir.Result)


class Order(unittest.TestCase):
    def test_order(self) -> None:
        """each: in order from many at a time, failures and dead records among them"""
        records = [{"code": n % 3} if n % 10 else {} for n in range(200)]
        options: Any = {"json": True, "on_error": "skip", "workers": 8}
        got = list(weir.each(records, ["sh", "-c", "exit {@/code}"], **options))
        self.assertEqual([result.seq for result in got], [n for n in range(200) if n % 10])
        self.assertEqual([result.code for result in got], [r["code"] for r in records if r])

    def test_unordered(self) -> None:
        """each: unordered results come as they are ready"""
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            args = ["cat", "{}"]
            with weir.each([fifo, "/dev/null"], args, workers=2, ordered=False) as results:
                self.assertEqual(next(results).record, "/dev/null")
                with open(fifo, "w", encoding="ascii") as file:
                    file.write("late")
                self.assertEqual([result.stdout for result in results], ["late"])

    def test_streams(self) -> None:
        """each: a result is there before the next record is"""

        def records() -> Iterator[str]:
            yield "a"
            while not seen:
                time.sleep(0.001)
            yield "b"

        seen: list[str] = []
        with weir.each(records(), ["echo"]) as results:
            for result in results:
                seen.append(result.stdout)
        self.assertEqual(seen, ["a\n", "b\n"])


class Ends(unittest.TestCase):
    def test_close(self) -> None:
        """each: leaving early ends the programs, and so does forgetting the iterator"""

        def endless() -> Iterator[str]:
            while True:
                yield "60"

        for forget in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                args = ["sh", "-c", f"echo $$ >{folder}/$$; exec sleep 60"]
                results = weir.each(endless(), args, workers=2)
                pids: list[int] = []
                while len(pids) < 2:
                    pids = [int(name) for name in os.listdir(folder)]
                if forget:
                    del results
                else:
                    results.close()
                    self.assertEqual(list(results), [])
                for pid in pids:
                    hosting.wait_until(lambda pid=pid: not hosting.is_running(pid), pid)

    def test_records_raise(self) -> None:
        """each: what the records raise is raised"""

        def broken() -> Iterator[str]:
            yield "1"
            raise ZeroDivisionError("here")

        results = weir.each(broken(), ["echo"])
        self.assertEqual(next(results).stdout, "1\n")
        with self.assertRaises(ZeroDivisionError):
            next(results)

    def test_paused(self) -> None:
        """each: a reader that pauses in front of many failures holds up nobody else"""
        records = (str(n) for n in range(300))
        with weir.each(records, ["sh", "-c", "printf %2000s x >&2; exit 1"]) as results:
            next(results)
            self.assertEqual(weir.run(["true"], timeout=30).status, 0)
            self.assertEqual(sum(1 for _ in results), 299)

    def test_exit_and_fork(self) -> None:
        """each: a program may end, or fork, with results under way"""
        code = """
        import os, weir
        results = weir.each(iter(lambda: "60", None), ["sh", "-c", "echo $$; exec sleep {}"])
        first = weir.each(["a", "b"], ["echo"])
        print(next(first).stdout, end="", flush=True)
        if os.fork() == 0:
            del first
            print(next(weir.each(["child"], ["echo"])).stdout, end="", flush=True)
            os._exit(0)
        os.wait()
        print(next(first).stdout, end="", flush=True)
        """
        self.assertEqual(hosting.output_of(code), "a\nchild\nb\n")


class Places(unittest.TestCase):
    def test_launcher(self) -> None:
        """each: a launcher before the command, which may hand it to a shell"""
        records = ["a  b", "$HOME", "it's"]
        shell = ["sh", "-c", 'eval "$1"', "sh"]
        self.assertEqual(
            outputs(records, ["printf", "%s"], launcher=shell, launcher_shell=True), records
        )
        self.assertEqual(
            outputs(["x"], ["sh", "-c", "echo $A $1", "sh"], launcher=["env", "A=b"]), ["b x\n"]
        )

    def test_hosts(self) -> None:
        """each: each slot has its host, whose name follows the launcher"""
        with tempfile.TemporaryDirectory() as folder:
            hosts = pathlib.Path(folder, "hosts")
            hosts.write_text("one 2\n# none\n: 1\n", encoding="ascii")
            launcher = ["sh", "-c", 'HOST=$1; export HOST; shift; exec "$@"', "sh"]
            args = ["sh", "-c", "echo ${HOST-here} {%}"]
            got = outputs(map(str, range(60)), args, hosts=hosts, launcher=launcher)
            self.assertLessEqual(set(got), {"one 1\n", "one 2\n", "here 3\n"})
            with self.assertRaisesRegex(OSError, "none"):
                weir.each(["a"], ["echo"], hosts=folder + "/none")

    def test_jobserver(self) -> None:
        """each: with make's job server each program but one takes a token, and gives it back"""
        code = """
        import sys, weir
        args = ["sh", "-c", "mkdir slot-{%} && sleep 0.01 && ls -d slot-* | wc -l && rmdir slot-{%}"]
        got = [int(result.stdout) for result in
               weir.each(map(str, range(20)), args, workers=8, check=True, jobserver=True)]
        print(max(got) <= int(sys.argv[1]), len(got))
        """
        with tempfile.TemporaryDirectory() as folder:
            fifo = folder + "/tokens"
            os.mkfifo(fifo)
            tokens = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
            self.addCleanup(os.close, tokens)
            os.write(tokens, b"+")
            for flags, most in ((f" -j2 --jobserver-auth=fifo:{fifo} -- A=b", "2"), ("", "1")):
                home = os.path.dirname(os.path.dirname(os.path.abspath(weir.__file__)))
                environment = {**os.environ, "MAKEFLAGS": flags, "PYTHONPATH": home}
                out = hosting.output_of(code, most, cwd=folder, env=environment)
                self.assertEqual(out, "True 20\n")
            self.assertEqual(os.read(tokens, 10), b"+")

    def test_busy(self) -> None:
        """each: nothing starts while there is too little memory"""
        self.assertEqual(outputs(["a"], ["echo"], max_load=1e9, memory_free=1), ["a\n"])
        results = weir.each(["a"], ["echo"], memory_free=1 << 60)
        results.close()
        self.assertEqual(list(results), [])
        with self.assertRaises(ValueError):
            weir.each(["a"], ["echo"], max_load=0)


class Checkpoints(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state, self.log = folder.name + "/50%", folder.name + "/log"
        self.records: list[Any] = [{"n": n} if n != 7 else {} for n in range(30)]
        self.args = ["sh", "-c", f"echo $1 >>'{self.log}'; echo $1", "sh", "{@/n}"]

    def each(self, **options: Any) -> Any:
        options = {"json": True, "on_error": "skip", "checkpoint": self.state, **options}
        return weir.each(options.pop("records", self.records), self.args, **options)

    def ran(self) -> int:
        with open(self.log, encoding="ascii") as log:
            return len(log.readlines())

    def test_resume(self) -> None:
        """each: a call that was left is resumed by the same call, which gives all results"""
        with self.each(workers=2) as results:
            for _ in range(10):
                next(results)
        dead: list[Any] = []
        results = self.each(on_error=lambda one: dead.append((one.seq, one.record)))
        got = list(results)
        self.assertEqual([result.record for result in got], [{"n": n} for n in range(30) if n != 7])
        self.assertEqual([result.stdout for result in got], [f"{n}\n" for n in range(30) if n != 7])
        self.assertEqual(dead, [(7, {})])
        self.assertEqual((results.report["answered"], results.report["dead"]), (29, 1))
        ran = self.ran()
        results = self.each()  # nothing is left to do
        again = list(results)
        self.assertEqual((results.report["answered"], results.report["dead"]), (29, 1))
        self.assertEqual([result.stdout for result in again], [result.stdout for result in got])
        self.assertEqual(self.ran(), ran)

    def test_unordered(self) -> None:
        """each: a call that is resumed may be unordered"""
        with self.each(ordered=False, workers=3) as results:
            next(results)
        got = [result.record["n"] for result in self.each(ordered=False, workers=3)]
        self.assertEqual(sorted(got), [n for n in range(30) if n != 7])

    def test_refused(self) -> None:
        """each: other records and another command do not resume, and change nothing"""
        got = [result.stdout for result in self.each()]
        other = [*self.records[:15], {"n": 99}, *self.records[16:]]
        for options in (
            {"records": other},
            {"records": self.records[:-1]},
            {"env_extra": {"A": "b"}},
        ):
            with self.assertRaisesRegex(weir.WeirError, "remove the checkpoint"):
                self.each(**options)
        self.assertEqual([result.stdout for result in self.each()], got)

    def test_killed(self) -> None:
        """each: a program that was killed resumes, and no result is missing or there twice"""
        code = """
        import sys, weir
        args = ["sh", "-c", "sleep 0.005; echo {}"]
        for result in weir.each(map(str, range(100)), args, workers=2, check=True, checkpoint=sys.argv[1]):
            print(result.stdout, end="", flush=True)
        """
        wanted = "".join(f"{n}\n" for n in range(100))
        for turn in range(4):
            process = hosting.program(code, self.state)
            assert process.stdout is not None
            for _ in range(20 * turn + 5):
                process.stdout.readline()
            process.kill()
            process.communicate(timeout=60)
        self.assertEqual(hosting.output_of(code, self.state), wanted)


if __name__ == "__main__":
    unittest.main()
