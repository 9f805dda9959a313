"""Functions, their hints and descriptions; `async def`; the program that serves a plain file."""

import os
import subprocess
import sys
import types
import unittest
from typing import Any

import support
from weir._worker import codec, registry
from weir._worker.errors import Refused


def entry(code: Any, name: str = "f") -> Any:
    # A module of its own, where hints are looked up.
    sys.modules["functions"] = module = types.ModuleType("functions")
    exec(code, vars(module))
    made = registry.Entry(getattr(module, name), name)
    made.prepare()
    return made


class Hints(unittest.TestCase):
    def fits(self, hint: Any, value: Any) -> Any:
        code = (
            f"from typing import *\nfrom dataclasses import dataclass\ndef f(x: {hint}): return x"
        )
        return entry(code).door([value], None)

    def refuses(self, hint: Any, value: Any, words: Any) -> None:
        for params in ([value], {"x": value}):
            code = f"from typing import *\ndef f(x: {hint}): return x"
            with self.assertRaises(Refused) as caught:
                entry(code).door(params, None)
            self.assertEqual(caught.exception.code, -32602)
            self.assertIn(words, caught.exception.message)

    def test_what_fits(self) -> None:
        """hints: what fits passes as it is"""
        for hint, value in (
            ("int", 5),
            ("float", 5),
            ("float", 5.5),
            ("str", ""),
            ("bool", True),
            ("None", None),
            ("Any", [1]),
            ("object", {}),
            ("list", [1, "a"]),
            ("dict", {"a": 1}),
            ("List[int]", [1]),
            ("Dict[str, float]", {"a": 1}),
            ("Optional[int]", None),
            ("Union[int, str]", "a"),
            ("Literal['a', 1]", 1),
            ("List[Optional[List[int]]]", [None, [1]]),
            ("'int'", 5),
            ("Sequence[int]", [1]),
            ("Mapping[str, Any]", {"a": 1}),
        ):
            self.assertEqual(self.fits(hint, value), value, hint)
        self.assertEqual(self.fits("Tuple[int, ...]", [1, 2]), (1, 2))
        self.assertEqual(self.fits("Tuple[int, str]", [1, "a"]), (1, "a"))

    def test_what_does_not_fit(self) -> None:
        """hints: what does not fit is -32602, with the path to it"""
        for hint, value, words in (
            ("int", True, "x must be an integer, not true or false"),
            ("int", 1.0, "x must be an integer"),
            ("int", None, "not null"),
            ("str", 5, "x must be a string"),
            ("bool", 1, "x must be true or false"),
            ("float", "1", "x must be a number"),
            ("float", True, "x must be a number"),
            ("List[int]", [1, "a"], "x[1] must be an integer"),
            ("List[int]", {}, "x must be an array"),
            ("Dict[str, List[int]]", {"a": [None]}, "x.a[0] must be an integer"),
            ("Optional[int]", "a", "x must be"),
            ("Literal['a', 1]", True, "x must be one of 'a', 1"),
            ("Tuple[int, str]", [1], "x must have 2 elements, not 1"),
            ("dict", [], "x must be an object"),
        ):
            self.refuses(hint, value, words)

    def test_a_dataclass_is_built(self) -> None:
        """hints: a dataclass is built from an object, and goes out as one"""
        made = entry(
            "from dataclasses import dataclass, field\nfrom typing import *\n"
            "@dataclass\nclass Point:\n    x: int\n    y: int = 2\n    more: 'List[Point]' = field(default_factory=list)\n"
            "def f(point: Point) -> Point: return Point(point.x + 1, point.y, point.more)"
        )
        self.assertEqual(
            codec.encode(made.door([{"x": 1, "more": [{"x": 5}]}], None)),
            '{"x":2,"y":2,"more":[{"x":5,"y":2,"more":[]}]}',
        )
        for value, words in (
            ({}, "point.x is missing"),
            ({"x": "a"}, "point.x must be an integer"),
            ({"x": 1, "z": 1}, "point.z is not a member"),
            ([], "point must be an object"),
            ({"x": 1, "more": [{"x": None}]}, "point.more[0].x must be an integer"),
        ):
            with self.assertRaises(Refused) as caught:
                made.door([value], None)
            self.assertIn(words, caught.exception.message)

    def test_a_typed_dict(self) -> None:
        """hints: a TypedDict is checked, and stays an object"""
        made = entry(
            "from typing import *\nclass T(TypedDict):\n    a: int\n"
            "class U(T, total=False):\n    b: str\ndef f(t: U): return t"
        )
        self.assertEqual(made.door([{"a": 1}], None), {"a": 1})
        for value, words in (
            ({"b": "x"}, "t.a is missing"),
            ({"a": 1, "b": 2}, "t.b must be a string"),
        ):
            with self.assertRaises(Refused) as caught:
                made.door([value], None)
            self.assertIn(words, caught.exception.message)

    def test_an_unknown_hint_checks_nothing(self) -> None:
        """hints: a name that cannot be resolved checks nothing"""
        self.assertEqual(
            entry("def f(x: 'NoSuchName', y: 'int'): return x").door(["a", 1], None), "a"
        )
        with self.assertRaises(Refused):
            entry("def f(x: 'NoSuchName', y: 'int'): return x").door(["a", "b"], None)


