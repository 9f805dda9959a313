#!/usr/bin/env python3
"""What children do to the spawner, and what it owes them.  Prints TAP.
spawner.py WEIR SRCDIR
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, Skip, await_file, await_that, is_gone, needs, run_cases


def weir(*words: Any, **how: Any) -> Any:
    """Runs weir to its end; returns its status, its stdout and its stderr."""
    ended = subprocess.run(
        [WEIR, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        **how,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def document(*words: Any, **how: Any) -> Any:
    """The document that `weir run --json` prints."""
    status, out, err = weir("run", "--json", *words, **how)
    assert out, (status, err)
    return json.loads(out)


# --- Signals -------------------------------------------------------------------

# Sends its parent every signal that can be caught, those that a C library keeps for itself
# included, by the system call where there is a number for it.
SEND_ALL = """
import os, signal, sys
for number in sys.argv[1:]:
    os.kill(os.getppid(), int(number))
print("sent", flush=True)
"""


def catchable() -> Any:
    numbers = range(1, int(signal.SIGRTMAX) + 1) if hasattr(signal, "SIGRTMAX") else range(1, 32)
    return [str(n) for n in numbers if n not in (signal.SIGKILL, signal.SIGSTOP)]


def no_signal_from_a_child_ends_or_stops_the_spawner() -> None:
    reported = document("--timeout", "30", "--", sys.executable, "-c", SEND_ALL, *catchable())
    assert reported["stdout"]["text"] == "sent\n", reported
    assert reported["end"] == "exited" and reported["code"] == 0, reported


def a_second_job_starts_after_the_spawner_was_signalled() -> None:
    send = f"for n in {' '.join(catchable())}; do kill -$n $PPID; done; cat"
    status, out, err = weir("pipe", "--timeout", "30", f"sh -c '{send}'", "sh -c 'cat; echo end'")
    assert (status, out) == (0, "end\n"), (status, out, err)


@needs("/proc/self/status")
def a_child_ignores_and_blocks_no_signal() -> None:
    ignore = lambda: [
        signal.signal(n, signal.SIG_IGN)
        for n in (signal.SIGUSR1, signal.SIGINT, signal.SIGPIPE, signal.SIGTTIN)
    ]
    reported = document("--", "cat", "/proc/self/status", preexec_fn=ignore)
    lines = dict(line.split(":", 1) for line in reported["stdout"]["text"].splitlines())
    assert int(lines["SigIgn"], 16) == 0 and int(lines["SigBlk"], 16) == 0, lines


@needs("/proc/self/status")
def a_nohups_hangup_stays_ignored() -> None:
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    reported = document("--", "cat", "/proc/self/status", preexec_fn=ignore)
    lines = dict(line.split(":", 1) for line in reported["stdout"]["text"].splitlines())
    assert int(lines["SigIgn"], 16) == 1, lines


def a_stopped_child_is_woken_to_heed_its_sigterm() -> None:
    code = "trap 'echo cleaned; exit 0' TERM; kill -STOP $$; exec sleep 1000"
    reported = document("--timeout", "500ms", "--grace", "30s", "--", "sh", "-c", code)
    assert reported["stdout"]["text"] == "cleaned\n", reported
    assert reported["stopped_with"] == ["SIGTERM"] and reported["why"] == "timeout", reported


@needs("a subreaper")
def so_are_stopped_grandchildren_that_left_the_group() -> None:
    code = """
