"""JSON Schema (2020-12) of what functions take and give, made from their type hints.

Schemas say what the door of a function says: a hint that checks nothing is the empty schema.
"""

import collections.abc
import dataclasses
import inspect
import json
import typing
from typing import Any

from . import codec, hints

Schema = dict[str, Any]

_SIMPLE: dict[Any, str] = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
    list: "array",
    tuple: "array",
    dict: "object",
}
_FORMATS: dict[str, Schema] = {
    "bytes": {"contentEncoding": "base64"},
    "datetime": {"format": "date-time"},
    "date": {"format": "date"},
}
_LISTS = (list, collections.abc.Sequence, collections.abc.MutableSequence)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class _Maker:
    """Makes schemas; those of classes are in `defs`, so that a class may contain itself."""

    def __init__(self, output: bool) -> None:
        self._output = output
        self._names: dict[Any, str] = {}
        self.defs: dict[str, Schema] = {}

    def of(self, hint: Any) -> Schema:
        hint = hints.bare(hint)
        while hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        if hint is None:
            hint = type(None)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is None:
            return self._of_plain(hint)
        if hasattr(hint, "__metadata__"):
            return self._of_annotated(arguments[0], hint.__metadata__)
        if hints.is_union(hint):
            return {"anyOf": [self.of(one) for one in arguments]}
        if origin is typing.Literal:
            values = [one for one in arguments if type(one) in (int, str, bool, type(None))]
            return {"enum": values} if len(values) == len(arguments) else {}
        if origin in _LISTS or hints.is_stream(hint):
            return self._with({"type": "array"}, "items", arguments[:1])
        if origin in _DICTS:
            return self._with({"type": "object"}, "additionalProperties", arguments[1:2])
        if origin is tuple:
            return self._of_tuple(arguments)
        return {}

    def _of_plain(self, hint: Any) -> Schema:
        if not isinstance(hint, type):
            return {}
        if hint in _SIMPLE:
            return {"type": _SIMPLE[hint]}
        if hints.text_form(hint) is not None:
            return {"type": "string", **_FORMATS.get(hint.__name__, {})}
        if hints.is_stream(hint):
            return {"type": "array"}
        if dataclasses.is_dataclass(hint) or hasattr(hint, "__required_keys__"):
            return {"$ref": f"#/$defs/{self._define(hint)}"}
        return {}

    def _of_annotated(self, hint: Any, metadata: tuple[Any, ...]) -> Schema:
        words = next((one for one in metadata if isinstance(one, str)), None)
        made = self.of(hint)
        return made if words is None else {**made, "description": words}

    def _of_tuple(self, arguments: tuple[Any, ...]) -> Schema:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return self._with({"type": "array"}, "items", arguments[:1])
        items = [self.of(one) for one in arguments if one != ()]
        made: Schema = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        if items:
            made["prefixItems"] = items
        return made

    def _with(self, made: Schema, keyword: str, arguments: tuple[Any, ...]) -> Schema:
        inner = self.of(arguments[0]) if arguments else {}
        return {**made, keyword: inner} if inner else made

    def _define(self, kind: Any) -> str:
        name = self._names.get(kind)
        if name is None:
            name = kind.__name__
            while name in self.defs:
                name += "_"
            self._names[kind] = name
            self.defs[name] = {}  # until it is known: it may contain itself
            self.defs[name] = self._of_class(kind)
        return name

    def _of_class(self, kind: Any) -> Schema:
        if not hasattr(kind, "__dataclass_fields__"):
            members = {
                name: self.of(hint) for name, hint in hints.of_parameters(kind, extras=True).items()
            }
            return _object(members, [name for name in members if name in kind.__required_keys__])
        if self._output:  # as codec writes it
            given = hints.of_parameters(kind, extras=True)
            members = {
                field.name: self.of(given.get(field.name, Any))
                for field in dataclasses.fields(kind)
            }
            return _object(members, list(members))
        wanted = hints.members_of_dataclass(kind, extras=True)
        return _object(
            {one.name: _with_default(self.of(hint), one.default) for one, hint in wanted},
            [one.name for one, _ in wanted if one.default is one.empty],
        )

    def root(self, made: Schema) -> Schema:
        """A schema that stands alone: with its definitions, and never just a reference."""
        if set(made) == {"$ref"}:
            made = dict(self.defs[made["$ref"].rsplit("/", 1)[1]])
        # A definition that nothing refers to any more is left out.
        text = json.dumps([made, self.defs])
        used = {
            name: one for name, one in self.defs.items() if json.dumps(f"#/$defs/{name}") in text
        }
        return {**made, "$defs": used} if used else made


def _object(members: dict[str, Schema], required: list[str], more: bool = False) -> Schema:
    made: Schema = {"type": "object", "properties": members}
    if required:
        made["required"] = required
    made["additionalProperties"] = more
    return made


def _with_default(made: Schema, default: Any) -> Schema:
    """With its default value, where JSON can say it."""
    if default is inspect.Parameter.empty:
        return made
    text = codec.encode_or_none(default)
    return made if text is None else {**made, "default": json.loads(text)}


def of_input(parameters: list[inspect.Parameter], given: dict[str, Any]) -> Schema:
    """The object of arguments by name."""
    maker = _Maker(output=False)
    members = {}
    required = []
    more = False
    for one in parameters:
        if one.kind == one.VAR_KEYWORD:
            more = True
        elif one.kind != one.VAR_POSITIONAL:
            members[one.name] = _with_default(maker.of(given.get(one.name, Any)), one.default)
            if one.default is one.empty:
                required.append(one.name)
    return maker.root(_object(members, required, more))


def of_output(hint: Any) -> Schema:
    """What a function gives; that of a stream is the array of its values.  Empty: not known."""
    maker = _Maker(output=True)
    made = maker.of(hint)
    return maker.root(made) if made else made
