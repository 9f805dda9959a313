"""Type hints as checks: what a parameter must be, and the path to what is wrong in it.

A converter takes a value and its path and gives back the value for the function, or raises Mismatch.
"""
import collections.abc
import dataclasses
import inspect
import sys
import types
import typing
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

Converter = Callable[[Any, str], Any]


class Mismatch(Exception):
    """A value that its hint does not allow; the text names the argument."""


STREAM_ORIGINS = (collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator)
ASYNC_ORIGINS = (collections.abc.AsyncIterator, collections.abc.AsyncIterable,
                 collections.abc.AsyncGenerator)

_NAMES: Dict[type, str] = {int: "an integer", float: "a number", str: "a string",
                           bool: "true or false", list: "an array", dict: "an object",
                           type(None): "null"}
# For the code of a door: a quick test of a simple type.  bool is not int; an int is a number.
QUICK_TESTS: Dict[Any, str] = {
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
    return typing.get_origin(hint) in STREAM_ORIGINS + ASYNC_ORIGINS or hint in STREAM_ORIGINS \
        or hint in ASYNC_ORIGINS


def is_async_stream(hint: Any) -> bool:
    return typing.get_origin(hint) in ASYNC_ORIGINS or hint in ASYNC_ORIGINS


def of_parameters(function: Callable[..., Any]) -> Dict[str, Any]:
    """Its hints, resolved; one that this Python cannot resolve stays a string, and checks nothing."""
    try:
        return typing.get_type_hints(function)
    except Exception:
        raw = _unresolved(function)
    hints = {}
    for name, hint in raw.items():
        if isinstance(hint, str):
            try:
                hint = eval(hint, getattr(function, "__globals__", {}))
            except Exception:
                pass
        hints[name] = type(None) if hint is None else hint
    return hints


def _unresolved(function: Callable[..., Any]) -> Dict[str, Any]:
    """Its hints where some cannot be resolved: from Python 3.14 on, asking for them plainly would raise."""
    if sys.version_info >= (3, 14):
        import annotationlib
        return dict(annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF))
    return dict(getattr(function, "__annotations__", {}))


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Its signature, without a need for what its hints mention: that may be defined later."""
    if sys.version_info >= (3, 14):
        import annotationlib
        return inspect.signature(function, annotation_format=annotationlib.Format.STRING)
    return inspect.signature(function)


def _is_union(hint: Any) -> bool:
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


def _list_of(item: Converter) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not list:
            raise Mismatch(f"{path} must be an array, not {name_of(value)}")
        if item is _anything:
            return value
        return [item(one, f"{path}[{index}]") for index, one in enumerate(value)]
    return convert


def _tuple_of(items: Tuple[Converter, ...], more: bool) -> Converter:
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
        if item is _anything:
            return value
        return {key(name, path): item(one, f"{path}.{name}") for name, one in value.items()}
    return convert


def _literal(values: Tuple[Any, ...]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        for one in values:
            if type(one) is type(value) and one == value:
                return value
        raise Mismatch(f"{path} must be one of {', '.join(map(repr, values))}")
    return convert


def _union(hint: Any, options: List[Converter]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        for option in options:
            try:
                return option(value, path)
            except Mismatch:
                pass
        raise Mismatch(f"{path} must be {text_of(hint)}, not {name_of(value)}")
    return convert


def _members(kind: Any, fields: Dict[str, Converter], required: List[str], build: bool) -> Converter:
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
    made: List[Converter] = []

    def convert(value: Any, path: str) -> Any:
        if not made:
            made.append(make())
        return made[0](value, path)
    return convert


def _class_members(kind: Any) -> Converter:
    hints = of_parameters(kind)
    if dataclasses.is_dataclass(kind):
        fields = [field for field in dataclasses.fields(kind) if field.init]
        required = [field.name for field in fields if field.default is dataclasses.MISSING
                    and field.default_factory is dataclasses.MISSING]
        checks = {field.name: converter(hints.get(field.name, Any)) for field in fields}
        return _members(kind, checks, required, True)
    return _members(kind, {name: converter(_bare(hint)) for name, hint in hints.items()},
                    sorted(kind.__required_keys__), False)


def _bare(hint: Any) -> Any:
    """Without Required[...], NotRequired[...], ReadOnly[...]."""
    while getattr(typing.get_origin(hint), "_name", None) in ("Required", "NotRequired", "ReadOnly"):
        hint = typing.get_args(hint)[0]
    return hint


def converter(hint: Any) -> Converter:
    """The converter for a hint; a hint that says nothing about JSON lets everything pass."""
    if hint is None:
        hint = type(None)
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if hint in (list, List):
        return _simple(list)
    if hint in (dict, Dict):
        return _simple(dict)
    if isinstance(hint, type) and hint in _NAMES:
        return _simple(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None and hasattr(hint, "__metadata__"):
        return converter(arguments[0])
    if _is_union(hint):
        return _union(hint, [converter(one) for one in arguments])
    if origin is typing.Literal:
        return _literal(arguments)
    if origin in (list, collections.abc.Sequence, collections.abc.MutableSequence):
        return _list_of(converter(arguments[0]) if arguments else _anything)
    if origin is tuple and arguments:
        more = len(arguments) == 2 and arguments[1] is Ellipsis
        return _tuple_of(tuple(converter(one) for one in arguments if one is not Ellipsis), more)
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return _dict_of(*(converter(one) for one in arguments)) if len(arguments) == 2 \
            else _simple(dict)
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint)
                                   or hasattr(hint, "__required_keys__")):
        return _lazily(lambda: _class_members(hint))
    return _anything


def is_anything(check: Converter) -> bool:
    return check is _anything


def quick_test(hint: Any, name: str) -> Optional[str]:
    """A test of a variable to put in a door's code; empty: it passes; None: the converter has to be asked."""
    if is_anything(converter(hint)):
        return ""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    try:
        tests = [QUICK_TESTS[option].format(name) for option in options]
    except (KeyError, TypeError):
        return None
    return f"({' or '.join(tests)})" if len(tests) > 1 else tests[0]
