"""What an answer says: results and errors as the text of a line."""
from typing import Any, Dict, List, Optional, Tuple

from . import codec, errors
from .call import Call
from .errors import Cancelled, Error, Refused

MAX_TEXT = 1 << 20


class Answered(Exception):
    """A failure whose error object is made already."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def response(ident_text: str, kind: str, text: str) -> str:
    return '{"jsonrpc":"2.0","id":%s,"%s":%s}\n' % (ident_text, kind, text)


def error_text(refused: Refused) -> str:
    return '{"code":%d,"message":%s}' % (refused.code, codec.quote(refused.message[:MAX_TEXT]))


def result_text(value: Any) -> Tuple[str, str]:
    """A value as JSON, or why that cannot be."""
    try:
        text = codec.encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        return "error", error_text(Refused(errors.NOT_JSON, f"the result cannot be said in JSON: {error}"))
    return checked(text)


def checked(text: str) -> Tuple[str, str]:
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
    if isinstance(error, Error) and error.data is not None:
        kind, text = result_text({"code": error.code, "message": error.message[:MAX_TEXT],
                                  "data": error.data})
        return text
    code = error.code if isinstance(error, Error) else errors.RAISED
    try:
        text = error.message if isinstance(error, Error) else str(error)
    except Exception:
        text = "an error that cannot say itself"
    return codec.encode({"code": code, "message": text[:MAX_TEXT], "data": {
        "type": type(error).__qualname__, "traceback": _traceback(error)}})


def map_text(values: List[Any], failed: Dict[str, str]) -> str:
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
    return len(line) > limit or (len(line) * 6 > limit
                                 and len(line.encode("utf-8", "backslashreplace")) > limit)


def _traceback(error: BaseException) -> str:
    """As Python prints it, without the SDK's own frames at its top."""
    import traceback  # not before it is needed: it takes a while to load
    frames = error.__traceback__
    while frames is not None and is_own(frames.tb_frame.f_globals.get("__name__")):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))[-MAX_TEXT:]


def is_own(module: object) -> bool:
    """Whether a module is part of this package."""
    return isinstance(module, str) and (module == __package__ or module.startswith(f"{__package__}."))
