#!/usr/bin/env python3
"""A launcher that behaves as ssh does, on this machine: like_ssh.py [OPTION...] HOST COMMAND...

The command is the "remote" part: in a session of its own, joined by pipes only.  It lives on when
this process, or its whole group, is killed, but its stdin ends then.  The status is the command's,
255 where a signal ended it.  A helper stays in this process's group, as a proxy command of ssh's does.

    --log FILE    notes there: "remote PID", "job COOKIE", "term" (sent to this process),
                  "helper term" (sent to the helper)
    --lose FILE   the first of its kind, which makes FILE, loses the link at the second line of stdin
    --late SECONDS  nothing is begun before
    --never FILE  the first of its kind, which makes FILE, never begins
"""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

HELPER = "trap 'echo helper term >>\"$0\"; exit' TERM; echo up; while :; do sleep 0.05; done"


def is_first(path: Any) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        return True
    except FileExistsError:
        return False


def copy(from_fd: Any, to_fd: Any, lose_at: int = 0) -> None:
    lines = 0
    while True:
        data = os.read(from_fd, 65536)
        if not data:
            break
        lines += data.count(b"\n")
        if 0 < lose_at <= lines:
            os.write(2, b"Connection to remote host closed.\n")
            os._exit(255)
        try:
            while data:
                data = data[os.write(to_fd, data) :]
        except OSError:
            break
    os.close(to_fd)


def main() -> None:
    words = sys.argv[1:]
    options = {}
    while words[0].startswith("--"):
        options[words[0]] = words[1]
        words = words[2:]
    log = options.get("--log", os.devnull)

    def note(text: Any) -> None:
        with open(log, "a", encoding="utf-8") as file:
            file.write(text + "\n")

    helper = None

    def end(*_: Any) -> None:
        note("term")
        if helper is not None:
            helper.kill()
        os._exit(255)

    signal.signal(signal.SIGTERM, end)
    note(f"job {os.environ['WEIR_JOB']}")
    helper = subprocess.Popen(
        ["sh", "-c", HELPER, log],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    helper.stdout.readline()
    print(f"Warning: added '{words[0]}' to the list of known hosts.", file=sys.stderr, flush=True)
    if "--never" in options and is_first(options["--never"]):
        while True:
            signal.pause()
    time.sleep(float(options.get("--late", "0")))
    remote = subprocess.Popen(
        words[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    note(f"remote {remote.pid}")
    lose_at = 2 if "--lose" in options and is_first(options["--lose"]) else 0
    threading.Thread(target=copy, args=(0, remote.stdin.fileno(), lose_at), daemon=True).start()
    copy(remote.stdout.fileno(), 1)
    status = remote.wait()
    helper.kill()
    helper.wait()
    os._exit(status if status >= 0 else 255)


main()
