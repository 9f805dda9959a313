"""What functions are given and give back: decorators, dataclasses, keys, errors, contexts, time to clean up."""

import os
import signal
import sys
import unittest
from typing import Any

import support
from test_functions import entry
from weir._worker import codec, registry
from weir._worker.errors import Refused

DECORATED = """
    import asyncio, contextlib, functools, time
    from typing import AsyncIterator, Iterator
    from weir_worker import Cancelled, function, log, run
    def logged(f):
        @functools.wraps(f)
        def inner(*a, **k):
            return f(*a, **k)
        return inner
    def bare(f):
        def inner(a: int):
            return f(a)
        return inner
    def timed(f):
        @functools.wraps(f)
        async def inner(*a, **k):
            await asyncio.sleep(0)
            return f(*a, **k)
        return inner
    def collected(f):
        @functools.wraps(f)
        def inner(*a, **k):
            return sum(f(*a, **k))
        return inner
    def as_list(f):
        @functools.wraps(f)
        def inner(*a, **k):
            return list(f(*a, **k))
        return inner
    @function
    @logged
    @logged
    async def value(a: int) -> int:
        await asyncio.sleep(0)
        return a
    @function
    @logged
    def count(n: int):
        yield from range(n)
        return "end"
    @function
    @logged
    async def acount(n: int):
        try:
            for one in range(n):
                await asyncio.sleep(0)
                yield one
        finally:
            log("closed")
    @function
    @timed
    def later(a: int) -> int:
        return a
    @function
    @timed
    def counts_later(n: int):
        yield from range(n)
    @function
    @collected
    def summed(n: int):
        yield from range(n)
    @function
    @as_list
    def listed(n: int):
        yield from range(n)
    @function
    @logged
    async def doubles(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number
    function(name="bare")(bare(value))
    function(name="partial")(functools.partial(value, 5))
    function(name="partial_count")(functools.partial(count, n=2))
    class Adder:
        "Adds."
        a: str = "not of the call"
        def __init__(self, more):
            self.more = more
        def __call__(self, a: int) -> int:
            return a + self.more
        def method(self, a: int) -> int:
            return a + self.more
        async def slow(self, a: int) -> int:
            return a + self.more
        @classmethod
        def of_class(cls, n: int):
            yield from range(n)
        @staticmethod
        def static(a: int) -> int:
            return a
    class Counter:
        def __call__(self, n: int):
            yield from range(n)
    class Slow:
        async def __call__(self, a: int) -> int:
            await asyncio.sleep(0)
            return a
    adder = Adder(10)
    function(name="adder")(adder)
    function(name="counter")(Counter())
    function(name="instance")(Slow())
    for one in (adder.method, adder.slow, Adder.of_class, Adder.static):
        function(one)
    @function
    @functools.lru_cache(maxsize=None)
    def cached(a: int) -> int:
        return a
    @function
    @functools.lru_cache(maxsize=None)
    def cached_range(n: int) -> Iterator[int]:
        return range(n)
    @function
    @logged
    def sleeps(path: str) -> None:
        time.sleep(60)
    @function
    @logged
    async def asleep() -> None:
        await asyncio.sleep(60)
    run()
"""


