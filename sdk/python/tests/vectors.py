"""Runs the vectors of the role worker (tests/data/rpc) against a command.

vectors.py FOLDER PROGRAM [ARGUMENT...]       any worker, in any language; tells TAP
"""

import glob
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Callable

PATIENCE_S = 60
HELLO = {"id": "hello", "method": "weir/hello", "params": {"version": 1}}


class Failed(Exception):
    pass


class Number:
    """A number with its spelling."""

    def __init__(self, text: Any) -> None:
        self.text = text
        self.value = float(text) if re.search("[.eE]", text) else int(text)


def plain(value: Any) -> Any:
    if isinstance(value, Number):
        return value.value
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


def load(line: Any) -> Any:
    return json.loads(line, parse_int=Number, parse_float=Number)


TYPES: dict[str, Callable[[Any], bool]] = {
    "integer": lambda v: isinstance(v, Number) and isinstance(v.value, int),
    "number": lambda v: isinstance(v, Number),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "anything": lambda v: True,
}


def matches(pattern: Any, value: Any, names: Any = None) -> Any:
    """Whether a loaded value matches; names: what $id has been bound to."""
    if isinstance(pattern, dict):
        if len(pattern) == 1 and next(iter(pattern)).startswith("$"):
            return matches_special(*next(iter(pattern.items())), value, names)
        return isinstance(value, dict) and all(
            name in value and matches(one, value[name], names) for name, one in pattern.items()
        )
    if isinstance(pattern, list):
        return (
            isinstance(value, list)
            and len(pattern) == len(value)
            and all(matches(one, got, names) for one, got in zip(pattern, value))
        )
    value = plain(value)
    return isinstance(pattern, bool) == isinstance(value, bool) and pattern == value


def matches_special(kind: Any, wanted: Any, value: Any, names: Any) -> Any:
    if kind == "$type":
        return TYPES[wanted](value)
    if kind == "$contains":
        return isinstance(value, str) and wanted in value
    if kind == "$number":
        return isinstance(value, Number) and value.text == wanted
    if kind == "$length":
        return isinstance(value, str) and len(value) == wanted
    if kind == "$one_of":
        return any(matches(one, value, names) for one in wanted)
    if kind == "$any_order":
        return isinstance(value, list) and matches_any_order(wanted, value, names)
    if kind == "$id":
        value = plain(value)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            return False
        return names.setdefault(wanted, value) == value
    raise Failed(f"no such pattern: {kind}")


def matches_any_order(patterns: Any, values: Any, names: Any = None) -> bool:
    left = list(values)
    for pattern in patterns:
        found = next((one for one in left if matches(pattern, one, names)), None)
        if found is None and None not in left:
            return False
        left.remove(found)
    return not left


def check_message(message: Any) -> None:
    """What every line that comes out must be."""
    for one in message if isinstance(message, list) else [message]:
        good = isinstance(one, dict) and one.get("jsonrpc") == "2.0"
        if good and "method" not in one:
            good = "id" in one and ("result" in one) != ("error" in one)
            if good and "error" in one:
                good = TYPES["integer"](one["error"].get("code")) and isinstance(
                    one["error"].get("message"), str
                )
        if not good:
            raise Failed(f"no message: {json.dumps(plain(one))[:300]}")


def with_version(value: Any) -> Any:
    if isinstance(value, list):
        return [with_version(one) for one in value]
    return {"jsonrpc": "2.0", **value} if isinstance(value, dict) else value


