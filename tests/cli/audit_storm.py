#!/usr/bin/env python3
"""The audit log with many writers, killed ones, full disks and a system log.  Prints TAP.
audit_storm.py BUILDDIR [SEED [KILLS]]
"""

import glob
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from typing import Any

BUILD = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 60
WEIR = os.path.join(BUILD, "weir")
WRITER = os.path.join(BUILD, "tests", "support", "audit_writer")
PATIENCE_S = 120
for name in list(os.environ):
    if name.startswith("WEIR_AUDIT"):
        del os.environ[name]


def files_of(log: Any) -> Any:
    return sorted(glob.glob(glob.escape(log) + ".[0-9]*")) + [log] * os.path.exists(log)


def verify(log: Any, *more: Any) -> Any:
    done = subprocess.run(
        [WEIR, "audit", "verify", *more, log], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S
    )
    return done.returncode, done.stdout


def sound(log: Any, records: Any) -> None:
    status, said = verify(log)
    assert status == 0, said
    assert f"OK: {records} records" in said, said


def lines_of(log: Any) -> Any:
    return b"".join(open(name, "rb").read() for name in files_of(log)).splitlines(True)


def writer(
    log: Any, count: Any, size: Any, max_size: int = 0, sync: str = "never", **how: Any
) -> Any:
    return subprocess.Popen(
        [WRITER, log, str(count), str(size), str(max_size), sync],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **how,
    )


def finish(process: Any) -> Any:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, (process.returncode, err)
    return out


def write_at_once(log: Any, processes: Any, count: Any, size: Any, max_size: int = 0) -> None:
    started = [writer(log, count, size, max_size) for _ in range(processes)]
    for process in started:
        finish(process)
    by_process = {}
    for line in lines_of(log):
        by_process.setdefault(json.loads(line)["who"]["pid"], 0)
        by_process[json.loads(line)["who"]["pid"]] += 1
    assert by_process == {process.pid: count for process in started}, by_process
    sound(log, processes * count)


def ten_processes_at_once(log: Any) -> None:
    write_at_once(log, 10, 200, 100)


