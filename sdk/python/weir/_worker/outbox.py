"""What goes out: answers are gathered, and written in one go when there is nothing more to do at once."""

import os
import threading
import time
from typing import Optional

from . import errors
from .answers import error_text, is_too_long, response
from .call import Batch
from .errors import Refused

# Answers are gathered up to here before they are written.
WRITE_SIZE = 65536
# And, while calls take long, for so long.
COMPANY_S = 0.001


class Outbox:
    """The lines that go out."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lock = threading.RLock()
        # The main thread appends as it likes; others, and whoever takes away, hold the lock.
        self.lines: list[str] = []
        self.size = 0
        self._flushed_at = 0.0

    def answer(
        self,
        batch: Optional[Batch],
        ident_text: str,
        kind: str,
        text: str,
        was_waiting: bool = True,
    ) -> None:
        """One response: a line, or its part of a batch's (was_waiting: the batch has counted it)."""
        answer = response(ident_text, kind, text)
        if len(answer) > 1 << 20 and is_too_long(answer):
            answer = response(
                ident_text,
                "error",
                error_text(Refused(errors.TOO_LONG, "the result is longer than a line may be")),
            )
        if batch is None:
            self.lines.append(answer)
            self.size += len(answer)
        elif was_waiting:
            self.answer_batch(batch, answer)
        else:
            batch.answers.append(answer)

    def answer_batch(self, batch: Batch, answer: Optional[str] = None) -> None:
        if answer is not None:
            batch.answers.append(answer)
        batch.waiting -= 1
        if batch.waiting == 0 and batch.answers:
            text = "[" + ",".join(one[:-1] for one in batch.answers) + "]\n"
            if is_too_long(text):
                text = response(
                    "null", "error", error_text(Refused(errors.TOO_LONG, "the answer is too long"))
                )
            self.lines.append(text)
            self.size += len(text)

    def answer_error(self, ident_text: str, refused: Refused) -> None:
        self.answer(None, ident_text, "error", error_text(refused))

    def send(self, text: str) -> None:
        with self.lock:
            self.lines.append(text)
            self.flush()

    def is_due(self) -> bool:
        """Whether what was gathered has waited long enough for company."""
        return time.monotonic() - self._flushed_at > COMPANY_S

    def flush(self) -> None:
        """Writes what was gathered.  The main thread may append meanwhile."""
        with self.lock:
            count = len(self.lines)
            if count:
                data = "".join(self.lines[:count]).encode("utf-8", "backslashreplace")
                del self.lines[:count]
                self.size = 0
                self.write(data)
                self._flushed_at = time.monotonic()

    def write(self, data: bytes) -> None:
        """Under the lock.  (Lone surrogates are escapes by now: they only stand in strings.)"""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fd, rest) :]