class Doors(unittest.TestCase):
    def test_all_kinds_of_parameters(self) -> None:
        """parameters: positional only, defaults, *args, keyword only, **kwargs"""
        f = entry("def f(a, /, b=2, *rest: int, c=3, **more: str): return [a, b, rest, c, more]")
        self.assertEqual(f.door([1], None), [1, 2, (), 3, {}])
        self.assertEqual(f.door([1, 5, 6, 7], None), [1, 5, (6, 7), 3, {}])
        self.assertEqual(f.door({"a": 1, "c": 4, "d": "x"}, None), [1, 2, (), 4, {"d": "x"}])
        for params, words in (
            ([], "a is missing"),
            ([1, 2, "x"], "rest[0] must be"),
            ({"a": 1, "d": 5}, "d must be"),
        ):
            with self.assertRaises(Refused) as caught:
                f.door(params, None)
            self.assertIn(words, caught.exception.message)

    def test_the_quick_doors(self) -> None:
        """parameters: by position, by name, with defaults: the quick way and the long one agree"""
        f = entry(
            "from typing import *\ndef f(a: int, b: Optional[str] = 'x', c=None): return [a, b, c]"
        )
        self.assertEqual(f.door.__name__, "door")
        for params, wanted in (
            ([1], [1, "x", None]),
            ([1, None], [1, None, None]),
            ([1, "y", 3], [1, "y", 3]),
            ({"c": 3, "a": 1, "b": None}, [1, None, 3]),
            ({"a": 1}, [1, "x", None]),
        ):
            self.assertEqual(f.door(params, None), wanted)
        for refused in (
            [],
            [1, 2],
            [1, "y", 3, 4],
            {},
            {"a": 1, "b": "y", "d": 3},
            {"b": "y"},
            {"a": True, "b": "y", "c": 3},
        ):
            with self.assertRaises(Refused):
                f.door(refused, None)
        none = entry("def f(): return 5")
        self.assertEqual([none.door([], None), none.door({}, None)], [5, 5])
        with self.assertRaises(Refused):
            none.door([1], None)
        only = entry(
            "from typing import *\ndef f(values: Iterator[int], n: int = 2): return [values, n]"
        )
        self.assertEqual(
            [only.door([], "s"), only.door([3], "s"), only.door({"n": 4}, "s")],
            [["s", 2], ["s", 3], ["s", 4]],
        )

    def test_a_type_error_inside_is_the_functions_own(self) -> None:
        """parameters: a TypeError that the function raises is not taken for a misfit"""
        with self.assertRaises(TypeError):
            entry("def f(a): return a + 'x'").door([1], None)

    def test_names(self) -> None:
        """names: weir/ and rpc. are the protocol's, control characters are none's, doubles are refused"""
        for name in ("weir/x", "rpc.x", "", "a\nb", "x" * 129):
            with self.assertRaises(ValueError):
                registry.Entry(len, name)
        before = dict(registry.functions)
        try:
            registry.function(name="doubled")(lambda: 1)
            with self.assertRaises(ValueError):
                registry.function(name="doubled")(lambda: 2)
        finally:
            registry.functions.clear()
            registry.functions.update(before)

    def test_descriptions(self) -> None:
        """descriptions: parameters with types, streams, what comes back, the first line of the doc"""
        made = entry(
            "from typing import *\ndef f(n: int, values: Iterator[List[str]], more: bool = False) -> Iterator[float]:\n"
            "    'One line.\\n\\n    And more.'\n    yield 1.0"
        )
        self.assertEqual(
            made.describe(),
            {
                "stream": "both",
                "returns": "Iterator[float]",
                "doc": "One line.",
                "params": [
                    {"name": "n", "type": "int"},
                    {"name": "values", "type": "Iterator[List[str]]", "stream": True},
                    {"name": "more", "type": "bool", "optional": True},
                ],
            },
        )

    def test_two_streams_are_refused(self) -> None:
        """descriptions: two stream parameters are refused by name"""
        with self.assertRaisesRegex(TypeError, "a and b"):
            entry("from typing import *\ndef f(a: Iterator[int], b: Iterable[int]): pass")


