#!/usr/bin/env python3
"""Signals to weir itself, and descriptors it was started without.  Prints TAP.
signals.py WEIR SRCDIR
"""

import ctypes
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import tempfile
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, needs, run_cases


def start(*words: Any, **how: Any) -> Any:
    return subprocess.Popen([WEIR, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def until_ready(stream: Any) -> None:
    line = stream.readline()
    assert line == b"ready\n", line


def run_live(code: Any, *options: Any, **how: Any) -> Any:
    """Starts weir run; returns once the program in it has said "ready"."""
    weir = start("run", *options, "--", "sh", "-c", code, **how)
    until_ready(weir.stdout)
    return weir


def pipe_live(code: Any) -> Any:
    """The same with weir pipe."""
    quoted = code.replace('"', '\\"').replace("$", "\\$")
    weir = start("pipe", f'sh -c "{quoted}"')
    until_ready(weir.stdout)
    return weir


def end(weir: Any) -> Any:
    out, err = weir.communicate(timeout=PATIENCE_S)
    return weir.returncode, out, err


def each_ending_signal_stops_the_job_and_is_the_status() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        weir = run_live(
            "trap 'echo reported; exit 9' TERM; echo ready; while :; do sleep 0.01; done"
        )
        weir.send_signal(number)
        status, out, _ = end(weir)
        assert (status, out) == (128 + number, b"reported\n"), (number, status, out)


OTHERS = ["SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGPIPE", "SIGIO", "SIGPWR", "SIGSTKFLT"]


def other_signals_end_weir_in_order_too() -> None:
    numbers = [getattr(signal, name) for name in OTHERS if hasattr(signal, name)]
    numbers += [signal.SIGRTMIN, signal.SIGRTMIN + 7, signal.SIGRTMAX]
    for number in numbers:
        weir = run_live(
            "trap 'echo reported; exit 9' TERM; echo ready; while :; do sleep 0.01; done"
        )
        weir.send_signal(number)
        status, out, _ = end(weir)
        assert (status, out) == (128 + number, b"reported\n"), (number, status, out)


def usr1_and_usr2_are_passed_on() -> None:
    code = "trap 'echo one' USR1; trap 'echo two; exit 4' USR2; echo ready; while :; do sleep 0.01; done"
    for start_it in (run_live, pipe_live):
        weir = start_it(code)
        weir.send_signal(signal.SIGUSR1)
        assert weir.stdout.readline() == b"one\n"
        weir.send_signal(signal.SIGUSR2)
        status, out, _ = end(weir)
        assert (status, out) == (4, b"two\n"), (status, out)


def hup_and_winch_are_passed_on() -> None:
    code = (
        "trap 'echo winch' WINCH; trap 'echo hup; exit 4' HUP; "
        "echo ready; while :; do sleep 0.01; done"
    )
    for start_it in (run_live, pipe_live):
        weir = start_it(code)
        weir.send_signal(signal.SIGWINCH)
        assert weir.stdout.readline() == b"winch\n"
        weir.send_signal(signal.SIGHUP)
        status, out, _ = end(weir)
        assert (status, out) == (4, b"hup\n"), (status, out)


def a_lost_terminal_ends_the_job() -> None:
    """weir leads a session: the kernel sends SIGHUP when the terminal goes."""
    with tempfile.TemporaryDirectory() as directory:
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        code = "trap '' HUP; trap 'echo reported; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
        pid, person = pty.fork()
        if pid == 0:
            words = [WEIR, "run", "--", "sh", "-c", f"exec >'{fifo}'; {code}"]
            os.execv(WEIR, words)
        with open(fifo, "rb") as stream:
            until_ready(stream)
            os.close(person)
            assert stream.read() == b"reported\n"
        os.waitpid(pid, 0)


def what_outlives_the_program_is_left_running() -> None:
    code = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"
    weir = start("run", "--leave-running", "--", "sh", "-c", code)
    status, out, _ = end(weir)
    left = int(out)
    os.kill(left, 0)  # it lives
    os.kill(left, signal.SIGKILL)
    assert status == 0
    # A time limit ends it all the same.
    code = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; exec sleep 1000"
    weir = start("run", "--leave-running", "--timeout", "1s", "--", "sh", "-c", code)
    status, out, _ = end(weir)
    assert status == 124
    try:
        os.kill(int(out), 0)
        assert False, "it lives"
    except ProcessLookupError:
        pass


def a_program_that_signals_weir_itself_does_not_end_it() -> None:
    weir = start(
        "run",
        "--",
        "sh",
        "-c",
        "trap 'echo mine' USR1; read pid; kill -USR1 $pid; sleep 0.2; echo on",
        stdin=subprocess.PIPE,
    )
    out, _ = weir.communicate(f"{weir.pid}\n".encode(), timeout=PATIENCE_S)
    assert (weir.returncode, out) == (0, b"mine\non\n"), (weir.returncode, out)


def usr1_ends_a_map_in_order() -> None:
    weir = start("map", "-j1", "--", "cat", stdin=subprocess.PIPE)
    weir.stdin.write(b"1\n")
    weir.stdin.flush()
    assert weir.stdout.readline() == b"1\n"
    weir.send_signal(signal.SIGUSR1)
    status, _, err = end(weir)
    assert status == 128 + signal.SIGUSR1 and b"stopped as asked" in err, (status, err)


def a_document_says_cancelled() -> None:
    with tempfile.TemporaryDirectory() as directory:
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        weir = start("run", "--json", "--", "sh", "-c", f"echo ready >'{fifo}'; exec sleep 1000")
        with open(fifo, "rb") as stream:
            until_ready(stream)
        weir.terminate()
        status, out, _ = end(weir)
    document = json.loads(out)
    assert status == 143, status
    assert document["why"] == "cancelled" and document["signal"] == "SIGTERM", document


def a_second_signal_does_not_wait_for_the_grace() -> None:
    weir = run_live(
        "trap 'echo stubborn' TERM; echo ready; while :; do sleep 0.01; done", "--grace", "1000"
    )
    weir.terminate()
    assert weir.stdout.readline() == b"stubborn\n"
    weir.terminate()
    assert end(weir)[0] == 143


def what_was_ignored_stays_ignored() -> None:
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    weir = run_live("echo ready; read line; exit 6", preexec_fn=ignore, stdin=subprocess.PIPE)
    weir.send_signal(signal.SIGHUP)
    weir.stdin.write(b"go on\n")
    weir.stdin.close()
    weir.stdin = None
    assert end(weir)[0] == 6


def a_pipeline_is_stopped_whole() -> None:
    weir = start("pipe", "sh -c 'echo ready; exec sleep 1000'", "cat", "sh -c 'cat; sleep 1000'")
    until_ready(weir.stdout)
    weir.terminate()
    assert end(weir)[0] == 143


def kill_9_takes_the_job_along() -> None:
    weir = run_live("echo ready; exec sleep 1000")
    weir.kill()
    # The job has the other end of the pipe: it ends when the job has.
    assert weir.stdout.read() == b""
    assert weir.wait() == -signal.SIGKILL


def a_stop_sequence_is_taken_step_by_step() -> None:
    code = "trap 'echo int' INT; trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    weir = run_live(code, "--stop", "INT:100ms,TERM:60s,KILL")
    weir.terminate()
    status, out, _ = end(weir)
    assert (status, out) == (143, b"int\nterm\n"), (status, out)
    # And where weir is killed: the spawner takes the steps.
    weir = run_live(code, "--stop", "INT:100ms,TERM:60s,KILL")
    weir.kill()
    assert weir.stdout.read() == b"int\nterm\n"
    weir.wait()
    quoted = code.replace("sleep 0.01", "sleep 0.02")
    weir = start("pipe", "--stop", "INT:100ms,TERM:60s", f'sh -c "{quoted}"')
    until_ready(weir.stdout)
    weir.terminate()
    status, out, _ = end(weir)
    assert (status, out) == (143, b"int\nterm\n"), (status, out)
    worker = "trap 'echo int >&2; exit 9' INT; read x; echo $x; read x; sleep 1000"
    words = ["-j1", "--stop", "INT:1s", "--", "sh", "-c", worker]
    weir = start("map", *words, stdin=subprocess.PIPE)
    weir.stdin.write(b"1\n")
    weir.stdin.flush()
    assert weir.stdout.readline() == b"1\n"
    weir.terminate()
    status, _, err = end(weir)
    assert status == 143 and b"int\n" in err, (status, err)
    # A map in a pipeline stops its workers with the sequence of its stage.
    with tempfile.TemporaryDirectory() as directory:
        spec = os.path.join(directory, "spec.json")
        worker = "trap 'echo int >&2; exit 9' INT; read x; echo $x; while :; do sleep 0.01; done"
        stage = {"cmd": ["sh", "-c", worker], "map": {"workers": 1}, "stop": "INT:60s"}
        with open(spec, "w") as file:
            json.dump({"weir": 1, "stages": [stage]}, file)
        weir = start("pipe", "-f", spec, stdin=subprocess.PIPE)
        weir.stdin.write(b"1\n")
        weir.stdin.flush()
        assert weir.stdout.readline() == b"1\n"
        weir.terminate()
        status, _, err = end(weir)
    assert status == 143 and b"int\n" in err, (status, err)


@needs("a subreaper")
def no_zombie_is_left_to_init() -> None:
    """In a container init may never look.  Here this process is init: see prctl(2)."""
    prctl = ctypes.CDLL(None).prctl
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    for words in (["run", "--", "sh", "-c", "sleep 1000 & exit 0"], ["pipe", "yes", "head -1"]):
        subprocess.run([WEIR, *words], stdout=subprocess.DEVNULL, check=True)
        try:
            pid, status = os.waitpid(-1, 0)
            assert False, f"{pid} was left to init, status {status:#x}"
        except ChildProcessError:
            pass
    prctl(36, 0, 0, 0, 0)


def closed_descriptors_are_closed_for_the_program_too() -> None:
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        words = [WEIR, "run", "--", "sh", "-c", "exit 4"]
        shell = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words])
        assert shell.returncode == 4, (closed, shell.returncode)
    shell = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", WEIR, "run", "--json", "--", "true"],
        stderr=subprocess.PIPE,
    )
    assert shell.returncode == 125 and b"cannot write" in shell.stderr, shell


