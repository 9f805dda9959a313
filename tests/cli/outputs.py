#!/usr/bin/env python3
"""weir's own output: closed, non-blocking, or read by no process.  Prints TAP.
outputs.py WEIR SRCDIR
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, await_that, run_cases

RECORDS = b"".join(b"%d\n" % n for n in range(200000))


def shell(redirection: Any, *words: Any) -> Any:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *words],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
    )


def full_pipe() -> Any:
    """A pipe that has no room left; its ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(65536))
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


def start(
    writer: Any, *words: Any, stderr: Any = subprocess.PIPE, stdin: Any = subprocess.DEVNULL
) -> Any:
    weir = subprocess.Popen([WEIR, *words], stdin=stdin, stdout=writer, stderr=stderr)
    os.close(writer)
    return weir


def end(weir: Any) -> Any:
    _, said = weir.communicate(timeout=PATIENCE_S)
    return weir.returncode, said


def a_closed_standard_output_is_an_error_before_anything_starts(directory: Any) -> None:
    mark = os.path.join(directory, "mark")
    log = os.path.join(directory, "log")
    touch = f"touch {mark}"
    for status, *words in (
        [125, "run", "--json", "--", "touch", mark],
        [125, "run", "--idle", "9s", "--", "touch", mark],
        [125, "run", "--json", "--audit", log, "--", "touch", mark],
        [125, "pipe", touch],
        [125, "pipe", "--output", os.path.join(directory, "out"), "--report", "-", touch],
        [5, "map", "--", "touch", mark],
        [125, "call", "-w", touch, "f"],
        [125, "call", "-w", touch, "--list"],
        [125, "probe"],
        [125, "probe", "--list"],
        [125, "audit", "verify", WEIR],
        [125, "audit", "show", WEIR],
        [125, "help"],
        [125, "help", "run"],
        [125, "help", "--man", "run"],
        [125, "help", "--completion", "bash"],
        [125, "--help"],
        [125, "--version"],
        [125, "map", "--help"],
        [125, "serve", "--help"],
    ):
        for redirection in (">&-", "1</dev/null"):
            weir = shell(redirection, WEIR, *words)
            assert weir.returncode == status, (redirection, words, weir)
            assert b"standard output" in weir.stderr, (redirection, words, weir)
            assert os.listdir(directory) == [], (redirection, words, os.listdir(directory))


def an_output_elsewhere_needs_no_standard_output(directory: Any) -> None:
    out = os.path.join(directory, "out")
    for words in (
        ["pipe", "--output", out, "echo 1"],
        ["map", "--output", out, "--", "cat"],
        ["run", "--", "true"],
    ):
        assert shell(">&- </dev/null", WEIR, *words).returncode == 0, words


def a_path_does_not_open_a_closed_standard_descriptor(directory: Any) -> None:
    """It would open the /dev/null that holds the number, and lose what is written there."""
    mark, link, out = (os.path.join(directory, name) for name in ("mark", "link", "out"))
    os.symlink("/dev/stdout", link)
    for path in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", link):
        for status, *words in (
            [5, "map", "--output", path, "--", "touch", mark],
            [5, "map", "--output", out, "--dead-letter", path, "--", "touch", mark],
            [5, "map", "--output", out, "--report", path, "--", "touch", mark],
            [125, "run", "--report", path, "touch", mark],
            [125, "pipe", "--output", path, f"touch {mark}"],
            [125, "probe", "--report", path],
        ):
            weir = shell(">&- </dev/null", WEIR, *words)
            assert weir.returncode == status, (words, weir)
            assert b"standard output is closed" in weir.stderr, (words, weir)
            assert os.listdir(directory) == ["link"], (words, os.listdir(directory))
        assert shell("</dev/null", WEIR, "map", "--output", path, "--", "cat").returncode == 0
    for status, *words in (
        [5, "map", "--input", "/dev/stdin", "--", "touch", mark],
        [125, "run", "--input", "/dev/stdin", "touch", mark],
        [125, "pipe", "--input", "/dev/fd/0", f"touch {mark}"],
    ):
        weir = shell("<&-", WEIR, *words)
        assert weir.returncode == status, (words, weir)
        assert b"standard input is closed" in weir.stderr, (words, weir)
        assert os.listdir(directory) == ["link"], (words, os.listdir(directory))


def a_closed_standard_input_is_an_error_of_the_map_that_reads_it(directory: Any) -> None:
    mark = os.path.join(directory, "mark")
    weir = shell("<&-", WEIR, "map", "--", "touch", mark)
    assert weir.returncode == 5 and b"cannot read the input" in weir.stderr, weir
    assert not os.path.exists(mark)


