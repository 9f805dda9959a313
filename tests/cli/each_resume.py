#!/usr/bin/env python3
"""weir each: killed and resumed, full disks, signals, make's job server.  Prints TAP.
each_resume.py BUILDDIR SRCDIR [SEED [KILLS]]
"""

import json
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

BUILD, SRCDIR = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, Skip, await_file, run_cases

SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
KILLS = int(sys.argv[4]) if len(sys.argv) > 4 else 8
WEIR = os.path.join(BUILD, "weir")

# Prints something of its record: for some nothing, for some more than a block of the spool.
PROGRAM = """
n=$1
case $n in
*7) exit 3 ;;
*00) head -c 200000 /dev/zero | tr '\\0' x; echo ;;
*3) ;;
*) echo "reply $n"; echo "error $n" >&2 ;;
esac
"""


def path_of(directory: Any, name: Any) -> Any:
    return os.path.join(directory, name)


def words_of(directory: Any, *options: Any) -> Any:
    return [
        WEIR,
        "each",
        "-j3",
        "--input",
        path_of(directory, "in"),
        "--output",
        path_of(directory, "out"),
        "--checkpoint",
        path_of(directory, "state"),
        "--dead-letter",
        path_of(directory, "dead"),
        *options,
        "--",
        "sh",
        "-c",
        PROGRAM,
        "x",
    ]


def write_input(directory: Any, count: int) -> None:
    with open(path_of(directory, "in"), "w", encoding="utf-8") as file:
        file.write("".join(f"{number}\n" for number in range(count)))


def expected(count: int) -> Any:
    """The output, and the records that fail."""
    out, dead = [], []
    for number in range(count):
        if number % 10 == 7:
            dead.append(number)
        elif number % 100 == 0 and number > 0:
            out.append("x" * 200000 + "\n")
        elif number % 10 != 3:
            out.append(f"reply {number}\n")
    return "".join(out).encode(), dead


def read(directory: Any, name: Any) -> Any:
    with open(path_of(directory, name), "rb") as file:
        return file.read()


def dead_of(directory: Any) -> Any:
    return [json.loads(line)["seq"] for line in read(directory, "dead").splitlines()]


def run(*words: Any, **how: Any) -> Any:
    return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False, **how)


def kill_and_resume(directory: Any, *options: Any) -> None:
    chance = random.Random(SEED)
    count, kills = 400, 0
    write_input(directory, count)
    words = words_of(directory, *options)
    while True:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            # A moment chosen by the seed: whenever it comes, the result must be the same.
            process.wait(chance.uniform(0.01, 0.8) if kills < KILLS else PATIENCE_S)
        except subprocess.TimeoutExpired:
            assert kills < KILLS
            process.kill()
            process.wait()
            kills += 1
            continue
        break
    assert process.returncode == 1, process.returncode
    out, dead = expected(count)
    if "--unordered" in options:
        assert sorted(read(directory, "out").splitlines()) == sorted(out.splitlines())
        assert sorted(dead_of(directory)) == dead
    else:
        assert read(directory, "out") == out
        assert dead_of(directory) == dead
    again = run(*words, stderr=subprocess.PIPE)
    assert again.returncode == 1, again


def killed_at_any_time_it_resumes_and_the_output_is_the_same(directory: Any) -> None:
    kill_and_resume(directory)


def unordered_each_output_is_there_once(directory: Any) -> None:
    kill_and_resume(directory, "--unordered")


def another_command_is_refused_and_the_files_are_left_alone(directory: Any) -> None:
    write_input(directory, 20)
    assert run(*words_of(directory), stderr=subprocess.DEVNULL).returncode == 1
    before = read(directory, "out"), read(directory, "dead"), read(directory, "state")
    for options in (["--stdin"], ["--ok-exit", "0,3"], ["--json"], ["--replace", "@"]):
        ended = run(*words_of(directory, *options), stderr=subprocess.PIPE)
        assert ended.returncode == 6, (options, ended)
        assert b"the command or its options have changed" in ended.stderr, ended
    assert before == (read(directory, "out"), read(directory, "dead"), read(directory, "state"))


