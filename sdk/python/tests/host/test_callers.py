"""weir.connect: what a Pool and a connection to `weir serve` have in common."""

import os
import subprocess
import tempfile
import unittest
from typing import Any

import hosting
import weir

WEIR = os.path.join(os.environ.get("builddir", "."), "weir")


class Callers(unittest.TestCase):
    def check(self, caller: weir.Caller) -> None:
        """The same for both."""
        self.assertEqual(caller.call("add", 3, 4), 7)
        self.assertEqual(caller.call("add", a=3, b=4, timeout=20), 7)
        self.assertEqual(caller.map("add", [(1, 2), (3, 4)]), [3, 7])
        self.assertEqual(list(caller.stream("count", 0, 200)), list(range(200)))
        self.assertEqual(caller.call("sum", input=range(200)), 19900)
        self.assertEqual(list(caller.stream("running", input=[1, 2, 3])), [1, 3, 6])
        self.assertIn("add", caller.methods)
        self.assertIsInstance(caller.stats(), dict)
        with self.assertRaises(weir.RemoteError) as failed:
            caller.call("fail", "x")
        self.assertEqual((failed.exception.type, failed.exception.code), ("KeyError", 1000))
        with self.assertRaises(weir.OutcomeUnknown):
            caller.call("exit", 3)
        with self.assertRaises(weir.DeadlineExceeded):
            caller.call("sleep", 60, timeout=0.05)
        pending = caller.submit("sleep", 60)
        with self.assertRaises(TimeoutError):
            pending.result(timeout=0.01)
        pending.cancel()
        self.assertIsInstance(pending.exception(), weir.CallCancelled)
        told: list[Any] = []
        quick = caller.submit("add", 1, 2)
        quick.add_done_callback(lambda one: told.append(one.result()))
        self.assertEqual(quick.result(), 3)
        hosting.wait_until(lambda: told == [3], "the callback")
        caller.close()
        with self.assertRaises(weir.Closed):
            caller.call("add", 1, 1)

    def test_pool(self) -> None:
        """a Pool is a Caller"""
        self.check(weir.Pool(hosting.WORKER, workers=2, stderr=weir.DEVNULL))

    def test_connection(self) -> None:
        """a connection to weir serve is a Caller"""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            words = [WEIR, "serve", "-s", path, "-j2", "-w", f"python3 {hosting.WORKER}"]
            with subprocess.Popen(words, stderr=subprocess.PIPE) as server:
                assert server.stderr is not None
                try:
                    self.assertEqual(server.stderr.readline(), b"ready\n")
                    self.check(weir.connect(path))
                finally:
                    server.terminate()


if __name__ == "__main__":
    unittest.main()
