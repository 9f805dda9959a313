"""The watcher: a thread that reads the wire while a function runs long, and interrupts the function.

It costs the quick way nothing: it ticks while there is work, parks when there is none, and does
something only when the main thread has been busy with the same work for a tick or two.

    PARKED --work--> TICKING --busy for longer than a tick--> ENGAGED --function done--> TICKING
       ^                |
       +--quiet---------+
"""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Optional

from . import asyncs
from .answers import is_own
from .errors import Cancelled
from .inbox import Inbox
from .outbox import Outbox

if TYPE_CHECKING:
    from .roles import Runner

TICK_S = 0.01
QUIET_TICKS = 10
# One function over a tick is looked after at once, many quick ones after so many.
BUSY_TICKS = 4
# Stop reading the wire when this much waits in the queue.
MAX_QUEUED = 64 << 20
# Ignored by default: a late one does no harm, not even in a child.
INTERRUPT = signal.SIGURG


class Nudge:
    """Makes a poll() return, one that is to come too."""

    def __init__(self) -> None:
        self.fd_out, self._fd_in = os.pipe()
        os.set_blocking(self.fd_out, False)
        os.set_blocking(self._fd_in, False)

    def give(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._fd_in, b"!")

    def take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd_out, 4096)

    def close(self) -> None:
        os.close(self.fd_out)
        os.close(self._fd_in)