def a_full_disk_ends_the_run_with_5_and_it_resumes(directory: Any) -> None:
    write_input(directory, 300)

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150000, resource.RLIM_INFINITY))

    ended = run(*words_of(directory), stderr=subprocess.PIPE, preexec_fn=small)
    assert ended.returncode == 5, ended
    assert run(*words_of(directory), stderr=subprocess.DEVNULL).returncode == 1
    out, dead = expected(300)
    assert read(directory, "out") == out
    assert dead_of(directory) == dead


# --- Signals --------------------------------------------------------------------


class Terminal:
    """weir each as the foreground job of a terminal."""

    def __init__(self, *words: Any) -> None:
        self.pid, self.person = pty.fork()
        if self.pid == 0:
            os.execv(WEIR, [WEIR, "each", *words])

    def press_ctrl_c(self) -> None:
        os.write(self.person, b"\x03")

    def end(self) -> Any:
        """Its status, and what was on the screen."""
        seen = b""
        while True:
            try:
                bytes_read = os.read(self.person, 4096)
            except OSError:
                break
            if not bytes_read:
                break
            seen += bytes_read
        os.close(self.person)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), seen


def begin_on_terminal(directory: Any, grace: str, script: str) -> Terminal:
    with open(path_of(directory, "in"), "w", encoding="utf-8") as file:
        file.write("1\n2\n3\n4\n")
    terminal = Terminal(
        "-j2", "--grace", grace, "--input", path_of(directory, "in"), "--report",
        path_of(directory, "report"), "--", "sh", "-c", script, "x", "{}", directory,
    )  # fmt: skip
    await_file(path_of(directory, "1"))
    await_file(path_of(directory, "2"))
    return terminal


def ctrl_c_starts_nothing_more_and_lets_what_runs_end(directory: Any) -> None:
    terminal = begin_on_terminal(
        directory,
        "60s",
        'echo $$ >"$2/$1"; until [ -e "$2/go" ]; do sleep 0.05; done; echo "done $1"',
    )
    terminal.press_ctrl_c()
    # weir has the signal before it is asked to go on: its notice would be an event, but there is
    # none, so the programs end after it can only have been handled.
    time.sleep(0.3)
    with open(path_of(directory, "go"), "w", encoding="utf-8"):
        pass
    status, seen = terminal.end()
    report = json.loads(read(directory, "report"))
    assert status in (130, -signal.SIGINT), (status, seen)
    assert b"done 1" in seen and b"done 2" in seen, seen
    assert report["answered"] == 2 and report["unsettled"] == report["in"]["records"] - 2, report
    assert not os.path.exists(path_of(directory, "3"))


def ctrl_c_stops_what_does_not_end_within_the_grace(directory: Any) -> None:
    terminal = begin_on_terminal(directory, "300ms", 'echo $$ >"$2/$1"; exec sleep 1000')
    terminal.press_ctrl_c()
    status, seen = terminal.end()
    assert status in (130, -signal.SIGINT), (status, seen)
    assert json.loads(read(directory, "report"))["answered"] == 0


def a_second_ctrl_c_kills_what_ignores_signals(directory: Any) -> None:
    terminal = begin_on_terminal(
        directory, "600s", 'trap "" INT TERM HUP; echo $$ >"$2/$1"; while :; do sleep 0.1; done'
    )
    terminal.press_ctrl_c()
    time.sleep(0.3)  # two signals that come at once would be one
    terminal.press_ctrl_c()
    status, seen = terminal.end()
    assert status in (130, -signal.SIGINT), (status, seen)


# --- Pace -----------------------------------------------------------------------