(exec setsid sh -c 'trap "echo cleaned; exit 0" TERM; kill -STOP $$; exec sleep 1000') &
exec sleep 1000
"""
    reported = document("--timeout", "1s", "--grace", "30s", "--", "sh", "-c", code)
    assert reported["stdout"]["text"] == "cleaned\n", reported


def so_is_a_stopped_stage_of_a_pipeline() -> None:
    code = 'trap "echo cleaned >&2; exit 0" TERM; kill -STOP $$; exec sleep 1000'
    status, _, err = weir("pipe", "--timeout", "500ms", "--grace", "30s", f"sh -c '{code}'", "cat")
    assert status == 124 and "cleaned" in err, (status, err)


# --- What is left when both are killed ------------------------------------------

LEAVES_TWO = """
sh -c 'echo $$ >grandchild.new; mv grandchild.new grandchild; exec sleep 1000' &
setsid sh -c 'echo $$ >daemon.new; mv daemon.new daemon; exec sleep 1000' &
exec sleep 1000
"""


def children(pid: Any, name: Any) -> Any:
    """The pids of a process's children of this name."""
    found = []
    for directory in glob.glob("/proc/[0-9]*"):
        try:
            with open(directory + "/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        comm, rest = text.partition("(")[2].rpartition(")")[::2]
        if comm == name and int(rest.split()[1]) == pid:
            found.append(int(directory[6:]))
    return found


def start(directory: Any, *words: Any) -> Any:
    return subprocess.Popen(
        [WEIR, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
    )


def until_watched(process: Any) -> Any:
    """Returns the pids of its spawner and the watcher."""
    await_that(lambda: children(process.pid, "weir-spawner"), "no spawner")
    spawner = children(process.pid, "weir-spawner")[0]
    await_that(lambda: children(spawner, "weir-watcher"), "no watcher")
    return spawner, children(spawner, "weir-watcher")[0]


@needs("PR_SET_PDEATHSIG")
def what_is_left_ends_when_weir_and_its_spawner_are_killed_together(directory: Any) -> None:
    with open(f"{directory}/program", "w", encoding="utf-8") as program:
        program.write(LEAVES_TWO)
    for words in (["run", "--", "sh", "program"], ["pipe", "sh program", "cat"]):
        process = start(directory, *words)
        left = [int(await_file(f"{directory}/{who}")) for who in ("grandchild", "daemon")]
        spawner, watcher = until_watched(process)
        for pid in (process.pid, spawner):  # neither is to see the other's end
            os.kill(pid, signal.SIGSTOP)
        for pid in (process.pid, spawner):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        await_that(lambda: all(is_gone(pid) for pid in [*left, watcher]), "some live on")
        for who in ("grandchild", "daemon"):
            os.unlink(f"{directory}/{who}")


@needs("PR_SET_PDEATHSIG")
def a_stopped_watcher_goes_on_when_the_spawner_is_gone(directory: Any) -> None:
    with open(f"{directory}/program", "w", encoding="utf-8") as program:
        program.write(LEAVES_TWO)
    process = start(directory, "run", "--", "sh", "program")
    left = [int(await_file(f"{directory}/{who}")) for who in ("grandchild", "daemon")]
    spawner, watcher = until_watched(process)
    for pid in (process.pid, spawner, watcher):
        os.kill(pid, signal.SIGSTOP)
    for pid in (process.pid, spawner):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    await_that(lambda: all(is_gone(pid) for pid in [*left, watcher]), "some live on")


@needs("PR_SET_PDEATHSIG")
def no_signal_but_sigkill_ends_the_watcher_and_it_leaves_with_the_spawner(directory: Any) -> None:
    process = start(directory, "run", "--", "sleep", "1000")
    _, watcher = until_watched(process)
    for number in catchable():
        os.kill(watcher, int(number))
    until_watched(process)
    process.terminate()
    process.wait()
    await_that(lambda: is_gone(watcher), "the watcher stays")


@needs("PR_SET_PDEATHSIG")
def a_watcher_that_was_killed_is_replaced(directory: Any) -> None:
    process = start(directory, "run", "--", "sleep", "1000")
    spawner, watcher = until_watched(process)
    os.kill(watcher, signal.SIGKILL)
    await_that(lambda: children(spawner, "weir-watcher") not in ([], [watcher]), "no other watcher")
    process.terminate()
    process.wait()


# --- A spawner that does not answer ----------------------------------------------

# Says its pid, stops its parent, the spawner, and stays.
STOPS_IT = "echo $$ >child.new; mv child.new child; kill -STOP $PPID; exec sleep 1000"


def until_ended(process: Any, directory: Any, *statuses: Any) -> None:
    """Waits for weir, and for the child that it had."""
    assert process.wait(PATIENCE_S) in statuses, process.returncode
    child = int(await_file(f"{directory}/child"))
    await_that(lambda: is_gone(child), "the child lives on")
    os.unlink(f"{directory}/child")


def write_program(directory: Any) -> None:
    with open(f"{directory}/program", "w", encoding="utf-8") as program:
        program.write(STOPS_IT)


@needs("PR_SET_PDEATHSIG")
def a_deadline_holds_though_the_spawner_is_stopped(directory: Any) -> None:
    write_program(directory)
    limits = ("--timeout", "500ms", "--grace", "100ms")
    run = subprocess.run(
        [WEIR, "run", "--json", *limits, "--", "sh", "program"],
        check=False,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    reported = json.loads(run.stdout)
    assert (
        run.returncode == 124 and reported["end"] == "status_lost" and reported["why"] == "timeout"
    ), reported
    child = int(await_file(f"{directory}/child"))
    await_that(lambda: is_gone(child), "the child lives on")
    os.unlink(f"{directory}/child")
    until_ended(start(directory, "pipe", *limits, "sh program", "cat"), directory, 124)
    with open(f"{directory}/in", "w", encoding="utf-8") as records:
        records.write("1\n2\n")
    until_ended(
        start(directory, "map", "-j1", *limits, "--input", "in", "--", "sh", "program"),
        directory,
        124,
    )
    until_ended(
        start(directory, "call", "--timeout", "500ms", "-w", "sh program", "any"),
        directory,
        124,
        125,
    )


@needs("PR_SET_PDEATHSIG")
def so_do_sigterm_and_sigint(directory: Any) -> None:
    write_program(directory)
    for words in (
        ["run", "--", "sh", "program"],
        ["pipe", "sh program", "cat"],
        ["call", "-w", "sh program", "any"],
        ["serve", "-s", "socket", "-j1", "-w", "sh program"],
    ):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = start(directory, *words)
            await_file(f"{directory}/child")
            process.send_signal(number)
            until_ended(process, directory, 0, 125, 128 + number, -number)


@needs("PR_SET_PDEATHSIG")
def a_program_that_ends_is_missed_though_the_spawner_is_stopped(directory: Any) -> None:
    process = start(directory, "run", "--", "sh", "-c", "kill -STOP $PPID; exit 3")
    assert process.wait(PATIENCE_S) == 125, process.returncode


# --- What cannot be ended, or set -------------------------------------------------


def as_nobody() -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def weir_with_a_child_that_became_root(directory: Any, *words: Any) -> Any:
    """Runs weir WORDS -- PROGRAM as another user; PROGRAM becomes root and cannot be ended."""
    setpriv = shutil.which("setpriv")
    if os.getuid() != 0 or setpriv is None:
        raise Skip("needs root and setpriv")
    up = f"{directory}/up"
    shutil.copy(setpriv, up)
    os.chmod(up, 0o4755)
    os.chmod(directory, 0o755)
    program = (up, "--reuid", "0", "--regid", "0", "--clear-groups", "sleep", "1000")
    try:
        run = subprocess.run(
            [WEIR, *words, "--timeout", "500ms", "--grace", "100ms", "--", *program],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            preexec_fn=as_nobody,
        )
    except PermissionError:
        raise Skip("another user cannot run weir here") from None
    if run.returncode in (125, 126):
        raise Skip("another user cannot run weir here")
    return run


def check_survivor(reported: Any) -> None:
    if reported["end"] != "status_lost":
        raise Skip("programs are not set-user-ID here")
    try:
        assert reported["stopped_with"] == [] and reported["refused"] == ["SIGTERM", "SIGKILL"], (
            reported
        )
        assert [(s["pid"], s["reason"]) for s in reported["survivors"]] == [
            (reported["pid"], "not permitted")
        ], reported
        # /proc may be hidden from the other user
        assert reported["survivors"][0]["command"] in ("sleep 1000", "[sleep]", "[?]"), reported
    finally:
        os.kill(reported["pid"], signal.SIGKILL)


@needs("set-user-ID programs")
def a_child_that_became_root_is_reported_as_a_survivor(directory: Any) -> None:
    run = weir_with_a_child_that_became_root(directory, "run", "--json")
    reported = json.loads(run.stdout)
    check_survivor(reported)
    assert run.returncode == 124 and reported["why"] == "timeout", reported
    assert b"lives on" in run.stderr and b"spawner died" not in run.stderr, run.stderr


@needs("set-user-ID programs")
def so_is_a_worker_of_map(directory: Any) -> None:
    with open(f"{directory}/records", "w", encoding="utf-8") as records:
        records.write("1\n")
    os.mkdir(f"{directory}/open")
    os.chmod(f"{directory}/open", 0o777)
    report = f"{directory}/open/report"
    run = weir_with_a_child_that_became_root(
        directory, "map", "-j1", "--report", report, "--input", f"{directory}/records"
    )
    with open(report, encoding="utf-8") as file:
        workers = json.load(file)["workers"]
    check_survivor(workers[0])
    assert run.returncode == 124 and len(workers) == 1, (run.returncode, workers)


def a_limit_that_cannot_be_set_is_named() -> None:
    for words in (["run", "--limit", "files=99999999999", "--", "true"],):
        status, _, err = weir(*words)
        assert status == 125 and "files=99999999999 (the hard limit is " in err, (status, err)


# --- As the first process ---------------------------------------------------------

FIRST = ["unshare", "-pf", "--mount-proc"]


def needs_a_pid_namespace() -> None:
    for program in ("unshare", "nsenter"):
        if shutil.which(program) is None:
            raise Skip(f"no {program} here")
    if subprocess.run([*FIRST, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("no pid namespace can be made here")


def start_first(*words: Any) -> Any:
    """Starts weir as process 1; returns unshare's process and weir's pid as it is seen here."""
    process = subprocess.Popen(
        [*FIRST, WEIR, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    await_that(lambda: children(process.pid, "weir"), "weir did not start")
    return process, children(process.pid, "weir")[0]


@needs("pid namespaces")
def as_process_1_weir_reaps_what_it_adopts() -> None:
    needs_a_pid_namespace()
    process, first = start_first("run", "--", "sh", "-c", "echo ready; exec sleep 1000")
    assert process.stdout.readline() == b"ready\n"
    for _ in range(3):
        subprocess.run(
            ["nsenter", "-t", str(first), "-p", "sh", "-c", "(sleep 0.01 &)"], check=True
        )
    await_that(lambda: not children(first, "sleep"), "zombies stay")
    os.kill(first, signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE_S) and process.returncode == 143, process.returncode


@needs("pid namespaces")
def as_process_1_weir_has_the_programs_status() -> None:
    needs_a_pid_namespace()
    for code, wanted in (("exit 7", 7), ("kill -9 $$", 137)):
        process = subprocess.run(
            [*FIRST, WEIR, "run", "--", "sh", "-c", code],
            check=False,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )
        assert process.returncode == wanted, (code, process.returncode)


# --- A command line that starts nothing ----------------------------------------

# In place of weir-spawner: does not end by itself.
STUCK = """#!/bin/sh
echo $$ >>"$PIDS"
exec sleep 300
"""


def an_invalid_command_line_leaves_no_spawner_however_stuck(directory: Any) -> None:
    """weir-spawner may be on its way before the command line is read."""
    stuck, pids = f"{directory}/stuck", f"{directory}/pids"
    with open(stuck, "w", encoding="utf-8") as file:
        file.write(STUCK)
    os.chmod(stuck, 0o755)
    environment = dict(os.environ, WEIR_SPAWNER=stuck, PIDS=pids)
    for verb in ("run", "pipe", "each", "map"):
        status, _, err = weir(verb, "--no-such-option", "--", "true", env=environment)
        assert status in (2, 125), (verb, status, err)
        assert "no-such-option" in err and "spawner" not in err, (verb, err)
        weir(verb, "--help", env=environment)
    if os.path.exists(pids):
        with open(pids, encoding="utf-8") as file:
            left = [pid for pid in file.read().split() if not is_gone(pid)]
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)
        assert not left, left


def a_spawner_that_is_not_there_is_missed_only_by_who_needs_it() -> None:
    environment = dict(os.environ, WEIR_SPAWNER="/no/such/spawner")
    status, _, err = weir("run", "--no-such-option", "--", "true", env=environment)
    assert status == 125 and "no-such-option" in err and "spawner" not in err, (status, err)
    status, _, err = weir("run", "--", "true", env=environment)
    assert status == 125 and err.count("/no/such/spawner") == 1, (status, err)


run_cases(
    [
        a_child_that_became_root_is_reported_as_a_survivor,
        so_is_a_worker_of_map,
        a_limit_that_cannot_be_set_is_named,
        a_deadline_holds_though_the_spawner_is_stopped,
        so_do_sigterm_and_sigint,
        a_program_that_ends_is_missed_though_the_spawner_is_stopped,
        as_process_1_weir_reaps_what_it_adopts,
        as_process_1_weir_has_the_programs_status,
        what_is_left_ends_when_weir_and_its_spawner_are_killed_together,
        a_stopped_watcher_goes_on_when_the_spawner_is_gone,
        no_signal_but_sigkill_ends_the_watcher_and_it_leaves_with_the_spawner,
        a_watcher_that_was_killed_is_replaced,
        no_signal_from_a_child_ends_or_stops_the_spawner,
        a_second_job_starts_after_the_spawner_was_signalled,
        a_child_ignores_and_blocks_no_signal,
        a_nohups_hangup_stays_ignored,
        a_stopped_child_is_woken_to_heed_its_sigterm,
        so_are_stopped_grandchildren_that_left_the_group,
        so_is_a_stopped_stage_of_a_pipeline,
        an_invalid_command_line_leaves_no_spawner_however_stuck,
        a_spawner_that_is_not_there_is_missed_only_by_who_needs_it,
    ]
)
