"""weir.run: results, exceptions, redirections, signals, threads and forks."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from typing import Any

import hosting
import weir


class Results(unittest.TestCase):
    def test_result(self) -> None:
        """run: status, outputs, times and the report of a program that failed"""
        result = weir.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
        self.assertEqual(
            (result.status, result.returncode, result.code, result.ok), (3, 3, 3, False)
        )
        self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))
        self.assertEqual(
            (result.end, result.why, result.sentence), ("exited", "none", "exited with 3")
        )
        self.assertIs(result.end, weir.End.EXITED)
        self.assertEqual(
            (result.out.bytes, result.out.total, result.out.truncated), (b"out\n", 4, False)
        )
        self.assertGreater(result.wall, 0)
        self.assertGreater(result.max_rss, 1 << 19)
        self.assertEqual(result.json()["stdout"]["text"], "out\n")
        self.assertEqual(result.args, ["sh", "-c", "echo out; echo err >&2; exit 3"])

    def test_signal(self) -> None:
        """run: a program that a signal kills has subprocess's returncode, and the shell's status"""
        result = weir.run(["sh", "-c", "kill -USR1 $$"])
        self.assertEqual((result.end, result.signal), ("signaled", signal.SIGUSR1))
        self.assertEqual(
            (result.returncode, result.status), (-signal.SIGUSR1, 128 + signal.SIGUSR1)
        )

    def test_timeout(self) -> None:
        """run: the time limit stops the program, and is a result"""
        result = weir.run(["sleep", "60"], timeout=0.05)
        self.assertEqual((result.status, result.why), (124, weir.Why.TIMEOUT))
        self.assertEqual(result.stopped_with, (signal.SIGTERM,))
        result = weir.run(["sleep", "60"], idle=0.05)
        self.assertEqual((result.status, result.why), (124, weir.Why.IDLE))

    def test_holder(self) -> None:
        """run: who holds an output open is named, and ended"""
        result = weir.run(["sh", "-c", "sleep 60 & echo started"], drain=0.05)
        self.assertEqual((result.status, result.stdout), (0, "started\n"))
        self.assertTrue(result.out.abandoned)
        assert result.holder is not None
        self.assertIn("sleep", result.holder.command)
        self.assertFalse(hosting.is_running(result.holder.pid))

    def test_text(self) -> None:
        """run: bytes, character sets and invalid bytes"""
        raw = ["printf", r"caf\351"]
        self.assertEqual(weir.run(raw, text=False).stdout, b"caf\xe9")
        self.assertEqual(weir.run(raw).stdout, "caf\ufffd")
        self.assertEqual(weir.run(raw).out.replaced, 1)
        self.assertEqual(weir.run(raw, errors="backslashreplace").stdout, "caf\\xe9")
        self.assertEqual(weir.run(raw, encoding="latin1").stdout, "caf\xe9")
        result = weir.run(raw, errors="strict")
        self.assertEqual(result.out.bytes, b"caf\xe9")
        with self.assertRaises(UnicodeDecodeError):
            _ = result.stdout
        with self.assertRaises(LookupError):
            weir.run(raw, encoding="no-such-charset")

    def test_large(self) -> None:
        """run: 8 MB in, through and out"""
        data = os.urandom(1 << 20) * 8
        self.assertEqual(weir.run(["cat"], input=data, text=False).stdout, data)

    def test_overflow(self) -> None:
        """run: beyond max_output head and tail are kept, or the program is stopped, or all is on file"""
        numbers = ["seq", "100000"]
        result = weir.run(numbers, max_output=1000)
        self.assertTrue(result.out.truncated)
        self.assertEqual(len(result.out.bytes), 1000)
        self.assertTrue(result.stdout.startswith("1\n2\n") and result.stdout.endswith("\n100000\n"))
        self.assertEqual(weir.run(["yes"], max_output=1000, overflow="stop").why, weir.Why.OVERFLOW)
        result = weir.run(numbers, max_output=1000, overflow="spool")
        assert result.out.spooled is not None
        with open(result.out.spooled, encoding="ascii") as file:
            self.assertEqual(len(file.readlines()), 100000)
        os.unlink(result.out.spooled)

    def test_sinks(self) -> None:
        """run: pieces of the outputs as they come, in text or bytes, and a slow or broken reader"""
        pieces: list[Any] = []
        script = ["sh", "-c", "printf 'caf\\303'; read _; printf '\\251'; echo err >&2"]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            gate = os.open(path, os.O_RDWR)

            def seen(text: str) -> None:
                pieces.append(text)
                os.write(gate, b"go\n")

            result = weir.run(script, stdin=path, on_stdout=seen, on_stderr=pieces.append)
            os.close(gate)
        self.assertEqual(result.stdout, "caf\u00e9")
        self.assertEqual(sorted(pieces), ["caf", "err\n", "\u00e9"])
        size = 0

        def count(data: bytes) -> None:
            nonlocal size
            size += len(data)

        numbers = ["head", "-c", "8000000", "/dev/zero"]
        weir.run(numbers, text=False, on_stdout=count, max_output=1000)
        self.assertEqual(size, 8000000)
        with self.assertRaises(ZeroDivisionError):
            weir.run(["yes"], on_stdout=lambda text: 1 // 0)

    def test_stop(self) -> None:
        """run: a stop sequence of one's own"""
        loop = "trap 'exit 9' INT; trap '' TERM; while :; do sleep 0.01; done"
        result = weir.run(["sh", "-c", loop], timeout=0.2, stop="INT:20s,TERM:5s")
        self.assertEqual((result.code, result.stopped_with), (9, (signal.SIGINT,)))
        with self.assertRaises(ValueError):
            weir.run(["true"], stop="nonsense")

    def test_environment(self) -> None:
        """run: env replaces, env_extra adds, env_pass chooses; cwd, limits and niceness"""
        show = [
            sys.executable,
            "-c",
            "import os; print(sorted(set(os.environ) - {'LC_CTYPE', 'WEIR_JOB'}))",
        ]
        path = {"PATH": os.environ["PATH"]}
        self.assertEqual(weir.run(show, env={**path, "A": "b"}).stdout, "['A', 'PATH']\n")
        self.assertEqual(weir.run(show, env_pass=["PATH"]).stdout, "['PATH']\n")
        os.environ["WEIR_TEST"] = "yes"
        self.addCleanup(os.environ.pop, "WEIR_TEST")
        self.assertIn("'B'", weir.run(show, env_extra={"B": "c"}).stdout)
        self.assertIn("'WEIR_TEST'", weir.run(show, env_extra={"B": "c"}).stdout)
        self.assertEqual(weir.run(["pwd"], cwd="/").stdout, "/\n")
        self.assertEqual(weir.run(["sh", "-c", "ulimit -n"], limits={"files": 77}).stdout, "77\n")
        nice = os.nice(0)
        self.assertEqual(weir.run(["nice"], nice=1).stdout, f"{min(nice + 1, 19)}\n")
        with self.assertRaises(ValueError):
            weir.run(["true"], limits={"no-such": 1})

    def test_redirections(self) -> None:
        """run: streams from and to files, descriptors, each other and nowhere"""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out")
            self.assertEqual(weir.run(["echo", "x"], stdout=path).stdout, "")
            self.assertEqual(weir.run(["cat"], stdin=path).stdout, "x\n")
            with open(path, "a", encoding="ascii") as file:
                weir.run(["echo", "y"], stdout=file)
            with open(path, encoding="ascii") as file:
                self.assertEqual(weir.run(["cat"], stdin=file).stdout, "x\ny\n")
                self.assertEqual(weir.run(["cat"], stdin=file, idle=9).stdout, "")
        both = weir.run(["sh", "-c", "echo a; echo b >&2"], stderr=weir.STDOUT)
        self.assertEqual((both.stdout, both.stderr), ("a\nb\n", ""))
        self.assertEqual(weir.run(["echo", "x"], stdout=weir.DEVNULL).stdout, "")
        self.assertEqual(weir.run(["cat"]).stdout, "")
        self.assertEqual(weir.run(["cat"], input="text").stdout, "text")
        shown = "import weir; weir.run(['echo', 'seen'], capture_output=False)"
        self.assertEqual(hosting.output_of(shown), "seen\n")

    def test_arguments(self) -> None:
        """run: what is no list of words is refused, with what to do"""
        with self.assertRaisesRegex(TypeError, "weir.words"):
            weir.run("echo x")
        self.assertEqual(weir.run(weir.words("echo 'a b'")).stdout, "a b\n")
        wrong: Any
        for wrong in [], ["a\0b"]:
            with self.assertRaises(ValueError):
                weir.run(wrong)
        options: Any
        for options in {"errors": "ignore"}, {"overflow": "x"}, {"timeout": float("nan")}:
            with self.assertRaises(ValueError):
                weir.run(["true"], **options)

    def test_value(self) -> None:
        """run: a result cannot be changed"""
        result = weir.run(["true"])
        for name in "status", "out", "args", "stdout":
            with self.assertRaises(AttributeError):
                setattr(result, name, None)
        self.assertEqual((result.status, result.args), (0, ["true"]))

    def test_pickle(self) -> None:
        """run: results and exceptions can be pickled"""
        result = pickle.loads(pickle.dumps(weir.run(["echo", "x"])))
        self.assertEqual((result.stdout, result.status, result.json()["code"]), ("x\n", 0, 0))
        with self.assertRaises(weir.Failed) as caught:
            weir.run(["false"], check=True)
        self.assertEqual(pickle.loads(pickle.dumps(caught.exception)).result.status, 1)