def a_closed_standard_error_lets_no_message_into_a_file(directory: Any) -> None:
    out = os.path.join(directory, "out")
    weir = shell("2>&-", WEIR, "pipe", "--output", out, "sh -c 'echo data; echo noise >&2'")
    assert weir.returncode == 0, weir
    with open(out, "rb") as file:
        assert file.read() == b"data\n"


def a_pipe_that_another_process_made_nonblocking_gets_everything(directory: Any) -> None:
    records = os.path.join(directory, "records")
    with open(records, "wb") as file:
        file.write(RECORDS)
    many = ["seq", "100000"]
    for words, check in (
        (
            ["run", "--json", "--", *many],
            lambda data: json.loads(data)["stdout"]["bytes"] == 588895,
        ),
        (["run", "--idle", "60s", "--", *many], lambda data: len(data) == 588895),
        (["pipe", "--meter", "seq 100000"], lambda data: len(data) == 588895),
        (["map", "-j1", "--input", records, "--", "cat"], lambda data: data == RECORDS),
        (["help", "--man", "map"], lambda data: data.endswith(b"\n")),
    ):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        weir = start(writer, *words)
        with open(reader, "rb") as stream:
            data = stream.read()
        status, said = end(weir)
        assert status == 0 and check(data), (words, status, len(data), said)


def a_deadline_holds_while_no_process_reads() -> None:
    for words in (
        ["run", "--json", "--timeout", "1s", "--", "echo", "x"],
        ["run", "--idle", "60s", "--timeout", "1s", "--drain", "10ms", "--", "echo", "x"],
        ["pipe", "--timeout", "1s", "--drain", "10ms", "--meter", "echo x"],
        [
            "map",
            "--timeout",
            "1s",
            "--grace",
            "10ms",
            "-j1",
            "--input",
            __file__,
            "--check",
            "none",
            "--",
            "sed",
            "s/.*/1/",
        ],
    ):
        reader, writer = full_pipe()
        status, said = end(start(writer, *words))
        os.close(reader)
        assert status == 124, (words, status, said)


def the_first_signal_is_heeded_while_no_process_reads(directory: Any) -> None:
    mark = os.path.join(directory, "mark")
    touch = f"sh -c 'echo x; touch {mark}'"
    for words in (
        ["run", "--json", "--", "sh", "-c", f"touch {mark}"],
        ["run", "--idle", "60s", "--drain", "10ms", "--", "sh", "-c", f"echo x; touch {mark}"],
        ["pipe", "--drain", "10ms", "--meter", touch],
        [
            "map",
            "--grace",
            "10ms",
            "-j1",
            "--input",
            __file__,
            "--check",
            "none",
            "--",
            "sh",
            "-c",
            f"read x; echo 1; touch {mark}; sed s/.*/1/",
        ],
    ):
        for number in (signal.SIGTERM, signal.SIGINT):
            reader, writer = full_pipe()
            weir = start(writer, *words)
            await_that(lambda: os.path.exists(mark), f"{words}")
            weir.send_signal(number)
            status, said = end(weir)
            os.close(reader)
            os.unlink(mark)
            assert status == 128 + number, (words, number, status, said)


def a_standard_error_that_no_process_reads_does_not_hold_up_the_run() -> None:
    for words in (
        [
            "map",
            "-j1",
            "--progress",
            "json",
            "--input",
            __file__,
            "--check",
            "none",
            "--",
            "sed",
            "s/.*/1/",
        ],
        ["pipe", "--progress", "json", "echo x"],
        [
            "map",
            "-j1",
            "--hadoop-counters",
            "--input",
            __file__,
            "--check",
            "none",
            "--",
            "sed",
            "s/.*/1/",
        ],
    ):
        reader, writer = full_pipe()
        weir = subprocess.Popen([WEIR, *words], stdout=subprocess.PIPE, stderr=writer)
        os.close(writer)
        status, out = end(weir)[0], b""
        os.close(reader)
        assert status == 0, (words, status, out)


run_cases(
    [
        a_closed_standard_output_is_an_error_before_anything_starts,
        an_output_elsewhere_needs_no_standard_output,
        a_path_does_not_open_a_closed_standard_descriptor,
        a_closed_standard_input_is_an_error_of_the_map_that_reads_it,
        a_closed_standard_error_lets_no_message_into_a_file,
        a_pipe_that_another_process_made_nonblocking_gets_everything,
        a_deadline_holds_while_no_process_reads,
        the_first_signal_is_heeded_while_no_process_reads,
        a_standard_error_that_no_process_reads_does_not_hold_up_the_run,
    ]
)