class Decorated(unittest.TestCase):
    def test_decorators_and_callables(self) -> None:
        """decorated: coroutines, generators and both below functools.wraps, partials, instances, methods"""
        with support.worker(DECORATED) as worker:
            methods = worker.hello()["methods"]
            for name in (
                "value",
                "later",
                "bare",
                "partial",
                "adder",
                "slow",
                "instance",
                "method",
                "static",
                "cached",
            ):
                params = [] if name == "partial" else [5]
                self.assertEqual(
                    worker.answer(name, name, *params).get("result"),
                    15 if name in ("adder", "method", "slow") else 5,
                    name,
                )
                self.assertNotIn("stream", methods[name])
                if name != "partial":
                    self.assertEqual(worker.answer(name, name, "x")["error"]["code"], -32602, name)
            for name in (
                "count",
                "acount",
                "counts_later",
                "of_class",
                "counter",
                "partial_count",
                "cached_range",
            ):
                self.assertEqual(methods[name]["stream"], "out", name)
                worker.call(name, name, *([] if name == "partial_count" else [2]), credit=9)
                self.assertEqual([worker.get()["params"]["value"] for _ in range(2)], [0, 1], name)
                last = worker.get()
                if name == "acount":
                    self.assertEqual(last["params"]["message"], "closed")
                    last = worker.get()
                self.assertEqual(
                    last["result"],
                    "end" if "count" in name and name in ("count", "partial_count") else None,
                    name,
                )
            self.assertEqual(methods["adder"]["params"], [{"name": "a", "type": "int"}])

    def test_an_event_loop_that_a_function_closes(self) -> None:
        """async: a function that closes the event loop does not end those after it"""
        with support.worker("""
            import asyncio
            from weir_worker import function, run
            @function
            async def later():
                await asyncio.sleep(0)
                return 1
            @function
            async def close():
                loop = asyncio.get_running_loop()
                loop.call_soon(lambda: loop.call_soon(loop.stop))
                await asyncio.sleep(10)
            @function
            def shut():
                from weir._worker import asyncs
                asyncs.loop().close()
            run()
        """) as worker:
            self.assertEqual(worker.answer(1, "later")["result"], 1)
            self.assertIn("error", worker.answer(2, "close"))
            self.assertIsNone(worker.answer(3, "shut")["result"])
            self.assertEqual(worker.answer(4, "later")["result"], 1)

    def test_a_generator_that_its_decorator_uses_up(self) -> None:
        """decorated: what the decorator makes of a generator is the result"""
        with support.worker(DECORATED) as worker:
            for name, result in ("summed", 6), ("listed", [0, 1, 2, 3]):
                for credit in {"credit": 9}, {}:
                    worker.call(1, name, 4, **credit)
                    self.assertEqual(worker.get()["result"], result, name)

    def test_streams_both_ways_and_cancelling(self) -> None:
        """decorated: input streams, and interrupting what waits"""
        with support.worker(DECORATED) as worker:
            self.assertEqual(worker.hello()["methods"]["doubles"]["stream"], "both")
            worker.call(1, "doubles", stream="in", credit=9)
            self.assertEqual(worker.get()["method"], "weir/credit")
            worker.notify("chunk", id=1, value=4)
            self.assertEqual(worker.get()["params"]["value"], 8)
            worker.notify("end", id=1)
            self.assertIsNone(worker.get()["result"])
            for number, (name, params) in enumerate((("sleeps", ["x"]), ("asleep", []))):
                worker.call(name, name, *params)
                worker.notify("cancel", id=name)
                self.assertEqual(worker.get()["error"]["code"], -32800, name)
            worker.call(2, "acount", 1000000, credit=1)
            worker.get()
            worker.notify("cancel", id=2)
            self.assertEqual(worker.get()["params"]["message"], "closed")
            self.assertEqual(worker.get()["error"]["code"], -32800)

    def test_what_has_no_name(self) -> None:
        """decorated: a callable without a name asks for one"""

        class Nameless:
            __call__ = property(lambda self: lambda: 5)

        with self.assertRaisesRegex(TypeError, "name=..."):
            nameless: Any = Nameless()
            registry.function(nameless)


