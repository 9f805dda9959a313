"""JSON in and out, as fast as the standard library can: the C scanner and encoder, called directly.

Limits of the protocol are held here: 64 MiB a line, 1,000 levels deep.
"""

import binascii
import json
import json.encoder
import re
import sys
from itertools import accumulate
from typing import Any, Callable, Optional

MAX_LINE = 64 << 20
MAX_DEPTH = 1000
# A line this short cannot be too deep: each level takes two characters.
SHALLOW = 2 * MAX_DEPTH


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# scan(text, position) -> (value, end).  StopIteration: no value begins there.
scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_constant=_refuse_constant
).scan_once  # type: ignore[attr-defined]
quote: Callable[[str], str] = json.encoder.encode_basestring


def _text_of(value: Any) -> Optional[str]:
    """What JSON has as a string; types whose module is not loaded need not be looked at."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    times = sys.modules.get("datetime")
    if times is not None and isinstance(value, (times.datetime, times.date, times.time)):
        text: str = value.isoformat()
        return text[:-6] + "Z" if text.endswith("+00:00") else text
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal) and value.is_finite():
        return str(value)
    return None


def _default(value: Any) -> Any:
    text = _text_of(value)
    if text is not None:
        return text
    if hasattr(type(value), "__dataclass_fields__"):
        from dataclasses import fields  # it is loaded then; and it leaves InitVars out

        return {field.name: getattr(value, field.name) for field in fields(value)}
    make = getattr(type(value), "__weir_json__", None)
    if make is not None:
        return make(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be said in JSON")


def _make_encode() -> Callable[[Any], str]:
    """A C encoder made once: json.dumps makes a new one for every call."""
    try:
        # No markers: what contains itself ends as a RecursionError all the same.
        encoder = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, _default, quote, None, ":", ",", False, False, False
        )
        if "".join(encoder([1], 0)) == "[1]":
            return lambda value: "".join(encoder(value, 0))
    except (AttributeError, TypeError):
        pass
    return json.JSONEncoder(
        ensure_ascii=False,
        check_circular=False,
        allow_nan=False,
        separators=(",", ":"),
        default=_default,
    ).encode


encode_quickly = _make_encode()


def encode_or_none(value: Any) -> Optional[str]:
    """None where encode() has to be asked for more."""
    try:
        return encode_quickly(value)
    except Exception:
        return None


def _with_more_stack(work: Callable[[], Any]) -> Any:
    """Runs what needs MAX_DEPTH levels whatever the function's caller has used up already."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + MAX_DEPTH + 200)
    try:
        return work()
    finally:
        sys.setrecursionlimit(limit)


def encode(value: Any) -> str:
    """JSON, in one line.  Raises ValueError or TypeError for what cannot be said."""
    try:
        try:
            return encode_quickly(value)
        except RecursionError:
            return str(_with_more_stack(lambda: encode_quickly(value)))
    except RecursionError:
        raise ValueError("the value contains itself, or is nested too deeply") from None
    except (TypeError, ValueError):
        raise
    except Exception as error:  # what an attribute of the value has raised
        raise ValueError(f"{type(error).__name__}: {error}") from None


def parse(text: str) -> Any:
    """The one value of a line.  Raises ValueError."""
    text = text.strip(" \t\r")
    try:
        try:
            value, end = scan(text, 0)
        except RecursionError:
            value, end = _with_more_stack(lambda: scan(text, 0))
    except StopIteration:
        raise ValueError("the line does not begin with a JSON value") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end != len(text):
        raise ValueError(f"unexpected text after the value, at character {end}")
    return value


_BRACKETS_AND_QUOTES = bytes(set(range(256)) - set(b'[]{}"'))
_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = [0] * 256
for _byte, _step in ((b"[", 1), (b"{", 1), (b"]", -1), (b"}", -1)):
    _STEP[_byte[0]] = _step


def is_too_deep(text: str) -> bool:
    """Whether brackets are nested more than MAX_DEPTH deep, at the speed of bytes.replace."""
    if len(text) <= SHALLOW or text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    data = text.encode("utf-8", "replace")
    if b"\\" in data:
        data = re.sub(rb"\\.", b"", data, flags=re.DOTALL)
    data = re.sub(rb'"[^"]*"', b"", data.translate(None, _BRACKETS_AND_QUOTES))
    data = data.translate(None, _BRACKETS)
    rest = data
    for _ in range(20):
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        if not rest:
            return False
    return max(accumulate(map(_STEP.__getitem__, data))) > MAX_DEPTH


def has_long_number(text: str) -> bool:
    """Whether a number may have more digits than Python takes for an int: at least 640."""
    return re.search(r"[0-9]{640}", text) is not None


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)?|([\[{])|([\]}])', re.DOTALL)


def is_id(ident: object) -> bool:
    return type(ident) is int or type(ident) is str


def recover_id(text: str) -> Optional[object]:
    """The id of a message that cannot be read as a whole, where it can still be seen."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.group(3):
            depth += 1
        elif token.group(4):
            depth -= 1
        elif depth == 1 and token.group(2) and token.group(1) == "id":
            try:
                ident, _ = scan(text, token.end())
            except (StopIteration, ValueError, RecursionError):
                return None
            return ident if is_id(ident) and "\ufffd" not in str(ident) else None
    return None
