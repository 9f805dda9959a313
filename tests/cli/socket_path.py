"""weir serve at paths of every length that the address of a socket holds, and beyond."""

import os
import subprocess
import sys
from typing import Any

weir, srcdir = sys.argv[1:3]
sys.path[:0] = [os.path.join(srcdir, "tests", "support"), os.path.join(srcdir, "sdk", "python")]

from tap_cases import PATIENCE_S, run_cases
from weir_worker.client import connect

LIMIT = 107  # sun_path less its NUL
WORKER = "false"  # is never started


def path_of(directory: Any, length: Any, name_length: Any) -> Any:
    """A path of just this length, whose last name is so long."""
    filler = length - name_length - 1 - len(directory)
    middle = directory + ("/" + "d" * (filler - 1) if filler else "")
    os.makedirs(middle, exist_ok=True)
    return middle + "/" + "s" * name_length


class Server:
    def __init__(self, path: Any) -> None:
        worker = f"{sys.executable} {os.path.join(srcdir, 'tests/cli/call_worker.py')}"
        env = dict(os.environ, PYTHONPATH=os.path.join(srcdir, "sdk", "python"))
        self.process = subprocess.Popen(
            [weir, "serve", "-s", path, "-j1", "-w", worker],
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )

    def __enter__(self) -> Any:
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if line == "ready\n":
                return self
        raise AssertionError("".join(lines))

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.stderr.read()
        self.process.stderr.close()
        self.process.wait(PATIENCE_S)


def a_path_of_up_to_107_bytes_is_served_and_called(directory: Any) -> None:
    for length, name_length in (102, 20), (103, 8), (104, 20), (105, 30), (106, 5), (107, 1):
        path = path_of(directory, length, name_length)
        assert len(path) == length
        with Server(path):
            assert os.stat(path).st_mode & 0o777 == 0o600
            assert len(os.listdir(os.path.dirname(path))) == 1, os.listdir(os.path.dirname(path))
            done = subprocess.run(
                [weir, "call", "-s", path, "add", "1", "2"],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            assert done.stdout == "3\n", (length, done)
            with connect(path) as client:
                assert client.call("add", 1, 2) == 3
        assert not os.path.exists(path)


def a_longer_path_is_refused_with_its_length_and_the_limit(directory: Any) -> None:
    for length in LIMIT + 1, LIMIT + 2, 200:
        path = path_of(directory, length, 20)
        for arguments in ["serve", "-s", path, "-w", WORKER], ["call", "-s", path, "add", "1"]:
            done = subprocess.run(
                [weir, *arguments], capture_output=True, text=True, timeout=PATIENCE_S
            )
            assert done.returncode in (2, 125), done
            assert f"{length} bytes, and the limit is {LIMIT}" in done.stderr, done.stderr
        try:
            connect(path)
            raise AssertionError("connected")
        except ValueError as error:
            assert f"{length} bytes" in str(error)


def an_abstract_or_empty_name_is_refused(directory: Any) -> None:
    for path, word in ("@weir-test", "abstract"), ("", "empty"):
        for arguments in ["serve", "-s", path, "-w", WORKER], ["call", "-s", path, "add", "1"]:
            done = subprocess.run(
                [weir, *arguments],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                cwd=directory,
            )
            assert done.returncode in (2, 125), done
            assert word in done.stderr, done.stderr
    assert os.listdir(directory) == []


if __name__ == "__main__":
    run_cases(
        [
            a_path_of_up_to_107_bytes_is_served_and_called,
            a_longer_path_is_refused_with_its_length_and_the_limit,
            an_abstract_or_empty_name_is_refused,
        ]
    )
