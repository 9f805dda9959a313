"""The warm parent of weir serve --warm: it has imported the program once, and forks each worker.

weir sends one end of a connection for each worker.  The worker is forked twice, so that it becomes a child of
weir-spawner, a subreaper, and not of this process, whose end it then survives.  It reads its request from the
connection, sets itself up, tells its pid, and runs once it is told to: see src/spawner/warm.h.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Optional

from . import wire

REQUEST_SIZE = 32 * 1024
DESCRIPTORS = 8
PR_SET_PDEATHSIG = 1
ENV_START_FIELD = 50  # of /proc/PID/stat, proc(5)
TAG = b"WEIR_JOB="

Changes = Mapping[bytes, Optional[bytes]]  # of environment variables; None: it is removed


def become_parent(control: int, ends: tuple[int, int]) -> None:
    """Forks a worker for each connection that comes.  Returns in each worker, with the wire in its place."""
    _refuse_threads()
    gc.collect()
    gc.freeze()  # or the first collection would copy every page
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    changes = _changes()
    requests = socket.socket(fileno=control)
    requests.settimeout(None)  # whatever the program's default is
    while True:
        text, fds, _, _ = socket.recv_fds(requests, 16, 1)
        if not text:
            os._exit(0)
        if not fds:
            continue
        connection = socket.socket(fileno=fds[0])
        connection.settimeout(None)
        if _is_wanted(connection) and _fork(requests, connection, ends, changes):
            break
        connection.close()
    signal.signal(signal.SIGINT, interrupt)
    wire.is_kept = False


def _is_wanted(connection: socket.socket) -> bool:
    """Whether the start has not been given up meanwhile."""
    poll = select.poll()
    poll.register(connection, 0)
    return not poll.poll(0)


def _fork(
    requests: socket.socket, connection: socket.socket, ends: tuple[int, int], changes: Changes
) -> bool:
    """Whether this is the worker."""
    sys.stdout.flush()
    sys.stderr.flush()
    wire.is_kept = True  # by the forks
    try:
        middle = os.fork()
    except OSError as error:
        wire.is_kept = False
        print(f"weir: --warm: cannot fork a worker: {error}", file=sys.stderr)
        return False
    if middle != 0:
        wire.is_kept = False
        with contextlib.suppress(ChildProcessError):  # somebody else has taken it
            os.waitpid(middle, 0)
        return False
    try:  # nothing of the program's own may end these copies of it
        middle = os.getpid()
        if os.fork() != 0:
            os._exit(0)
        requests.close()
        while os.getppid() == middle:
            time.sleep(0.0001)
        _set_up(connection, ends, changes)
        connection.send(b"%d" % os.getpid())
        if not connection.recv(1):
            os._exit(0)  # it is not wanted any more
        connection.close()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # its start has been given up
    except BaseException as error:
        with contextlib.suppress(BaseException):
            os.write(2, f"weir: --warm: a worker cannot start: {error!r}\n".encode())
        os._exit(1)
    return True


def _refuse_threads() -> None:
    """A fork has the thread that forks alone.  Libraries that know that end theirs before it."""
    python = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    if not python:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    native = len(os.listdir("/proc/self/task")) - 1
    if python or native > 0:
        what = f"threads ({', '.join(python)})" if python else f"{native} native threads"
        sys.exit(
            f"weir: --warm: {sys.argv[0]} has started {what} before serve(): a forked worker would not have "
            "them. Start them in the functions that use them, or run without --warm"
        )


def _set_up(connection: socket.socket, ends: tuple[int, int], changes: Changes) -> None:
    text, fds, _, _ = socket.recv_fds(connection, REQUEST_SIZE, DESCRIPTORS)
    if not text:
        os._exit(0)
    if text[:1] == b"M":  # a large one is in a file
        large = fds.pop(0)
        text = os.pread(large, os.fstat(large).st_size, 0)
        os.close(large)
    head, _, environment = text.partition(b"\n")
    asked = json.loads(head)
    if len(fds) != 3 + asked["cwd"]:
        raise OSError("descriptors were lost: the limit of open files (ulimit -n) is too low")
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    for fd, to in zip(fds[:3], (*ends, 2)):
        os.dup2(fd, to, inheritable=to == 2)
    os.dup2(2, 1)
    if asked["cwd"]:
        os.fchdir(fds[3])
    for fd in fds:
        os.close(fd)
    if asked["umask"] >= 0:
        os.umask(asked["umask"])
    if asked["nice"]:
        os.nice(asked["nice"])
    for number, soft, hard in asked["limits"]:
        resource.setrlimit(number, (soft, hard))
    _take_environment(environment.split(b"\0")[:-1], changes)
    _seed()


def _changes() -> Changes:
    """What the program has changed in its environment: its workers have it, too, as without --warm."""
    began: dict[bytes, bytes] = {}
    try:
        with open("/proc/self/environ", "rb") as file:
            for variable in file.read().split(b"\0")[:-1]:
                name, _, value = variable.partition(b"=")
                began.setdefault(name, value)
    except OSError:
        return {}
    now = dict(os.environb)
    return {
        name: now.get(name)
        for name in {**began, **now}
        if now.get(name) != began.get(name)
        and not name.startswith(b"WEIR_")  # weir's, of each worker
    }


def _take_environment(variables: Sequence[bytes], changes: Changes) -> None:
    tag = next((one for one in variables if one.startswith(TAG)), b"")
    before = os.environb.get(TAG[:-1], b"")
    os.environb.clear()
    for variable in variables:
        name, _, value = variable.partition(b"=")
        os.environb[name] = value
    for name, changed in changes.items():
        if changed is None:
            os.environb.pop(name, None)
        else:
            os.environb[name] = changed
    _show_tag(TAG + before, tag)


def _show_tag(before: bytes, tag: bytes) -> None:
    """/proc/PID/environ shows the memory that execve(2) has filled: weir finds a job's processes by the tag
    there, and this worker's children that are made by fork() alone have it from here."""
    try:
        with open("/proc/self/stat", "rb") as stat:
            start = int(stat.read().rpartition(b")")[2].split()[ENV_START_FIELD - 3])
    except (OSError, ValueError, IndexError):
        return
    if start and len(tag) == len(before) and ctypes.string_at(start, len(before)) == before:
        ctypes.memmove(start, tag, len(tag))


def _seed() -> None:
    """random seeds itself after a fork; numpy's global state does not."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