class Dataclasses(unittest.TestCase):
    CODE = """from dataclasses import dataclass, field, InitVar
from typing import *
@dataclass
class Base:
    item: str
    price: InitVar[int]
    kind: ClassVar[str] = "order"
    total: int = field(init=False, default=7)
    unset: int = field(init=False, repr=False)
    tags: List[str] = field(default_factory=list)
    def __post_init__(self, price):
        self.total = price * 2
@dataclass
class Order(Base):
    note: InitVar[Optional[str]] = None
    bare: InitVar = 5
    rate: Final[float] = 1.0
    def __post_init__(self, price, note, bare):
        self.total = price * 3
        self.noted = (note, bare)
def f(o: Order): return o
"""

    def check(self, code: Any) -> None:
        made = entry(code)
        order = made.door([{"item": "x", "price": 4}], None)
        self.assertEqual((order.total, order.tags, order.noted), (12, [], (None, 5)))
        order = made.door(
            [{"item": "x", "price": 4, "note": "n", "bare": [1], "tags": ["a"], "rate": 2}], None
        )
        self.assertEqual((order.noted, order.tags, order.rate), (("n", [1]), ["a"], 2))
        for value, words in (
            ({"item": "x"}, "o.price is missing"),
            ({"item": "x", "price": "4"}, "o.price must be an integer"),
            ({"item": "x", "price": 1, "note": 5}, "o.note must be"),
            ({"item": "x", "price": 1, "total": 5}, "o.total is not a member"),
            ({"item": "x", "price": 1, "kind": "k"}, "o.kind is not a member"),
            ({"item": "x", "price": 1, "rate": "k"}, "o.rate must be a number"),
        ):
            with self.assertRaises(Refused) as caught:
                made.door([value], None)
            self.assertIn(words, caught.exception.message)

    def test_pseudo_fields(self) -> None:
        """dataclasses: InitVar is a member, ClassVar and init=False are not; inherited, too"""
        self.check(self.CODE)

    def test_hints_that_are_strings(self) -> None:
        """dataclasses: the same with `from __future__ import annotations`"""
        self.check("from __future__ import annotations\n" + self.CODE)
        made = entry(
            "from dataclasses import dataclass, InitVar\nfrom typing import *\n@dataclass\nclass Node:\n"
            "    more: InitVar['Optional[Node]'] = None\n    def __post_init__(self, more): self.inner = more\n"
            "def f(n: Node): return n"
        )
        self.assertIsNone(made.door([{"more": {"more": None}}], None).inner.inner)
        with self.assertRaises(Refused):
            made.door([{"more": {"more": 5}}], None)

    @unittest.skipIf(sys.version_info < (3, 10), "dataclasses have it from Python 3.10 on")
    def test_keyword_only(self) -> None:
        """dataclasses: KW_ONLY and slots"""
        for start in ("", "from __future__ import annotations\n"):
            made = entry(
                start
                + "from dataclasses import dataclass, InitVar, KW_ONLY\n@dataclass(slots=True)\nclass D:\n    a: int = 1\n"
                "    _: KW_ONLY\n    b: int\n    c: InitVar[int] = 5\ndef f(d: D): return [d.a, d.b]"
            )
            self.assertEqual(made.door([{"b": 2}], None), [1, 2])
            for value in ({}, {"b": "x"}, {"b": 2, "_": 5}):
                with self.assertRaises(Refused):
                    made.door([value], None)

    def test_an_init_of_its_own(self) -> None:
        """dataclasses: with init=False the members are those of its own __init__"""
        made = entry(
            "from dataclasses import dataclass\n@dataclass(init=False)\nclass D:\n    a: int\n"
            "    def __init__(self, text: str, *, twice: bool = False): self.a = int(text) * (1 + twice)\n"
            "def f(d: D): return d.a"
        )
        self.assertEqual(made.door([{"text": "4", "twice": True}], None), 8)
        for value in ({"a": 1}, {"text": 4}, {}):
            with self.assertRaises(Refused):
                made.door([value], None)

    def test_as_results(self) -> None:
        """dataclasses: InitVars do not go out; a field that has no value is -33003, and the worker lives"""
        with support.worker("""
            from dataclasses import InitVar, dataclass, field
            from weir_worker import function, run
            @dataclass
            class Order:
                item: str
                price: InitVar[int]
                total: int = 0
            @dataclass
            class Late:
                when: int = field(init=False)
            @function
            def order(): return Order("x", 5)
            @function
            def late(): return Late()
            @function
            def lates():
                yield Late()
            run()
        """) as worker:
            self.assertEqual(worker.answer(1, "order")["result"], {"item": "x", "total": 0})
            self.assertEqual(worker.answer(2, "late")["error"]["code"], -33003)
            self.assertEqual(worker.answer(3, "lates", credit=5)["error"]["code"], -33003)
            self.assertEqual(worker.answer(4, "order")["result"], {"item": "x", "total": 0})