def ten_processes_that_rotate(log: Any) -> None:
    write_at_once(log, 10, 100, 100, 20000)
    names = files_of(log)
    assert len(names) > 20, names
    assert all(os.path.getsize(name) <= 20000 for name in names)
    done = subprocess.run([WEIR, "audit", "verify", *names], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    swapped = [names[1], names[0], *names[2:]]
    done = subprocess.run([WEIR, "audit", "verify", *swapped], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1 and " reordered: " in done.stdout, done.stdout


def ten_commands_at_once(log: Any) -> None:
    script = f'for i in 1 2 3 4 5; do "{WEIR}" run --audit "{log}" -- true || exit 1; done'
    for process in [subprocess.Popen(["sh", "-c", script]) for _ in range(10)]:
        assert process.wait(timeout=PATIENCE_S) == 0
    sound(log, 100)
    assert "50 started, 50 ended, 0 unfinished" in verify(log)[1]


def verify_while_others_write(log: Any) -> None:
    """A reader meets no torn record and no gap, whatever is going on."""
    started = [writer(log, 300, 3000, 200000) for _ in range(3)]
    rounds = 0
    for process in started:
        assert process.stdout.readline()
    while any(process.poll() is None for process in started):
        # Their pipes hold more than they say.
        status, said = verify(log)
        assert status == 0, said
        rounds += 1
    for process in started:
        finish(process)
    assert rounds > 0
    sound(log, 900)


def killed_in_the_middle(log: Any) -> None:
    """SIGKILL at seeded places: after a number of records, and with luck inside of one."""
    rng = random.Random(SEED)
    torn = total = 0
    for _ in range(KILLS):
        process = writer(log, 100000, rng.choice([100, 3000, 30000]), rng.choice([0, 0, 100000]))
        for _ in range(rng.randrange(1, 12)):
            assert process.stdout.readline()
        for _ in range(rng.randrange(0, 4000)):
            pass
        process.kill()
        said = process.communicate(timeout=PATIENCE_S)[0]
        status, verdict = verify(log)
        if status == 1:
            torn += 1
            assert ": cut: the file ends in the middle" in verdict, verdict
            refused = subprocess.run(
                [WEIR, "run", "--audit", log, "--", "true"], stderr=subprocess.PIPE
            )
            assert refused.returncode == 125, refused
            status, verdict = verify(log, "--repair-tail")
        assert status == 0, verdict
        records = int(re.search(r"OK: (\d+) records", verdict).group(1))
        # What it said is there; one more may be, that it had no time to say.
        assert records >= total, (records, total, said)
        total = records
    print(f"# {KILLS} kills, {torn} torn tails, {total} records, seed {SEED}")


def a_disk_of_every_size(log: Any) -> None:
    """Room for a seeded part of a record: it is taken back, and the log stays whole."""
    rng = random.Random(SEED)
    finish(writer(log, 3, 200))
    for room in [0, 1] + [rng.randrange(0, 700) for _ in range(25)]:
        limit = os.path.getsize(log) + room
        before = lines_of(log)
        process = writer(
            log,
            5,
            200,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        said, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1, (process.returncode, err)
        after = lines_of(log)
        assert after[: len(before)] == before and len(after) == len(before) + said.count(b"\n")
        sound(log, len(after))


def a_stopped_writer_is_not_waited_for(log: Any) -> None:
    """The lock is another's: whoever waits goes on when it is let go."""
    import fcntl

    finish(writer(log, 1, 10))
    with open(log, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = writer(log, 1, 10)
        assert not select.select([process.stdout], [], [], 0.3)[0], "it did not wait"
        fcntl.flock(file, fcntl.LOCK_UN)
    finish(process)
    sound(log, 2)


SYSLOG = re.compile(
    rb"^<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) weir (\d+) (started|ended) "
    rb'\[weir@32473 seq="(\d+)" hash="([0-9a-f]{64})"\] (\{.*\})$',
    re.DOTALL,
)


def check_message(message: Any, line: Any) -> None:
    found = SYSLOG.match(message)
    assert found, message
    record = json.loads(line)
    failed = record["outcome"] not in (None, "ok")
    assert int(found[1]) == 13 * 8 + (4 if failed else 5), message
    assert found[2].decode() == record["time"] and int(found[4]) == record["who"]["pid"]
    assert (int(found[6]), found[7].decode()) == (record["seq"], record["hash"])
    assert found[8] == line.rstrip(b"\n")


def system_log(log: Any, kind: Any) -> None:
    path = os.path.join(os.path.dirname(log), "socket")
    server = socket.socket(socket.AF_UNIX, kind)
    server.settimeout(PATIENCE_S)
    server.bind(path)
    if kind == socket.SOCK_STREAM:
        server.listen(5)
    process = subprocess.Popen(
        [WEIR, "run", "--audit", log, "--audit-syslog", path, "--", "sh", "-c", "exit 3"]
    )
    messages = []
    if kind == socket.SOCK_STREAM:
        file = server.accept()[0].makefile("rb")
        messages = [file.readline().rstrip(b"\n") for _ in range(2)]
    else:
        messages = [server.recv(65536) for _ in range(2)]
    assert process.wait(timeout=PATIENCE_S) == 3
    server.close()
    lines = lines_of(log)
    assert len(lines) == 2
    for message, line in zip(messages, lines):
        check_message(message, line)


def a_system_log_of_datagrams(log: Any) -> None:
    system_log(log, socket.SOCK_DGRAM)


def a_system_log_that_is_a_stream(log: Any) -> None:
    system_log(log, socket.SOCK_STREAM)


def a_system_log_that_went_away(log: Any) -> None:
    """It takes a connection and no message: nothing starts, and the file says so."""
    path = os.path.join(os.path.dirname(log), "socket")
    ran = os.path.join(os.path.dirname(log), "ran")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    server.shutdown(socket.SHUT_RD)
    done = subprocess.run(
        [WEIR, "run", "--audit", log, "--audit-syslog", path, "--", "touch", ran],
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
    )
    server.close()
    assert done.returncode == 125 and b"nothing was started" in done.stderr, done
    assert not os.path.exists(ran)
    started, ended = map(json.loads, lines_of(log))
    assert (started["event"], ended["outcome"], ended["status"]["code"]) == (
        "started",
        "error",
        125,
    )
    sound(log, 2)


TESTS = [
    ten_processes_at_once,
    ten_processes_that_rotate,
    ten_commands_at_once,
    verify_while_others_write,
    killed_in_the_middle,
    a_disk_of_every_size,
    a_stopped_writer_is_not_waited_for,
    a_system_log_of_datagrams,
    a_system_log_that_is_a_stream,
    a_system_log_that_went_away,
]


def main() -> None:
    signal.alarm(500)
    print(f"1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        directory = tempfile.mkdtemp(prefix="weir-storm.")
        try:
            test(os.path.join(directory, "log"))
            result = "ok"
        except Exception:  # pylint: disable=broad-except
            print("# " + traceback.format_exc().replace("\n", "\n# "))
            result = "not ok"
        print(f"{result} {number} - {test.__name__.replace('_', ' ')}", flush=True)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
