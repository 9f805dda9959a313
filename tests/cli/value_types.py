#!/usr/bin/env python3
"""What docs/types.md says of values in JSON, Python, Go and C.  Prints TAP.
value_types.py WEIR SRCDIR

The first table becomes a Python worker and a Go program, which is a worker, too; a row is a
function of each.  The second table has a case for each row here.
"""

import contextlib
import functools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
WEIR, SRCDIR = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path[:0] = [f"{SRCDIR}/tests/support", f"{SRCDIR}/sdk/python"]
import weir
from tap_cases import PATIENCE_S, Skip, await_that, run_cases

ENVIRONMENT = dict(
    os.environ, PYTHONPATH=f"{SRCDIR}/sdk/python", PYTHONDONTWRITEBYTECODE="1", WEIR=WEIR
)

PYTHON_HEAD = """
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Dict, List, Optional, Tuple
"""

PYTHON_WORKER = """
from weir.worker import Error, function, serve

def same(value, wanted):
    if value != wanted or type(value) is not type(wanted):
        raise AssertionError(f"got {value!r}, not {wanted!r}")
    return value

@function
def anything(value):
    return value

@function
def hinted_float(value: float) -> str:
    return type(value).__name__

@function
def listed(value: List[int]) -> int:
    return len(value)

@function
def maybe_listed(value: Optional[List[int]]) -> bool:
    return value is None

@function
def person(value: Person) -> Person:
    return value

@function
def moment(value: datetime) -> datetime:
    return value

@function
def make(text: str) -> Any:
    return eval(text)

@function
def fail(text: str) -> None:
    raise ValueError(text)

@function
def refuse() -> None:
    raise Error("not today", 1234, {"until": "tomorrow"})
"""

GO_HEAD = """package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"os"
	"reflect"
	"time"

	"weir.dev/weir"
)

var (
	_ = math.Pi
	_ = big.NewInt
	_ = time.Now
)

func pointer[T any](value T) *T { return &value }

type call[T any] struct{ Value T }

// echo is a worker's function: it has the value, and gives it back.
func echo[T any](name string, wanted T) *weir.Function {
	return weir.Func(name, func(_ context.Context, p call[T]) (T, error) {
		if !reflect.DeepEqual(p.Value, wanted) {
			return p.Value, fmt.Errorf("got %#v, not %#v", p.Value, wanted)
		}
		return p.Value, nil
	})
}

// there sends the value to a Python function and back.
func there[T any](caller weir.Caller, name string, value T) {
	got, err := weir.Call[T](context.Background(), caller, name, value)
	switch {
	case err != nil:
		fmt.Printf("%s\\t%v\\n", name, err)
	case !reflect.DeepEqual(got, value):
		fmt.Printf("%s\\tgot %#v back, not %#v\\n", name, got, value)
	default:
		fmt.Printf("%s\\tok\\n", name)
	}
}

// try prints what a call makes.
func try[T any](caller weir.Caller, what, name string, args ...any) {
	got, err := weir.Call[T](context.Background(), caller, name, args...)
	reported := map[string]any{"what": what}
	if failure := (*weir.Error)(nil); errors.As(err, &failure) {
		reported["code"], reported["message"] = failure.Code, failure.Message
		reported["type"], reported["traceback"], reported["data"] = failure.Type(), failure.Traceback(), failure.Data
	} else if err != nil {
		reported["error"] = err.Error()
	} else {
		reported["got"] = fmt.Sprintf("%#v", got)
	}
	line, _ := json.Marshal(reported)
	fmt.Println("try\\t" + string(line))
}

func host() {
	pool, err := weir.NewPool(context.Background(), weir.Program(os.Args[2:]...), weir.Workers(1))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer pool.Close()
	rows(pool)
	try[string](pool, "whole float", "hinted_float", 3.0)
	try[int](pool, "float to int", "make", "3.0")
	try[int64](pool, "too large", "make", "2**63")
	try[int8](pool, "too large for int8", "make", "300")
	try[float64](pool, "nan", "make", "float('nan')")
	try[float64](pool, "nan of Go", "hinted_float", math.NaN())
	try[string](pool, "surrogate", "make", `"\\ud800"`)
	try[json.RawMessage](pool, "surrogate as it is", "make", `"\\ud800"`)
	try[string](pool, "ill-formed", "make", "'\\xff'")
	try[int](pool, "nil slice", "listed", []int(nil))
	try[bool](pool, "nil slice, optional", "maybe_listed", []int(nil))
	try[[]any](pool, "tuple", "make", "(1, 'a')")
	try[any](pool, "set", "make", "{1}")
	try[call[int]](pool, "member that Go lacks", "make", `{"Value": 1, "other": 2}`)
	try[any](pool, "member that Python lacks", "person", map[string]any{"name": "Ada", "born": 1815, "other": 2})
	try[Person](pool, "absent in Go", "make", `{"name": "Ada"}`)
	try[Person](pool, "absent in Python", "person", map[string]any{"name": "Ada", "born": 1815})
	try[any](pool, "absent and needed", "person", map[string]any{"name": "Ada"})
	try[time.Time](pool, "no zone", "make", "datetime(2026, 1, 2)")
	try[time.Time](pool, "nanoseconds", "moment", time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC))
	try[any](pool, "timedelta", "make", "timedelta(seconds=1)")
	try[json.RawMessage](pool, "as written", "make", "[10**30, 1.5]")
	try[any](pool, "exception", "fail", "no such thing")
	try[any](pool, "own code", "refuse")
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "host" {
		host()
		return
	}
	weir.Main(append(functions(),
		weir.Func("fail", func(context.Context, weir.None) (int, error) {
			_, err := os.Open("/nonexistent/file")
			var path *fs.PathError
			errors.As(err, &path)
			return 0, fmt.Errorf("cannot start: %w", path)
		}),
		weir.Func("refuse", func(context.Context, weir.None) (int, error) {
			return 0, &weir.Error{Code: 1234, Message: "not today", Data: json.RawMessage(`{"until":"tomorrow"}`)}
		}),
		weir.Func("errorf", func(context.Context, weir.None) (int, error) { return 0, weir.Errorf(1234, "no %s", "customer") }),
		weir.Func("integer", func(_ context.Context, p call[int]) (int, error) { return p.Value, nil }),
		weir.Func("moment", func(_ context.Context, p call[time.Time]) (time.Time, error) { return p.Value, nil }),
		weir.Func("text", func(_ context.Context, p call[string]) (string, error) { return p.Value, nil }),
		weir.Func("raw", func(_ context.Context, p call[json.RawMessage]) (json.RawMessage, error) { return p.Value, nil }),
		weir.Func("list", func(_ context.Context, p call[[]any]) (any, error) { return p.Value, nil }),
		weir.Func("nan", func(context.Context, weir.None) (float64, error) { return math.Inf(1), nil }),
		weir.Func("nothing", func(context.Context, weir.None) ([]int, error) { return nil, nil }),
	)...)
}
"""


