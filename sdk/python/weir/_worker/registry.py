"""The functions that a worker offers, each with code that checks its arguments."""

import inspect
import types
from collections.abc import Generator, Iterator
from typing import (
    Any,
    Callable,
    Optional,
    TypeVar,
    Union,
    overload,
)

from . import asyncs, hints
from .errors import INVALID_PARAMS, Refused

F = TypeVar("F", bound=Callable[..., Any])
MAX_NAME = 128

# The functions of this program, by name: what `@function` has met.
functions: dict[str, "Entry"] = {}


@overload
def function(target: F) -> F: ...
@overload
def function(
    *,
    name: Optional[str] = None,
    idempotent: bool = False,
    title: Optional[str] = None,
    read_only: Optional[bool] = None,
    destructive: Optional[bool] = None,
    open_world: Optional[bool] = None,
) -> Callable[[F], F]: ...


def function(
    target: Any = None,
    *,
    name: Optional[str] = None,
    idempotent: bool = False,
    title: Optional[str] = None,
    read_only: Optional[bool] = None,
    destructive: Optional[bool] = None,
    open_world: Optional[bool] = None,
) -> Any:
    """Offer a function to callers: `@function`, or `@function(name="n", idempotent=True)`.

    A generator is an output stream; a parameter annotated Iterator[...] or Iterable[...] is the
    input stream. `async def` works for both, and so does a decorator made with functools.wraps
    around one of these. A decorator around a generator streams its return value only if that is an
    iterator; anything else, such as a list of all values, is the result of the call.

    idempotent: weir may repeat a call whose worker has died.

    For agents that see the function as a tool (`weir serve --mcp`): title is its name for people;
    read_only says that it changes nothing, destructive that it may delete or overwrite something,
    open_world that it reaches beyond this machine's own data, such as the web. None says nothing.

    Returns the function itself, unchanged.
    """

    def register(target: F) -> F:
        entry = Entry(target, name or _name_of(target), idempotent)
        entry.title = title
        entry.annotations = {
            hint: value
            for hint, value in (
                ("readOnlyHint", read_only),
                ("destructiveHint", destructive),
                ("idempotentHint", True if idempotent else None),
                ("openWorldHint", open_world),
            )
            if value is not None
        }
        if entry.name in functions and functions[entry.name].target is not target:
            raise ValueError(f"two functions are named {entry.name!r}: give one of them name=...")
        functions[entry.name] = entry
        return target

    return register if target is None else register(target)


class Entry:
    """A function, how it is described, and its door."""

    def __init__(self, target: Callable[..., Any], name: str, idempotent: bool = False) -> None:
        if not callable(target):
            raise TypeError(f"{target!r} is not a function")
        _check_name(name)
        self.target = target
        self.name = name
        self.idempotent = idempotent
        self.title: Optional[str] = None
        # Hints for agents, as MCP names them.
        self.annotations: dict[str, bool] = {}
        self._parameters = _parameters_of(target, name)
        self._hints: dict[str, Any] = {}
        self.stream_parameter: Optional[str] = None
        self.streams_out = False
        # Whether it is a generator function, or decorates one.
        self.wraps_generator = False
        self.door: Callable[[Any, Any], Any] = self._first_door
        self._ready = False

    def prepare(self) -> None:
        """Resolves the hints and builds the door: when all names that hints may mention are there."""
        if self._ready:
            return
        self._ready = True
        self._hints = hints.of_parameters(self.target)
        streams = [
            one.name for one in self._parameters if hints.is_stream(self._hints.get(one.name))
        ]
        if len(streams) > 1:
            raise TypeError(
                f"{self.name}: only one parameter can be a stream, not {' and '.join(streams)}"
            )
        self.stream_parameter = streams[0] if streams else None
        if any(
            one.name in streams and one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
            for one in self._parameters
        ):
            raise TypeError(
                f"{self.name}: the stream {streams[0]} must be a parameter that can be given by name"
            )
        self.wraps_generator = any(
            inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one)
            for one in hints.layers(self.target)
        )
        self.streams_out = self.wraps_generator or hints.is_stream(self._hints.get("return"))
        self.door = _make_door(self)

    @property
    def is_plain(self) -> bool:
        """Value in, value out."""
        return not self.streams_out and self.stream_parameter is None

    @property
    def stream(self) -> Optional[str]:
        if self.stream_parameter is not None:
            return "both" if self.streams_out else "in"
        return "out" if self.streams_out else None

    @property
    def takes_async_stream(self) -> bool:
        return hints.is_async_stream(self._hints.get(self.stream_parameter or ""))

    def stream_converter(self) -> hints.Converter:
        arguments = getattr(self._hints.get(self.stream_parameter or ""), "__args__", ())
        return hints.converter(arguments[0] if arguments else Any)

    def value_parameters(self) -> list[inspect.Parameter]:
        return [one for one in self._parameters if one.name != self.stream_parameter]

    def hint(self, name: str) -> Any:
        return self._hints.get(name, Any)

    def describe(self, with_schemas: bool = False) -> dict[str, Any]:
        """As the hello has it: docs/protocol.md section 4."""
        described: dict[str, Any] = {}
        if self.stream:
            described["stream"] = self.stream
        described["params"] = [self._describe_parameter(one) for one in self._parameters]
        if "return" in self._hints:
            described["returns"] = hints.text_of(self._hints["return"])
        if self.idempotent:
            described["idempotent"] = True
        doc = inspect.getdoc(hints.described(self.target))
        if doc:
            described["doc"] = doc.strip().splitlines()[0]
        if with_schemas:
            described.update(self._describe_more(doc))
        return described

    def _describe_more(self, doc: Optional[str]) -> dict[str, Any]:
        from . import schemas  # most hosts do not ask

        given = hints.of_parameters(self.target, extras=True)
        described: dict[str, Any] = {"input": schemas.of_input(self.value_parameters(), given)}
        output = schemas.of_output(given.get("return", Any))
        if output:
            described["output"] = output
        if doc:
            described["description"] = doc.strip()
        if self.title is not None:
            described["title"] = self.title
        if self.annotations:
            described["annotations"] = self.annotations
        return described

    def _describe_parameter(self, parameter: inspect.Parameter) -> dict[str, Any]:
        described: dict[str, Any] = {"name": parameter.name}
        if parameter.name in self._hints:
            described["type"] = hints.text_of(self._hints[parameter.name])
        if parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            described["optional"] = True
        if parameter.name == self.stream_parameter:
            described["stream"] = True
        return described

    def _first_door(self, params: Any, stream: Any) -> Any:
        self.prepare()
        return self.door(params, stream)