def rate_and_delay_space_the_starts(directory: Any) -> None:
    write_input(directory, 5)
    for options in (["--rate", "10/s"], ["--delay", "100ms"]):
        before = time.monotonic()
        ended = run(
            WEIR, "each", "-j4", *options, "--input", path_of(directory, "in"), "--", "true"
        )
        assert ended.returncode == 0
        assert time.monotonic() - before >= 0.35, options  # three pauses, less what may catch up


def one_that_may_not_start_waits_and_the_run_can_be_stopped(directory: Any) -> None:
    write_input(directory, 5)
    for options in (["--load", "0.000001"], ["--memory-free", "1000000G"]):
        ended = run(
            WEIR, "each", *options, "--timeout", "300ms", "--input", path_of(directory, "in"),
            "--", "touch", path_of(directory, "started"), stderr=subprocess.PIPE,
        )  # fmt: skip
        assert ended.returncode == 124, (options, ended)
        assert not os.path.exists(path_of(directory, "started"))


MAKEFILE = """
all:
\t+@seq 6 | '{weir}' each -j6 --jobserver -- sh -c \\
\t  'mkdir {directory}/now.$$$$; ls -d {directory}/now.* | wc -l; sleep 0.1; rmdir {directory}/now.$$$$'
"""


def the_job_server_of_make_limits_how_many_run(directory: Any) -> None:
    make = shutil.which("make")
    if make is None:
        raise Skip("there is no make")
    makefile = path_of(directory, "Makefile")
    with open(makefile, "w", encoding="utf-8") as file:
        file.write(MAKEFILE.format(weir=WEIR, directory=directory))
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    for jobs in (1, 2, 3):
        ended = run(
            make, f"-j{jobs}", "-f", makefile, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment,
        )  # fmt: skip
        assert ended.returncode == 0, ended
        most = max(int(line) for line in ended.stdout.split())
        assert most <= jobs, (jobs, ended.stdout)
        assert b"warning" not in ended.stderr and b"INTERNAL" not in ended.stderr, ended
    ended = run(make, "-f", makefile, stdout=subprocess.PIPE, env=environment)
    assert ended.returncode == 0 and max(int(line) for line in ended.stdout.split()) == 1


# --- Progress -------------------------------------------------------------------


def progress_names_the_slowest(directory: Any) -> None:
    with open(path_of(directory, "in"), "w", encoding="utf-8") as file:
        file.write("1\n2\n")
    process = subprocess.Popen(
        [WEIR, "each", "-j2", "--progress", "json", "--input", path_of(directory, "in"), "--",
         "sh", "-c", 'until [ -e "$2/go$1" ]; do sleep 0.05; done', "x", "{}", directory],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for text in process.stderr:
        line = json.loads(text)
        if line["kind"] == "progress" and line["in_flight"] == 2 and line["slowest"]["ms"] > 0:
            break
    assert line["slowest"]["record"] in (1, 2), line
    for name in ("go1", "go2"):
        with open(path_of(directory, name), "w", encoding="utf-8"):
            pass
    rest = process.stderr.read().splitlines()
    process.stderr.close()
    assert process.wait(PATIENCE_S) == 0
    assert json.loads(rest[-1])["kind"] == "end", rest


def main() -> None:
    run_cases(
        [
            killed_at_any_time_it_resumes_and_the_output_is_the_same,
            unordered_each_output_is_there_once,
            another_command_is_refused_and_the_files_are_left_alone,
            a_full_disk_ends_the_run_with_5_and_it_resumes,
            ctrl_c_starts_nothing_more_and_lets_what_runs_end,
            ctrl_c_stops_what_does_not_end_within_the_grace,
            a_second_ctrl_c_kills_what_ignores_signals,
            rate_and_delay_space_the_starts,
            one_that_may_not_start_waits_and_the_run_can_be_stopped,
            the_job_server_of_make_limits_how_many_run,
            progress_names_the_slowest,
        ]
    )


if __name__ == "__main__":
    main()