def read_page() -> tuple[list[list[str]], dict[str, str]]:
    """The rows of the first table, and the blocks of code by their language."""
    with open(f"{SRCDIR}/docs/types.md", encoding="utf-8") as file:
        page = file.read()
    blocks = dict(zip(("python", "go"), re.findall(r"```text\n(.*?)```", page, re.DOTALL)))
    table = page.split("## The same on both sides")[1].split("## What changes")[0]
    rows = [
        [cell.strip() for cell in line.strip("|\n").split(" | ")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return [
        [cell.strip("| ").removeprefix("`").removesuffix("`") for cell in row] for row in rows[2:]
    ], blocks


ROWS, BLOCKS = read_page()


def python_worker() -> str:
    lines = [PYTHON_HEAD, BLOCKS["python"], PYTHON_WORKER]
    for number, (_, _, hint, value, _, _) in enumerate(ROWS):
        lines.append(
            f"@function\ndef row{number}(value: {hint}) -> Any:\n    return same(value, {value})\n"
        )
    return "\n".join(lines) + "\nserve()\n"


def go_program() -> str:
    functions, rows = [], []
    for number, (_, _, _, _, kind, value) in enumerate(ROWS):
        functions.append(f'\t\techo[{kind}]("row{number}", {value}),\n')
        rows.append(f'\tthere[{kind}](caller, "row{number}", {value})\n')
    return (
        GO_HEAD
        + BLOCKS["go"]
        + "func functions() []weir.Option {\n\treturn []weir.Option{\n"
        + "".join(functions)
        + "\t}\n}\n\nfunc rows(caller weir.Caller) {\n"
        + "".join(rows)
        + "}\n"
    )


class Built:
    """Both programs, made once."""

    def __init__(self, directory: str) -> None:
        self.worker = f"{sys.executable} {directory}/worker.py"
        self.go = f"{directory}/program"
        self.module = directory
        self.has_go = bool(os.environ.get("GO"))
        self.reported: list[list[str]] = []
        with open(f"{directory}/worker.py", "w", encoding="utf-8") as file:
            file.write(python_worker())
        if not self.has_go:
            return
        with open(f"{directory}/main.go", "w", encoding="utf-8") as file:
            file.write(go_program())
        with open(f"{directory}/go.mod", "w", encoding="utf-8") as file:
            file.write(
                "module example.org/types\n\ngo 1.19\n\nrequire weir.dev/weir v0.0.0\n\n"
                f"replace weir.dev/weir => {SRCDIR}/sdk/go\n"
            )
        subprocess.run(
            [os.environ["GO"], "build", "-o", self.go, "main.go"],
            cwd=directory,
            env=dict(ENVIRONMENT, HOME=os.environ.get("HOME") or directory),
            check=True,
        )

    def host(self) -> list[list[str]]:
        """What the Go program says of its calls of the Python worker."""
        if not self.has_go:
            raise Skip("configure found no go")
        if not self.reported:
            done = subprocess.run(
                [self.go, "host", *self.worker.split()],
                env=ENVIRONMENT,
                capture_output=True,
                timeout=PATIENCE_S,
            )
            assert done.returncode == 0, done
            self.reported = [line.split("\t", 1) for line in done.stdout.decode().splitlines()]
        return self.reported

    def tries(self) -> dict[str, Any]:
        made = [json.loads(text) for name, text in self.host() if name == "try"]
        return {one["what"]: one for one in made}


built: Built


@contextlib.contextmanager
def go_server(directory: str) -> Iterator[Any]:
    """A Python client of the Go worker."""
    if not built.has_go:
        raise Skip("configure found no go")
    path = f"{directory}/s"
    server = subprocess.Popen(
        [WEIR, "serve", "-s", path, "-j1", "-w", built.go],
        env=ENVIRONMENT,
        stderr=subprocess.DEVNULL,
    )
    try:
        await_that(lambda: os.path.exists(path), "the server")
        with weir.connect(path) as client:
            yield client
    finally:
        server.terminate()
        server.wait()


def value_of(expression: str) -> Any:
    names: dict[str, Any] = {"__name__": "row"}
    sys.modules["row"] = type(sys)("row")  # where dataclass looks
    exec(PYTHON_HEAD + BLOCKS["python"], names)
    return eval(expression, names)


def from_go_to_python_and_back(number: int) -> None:
    reported = dict(line for line in built.host() if line[0] != "try")
    assert reported[f"row{number}"] == "ok", reported[f"row{number}"]


def from_python_to_go_and_back(number: int, directory: str) -> None:
    _, text, _, value, _, _ = ROWS[number]
    with go_server(directory) as client:
        got = client.call(f"row{number}", value_of(value))
    assert got == json.loads(text) and type(got) is type(json.loads(text)), got


def through_c(number: int) -> None:
    text = ROWS[number][1]
    for worker in [built.worker] + ([built.go] if built.has_go else []):
        done = subprocess.run(
            [WEIR, "call", "-w", worker, f"row{number}", text],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == json.loads(text), done.stdout


# --- The second table -----------------------------------------------------------


def what_go_sends() -> None:
    tries = built.tries()
    assert tries["whole float"]["got"] == '"int"', tries["whole float"]
    assert tries["nan of Go"]["code"] == -33003
    assert tries["ill-formed"]["got"] == '"\\ufffd"' or "\ufffd" in tries["ill-formed"]["got"]
    assert tries["nil slice"]["code"] == -32602 and "null" in tries["nil slice"]["message"]
    assert tries["nil slice, optional"]["got"] == "true"
    assert tries["member that Python lacks"]["code"] == -32602
    assert "1815" in tries["absent in Python"]["got"] and "nil" in tries["absent in Python"]["got"]
    assert tries["absent and needed"]["code"] == -32602
    assert ".123456" in tries["nanoseconds"]["got"] or "123456000" in tries["nanoseconds"]["got"]


def what_go_gets() -> None:
    tries = built.tries()
    assert "3.0" in tries["float to int"]["error"], tries["float to int"]
    assert "9223372036854775808" in tries["too large"]["error"]
    assert "300" in tries["too large for int8"]["error"]
    assert tries["nan"]["code"] == -33003
    assert "\ufffd" in tries["surrogate"]["got"] or "\\ufffd" in tries["surrogate"]["got"]
    surrogate = bytes(
        int(one, 16) for one in re.findall(r"0x(\w+)", tries["surrogate as it is"]["got"])
    )
    assert surrogate == b'"\\ud800"', surrogate
    assert tries["tuple"]["got"] == '[]interface {}{1, "a"}', tries["tuple"]
    assert tries["set"]["code"] == -33003 and tries["timedelta"]["code"] == -33003
    assert tries["member that Go lacks"]["got"].endswith("{Value:1}")
    assert 'Name:"Ada", Born:0' in tries["absent in Go"]["got"]
    assert "error" in tries["no zone"], tries["no zone"]
    number = bytes(int(one, 16) for one in re.findall(r"0x(\w+)", tries["as written"]["got"]))
    assert number == b"[1" + b"0" * 30 + b",1.5]", number


def errors_of_python_in_go() -> None:
    tries = built.tries()
    raised = tries["exception"]
    assert (raised["code"], raised["message"]) == (1000, "no such thing"), raised
    assert raised["type"] == "ValueError" and "Traceback" in raised["traceback"]
    own = tries["own code"]
    assert (own["code"], own["message"]) == (1234, "not today") and own["data"] == {
        "until": "tomorrow"
    }


def errors_of_go_in_python(directory: str) -> None:
    def failure(name: str) -> Any:
        try:
            client.call(name)
        except weir.RemoteError as error:
            return error
        raise AssertionError("it did not fail")

    with go_server(directory) as client:
        raised = failure("fail")
        assert raised.code == 1000 and "cannot start: open /nonexistent/file" in raised.message
        assert raised.type == "*fmt.wrapError" and "*fs.PathError" in raised.traceback
        own = failure("refuse")
        assert (own.code, own.message, own.data) == (1234, "not today", {"until": "tomorrow"})
        assert (failure("errorf").code, failure("errorf").message) == (1234, "no customer")
        assert failure("nan").code == -33003


def what_python_sends(directory: str) -> None:
    with go_server(directory) as client:
        for value in (3.0, 2**63):
            try:
                client.call("integer", value)
            except weir.RemoteError as error:
                assert error.code == -32602 and "value" in error.message, error
            else:
                raise AssertionError(value)
        refused: list[Any] = [math.nan, math.inf, {1}]
        for one in refused:
            try:
                client.call("integer", one)
            except (ValueError, TypeError):
                pass
            else:
                raise AssertionError(one)
        assert client.call("text", "\ud800") == "\ufffd"
        assert client.call("raw", "\ud800") == "\ud800"
        assert client.call("list", (1, "a")) == [1, "a"]
        assert client.call("nothing") is None
        try:
            client.call("moment", value_of("datetime(2026, 1, 2)"))
        except weir.RemoteError as error:
            assert error.code == -32602, error
        else:
            raise AssertionError("a time without zone")
        assert client.call(
            "moment", value_of("datetime(2026, 1, 2, microsecond=5, tzinfo=timezone.utc)")
        )


def called(worker: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [WEIR, "call", "--json", "-w", worker, *words],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=PATIENCE_S,
    )


def what_C_passes_on() -> None:
    workers = [(built.worker, "anything")] + ([(built.go, "raw")] if built.has_go else [])
    for worker, name in workers:
        for text in "3.0", "1e400", "9" * 30, r'"\ud800"', "null", '[1,"a"]', '{"b":1,"a":2.5}':
            if text == "1e400" and name == "anything":
                continue  # a float of Python is infinite then
            done = called(worker, name, text)
            assert (done.returncode, done.stdout) == (0, text.encode() + b"\n"), (text, done)


def errors_in_C() -> None:
    own = json.loads(called(built.worker, "refuse").stdout)
    assert (own["code"], own["message"]) == (1234, "not today"), own
    assert own["data"] == {"until": "tomorrow"}, own
    raised = json.loads(called(built.worker, "fail", '"no such thing"').stdout)
    assert (raised["code"], raised["message"]) == (1000, "no such thing"), raised
    assert raised["data"]["type"] == "ValueError" and "Traceback" in raised["data"]["traceback"]
    if built.has_go:
        raised = json.loads(called(built.go, "fail").stdout)
        assert raised["code"] == 1000 and raised["message"].startswith("cannot start: open /nonex")
        assert raised["data"]["type"] == "*fmt.wrapError", raised
        own = json.loads(called(built.go, "refuse").stdout)
        assert (own["code"], own["data"]) == (1234, {"until": "tomorrow"}), own


def case(function: Any, number: int) -> Any:
    one = functools.partial(function, number)
    one.__name__ = f"{function.__name__}: {ROWS[number][0].replace('`', '')}"  # type: ignore[attr-defined]
    return one


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        built = Built(directory)
        run_cases(
            [
                case(function, number)
                for function in (
                    from_go_to_python_and_back,
                    from_python_to_go_and_back,
                    through_c,
                )
                for number in range(len(ROWS))
            ]
            + [
                what_go_sends,
                what_go_gets,
                errors_of_python_in_go,
                errors_of_go_in_python,
                what_python_sends,
                what_C_passes_on,
                errors_in_C,
            ]
        )