class Keys(unittest.TestCase):
    def door(self, hint: Any, more: str = "") -> Any:
        return entry(f"import enum\nfrom typing import *\n{more}def f(x: {hint}): return x").door

    def test_keys(self) -> None:
        """keys: those of Dict[int, ...] and its like are made of the strings that JSON has"""
        enums = "class E(enum.Enum):\n    A = 'a'\n    B = 2\nclass I(enum.IntEnum):\n    ONE = 1\nId = NewType('Id', int)\n"
        for hint, good, made, bad in (
            (
                "Dict[int, str]",
                {"1": "a", "-20": "b"},
                {1: "a", -20: "b"},
                ("x", "01", "+1", "1.0", " 1", "1_0", "-0", "", "1\n", "\u0661"),
            ),
            ("Dict[int, Any]", {"0": None}, {0: None}, ("x",)),
            ("Mapping[int, List[int]]", {"1": [2]}, {1: [2]}, ("x",)),
            (
                "Dict[float, int]",
                {"1.5": 1, "1e3": 2, "3": 4},
                {1.5: 1, 1000.0: 2, 3.0: 4},
                ("x", "nan", "inf", ".5", "1."),
            ),
            (
                "Dict[bool, int]",
                {"true": 1, "false": 2},
                {True: 1, False: 2},
                ("True", "1", "null"),
            ),
            ("Dict[None, int]", {"null": 1}, {None: 1}, ("None",)),
            ("Dict[Optional[int], int]", {"null": 1, "2": 2}, {None: 1, 2: 2}, ("x",)),
            ("Dict[Union[int, str], int]", {"1": 1, "x": 2}, {1: 1, "x": 2}, ()),
            (
                "Dict[Literal[1, 'b', None, True], int]",
                {"1": 1, "b": 2, "null": 3},
                {1: 1, "b": 2, None: 3},
                ("2", "1.0"),
            ),
            ("Dict[Id, int]", {"7": 1}, {7: 1}, ("x",)),
            ("Dict[str, int]", {"1": 1}, {"1": 1}, ()),
            ("Dict[Any, int]", {"1": 1}, {"1": 1}, ()),
            ("Dict[int, Dict[int, int]]", {"1": {"2": 3}}, {1: {2: 3}}, ("x",)),
        ):
            door = self.door(hint, enums)
            self.assertEqual(door([good], None), made, hint)
            self.assertEqual(
                codec.encode(door([good], None)) if "float" not in hint else "",
                codec.encode(good) if "float" not in hint else "",
                hint,
            )
            for key in bad:
                with self.assertRaises(Refused, msg=(hint, key)) as caught:
                    door([{key: next(iter(good.values()))}], None)
                self.assertIn("x must be", caught.exception.message)
        module = sys.modules
        got = self.door("Dict[E, int]", enums)([{"a": 1, "2": 2}], None)
        kinds = module["functions"]
        self.assertEqual(got, {kinds.E.A: 1, kinds.E.B: 2})
        got = self.door("Dict[I, int]", enums)([{"1": 1}], None)
        self.assertIs(type(next(iter(got))), module["functions"].I)
        with self.assertRaises(Refused):
            self.door("Dict[E, int]", enums)([{"A": 1}], None)

    def test_odd_keys(self) -> None:
        """keys: two spellings of one key, and an integer of too many digits, are refused"""
        for hint, value in (
            ("Dict[float, int]", {"1": 1, "1.0": 2}),
            ("Dict[int, int]", {"9" * 10000: 1} if sys.version_info >= (3, 11) else {"x": 1}),
        ):
            with self.assertRaises(Refused):
                self.door(hint)([value], None)


