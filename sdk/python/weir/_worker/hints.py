"""Type hints as checks: what a parameter must be, and the path to what is wrong in it.

A converter takes a value and its path and gives back the value for the function, or raises Mismatch.
"""

import binascii
import collections.abc
import dataclasses
import enum
import functools
import inspect
import re
import sys
import types
import typing
from typing import Any, Callable, Optional, Union

Converter = Callable[[Any, str], Any]


class Mismatch(Exception):
    """A value that its hint does not allow; the text names the argument."""


STREAM_ORIGINS = (collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator)
ASYNC_ORIGINS = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
)

_NAMES: dict[type, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
# For the code of a door: a quick test of a simple type.  bool is not int; an int is a number.
QUICK_TESTS: dict[Any, str] = {
    int: "type({0}) is int",
    float: "(type({0}) is float or type({0}) is int)",
    str: "type({0}) is str",
    bool: "type({0}) is bool",
    list: "type({0}) is list",
    dict: "type({0}) is dict",
    type(None): "{0} is None",
}


def name_of(value: Any) -> str:
    """What a value is, in the words of JSON."""
    return _NAMES.get(type(value), type(value).__name__)


def text_of(hint: Any) -> str:
    """A type as Python writes it, for people."""
    if isinstance(hint, str):
        return hint
    if isinstance(hint, typing.ForwardRef):
        return hint.__forward_arg__
    if isinstance(hint, type) and not typing.get_args(hint):
        return "None" if hint is type(None) else hint.__name__
    return str(hint).replace("typing.", "").replace("collections.abc.", "")


def is_stream(hint: Any) -> bool:
    return (
        typing.get_origin(hint) in STREAM_ORIGINS + ASYNC_ORIGINS
        or hint in STREAM_ORIGINS
        or hint in ASYNC_ORIGINS
    )


def is_async_stream(hint: Any) -> bool:
    return typing.get_origin(hint) in ASYNC_ORIGINS or hint in ASYNC_ORIGINS


def layers(function: Any) -> list[Any]:
    """A callable, and what it wraps, from the outside to the inside.

    Partial objects, bound and static methods, instances with __call__, and what functools.wraps marks.
    """
    found: list[Any] = []
    while not any(function is one for one in found):
        found.append(function)
        inner = _wrapped_by(function)
        if inner is None:
            break
        function = inner
    return found


def _wrapped_by(function: Any) -> Any:
    if isinstance(function, functools.partial):
        return function.func
    if isinstance(function, (types.MethodType, staticmethod)):
        return function.__func__
    inner = getattr(function, "__wrapped__", None)
    if inner is None and not isinstance(function, (types.FunctionType, type)):
        # An instance: its class has the function.
        inner = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself
        inner = inner if isinstance(inner, types.FunctionType) else None
    return inner


def described(function: Any) -> Any:
    """The outermost layer that has name, hints and doc of a function."""
    for one in layers(function):
        if isinstance(
            one, (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type)
        ) or hasattr(one, "__wrapped__"):
            return one
    return function


def of_parameters(function: Callable[..., Any], extras: bool = False) -> dict[str, Any]:
    """Its hints, resolved; one that this Python cannot resolve stays a string, and checks nothing.

    extras: `Annotated` keeps what it says.
    """
    function = described(function)
    try:
        return typing.get_type_hints(function, include_extras=extras)
    except Exception:
        pass
    owners = reversed(function.__mro__) if isinstance(function, type) else [function]
    hints = {}
    for owner in owners:
        for name, hint in _unresolved(owner).items():
            hint = _resolved(hint, owner)
            hints[name] = type(None) if hint is None else hint
    return hints


def _resolved(hint: Any, owner: Any) -> Any:
    """A hint that is a string, in the names of the function or class that has it; or that string."""
    if isinstance(hint, str):
        names = getattr(inspect.unwrap(owner), "__globals__", None)
        if names is None:
            names = vars(sys.modules.get(getattr(owner, "__module__", ""), types))
        try:
            return eval(hint, names, dict(vars(owner)) if isinstance(owner, type) else None)
        except Exception:
            pass
    return hint


def _unresolved(function: Callable[..., Any]) -> dict[str, Any]:
    """Its hints where some cannot be resolved: from Python 3.14 on, asking for them plainly would raise."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return dict(annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF))
    if isinstance(function, type):
        return dict(vars(function).get("__annotations__", {}))  # not those of its bases
    return dict(getattr(function, "__annotations__", {}))


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Its signature, without a need for what its hints mention: that may be defined later."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(function, annotation_format=annotationlib.Format.STRING)
    return inspect.signature(function)


def is_union(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return origin is Union or origin is getattr(types, "UnionType", Union)


def _anything(value: Any, path: str) -> Any:
    return value


def _simple(kind: type) -> Converter:
    wanted = _NAMES[kind]

    def convert(value: Any, path: str) -> Any:
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        raise Mismatch(f"{path} must be {wanted}, not {name_of(value)}")

    return convert


def _read_base64(text: str) -> bytes:
    if len(text) % 4 != 0 or not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text):
        raise ValueError
    return binascii.a2b_base64(text)


def _read_time(text: str) -> Any:
    """RFC 3339: Python before 3.11 reads no Z, and none reads nanoseconds."""
    from datetime import datetime

    text = re.sub(
        r"\.([0-9]+)",
        lambda digits: "." + digits.group(1)[:6].ljust(6, "0"),
        text.replace("Z", "+00:00"),
    )
    return datetime.fromisoformat(text)


def _read_date(text: str) -> Any:
    from datetime import date

    return date.fromisoformat(text)


def _read_decimal(text: str) -> Any:
    from decimal import Decimal

    if not re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", text):
        raise ValueError
    return Decimal(text)


# Types that JSON has as strings, by module and name: most workers need none of these modules.
_TEXTS: dict[tuple[str, str], tuple[str, Callable[[str], Any]]] = {
    ("builtins", "bytes"): ("a string in base64", _read_base64),
    ("datetime", "datetime"): ("a time such as 2026-11-27T12:30:00Z", _read_time),
    ("datetime", "date"): ("a day such as 2026-11-27", _read_date),
    ("decimal", "Decimal"): ('a decimal such as "1.10"', _read_decimal),
}


def text_form(hint: Any) -> Optional[tuple[str, Callable[[str], Any]]]:
    return _TEXTS.get((hint.__module__, hint.__qualname__)) if isinstance(hint, type) else None


def _of_text(wanted: str, read: Callable[[str], Any]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is str:
            try:
                return read(value)
            except ValueError:
                pass
        got = repr(value[:40]) if type(value) is str else name_of(value)
        raise Mismatch(f"{path} must be {wanted}, not {got}")

    return convert


def _list_of(item: Converter) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not list:
            raise Mismatch(f"{path} must be an array, not {name_of(value)}")
        if item is _anything:
            return value
        return [item(one, f"{path}[{index}]") for index, one in enumerate(value)]

    return convert


def _tuple_of(items: tuple[Converter, ...], more: bool) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not list:
            raise Mismatch(f"{path} must be an array, not {name_of(value)}")
        if more:
            return tuple(items[0](one, f"{path}[{i}]") for i, one in enumerate(value))
        if len(value) != len(items):
            raise Mismatch(f"{path} must have {len(items)} elements, not {len(value)}")
        return tuple(check(one, f"{path}[{i}]") for i, (check, one) in enumerate(zip(items, value)))

    return convert


def _dict_of(key: Converter, item: Converter) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise Mismatch(f"{path} must be an object, not {name_of(value)}")
        if item is _anything and key is _anything:
            return value
        made = {key(name, path): item(one, f"{path}.{name}") for name, one in value.items()}
        if len(made) != len(value):
            raise Mismatch(f"{path} has the same key twice, in two spellings")
        return made

    return convert


# How keys that are not strings stand in JSON, as our own answers write them.
_KEYS: dict[Any, tuple[str, "re.Pattern[str]", Callable[[str], Any]]] = {
    int: ("integers", re.compile(r"0|-?[1-9][0-9]*"), int),
    float: ("numbers", re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"), float),
    bool: ("true or false", re.compile(r"true|false"), lambda text: text == "true"),
    type(None): ("null", re.compile(r"null"), lambda text: None),
}


def _key_of(hint: Any) -> Converter:
    """For the keys of an object, which JSON has as strings: "1" is the key 1 of a Dict[int, ...]."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is None:
        hint = type(None)
    if origin is None and isinstance(hint, type):
        if hint in _KEYS:
            return _simple_key(hint)
        if issubclass(hint, enum.Enum):
            return _one_of_keys([(one.value, one) for one in hint])
    if origin is not None and hasattr(hint, "__metadata__"):
        return _key_of(arguments[0])
    if origin is typing.Literal:
        return _one_of_keys([(one, one) for one in arguments])
    if is_union(hint):
        return _union(hint, [_key_of(one) for one in arguments])
    return _anything


def _simple_key(kind: type) -> Converter:
    wanted, pattern, make = _KEYS[kind]

    def convert(key: Any, path: str) -> Any:
        try:
            if pattern.fullmatch(key):
                return make(key)
        except ValueError:  # an integer of more digits than Python takes
            pass
        raise Mismatch(f"the keys of {path} must be {wanted}, not {key!r}")

    return convert


def _one_of_keys(choices: list[tuple[Any, Any]]) -> Converter:
    """Of a Literal or an Enum: by their values, as JSON writes them for keys."""
    keys = {_key_text(value): one for value, one in choices}

    def convert(key: Any, path: str) -> Any:
        if key in keys:
            return keys[key]
        raise Mismatch(f"the keys of {path} must be of {', '.join(map(repr, keys))}, not {key!r}")

    return convert


def _key_text(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, (int, float)) else value


def _literal(values: tuple[Any, ...]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        for one in values:
            if type(one) is type(value) and one == value:
                return value
        raise Mismatch(f"{path} must be one of {', '.join(map(repr, values))}")

    return convert


def _union(hint: Any, options: list[Converter]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        for option in options:
            try:
                return option(value, path)
            except Mismatch:
                pass
        raise Mismatch(f"{path} must be {text_of(hint)}, not {name_of(value)}")

    return convert


def _members(
    kind: Any, fields: dict[str, Converter], required: list[str], build: bool
) -> Converter:
    """An object with named members: a TypedDict stays a dict, a dataclass is built."""

    def convert(value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise Mismatch(f"{path} must be an object ({kind.__name__}), not {name_of(value)}")
        for name in required:
            if name not in value:
                raise Mismatch(f"{path}.{name} is missing")
        for name in value:
            if name not in fields:
                raise Mismatch(f"{path}.{name} is not a member of {kind.__name__}")
        members = {name: fields[name](one, f"{path}.{name}") for name, one in value.items()}
        return kind(**members) if build else members

    return convert


def _lazily(make: Callable[[], Converter]) -> Converter:
    """For types that contain themselves."""
    made: list[Converter] = []

    def convert(value: Any, path: str) -> Any:
        if not made:
            made.append(make())
        return made[0](value, path)

    return convert


def members_of_dataclass(kind: Any, extras: bool = False) -> list[tuple[inspect.Parameter, Any]]:
    """What it is made from, with its hints: InitVars too, but no fields with init=False."""
    hints = of_parameters(kind, extras)
    wanted = [
        one
        for one in signature(kind).parameters.values()
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    own = (
        of_parameters(kind.__init__, extras) if any(one.name not in hints for one in wanted) else {}
    )
    return [(one, bare(hints.get(one.name, own.get(one.name, Any)), kind)) for one in wanted]


def _class_members(kind: Any) -> Converter:
    if hasattr(kind, "__dataclass_fields__"):
        wanted = members_of_dataclass(kind)
        required = [one.name for one, _ in wanted if one.default is one.empty]
        checks = {one.name: converter(hint) for one, hint in wanted}
        return _members(kind, checks, required, True)
    return _members(
        kind,
        {name: converter(bare(hint)) for name, hint in of_parameters(kind).items()},
        sorted(kind.__required_keys__),
        False,
    )


def bare(hint: Any, owner: Any = None) -> Any:
    """Without Required[...], NotRequired[...], ReadOnly[...], Final[...], InitVar[...]."""
    while True:
        if isinstance(hint, dataclasses.InitVar):
            hint = _resolved(hint.type, owner)
        elif getattr(typing.get_origin(hint), "_name", None) in (
            "Required",
            "NotRequired",
            "ReadOnly",
            "Final",
        ):
            hint = typing.get_args(hint)[0]
        else:
            return hint


def converter(hint: Any) -> Converter:
    """The converter for a hint; a hint that says nothing about JSON lets everything pass."""
    if hint is None:
        hint = type(None)
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if hint in (list, list):
        return _simple(list)
    if hint in (dict, dict):
        return _simple(dict)
    if isinstance(hint, type) and hint in _NAMES:
        return _simple(hint)
    text = text_form(hint)
    if text is not None:
        return _of_text(*text)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None and hasattr(hint, "__metadata__"):
        return converter(arguments[0])
    if is_union(hint):
        return _union(hint, [converter(one) for one in arguments])
    if origin is typing.Literal:
        return _literal(arguments)
    if origin in (list, collections.abc.Sequence, collections.abc.MutableSequence):
        return _list_of(converter(arguments[0]) if arguments else _anything)
    if origin is tuple and arguments:
        more = len(arguments) == 2 and arguments[1] is Ellipsis
        return _tuple_of(tuple(converter(one) for one in arguments if one is not Ellipsis), more)
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return (
            _dict_of(_key_of(arguments[0]), converter(arguments[1]))
            if len(arguments) == 2
            else _simple(dict)
        )
    if isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or hasattr(hint, "__required_keys__")
    ):
        return _lazily(lambda: _class_members(hint))
    return _anything


def is_anything(check: Converter) -> bool:
    return check is _anything


def quick_test(hint: Any, name: str) -> Optional[str]:
    """A test of a variable to put in a door's code; empty: it passes; None: the converter has to be asked."""
    if is_anything(converter(hint)):
        return ""
    options = typing.get_args(hint) if is_union(hint) else (hint,)
    try:
        tests = [QUICK_TESTS[option].format(name) for option in options]
    except (KeyError, TypeError):
        return None
    return f"({' or '.join(tests)})" if len(tests) > 1 else tests[0]