def _check_name(name: str) -> None:
    if (
        not name
        or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME
        or any(ord(one) < 32 or 127 <= ord(one) < 160 for one in name)
    ):
        raise ValueError(
            f"a method's name has 1 to {MAX_NAME} bytes and no control characters: {name!r}"
        )
    if name.startswith(("weir/", "rpc.")):
        raise ValueError(f"names that begin with weir/ or rpc. belong to the protocol: {name!r}")


def _parameters_of(target: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        return list(hints.signature(target).parameters.values())
    except ValueError as error:
        raise TypeError(f"{name}: {error}: wrap it in a function with a signature") from None


def _name_of(target: Any) -> str:
    name = getattr(hints.described(target), "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"{target!r} has no name: give it name=...")
    return name


def _calls_target(entry: Entry) -> Callable[..., Any]:
    """What the door calls: always a Python function, so that its frames can be told from ours."""
    target = call = entry.target
    if not isinstance(target, (types.FunctionType, types.MethodType)):
        namespace: dict[str, Any] = {"target": target, "__name__": "weir_function"}
        exec("def call(*values, **named):\n    return target(*values, **named)", namespace)
        call = namespace["call"]
    is_wrapper = len(hints.layers(target)) > 1
    # A closure may be a decorator's, made without functools.wraps.
    if (
        is_wrapper
        or getattr(target, "__closure__", None)
        or inspect.iscoroutinefunction(target)
        or inspect.isasyncgenfunction(target)
    ):
        call = asyncs.settled(call)
    if entry.streams_out and not inspect.isgeneratorfunction(target):
        call = _as_iterator(call, is_wrapper, entry.wraps_generator)
    return call


def _as_iterator(
    target: Callable[..., Any], is_wrapper: bool, wraps_generator: bool
) -> Callable[..., Any]:
    """What returns an iterator or an iterable.  A wrapper may have used up its generator: then it returns a value."""

    def call(*values: Any, **named: Any) -> Iterator[Any]:
        result = target(*values, **named)
        if is_wrapper and (
            isinstance(result, (str, bytes, dict))
            or not hasattr(type(result), "__next__" if wraps_generator else "__iter__")
        ):
            return _closing(result)
        return iter(result)

    return call


def _closing(value: Any) -> Generator[Any, None, Any]:
    """A stream of nothing but its closing value."""
    return value
    yield


def _make_door(entry: Entry) -> Callable[[Any, Any], Any]:
    """A function (params, stream) -> what the target gives.

    Its code is made for this signature: calls with simple types pass a few comparisons; all others take
    the long way, which finds out what is wrong.
    """
    long_way = _LongWay(entry, _calls_target(entry))
    values = entry.value_parameters()
    tests = []
    for index, parameter in enumerate(values):
        test = hints.quick_test(entry.hint(parameter.name), f"v{index}")
        if test is None or parameter.kind != parameter.POSITIONAL_OR_KEYWORD:
            return long_way
        tests.append(test)
    required = sum(parameter.default is parameter.empty for parameter in values)
    code = [
        "def door(params, stream):",
        "    if type(params) is list:",
        "        count = len(params)",
    ]
    for count in range(len(values), required - 1, -1):
        code.append(f"        if count == {count}:")
        if count:
            code.append(f"            {''.join(f'v{index}, ' for index in range(count))}= params")
        code += _pass_on(entry, values[:count], tests[:count])
    code.append(f"    elif type(params) is dict and len(params) == {len(values)}:")
    code += [
        f"        v{index} = params.get({parameter.name!r}, missing)"
        for index, parameter in enumerate(values)
    ]
    code += ["        if True:"] + _pass_on(
        entry, values, [test or f"v{index} is not missing" for index, test in enumerate(tests)]
    )
    code.append("    return long_way(params, stream)")
    namespace: dict[str, Any] = {
        "__name__": f"{__package__}.door",
        "target": long_way.target,
        "long_way": long_way,
        "missing": object(),
    }
    exec(compile("\n".join(code), f"<door of {entry.name}>", "exec"), namespace)
    door: Callable[[Any, Any], Any] = namespace["door"]
    return door


def _pass_on(entry: Entry, values: list[inspect.Parameter], tests: list[str]) -> list[str]:
    """Code that calls the target with v0, v1, ... if all tests hold."""
    given = [
        f"{parameter.name}=v{index}" if entry.stream_parameter else f"v{index}"
        for index, parameter in enumerate(values)
    ]
    if entry.stream_parameter:
        given.append(f"{entry.stream_parameter}=stream")
    wanted = " and ".join(test for test in tests if test) or "True"
    return [f"            if {wanted}:", f"                return target({', '.join(given)})"]


class _LongWay:
    """Binds params to the signature, converts them, and says which argument does not fit."""

    def __init__(self, entry: Entry, target: Callable[..., Any]) -> None:
        self.target = target
        self._entry = entry
        self._stream = entry.stream_parameter
        self._convert = {
            one.name: hints.converter(entry.hint(one.name)) for one in entry.value_parameters()
        }
        self._places = [
            one
            for one in entry.value_parameters()
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]
        self._rest = next(
            (one for one in entry._parameters if one.kind == one.VAR_POSITIONAL), None
        )
        self._more = next((one for one in entry._parameters if one.kind == one.VAR_KEYWORD), None)

    def __call__(self, params: Union[list[Any], dict[str, Any]], stream: Any) -> Any:
        try:
            if type(params) is list:
                positional, named = self._by_position(params)
            elif type(params) is dict:
                positional, named = self._by_name(params)
            else:
                raise hints.Mismatch(
                    f"params must be an array or an object, not {hints.name_of(params)}"
                )
        except hints.Mismatch as mismatch:
            raise Refused(INVALID_PARAMS, str(mismatch)) from None
        if self._stream is not None:
            named[self._stream] = stream
        return self.target(*positional, **named)

    def _by_position(self, params: list[Any]) -> Any:
        if len(params) > len(self._places) and self._rest is None:
            raise hints.Mismatch(
                f"{self._entry.name} takes {len(self._places)} "
                f"argument{'s' * (len(self._places) != 1)}, not {len(params)}"
            )
        given = {one.name: value for one, value in zip(self._places, params)}
        rest = []
        if self._rest is not None:
            check = self._convert[self._rest.name]
            rest = [
                check(value, f"{self._rest.name}[{index}]")
                for index, value in enumerate(params[len(self._places) :])
            ]
        return self._bind(given, rest)

    def _by_name(self, params: dict[str, Any]) -> Any:
        given = {}
        more = {}
        for name, value in params.items():
            if name == self._stream:
                raise hints.Mismatch(f"{name} is the input stream: it is not given in params")
            if (
                name in self._convert
                and not (self._rest and name == self._rest.name)
                and not (self._more and name == self._more.name)
            ):
                given[name] = value
            elif self._more is not None:
                more[name] = self._convert[self._more.name](value, name)
            else:
                raise hints.Mismatch(f"{self._entry.name} has no argument {name}")
        positional, named = self._bind(given, [])
        named.update(more)
        return positional, named

    def _bind(self, given: dict[str, Any], rest: list[Any]) -> Any:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for one in self._entry.value_parameters():
            if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
                continue
            if one.name not in given:
                if one.default is one.empty:
                    raise hints.Mismatch(f"the argument {one.name} is missing")
                if one.kind == one.POSITIONAL_ONLY or (
                    rest and one.kind == one.POSITIONAL_OR_KEYWORD
                ):
                    positional.append(one.default)
                continue
            value = self._convert[one.name](given[one.name], one.name)
            if one.kind == one.POSITIONAL_ONLY or (rest and one.kind == one.POSITIONAL_OR_KEYWORD):
                positional.append(value)
            else:
                named[one.name] = value
        return positional + rest, named


def offer_all(module: types.ModuleType) -> None:
    """A file without `@function`: its own public functions are offered."""
    for name, value in sorted(vars(module).items()):
        if (
            isinstance(value, types.FunctionType)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        ):
            functions[name] = Entry(value, name)