class Errors(unittest.TestCase):
    CODE = """
        import datetime, enum, sys
        from weir_worker import Error, function, run
        class Own(Error):
            def __init__(self): pass
        class Broken(Error):
            message = property(lambda self: 1 // 0, lambda self, value: None)
        class Leaving(Exception):
            def __str__(self): sys.exit(5)
        class Bad:
            x = 5
            def __getattr__(self, name): raise KeyError(name)
        def data(what):
            loop = []
            loop.append(loop)
            deep = []
            for _ in range(2000):
                deep = [deep]
            edge = 5
            for _ in range(999):
                edge = [edge]
            return {"span": {"since": datetime.timedelta(1)}, "nan": float("nan"), "set": {1}, "loop": loop,
                    "deep": deep, "edge": edge, "huge": 10 ** 6000, "key": {(1, 2): 3}, "object": Bad(), "long": "x" * (64 << 20)}[what]
        @function
        def pay(what: str) -> int:
            raise Error("no funds", code=1402, data=data(what))
        @function
        def said(what: str) -> int:
            class Text:
                def __str__(self): raise ValueError
            class Code(enum.IntEnum):
                MINE = 1500
            if what == "own": raise Own()
            if what == "broken": raise Broken("x", code=1403)
            if what == "leaving": raise Leaving()
            if what == "number": raise Error(402, code=1402, data=[1])
            if what == "text": raise Error(Text(), code=1402, data=[1])
            if what == "surrogate": raise Error("a\\ud800", code=1402, data=["\\udfff"])
            if what == "enum": raise Error("x", code=Code.MINE, data=[1])
            if what == "changed":
                error = Error("x")
                error.code, error.data = "many", [1]
                raise error
            raise Error("x", code={"string": "1402", "low": 5, "bool": True, "float": 1402.0, "huge": 2 ** 60}[what])
        @function
        def items(what: str):
            yield 1
            raise Error("no funds", code=1402, data=data(what))
        run()
    """

    def test_data_that_json_cannot_say(self) -> None:
        """errors: data that JSON cannot say is left out; code and message get there"""
        with support.worker(self.CODE) as worker:
            for what in (
                "span",
                "nan",
                "set",
                "loop",
                "deep",
                "edge",
                "huge",
                "key",
                "object",
                "long",
            ):
                if what == "huge" and sys.version_info < (3, 11):
                    continue
                wanted = {"code": 1402, "message": "no funds"}
                self.assertEqual(worker.answer(what, "pay", what)["error"], wanted, what)
                worker.send([{"id": 1, "method": "pay", "params": [what]}])
                self.assertEqual(worker.get()[0]["error"], wanted, what)
                worker.send(
                    {"id": 1, "method": "weir/map", "params": {"method": "pay", "items": [[what]]}}
                )
                self.assertEqual(
                    worker.get()["result"], {"values": [None], "errors": {"0": wanted}}, what
                )
                worker.call(2, "items", what, credit=5)
                self.assertEqual(worker.get()["params"]["value"], 1)
                self.assertEqual(worker.get()["error"], wanted, what)
            self.assertEqual(worker.end(), 0)
            self.assertIn("the data of error 1402 is left out: ", worker.stderr())
            self.assertIn("timedelta", worker.stderr())

    def test_odd_messages_and_codes(self) -> None:
        """errors: messages that are no text, codes that are none: the worker answers and lives"""
        with support.worker(self.CODE) as worker:
            for what, code, message in (
                ("own", 1000, ""),
                ("broken", 1403, "an error that cannot say itself"),
                ("leaving", 1000, "an error that cannot say itself"),
                ("number", 1402, "402"),
                ("text", 1402, "an error that cannot say itself"),
                ("surrogate", 1402, "a\ud800"),
                ("enum", 1500, "x"),
                ("changed", 1000, "x"),
            ):
                error = worker.answer(what, "said", what)["error"]
                self.assertEqual((error["code"], error["message"]), (code, message), what)
            for what in ("string", "low", "bool", "float", "huge"):
                error = worker.answer(what, "said", what)["error"]
                self.assertEqual((error["code"], error["data"]["type"]), (1000, "ValueError"), what)