class Exceptions(unittest.TestCase):
    def test_check(self) -> None:
        """check: the exceptions of subprocess and the system, with the result"""
        with self.assertRaises(subprocess.CalledProcessError) as failed:
            weir.run(["sh", "-c", "echo why >&2; exit 3"], check=True)
        self.assertIsInstance(failed.exception, weir.WeirError)
        self.assertEqual((failed.exception.returncode, failed.exception.stderr), (3, "why\n"))
        self.assertTrue(str(failed.exception).endswith("exited with 3: why"))
        for kind in subprocess.TimeoutExpired, TimeoutError, weir.Failed:
            with self.assertRaises(kind):
                weir.run(["sleep", "60"], timeout=0.05, check=True)
        with self.assertRaises(FileNotFoundError) as missing:
            weir.run(["/no/such/program"], check=True)
        self.assertIsInstance(missing.exception, weir.NotFound)
        self.assertEqual(missing.exception.filename, "/no/such/program")
        with self.assertRaises(PermissionError):
            weir.run(["/etc/passwd"], check=True)
        with self.assertRaises(weir.NotStarted):
            weir.run(["true"], cwd="/no/such/folder", check=True)

    def test_results_without_check(self) -> None:
        """without check: the same are results"""
        self.assertEqual(weir.run(["/no/such/program"]).status, 127)
        self.assertEqual(weir.run(["/etc/passwd"]).status, 126)
        with self.assertRaises(weir.NotFound):
            weir.run(["/no/such/program"]).check_returncode()

    def test_spawner(self) -> None:
        """a weir-spawner that is missing is an EngineError that says what to do"""
        out = hosting.output_of(
            """
            import os, weir
            os.environ["WEIR_SPAWNER"] = "/no/such/spawner"
            try:
                weir.run(["true"])
            except weir.EngineError as error:
                print(error)
            """
        )
        self.assertIn("/no/such/spawner", out)


