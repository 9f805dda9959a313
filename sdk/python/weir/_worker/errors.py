"""Errors of a call, and the codes of docs/protocol.md section 10."""

from typing import Any, Optional

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CANCELLED = -32800
DEADLINE = -33001
TOO_LONG = -33002
NOT_JSON = -33003
STREAM_RULE = -33004
FULL = -33005
OUTCOME_UNKNOWN = -33006
NO_WORKER = -33007
POISON = -33008
RAISED = 1000
MAX_CODE = (1 << 53) - 1


def is_own_code(code: object) -> bool:
    """Return whether a function may use this code."""
    return isinstance(code, int) and RAISED <= code <= MAX_CODE


class Cancelled(BaseException):
    """The call was cancelled or its deadline has expired; raised in the function wherever it is.

    It is not an Exception, so that `except Exception` does not catch it. Clean up and let it
    propagate.
    """

    def __init__(self, reason: str = "cancelled") -> None:
        super().__init__(reason)
        self.reason = reason


class Error(Exception):
    """An error with a code of the function's own (1000 to 2^53-1) and data.

    Data that cannot be represented in JSON is left out, with a message on stderr; code and message
    still arrive.
    """

    def __init__(self, message: str, code: int = RAISED, data: Any = None) -> None:
        if not is_own_code(code):
            raise ValueError(
                f"a code is an integer from {RAISED} to {MAX_CODE}, not {code!r}: "
                f"those below {RAISED} belong to the protocol"
            )
        super().__init__(message)
        self.message = message
        self.code = code
        self.data = data


class InputBroken(Error):
    """The input stream ended with an error, of the host or because the host is gone."""


class Refused(Exception):
    """A message that is answered with a protocol error."""

    def __init__(self, code: int, message: str, ident: Optional[object] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.ident = ident