class Depth(unittest.TestCase):
    def test_depth(self) -> None:
        """depth: exact at 1,000, whatever stands in strings"""
        for depth, deep in ((1000, False), (1001, True), (5000, True)):
            text = "[" * depth + "]" * depth
            self.assertEqual(codec.is_too_deep(text), deep)
            self.assertEqual(codec.is_too_deep('{"a":' * depth + "1" + "}" * depth), deep)
            self.assertEqual(codec.is_too_deep("[" + text + "]"), depth >= 1000)
        self.assertFalse(codec.is_too_deep('["' + "[" * 5000 + '"]'))
        self.assertFalse(codec.is_too_deep('["\\"' + "[" * 5000 + '\\\\"]'))
        self.assertFalse(codec.is_too_deep("[" + "[[]]," * 5000 + "1]"))

    def test_recovering_an_id(self) -> None:
        """ids: found behind what cannot be read, and only at the top"""
        for text, ident in (
            ('{"a":{"id":1},"id":2}', 2),
            ('{"a":"\\"id\\":3","id" : "x"}', "x"),
            ('{"a":[{"id":1}]}', None),
            ('{"b":"id","id":7}', 7),
            ('{"id":1.5}', None),
            ('{"id":"\ufffd"}', None),
            ("[]", None),
            ("", None),
        ):
            self.assertEqual(codec.recover_id(text), ident, text)


class Async(unittest.TestCase):
    CODE = """
        import asyncio, time
        from typing import AsyncIterator
        from weir_worker import function, log, run
        @function
        async def add(a: int, b: int) -> int:
            await asyncio.sleep(0)
            return a + b
        @function
        async def sleep() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                log("cleaned up")
        @function
        async def block() -> None:
            time.sleep(60)
        @function
        async def together() -> list:
            async def one(n):
                await asyncio.sleep(0.01)
                return n
            return await asyncio.gather(*(one(n) for n in range(3)))
        @function
        async def count(n: int):
            try:
                for i in range(n):
                    await asyncio.sleep(0)
                    yield i
            finally:
                log("closed")
        @function
        async def total(numbers: AsyncIterator[int]) -> int:
            return sum([number async for number in numbers])
        @function
        async def doubles(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
            async for number in numbers:
                yield 2 * number
        @function
        async def fail():
            await asyncio.sleep(0)
            raise KeyError("gone")
        run()
    """

    def test_values(self) -> None:
        """async: values, tasks, errors"""
        with support.worker(self.CODE) as worker:
            self.assertEqual(worker.hello()["methods"]["doubles"]["stream"], "both")
            self.assertEqual(worker.answer(1, "add", 1, 2)["result"], 3)
            self.assertEqual(worker.answer(2, "together")["result"], [0, 1, 2])
            self.assertEqual(worker.answer(3, "fail")["error"]["data"]["type"], "KeyError")
            self.assertEqual(worker.answer(4, "add", 1, "x")["error"]["code"], -32602)
            self.assertEqual(worker.end(), 0)

    def test_cancel(self) -> None:
        """async: cancel, with cleaning up; a step that blocks; a deadline"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "sleep")
            worker.notify("cancel", id=1)
            self.assertEqual(worker.get()["params"]["message"], "cleaned up")
            self.assertEqual(worker.get()["error"]["code"], -32800)
            worker.call(2, "block")
            worker.notify("cancel", id=2)
            self.assertEqual(worker.get()["error"]["code"], -32800)
            worker.call(3, "sleep", deadline_ms=30)
            self.assertEqual(worker.get()["params"]["message"], "cleaned up")
            self.assertEqual(worker.get()["error"]["code"], -33001)
            self.assertEqual(worker.answer(4, "add", 1, 2)["result"], 3)

    def test_streams(self) -> None:
        """async: generators out, AsyncIterator in, both; closed when they are cancelled"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            worker.call(1, "count", 3, credit=5)
            self.assertEqual([worker.get()["params"]["value"] for _ in range(3)], [0, 1, 2])
            self.assertEqual(worker.get()["params"]["message"], "closed")
            self.assertEqual(worker.get()["id"], 1)
            worker.call(2, "count", 3, credit=1)
            self.assertEqual(worker.get()["params"]["value"], 0)
            worker.notify("cancel", id=2)
            self.assertEqual(worker.get()["params"]["message"], "closed")
            self.assertEqual(worker.get()["error"]["code"], -32800)
            worker.call(3, "total", stream="in")
            self.assertEqual(worker.get()["method"], "weir/credit")
            for number in range(5):
                worker.notify("chunk", id=3, value=number)
            worker.notify("end", id=3)
            self.assertEqual(worker.get()["result"], 10)
            worker.call(4, "doubles", stream="in", credit=9)
            self.assertEqual(worker.get()["method"], "weir/credit")
            for number in range(3):
                worker.notify("chunk", id=4, value=number)
                self.assertEqual(worker.get()["params"]["value"], 2 * number)
            worker.notify("cancel", id=4)
            self.assertEqual(worker.get()["error"]["code"], -32800)