class Hosts(unittest.TestCase):
    def test_interrupt(self) -> None:
        """Ctrl-C: the program is stopped first, then KeyboardInterrupt is raised; a second one kills"""
        for count, how in (1, "trap 'echo $$ >%s; exit' TERM"), (2, "trap '' TERM"):
            with tempfile.TemporaryDirectory() as folder:
                ready = os.path.join(folder, "ready")
                script = how.replace("%s", os.path.join(folder, "ended"))
                script += (
                    f"; echo $$ >{ready}.new; mv {ready}.new {ready}; while :; do sleep 0.01; done"
                )
                process = hosting.program(
                    """
                    import sys, weir
                    try:
                        weir.run(["sh", "-c", sys.argv[1]])
                    except KeyboardInterrupt:
                        print("interrupted", flush=True)
                    """,
                    script,
                )
                hosting.wait_until(lambda: os.path.exists(ready), "the program")
                with open(ready, encoding="ascii") as file:
                    pid = int(file.read())
                process.send_signal(signal.SIGINT)
                if count == 2:
                    time.sleep(0.15)  # the first one has to be seen as one of its own
                    process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
                self.assertEqual((out, process.returncode), ("interrupted\n", 0), err)
                self.assertFalse(hosting.is_running(pid))
                self.assertEqual(os.path.exists(os.path.join(folder, "ended")), count == 1)

    def test_handler(self) -> None:
        """a signal handler that raises nothing runs at once, and the program goes on"""
        out = hosting.output_of(
            """
            import os, signal, weir
            signal.signal(signal.SIGUSR1, lambda *_: print("seen", flush=True))
            print(weir.run(["sh", "-c", f"kill -USR1 {os.getpid()}; echo done"]).stdout)
            """
        )
        self.assertEqual(out, "seen\ndone\n\n")

    def test_threads(self) -> None:
        """16 threads run 160 programs at a time, and each gets its own"""
        wrong: list[Any] = []

        def work(number: int) -> None:
            for turn in range(10):
                text = f"{number}.{turn}"
                got = weir.run(["echo", text]).stdout
                if got != f"{text}\n":
                    wrong.append((text, got))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_gil(self) -> None:
        """other threads run while one waits for a program"""
        turns = 0
        thread = threading.Thread(target=weir.run, args=(["sleep", "0.3"],))
        thread.start()
        while thread.is_alive():
            turns += 1
        self.assertGreater(turns, 1000)

    def test_fork(self) -> None:
        """a child made by fork() has a context of its own, and the parent's goes on"""
        out = hosting.output_of(
            """
            import os, sys, threading, weir
            weir.run(["true"])
            busy = threading.Thread(target=weir.run, args=(["sleep", "0.5"],))
            busy.start()
            pid = os.fork()
            if pid == 0:
                print(weir.run(["echo", "child"]).stdout, end="", flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            busy.join()
            print(weir.run(["echo", "parent"]).stdout, end="")
            """
        )
        self.assertEqual(out, "child\nparent\n")

    def test_import(self) -> None:
        """import weir loads no engine, and weir.worker neither engine nor client"""
        out = hosting.output_of(
            """
            import os, sys
            os.environ["WEIR_WORKER_KEEP_STDIO"] = "1"
            import weir
            print([name for name in sys.modules if name.startswith("weir.")])
            from weir.worker import function, serve
            print([name for name in sys.modules if name in ("weir._native", "weir._client")])
            print(sorted(set(weir.__all__) - set(dir(weir))))
            from weir import _native
            print(weir.__version__ == _native.version())
            """
        )
        self.assertEqual(out, "[]\n[]\n[]\nTrue\n")


if __name__ == "__main__":
    unittest.main()