def sigpipe_is_at_its_default_in_the_program() -> None:
    ignore = lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    weir = start("run", "--json", "--", "sh", "-c", "yes | head -1", preexec_fn=ignore)
    status, out, _ = end(weir)
    assert status == 0 and json.loads(out)["stderr"]["text"] == "", out


def what_was_blocked_is_let_in() -> None:
    block = lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    weir = run_live("echo ready; exec sleep 1000", preexec_fn=block)
    weir.send_signal(signal.SIGTERM)
    assert end(weir)[0] == 128 + signal.SIGTERM


def a_file_at_its_limit_is_an_error_and_no_signal(directory: Any) -> None:
    out = os.path.join(directory, "out")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    def run(*words: Any) -> Any:
        weir = start(*words, stdin=subprocess.PIPE, preexec_fn=limit)
        _, said = weir.communicate(b"1234567\n" * 1000, timeout=PATIENCE_S)
        return weir.returncode, said

    for words in (["map", "-j1", "--output", out], ["each", "-j1", "--stdin", "--output", out]):
        status, said = run(*words, "--", "cat")
        assert status == 5 and b"File too large" in said and os.listdir(directory) == []
    code = "yes | head -c 4096 >" + out
    status, said = run("run", "--", "sh", "-c", code)  # the program has its signal
    assert status == 128 + signal.SIGXFSZ or b"File size limit" in said, (status, said)


run_cases(
    [
        each_ending_signal_stops_the_job_and_is_the_status,
        other_signals_end_weir_in_order_too,
        usr1_and_usr2_are_passed_on,
        hup_and_winch_are_passed_on,
        a_lost_terminal_ends_the_job,
        what_outlives_the_program_is_left_running,
        a_program_that_signals_weir_itself_does_not_end_it,
        usr1_ends_a_map_in_order,
        a_document_says_cancelled,
        a_second_signal_does_not_wait_for_the_grace,
        what_was_ignored_stays_ignored,
        what_was_blocked_is_let_in,
        a_file_at_its_limit_is_an_error_and_no_signal,
        a_pipeline_is_stopped_whole,
        kill_9_takes_the_job_along,
        a_stop_sequence_is_taken_step_by_step,
        no_zombie_is_left_to_init,
        closed_descriptors_are_closed_for_the_program_too,
        sigpipe_is_at_its_default_in_the_program,
    ]
)