class Program(unittest.TestCase):
    def run_module(self, code: Any, *options: Any) -> Any:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "my-functions.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(code)
            done = subprocess.run(
                [sys.executable, "-m", "weir_worker", *options, path],
                text=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=support.environment(),
                timeout=30,
            )
            return done.returncode, done.stdout, done.stderr

    def test_list(self) -> None:
        """program: --list shows the functions of a file"""
        status, out, _ = self.run_module(
            "from typing import Iterator\ndef area(w: float, h: float = 1) -> float:\n    'Width by height.'\n"
            "def count(n: int) -> Iterator[int]: yield 1\ndef _hidden(): pass\n",
            "--list",
        )
        self.assertEqual(
            (status, out),
            (
                0,
                (
                    "area(w: float, h: float = ...) -> float  Width by height.\n"
                    "count(n: int) -> Iterator[int]  [stream out]\n"
                ),
            ),
        )

    def test_only_the_decorated(self) -> None:
        """program: where functions are decorated, only those are offered; `__main__` does not run"""
        status, out, _ = self.run_module(
            "from weir_worker import function, run\n@function\ndef a(): pass\ndef b(): pass\n"
            "if __name__ == '__main__': run()\n",
            "--list",
        )
        self.assertEqual((status, out), (0, "a()\n"))

    def test_nothing_to_offer(self) -> None:
        """program: a file without functions, or no file, says so"""
        self.assertIn("no function", self.run_module("x = 1\n")[2])
        done = subprocess.run(
            [sys.executable, "-m", "weir_worker", "/nonexistent/x.py"],
            text=True,
            capture_output=True,
            env=support.environment(),
            timeout=30,
        )
        self.assertEqual((done.returncode, "no such file" in done.stderr), (1, True))

    def test_stdio_is_left_alone_elsewhere(self) -> None:
        """program: the client and a test of functions leave descriptors 0 and 1 alone"""
        for code, more in (
            (
                "import weir._client; from weir.worker import Error, Cancelled, context, log; print('here')",
                {},
            ),
            ("from weir_worker import function; print('here')", {"WEIR_WORKER_KEEP_STDIO": "1"}),
        ):
            done = subprocess.run(
                [sys.executable, "-c", code],
                text=True,
                capture_output=True,
                env={**support.environment(), **more},
                timeout=30,
            )
            self.assertEqual((done.stdout, done.stderr), ("here\n", ""))


if __name__ == "__main__":
    unittest.main()
