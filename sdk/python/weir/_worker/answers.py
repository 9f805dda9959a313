"""What an answer says: results and errors as the text of a line."""

import sys
from typing import Any, Optional

from . import codec, errors
from .call import Call
from .errors import Cancelled, Error, Refused

MAX_TEXT = 1 << 20
# What stands around an error in a line: the id may be a long string.
ENVELOPE = 1 << 10


class Answered(Exception):
    """A failure whose error object is made already."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def response(ident_text: str, kind: str, text: str) -> str:
    return f'{{"jsonrpc":"2.0","id":{ident_text},"{kind}":{text}}}\n'


def error_text(refused: Refused) -> str:
    return f'{{"code":{int(refused.code)},"message":{codec.quote(refused.message[:MAX_TEXT])}}}'


def result_text(value: Any) -> tuple[str, str]:
    """A value as JSON, or why that cannot be."""
    try:
        text = codec.encode(value)
    except (TypeError, ValueError) as error:
        return "error", error_text(
            Refused(errors.NOT_JSON, f"the result cannot be said in JSON: {error}")
        )
    return checked(text)


def checked(text: str) -> tuple[str, str]:
    if codec.is_too_deep(text):
        return "error", error_text(Refused(errors.TOO_LONG, "the result is nested too deeply"))
    return "result", text


def failure_text(call: Optional[Call], error: BaseException) -> str:
    """The error object for what a function raised."""
    if isinstance(error, Answered):
        return error.text
    if call is not None and call.stop is not None:
        return error_text(call.stop_error())
    if isinstance(error, Cancelled):
        return error_text(Refused(errors.CANCELLED, "cancelled"))
    if isinstance(error, Refused):
        return error_text(error)
    code = getattr(error, "code", None) if isinstance(error, Error) else None
    code = int(code) if isinstance(code, int) and errors.is_own_code(code) else errors.RAISED
    message = _message(error)
    data = getattr(error, "data", None) if isinstance(error, Error) else None
    if data is None:
        return codec.encode(
            {
                "code": code,
                "message": message,
                "data": {"type": type(error).__qualname__, "traceback": _traceback(error)},
            }
        )
    told = f'{{"code":{code},"message":{codec.quote(message)}'
    kind, text = result_text(data)
    # Two levels deeper than the data: "error" in the response.
    whole = f'{told},"data":{text}}}'
    if kind == "error" or codec.is_too_deep(f"[{whole}]") or is_too_long(whole + " " * ENVELOPE):
        why = text if kind == "error" else "it is too long, or nested too deeply"
        print(f"weir.worker: the data of error {code} is left out: {why}", file=sys.stderr)
        return told + "}"
    return whole


def _message(error: BaseException) -> str:
    """What an error says, whatever its author has made of it."""
    try:
        text = getattr(error, "message", None) if isinstance(error, Error) else None
        return str(error if text is None else text)[:MAX_TEXT]
    except BaseException:
        return "an error that cannot say itself"


def map_text(values: list[Any], failed: dict[str, str]) -> str:
    kind, text = result_text(values)
    if kind == "error":
        texts = []
        for index, value in enumerate(values):
            kind, text = result_text(value)
            if kind == "error":
                failed[str(index)] = text
            texts.append("null" if kind == "error" else text)
        text = "[" + ",".join(texts) + "]"
    told = ",".join(f'"{index}":{error}' for index, error in failed.items())
    return f'{{"values":{text},"errors":{{{told}}}}}' if failed else f'{{"values":{text}}}'


def is_too_long(line: str) -> bool:
    """Whether a line with its LF is over the limit, in bytes as flush() writes them."""
    limit = codec.MAX_LINE + 1
    return len(line) > limit or (
        len(line) * 6 > limit and len(line.encode("utf-8", "backslashreplace")) > limit
    )


def _traceback(error: BaseException) -> str:
    """As Python prints it, without the SDK's own frames at its top."""
    import traceback  # not before it is needed: it takes a while to load

    frames = error.__traceback__
    while frames is not None and is_own(frames.tb_frame.f_globals.get("__name__")):
        frames = frames.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, frames))[-MAX_TEXT:]
    except Exception:
        return ""


def is_own(module: object) -> bool:
    """Whether a module is part of this package."""
    return isinstance(module, str) and (
        module == __package__ or module.startswith(f"{__package__}.")
    )
