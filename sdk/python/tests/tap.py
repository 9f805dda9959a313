"""Runs the tests of this folder and tells TAP: tap.py [FOLDER] [NAME...]

With the FOLDER "host" those are the tests of the engine, and PYTHONPATH says where weir is.

A test fails, too, if it leaves an open descriptor; the last one looks for zombies.
"""

import gc
import os
import sys
import time
import unittest
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))


def open_descriptors() -> Any:
    names = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    return {
        int(name): os.readlink(f"/proc/self/fd/{name}")
        for name in names
        if os.path.lexists(f"/proc/self/fd/{name}")
    }


def no_zombie_is_left() -> None:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return
    try:
        child = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return
    assert child is None, child


class TapResult(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.descriptors: dict[int, str] = {}

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self.descriptors = open_descriptors()

    def left(self) -> Any:
        """What the test has left; threads of it may take a moment to end."""
        gc.collect()
        until = time.monotonic() + 20
        while open_descriptors() != self.descriptors and time.monotonic() < until:
            time.sleep(0.01)
        now = open_descriptors()
        return (
            "" if now == self.descriptors else f"descriptors: {self.descriptors}, and then: {now}"
        )

    def tell(self, good: Any, test: Any, more: str = "", text: str = "") -> None:
        self.number += 1
        doc = test.shortDescription() or str(test)
        print(f"{'ok' if good else 'not ok'} {self.number} - {doc}{more}", flush=True)
        for line in text.splitlines():
            print(f"#   {line}")

    def text_of(self, err: Any, test: Any) -> str:
        text: str = vars(unittest.TestResult)["_exc_info_to_string"](self, err, test)
        return text

    def addSuccess(self, test: Any) -> None:
        left = self.left()
        if left:
            self.failures.append((test, left))
        else:
            super().addSuccess(test)
        self.tell(not left, test, text=left)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self.tell(False, test, text=self.text_of(err, test))

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self.tell(False, test, text=self.text_of(err, test))

    def addSkip(self, test: Any, reason: Any) -> None:
        super().addSkip(test, reason)
        self.tell(True, test, more=f" # SKIP {reason}")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell(False, subtest, text=self.text_of(err, test))


def main() -> None:
    names = sys.argv[1:]
    folder = HERE
    if names[:1] == ["host"]:
        folder = os.path.join(HERE, names.pop(0))
        sys.path[:0] = [folder, HERE]
    else:
        sys.path[:0] = [HERE, os.path.dirname(HERE)]
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(names) if names else loader.discover(folder)
    suite.addTest(unittest.FunctionTestCase(no_zombie_is_left, description="no zombie is left"))
    print(f"1..{suite.countTestCases()}")
    result = TapResult()
    suite.run(result)
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
