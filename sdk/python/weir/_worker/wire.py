"""The wire: descriptors 0 and 1 taken out of everybody's reach, and lines cut out of what is read."""

import fcntl
import os
import sys
from typing import Optional

from . import codec, forks

READ_SIZE = 65536
LONG_READ_SIZE = 1 << 20

# Set by --list: the program's own standard output is wanted then.
leave_alone = False
_taken: Optional[tuple[int, int]] = None
# Whether this is a child made by fork(): the wire is its parent's.
is_lost = False
# While a warm parent forks: the wire is the child's.
is_kept = False


def take() -> tuple[int, int]:
    """Moves 0 and 1 to descriptors of our own.  What a function prints goes to stderr from now on."""
    global _taken
    if _taken is None:
        # Above the numbers that people close in loops; not inherited by programs that are executed.
        nothing = os.open(os.devnull, os.O_RDWR)
        ends = [_duplicate(fd, nothing) for fd in (0, 1)]
        os.dup2(nothing, 0)
        try:
            os.dup2(2, 1)
        except OSError:
            os.dup2(nothing, 1)
        if nothing > 1:
            os.close(nothing)
        _taken = (ends[0], ends[1])
        os.register_at_fork(after_in_child=_lose)
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
    return _taken


def _duplicate(fd: int, nothing: int) -> int:
    """A closed descriptor counts as /dev/null: no calls, and no reader of responses."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    except OSError:
        return fcntl.fcntl(nothing, fcntl.F_DUPFD_CLOEXEC, 10)


def take_unless_interactive() -> None:
    """At import: but not from somebody's prompt, nor where a test wants to call the functions itself."""
    if (
        not leave_alone
        and not hasattr(sys, "ps1")
        and not sys.flags.interactive
        and not os.environ.get("WEIR_WORKER_KEEP_STDIO")
    ):
        take()


def _lose() -> None:
    """A child made by fork() has no part in the wire.  (Its own children have nothing to lose.)"""
    global is_lost
    if _taken is not None and not is_lost and not is_kept:
        is_lost = True
        forks.silence(_taken)


class Cutter:
    """Cuts bytes into lines.  A line over the limit is skipped, and comes out as None."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        # How many bytes of a line that is not whole yet are kept.
        self.pending = 0
        self.skipping = False

    def cut_text(self, data: bytes) -> Optional[list[str]]:
        """The lines that are whole now, as text, in one go; None where that has to be done line by line."""
        end = data.rfind(b"\n")
        if end < 0 or self.pending > READ_SIZE or self.skipping:
            return None
        whole = b"".join(self._parts) + data[:end] if self._parts else data[:end]
        try:
            lines = whole.decode().split("\n")
        except UnicodeDecodeError:
            return None
        self._parts.clear()
        self.pending = 0
        self._keep(data[end + 1 :])
        return lines

    def read(self, fd: int) -> bytes:
        """Reads: more at a time inside of a long line."""
        return os.read(fd, READ_SIZE if self.pending < READ_SIZE else LONG_READ_SIZE)

    def cut(self, data: bytes) -> list[Optional[bytes]]:
        """The lines that are whole now, without their LF."""
        lines: list[Optional[bytes]] = list(data.split(b"\n"))
        last = lines.pop()
        assert last is not None
        if lines:
            first = lines[0]
            assert first is not None
            lines[0] = self._finish(first)
        self._keep(last)
        return [line if line is None or len(line) <= codec.MAX_LINE + 1 else None for line in lines]

    def rest(self) -> Optional[bytes]:
        """Return the text after the last LF at the end of file."""
        return self._finish(b"")

    def _keep(self, part: bytes) -> None:
        if part and not self.skipping:
            self._parts.append(part)
            self.pending += len(part)
            # One more byte may be the CR of the line's end.
            if self.pending > codec.MAX_LINE + 1:
                self.skipping = True
                self._parts.clear()

    def _finish(self, part: bytes) -> Optional[bytes]:
        self._keep(part)
        line = None if self.skipping else b"".join(self._parts)
        self._parts.clear()
        self.pending = 0
        self.skipping = False
        if line is not None and len(line) == codec.MAX_LINE + 1 and not line.endswith(b"\r"):
            return None
        return line