class Contexts(unittest.TestCase):
    CODE = """
        import asyncio, contextvars
        from weir_worker import function, run
        variable = contextvars.ContextVar("variable", default="unset")
        at_import = contextvars.ContextVar("at_import")
        at_import.set("import")
        @function
        def swap(value: str) -> str:
            assert at_import.get() == "import"
            before = variable.get()
            variable.set(value)
            return before
        @function
        def steps(value: str):
            token = variable.set(value)
            for _ in range(3):
                yield variable.get()
                variable.set(variable.get() + "+")
            variable.reset(token)
            yield variable.get()
        @function
        async def aswap(value: str) -> str:
            before = variable.get()
            variable.set(value)
            await asyncio.sleep(0)
            return before + variable.get()
        @function
        async def asteps(value: str):
            variable.set(value)
            for _ in range(3):
                yield variable.get()
                await asyncio.sleep(0)
                variable.set(variable.get() + "+")
        @function
        def reads(values: "Iterator[str]") -> str:
            variable.set("mine")
            for value in values:
                variable.set(variable.get() + value)
            return variable.get()
        from typing import Iterator
        run()
    """

    def test_each_call_has_its_own(self) -> None:
        """contextvars: what a call sets is gone with it, in every kind of call"""
        with support.worker(self.CODE) as worker:
            for ident in (1, 2):
                self.assertEqual(worker.answer(ident, "swap", "mine")["result"], "unset")
                self.assertEqual(
                    worker.answer(ident, "swap", "mine", deadline_ms=5000)["result"], "unset"
                )
                self.assertEqual(worker.answer(ident, "aswap", "mine")["result"], "unsetmine")
                worker.send([{"id": one, "method": "swap", "params": ["batch"]} for one in (1, 2)])
                self.assertEqual([one["result"] for one in worker.get()], ["unset", "unset"])
                worker.send(
                    {
                        "id": 1,
                        "method": "weir/map",
                        "params": {"method": "swap", "items": [["map"], ["map"]]},
                    }
                )
                self.assertEqual(worker.get()["result"]["values"], ["unset", "unset"])
                worker.call(3, "reads", stream="in")
                self.assertEqual(worker.get()["method"], "weir/credit")
                worker.notify("chunk", id=3, value="a")
                worker.notify("end", id=3)
                self.assertEqual(worker.get()["result"], "minea")

    def test_a_stream_keeps_its_own(self) -> None:
        """contextvars: a generator has one context for all its steps, an async one too"""
        with support.worker(self.CODE) as worker:
            for method, more in (("steps", ["unset"]), ("asteps", [])):
                worker.call(1, method, "s", credit=1)
                worker.call(2, "swap", "between")
                got = []
                while True:
                    message = worker.get()
                    if message.get("id") == 2:
                        self.assertEqual(message["result"], "unset")
                        break
                    if "id" not in message:
                        got.append(message["params"]["value"])
                        worker.notify("credit", id=1, n=1)
                self.assertEqual(got, ["s", "s+", "s++", *more], method)


class CleaningUp(unittest.TestCase):
    CODE = """
        import asyncio, time
        from typing import AsyncIterator, Iterator
        from weir_worker import function, log, run
        def clean():
            try:
                time.sleep(0.3)
            except BaseException as error:
                log(f"cut off: {error!r}")
                raise
            log("clean")
        @function
        def work():
            try:
                time.sleep(60)
            finally:
                clean()
        @function
        def waits(values: Iterator[int]):
            try:
                list(values)
            finally:
                clean()
        @function
        def steps():
            try:
                while True:
                    yield 1
            finally:
                clean()
        @function
        async def asteps():
            try:
                while True:
                    yield 1
            finally:
                await asyncio.sleep(0.1)
                clean()
        @function
        async def awork():
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.1)
                clean()
        @function
        async def aloop():
            try:
                while True:
                    pass
            finally:
                clean()
        run()
    """

    def test_nothing_cuts_it_off(self) -> None:
        """cleaning up: `finally` after a cancellation or a deadline is not interrupted again"""
        with support.worker(self.CODE) as worker:
            worker.hello()
            for way in ("cancel", "deadline"):
                for method in ("work", "waits", "steps", "asteps", "awork", "aloop"):
                    weir: dict[str, Any] = (
                        {"credit": 1}
                        if method.endswith("steps")
                        else {"stream": "in"}
                        if method == "waits"
                        else {}
                    )
                    if way == "deadline":
                        weir["deadline_ms"] = 50
                    worker.call(method, method, **weir)
                    if weir.get("credit") or weir.get("stream"):
                        worker.get()
                    if way == "cancel":
                        worker.notify("cancel", id=method)
                    self.assertEqual(
                        worker.get().get("params", {}).get("message"), "clean", (way, method)
                    )
                    self.assertEqual(
                        worker.get()["error"]["code"], -32800 if way == "cancel" else -33001
                    )

    def test_sigint_does(self) -> None:
        """cleaning up: SIGINT, which the host sends after its grace, interrupts it again"""
        with support.worker(
            self.CODE.replace("time.sleep(0.3)", "log('cleaning'); time.sleep(60)")
        ) as worker:
            worker.hello()
            for method in ("work", "steps", "awork"):
                worker.call(method, method, **({"credit": 1} if method == "steps" else {}))
                if method == "steps":
                    worker.get()
                worker.notify("cancel", id=method)
                self.assertEqual(worker.get()["params"]["message"], "cleaning")
                os.kill(worker.pid, signal.SIGINT)
                self.assertIn("cut off", worker.get()["params"]["message"])
                self.assertEqual(worker.get()["error"]["code"], -32800, method)


if __name__ == "__main__":
    unittest.main()
