"""weir in sandboxes that refuse a system call: whatever errno they choose, it takes another way."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any

weir, builddir, srcdir = sys.argv[1:4]
sys.path.insert(0, os.path.join(srcdir, "tests", "support"))

from tap_cases import PATIENCE_S, Skip, needs, run_cases

REFUSE = os.path.join(builddir, "tests", "support", "refuse_call")
RPC_WORKER = os.path.join(builddir, "tests", "children", "rpc_worker")
LEAVES_BEHIND = os.path.join(builddir, "tests", "children", "leaves_behind")
ERRNOS = errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP
CALLS = (
    "accept4",
    "close_range",
    "getrandom",
    "memfd_create",
    "pidfd_open",
    "pidfd_send_signal",
    "prctl",
    "pwritev2",
    "splice",
    "timerfd_create",
    "timerfd_settime",
    "vfork",
    "waitid",
)
WORDS = [str(number) * 1000 for number in range(1000, 1060)]  # more than one message holds


def sandbox(call: Any, number: Any) -> Any:
    return [REFUSE, str(number), call]


def run(prefix: Any, *arguments: Any, **options: Any) -> Any:
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    if options["stdin"] is None:
        del options["stdin"]
    return subprocess.run(
        [*prefix, weir, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, **options
    )


def check(prefix: Any, done: Any, status: Any, output: Any) -> None:
    assert (done.returncode, done.stdout) == (status, output), (
        prefix,
        done.args[3:6],
        done.returncode,
        done.stdout[:200],
        done.stderr[:400],
    )


def check_run(prefix: Any) -> None:
    check(prefix, run(prefix, "run", "--", "echo", *WORDS), 0, " ".join(WORDS) + "\n")
    done = run(prefix, "run", "--json", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    document = json.loads(done.stdout)
    assert (
        done.returncode,
        document["code"],
        document["stdout"]["text"],
        document["stderr"]["text"],
    ) == (3, 3, "out\n", "err\n"), (prefix, document)
    assert document["stopped_with"] == [], (prefix, document)
    done = run(prefix, "run", "--timeout", "200ms", "--", "sleep", "1000")
    assert done.returncode == 124, (prefix, done)
    # An orphan that has left the group ends with its job, as far as it can be found.
    done = run(prefix, "run", "--", LEAVES_BEHIND, "session", "closed")
    assert done.returncode == 0, (prefix, done)


def check_pipe(prefix: Any) -> None:
    numbers = "".join(f"{number}\n" for number in range(1, 20001))
    check(prefix, run(prefix, "pipe", "--meter", "seq 20000", "cat", "cat"), 0, numbers)


def check_map(prefix: Any) -> None:
    lines = "".join(f"{number}\n" for number in range(3000))
    check(prefix, run(prefix, "map", "-j2", "--", "cat", input=lines), 0, lines)


def check_call(prefix: Any) -> None:
    check(prefix, run(prefix, "call", "-w", RPC_WORKER, "echo", "5"), 0, "[5]\n")


def check_serve(prefix: Any) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "s")
        with subprocess.Popen(
            [*prefix, weir, "serve", "-s", path, "-j1", "-w", RPC_WORKER],
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            lines = []
            for line in server.stderr:
                lines.append(line)
                if line == "ready\n":
                    break
            try:
                assert lines and lines[-1] == "ready\n", (prefix, lines)
                for _ in range(2):
                    check(prefix, run([], "call", "-s", path, "echo", "7"), 0, "[7]\n")
            finally:
                server.send_signal(signal.SIGTERM)
                server.stderr.read()
            assert server.wait(PATIENCE_S) in (0, 143), (prefix, server.returncode)


def is_refusable(call: Any) -> None:
    done = subprocess.run([REFUSE, str(errno.ENOSYS), call, "true"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(done.stderr.strip() or "no sandbox can be made here")


def usual_and_one_more(index: Any) -> Any:
    """What sandboxes choose most, and of the others one, in turn."""
    return *ERRNOS[:2], ERRNOS[2 + index % (len(ERRNOS) - 2)]


def refused(call: Any, numbers: Any) -> Any:
    def case() -> None:
        is_refusable(call)
        for number in numbers:
            prefix = sandbox(call, number)
            for check_verb in (check_run, check_pipe, check_map, check_call, check_serve):
                check_verb(prefix)

    case.__name__ = f"without_{call}_all_verbs_work"
    return needs("seccomp")(case)


@needs("seccomp")
def what_an_event_loop_needs_is_named_in_the_error() -> None:
    for call in "eventfd2", "epoll_create1":
        is_refusable(call)
        for number in ERRNOS:
            done = run(sandbox(call, number), "run", "--", "true")
            # Some versions of libuv know another way.
            assert done.returncode == 0 or "epoll and eventfd" in done.stderr, done
            assert done.returncode in (0, 125), done


if __name__ == "__main__":
    run_cases(
        [
            *[refused(call, usual_and_one_more(index)) for index, call in enumerate(CALLS)],
            refused("clone3", (errno.ENOSYS,)),  # glibc falls back for this errno alone
            refused("chmod", (errno.EPERM,)),  # a socket is private without it
            what_an_event_loop_needs_is_named_in_the_error,
        ]
    )