def short(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(plain(value))
    return text if len(text) < 300 else text[:300] + "..."


class Lines:
    """Writes to one descriptor and reads lines from another, never waiting for one of them alone."""

    def __init__(self, fd_in: Any, fd_out: Any) -> None:
        self.fd_in, self.fd_out = fd_in, fd_out
        os.set_blocking(fd_in, False)
        self.unwritten = bytearray()
        self.buffer = bytearray()
        self.looked = 0
        self.eof = False

    def step(self, until: Any) -> None:
        poll = select.poll()
        if not self.eof:
            poll.register(self.fd_out, select.POLLIN)
        if self.unwritten:
            poll.register(self.fd_in, select.POLLOUT)
        left = until - time.monotonic()
        if left <= 0:
            raise Failed("nothing came")
        for fd, _ in poll.poll(left * 1000):
            if fd == self.fd_out:
                data = os.read(self.fd_out, 1 << 20)
                self.eof = not data
                self.buffer += data
            elif self.unwritten:
                try:
                    del self.unwritten[: os.write(self.fd_in, self.unwritten[: 1 << 20])]
                except BrokenPipeError:
                    self.unwritten.clear()

    def write(self, data: Any) -> None:
        self.unwritten += data
        until = time.monotonic() + PATIENCE_S
        while self.unwritten:
            self.step(until)

    def read(self) -> Any:
        """The next line; None at the end of file."""
        until = time.monotonic() + PATIENCE_S
        while True:
            end = self.buffer.find(b"\n", self.looked)
            if end >= 0:
                line = bytes(self.buffer[:end])
                del self.buffer[: end + 1]
                self.looked = 0
                return line
            self.looked = len(self.buffer)
            if self.eof:
                if self.buffer:
                    raise Failed(f"half a line at the end: {bytes(self.buffer[:300])!r}")
                return None
            self.step(until)


def line_of(step: Any) -> Any:
    """The bytes that an in-step sends, or None."""
    for kind, value in step.items():
        if kind == "in":
            return json.dumps(with_version(value), ensure_ascii=False).encode() + b"\n"
        if kind == "in_text":
            return value.encode() + b"\n"
        if kind == "in_open":
            return value.encode()
        if kind == "in_hex":
            return bytes.fromhex(value) + b"\n"
        if kind == "in_parts":
            return "".join(text * times for text, times in value).encode() + b"\n"
    return None


class WorkerCase:
    def __init__(self, command: Any) -> None:
        # Its own pipes: Popen's file objects are buffered.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.lines = Lines(self.stdin.fileno(), self.stdout.fileno())
        self.granted: dict[str, int] = {}
        self.used: dict[str, int] = {}

    def next(self, also_credit: bool = False) -> Any:
        while True:
            line = self.lines.read()
            if line is None:
                return None
            message = load(line)
            check_message(message)
            if isinstance(message, dict) and message.get("method") == "weir/credit":
                params = plain(message["params"])
                key = repr(params["id"])
                self.granted[key] = self.granted.get(key, 0) + params["n"]
                if also_credit:
                    return message
                continue
            return message

    def expect(self, pattern: Any) -> None:
        message = self.next()
        if message is None or not matches(pattern, message):
            raise Failed(f"wanted {short(pattern)}\n     got {short(message)}")

    def chunk(self, ident: Any, value: Any) -> None:
        self.lines.write(
            line_of({"in": {"method": "weir/chunk", "params": {"id": ident, "value": value}}})
        )
        self.used[repr(ident)] = self.used.get(repr(ident), 0) + 1

    def run(self, case: Any) -> None:
        if case.get("hello", True):
            self.lines.write(line_of({"in": HELLO}))
            self.expect({"id": "hello", "result": {"version": 1}})
        for number, step in enumerate(case["steps"], 1):
            try:
                self.step(step)
            except Failed as failed:
                raise Failed(f"step {number}: {failed}") from None

    def step(self, step: Any) -> None:
        ((kind, value),) = step.items()
        data = line_of(step)
        if data is not None:
            if kind == "in" and isinstance(value, dict) and value.get("method") == "weir/chunk":
                key = repr(value["params"]["id"])
                self.used[key] = self.used.get(key, 0) + 1
            self.lines.write(data)
        elif kind == "in_end":
            self.stdin.close()
        elif kind == "in_beyond_credit":
            key = repr(value["id"])
            for _ in range(self.granted.get(key, 0) - self.used.get(key, 0) + 1):
                self.chunk(value["id"], value["value"])
        elif kind == "out":
            self.expect(value)
        elif kind == "out_any_order":
            messages = [self.next() for _ in value]
            if not matches_any_order(value, messages):
                raise Failed(f"wanted {short(value)}\n     got {short(messages)}")
        elif kind == "credit":
            while self.granted.get(repr(value["id"]), 0) < value["at_least"]:
                message = self.next(also_credit=True)
                if message is None or message.get("method") != "weir/credit":
                    raise Failed(f"waiting for credit\n     got {short(message)}")
        elif kind == "out_end":
            message = self.next()
            if message is not None:
                raise Failed(f"wanted the end\n     got {short(message)}")
            if self.process.wait(PATIENCE_S) != 0:
                raise Failed(f"exit status {self.process.returncode}")
        else:
            raise Failed(f"no such step: {kind}")

    def close(self) -> None:
        self.stdin.close()
        self.process.kill()
        self.process.wait()
        self.stdout.close()


def cases_of(folder: Any, role: Any) -> Iterator[Any]:
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if document["role"] == role:
            for case in document["cases"]:
                yield os.path.basename(path)[:-5], case


def run_worker_case(case: Any, command: Any) -> Any:
    """None when it passes, else what went wrong."""
    run = WorkerCase(command)
    try:
        run.run(case)
    except Failed as failed:
        return str(failed)
    finally:
        run.close()
    return None


def main() -> None:
    cases = list(cases_of(sys.argv[1], "worker"))
    only = os.environ.get("ONLY", "")
    print(f"1..{len(cases)}")
    failures = 0
    for number, (file, case) in enumerate(cases, 1):
        if only not in f"{file}: {case['name']}":
            continue
        wrong = run_worker_case(case, sys.argv[2:])
        failures += wrong is not None
        print(
            f"{'ok' if wrong is None else 'not ok'} {number} - {file}: {case['name']}", flush=True
        )
        for line in (wrong or "").splitlines():
            print(f"#   {line}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