class Watcher:
    def __init__(self, worker: "Runner", inbox: Inbox, outbox: Outbox) -> None:
        self._worker, self._inbox, self._outbox = worker, inbox, outbox
        self.parked = False
        # Set when a function waits for input on an event loop: then the wire is read at once.
        self.hurry = False
        self._work = threading.Event()
        # Each thread has a nudge and polls of its own: both may be in one at a time, as the watcher
        # need not have left its own when the main thread has taken the wire back.
        self._main = Nudge()
        self._watching = Nudge()
        self._polling = False
        self._until: Optional[float] = None
        self._poll_main = _poll(inbox.fd, self._main.fd_out)
        self._poll_wire = _poll(inbox.fd)
        self._poll_watching = _poll(inbox.fd, self._watching.fd_out)
        self._poll_full = _poll(self._watching.fd_out)
        # The handlers that stood before ours.
        self._before: dict[int, Any] = {}

    def start(self) -> None:
        threading.Thread(target=self._watch, name="weir watcher", daemon=True).start()

    def wake(self) -> None:
        """Main thread: there is work."""
        self.parked = False
        self._work.set()

    def release(self) -> None:
        """Main thread: it has taken the wire back."""
        if self._polling:
            self._watching.give()

    # --- For the main thread's own waits ----------------------------------------------------------

    def wait_for_wire(self, deadline: Optional[float]) -> None:
        """Waits for bytes, a nudge or the deadline, and reads what is there."""
        worker = self._worker
        worker.epoch += 1
        worker.idle = True
        ready = self._poll_main.poll(_milliseconds(deadline))
        worker.idle = False
        if self.parked:
            self.wake()
        for fd, _ in ready:
            if fd == self._inbox.fd:
                self._inbox.read_ready()
            else:
                self._main.take()

    def look_at_wire(self) -> None:
        """Applies what has come meanwhile, without waiting."""
        while not self._inbox.eof and self._poll_wire.poll(0):
            self._inbox.read_ready()
        while self._inbox.lines:
            self._inbox.take_line(self._inbox.lines.popleft())
        self._inbox.expire()

    # --- The thread -------------------------------------------------------------------------------

    def _watch(self) -> None:
        worker = self._worker
        last = -1
        last_message = None
        quiet = busy = 0
        try:
            while True:
                time.sleep(TICK_S)
                epoch = worker.epoch
                if worker.idle:
                    quiet = quiet + 1 if epoch == last else 0
                    if quiet >= QUIET_TICKS:
                        self._park(epoch)
                        quiet = 0
                    busy = 0
                else:
                    message = self._inbox.message
                    busy = busy + 1 if epoch == last else 0
                    if busy >= BUSY_TICKS or self.hurry or (busy and message is last_message):
                        self.hurry = False
                        self._engage()
                    last_message = message
                last = epoch
        except BrokenPipeError:
            # The host is gone, so the running function is useless.
            os._exit(1)

    def _park(self, epoch: int) -> None:
        self._work.clear()
        self.parked = True
        if not self._worker.idle or self._worker.epoch != epoch:
            self.parked = False
            return
        self._work.wait()

    def _engage(self) -> None:
        """Reads the wire in the main thread's place until its function is done."""
        worker = self._worker
        with self._outbox.lock:
            worker.engaged = True
            if self._inbox.message is None:
                worker.engaged = False
                return
            self._inbox.promote()
            self._apply()
        while self._step():
            pass

    def _step(self) -> bool:
        worker = self._worker
        ready = self._wait()
        with self._outbox.lock:
            if not worker.engaged:
                return False
            if self._inbox.fd in ready and not self._inbox.eof:
                self._inbox.read_ready()
            self._apply()
        return True

    def _wait(self) -> "list[int]":
        worker = self._worker
        full = self._inbox.eof or self._inbox.queued_size > MAX_QUEUED
        self._polling = True
        try:
            if not worker.engaged:
                return []
            poll = self._poll_full if full else self._poll_watching
            ready = [fd for fd, _ in poll.poll(_milliseconds(self._until))]
        finally:
            self._polling = False
        if self._watching.fd_out in ready:
            self._watching.take()
        return ready

    def _apply(self) -> None:
        """Under the lock: what lies there is applied, and what runs is interrupted if it is to stop."""
        worker = self._worker
        while self._inbox.lines:
            self._inbox.take_line(self._inbox.lines.popleft())
        self._inbox.expire()
        self._outbox.flush()
        self._until = self._inbox.next_deadline()
        call = self._inbox.running
        if call is not None and call.stop is not None and not call.interrupted:
            # Until it has been raised: the main thread may be in our own code just now.
            self._until = time.monotonic() + TICK_S
            asyncs.cancel_soon(call)
            signal.pthread_kill(worker.main_thread, INTERRUPT)

    # --- Signals: these run on the main thread ----------------------------------------------------

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        for number, handler in self._ours():
            self._before[number] = signal.signal(number, handler)
        try:
            yield
        finally:
            self._restore()

    def _ours(self) -> "list[tuple[int, Any]]":
        return [(INTERRUPT, self._on_interrupt), (signal.SIGINT, self._on_sigint)]

    def _restore(self) -> None:
        """What stood before ours, where the program has not set another since."""
        for number, handler in self._ours():
            if number in self._before and signal.getsignal(number) == handler:
                before = self._before[number]
                signal.signal(number, signal.SIG_DFL if before is None else before)

    def become_child(self) -> None:
        """In a child made by fork(), which has neither our thread nor our signals."""
        self._restore()
        self._main.close()
        self._watching.close()

    def _on_interrupt(self, number: int, frame: Optional[FrameType]) -> None:
        call = self._inbox.running
        if (
            call is not None
            and call.stop is not None
            and not call.interrupted
            and self._in_function(frame)
        ):
            call.interrupted = True
            raise Cancelled(call.stop)

    def _on_sigint(self, number: int, frame: Optional[FrameType]) -> None:
        """Cancels what runs, as often as it is sent.  At a terminal, with nothing running, it ends us."""
        worker = self._worker
        if self._inbox.message is None and self._inbox.running is None:
            if worker.idle and os.isatty(self._inbox.fd):
                raise KeyboardInterrupt
            return
        with self._outbox.lock:
            call = self._inbox.promote()
            worker.engaged = worker.engaged or self._inbox.message is not None
        if call is None:
            return
        call.stop_for("cancelled")
        call.interrupted = self._in_function(frame)
        if call.interrupted:
            raise Cancelled("cancelled")
        # In our own code: whoever waits there is woken, and the watcher interrupts what comes after.
        asyncs.cancel_soon(call)
        self._main.give()
        self._watching.give()

    def _in_function(self, frame: Optional[FrameType]) -> bool:
        """Whether the interrupted code is a function's, not ours: only there Cancelled may be raised."""
        if frame is None or self._inbox.message is None:
            return False
        module = frame.f_globals.get("__name__")
        if is_own(module):
            return False
        if asyncs.task is None:
            return True
        return asyncs.in_step() and not str(module).startswith("asyncio")


def _poll(*fds: int) -> "select.poll":
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return poll


def _milliseconds(until: Optional[float]) -> Optional[float]:
    """For poll(), which takes no more than an int."""
    return None if until is None else min(max(0.0, until - time.monotonic()) * 1000 + 1, 3600_000)
