"""The vectors of the protocol, as many tests as there are cases."""

import os
import sys
import unittest
from typing import Any

import support
import vectors

FOLDER = os.environ.get("WEIR_VECTORS") or os.path.join(support.SDK, "../../tests/data/rpc")


class WorkerVectors(unittest.TestCase):
    pass


def add(number: Any, file: Any, case: Any) -> None:
    def test(self: Any) -> None:
        wrong = vectors.run_worker_case(
            case,
            [
                "env",
                f"PYTHONPATH={support.SDK}",
                "PYTHONDONTWRITEBYTECODE=1",
                sys.executable,
                os.path.join(support.HERE, "vector_worker.py"),
            ],
        )
        if wrong is not None:
            self.fail(wrong)

    test.__doc__ = f"{file}: {case['name']}"
    setattr(WorkerVectors, f"test_{number:03}", test)


for _number, (_file, _case) in enumerate(vectors.cases_of(FOLDER, "worker")):
    add(_number, _file, _case)
