"""Runs the tests of this folder and tells TAP: tap.py [NAME...]"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def tell(self, good, test, more="", text=""):
        self.number += 1
        doc = test.shortDescription() or str(test)
        print(f"{'ok' if good else 'not ok'} {self.number} - {doc}{more}", flush=True)
        for line in text.splitlines():
            print(f"#   {line}")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(False, test, text=self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(False, test, text=self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(True, test, more=f" # SKIP {reason}")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell(False, subtest, text=self._exc_info_to_string(err, test))


def main():
    sys.path[:0] = [HERE, os.path.dirname(HERE)]
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names) if names else loader.discover(HERE)
    print(f"1..{suite.countTestCases()}")
    result = TapResult()
    suite.run(result)
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
