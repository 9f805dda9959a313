#!/usr/bin/env python3
"""Dead letters of several maps in one file, in a FIFO, and how many are a success.  Prints TAP.
dead_letters.py WEIR SRCDIR
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = os.path.abspath(sys.argv[1]), sys.argv[2]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, await_file, await_that, run_cases

BAD = "1\n{\n3\n"  # the second is not JSON


def start(directory: Any, *words: Any, env: Any = None) -> Any:
    return subprocess.Popen(
        [WEIR, "map", *words],
        cwd=directory,
        env=dict(os.environ, **env or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(weir: Any, records: Any = None) -> Any:
    out, said = weir.communicate(records, timeout=PATIENCE_S)
    return weir.returncode, out, said


def run(directory: Any, *words: Any, records: Any = BAD, env: Any = None) -> Any:
    return end(start(directory, "-j1", *words, "--", "cat", env=env), records)


def letters(directory: Any, name: str = "dead") -> Any:
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def a_second_run_appends_to_the_letters_of_the_first(directory: Any) -> None:
    assert run(directory, "--dead-letter", "dead") == (
        1,
        "1\n3\n",
        "weir map: 1 of 3 records is dead: see dead\n",
    )
    assert run(directory, "--dead-letter", "dead", records="[\n")[0] == 1
    assert [letter["seq"] for letter in letters(directory)] == [1, 0]
    assert run(directory, "--dead-letter", "dead", records="1\n")[0] == 0
    assert len(letters(directory)) == 2


def many_maps_at_once_write_whole_letters_to_one_file(directory: Any) -> None:
    records = "".join(f"{{{n} {'x' * 500}\n" for n in range(400))
    maps = [start(directory, "-j1", "--dead-letter", "dead", "--", "cat") for _ in range(8)]
    for weir in maps:
        weir.stdin.write(records)
        weir.stdin.flush()
    for weir in maps:
        assert end(weir)[0] == 1
    assert sorted(letter["seq"] for letter in letters(directory)) == sorted(list(range(400)) * 8)


def half_a_letter_of_a_killed_run_spoils_no_other(directory: Any) -> None:
    with open(os.path.join(directory, "dead"), "w", encoding="utf-8") as file:
        file.write('{"seq":7,"li')
    assert run(directory, "--dead-letter", "dead")[0] == 1
    with open(os.path.join(directory, "dead"), encoding="utf-8") as file:
        first, second = file.read().splitlines()
    assert first == '{"seq":7,"li' and json.loads(second)["seq"] == 1


def a_name_may_hold_the_process_the_host_and_the_task(directory: Any) -> None:
    weir = start(
        directory,
        "-j1",
        "--dead-letter",
        "%%-%h-%n-%p",
        "--",
        "cat",
        env={"SLURM_ARRAY_TASK_ID": "17", "SLURM_PROCID": "3"},
    )
    status, _, said = end(weir, BAD)
    name = f"%-{socket.gethostname()}-17-{weir.pid}"
    assert status == 1 and said.endswith(f"see {name}\n"), said
    assert len(letters(directory, name)) == 1
    for variables, number in (
        ({"SPARK_PARTITION_ID": "4"}, "4"),
        ({"SLURM_PROCID": "5"}, "5"),
        ({"mapreduce_task_partition": "6"}, "6"),
        ({}, "0"),
        ({"SPARK_PARTITION_ID": "../up"}, ".._up"),
    ):
        assert run(directory, "--dead-letter", "task.%n", env=variables)[0] == 1
        assert len(letters(directory, f"task.{number}")) == 1, number


def a_percent_sign_that_means_nothing_is_refused(directory: Any) -> None:
    for name in ("dead.%x", "dead.%"):
        status, out, said = run(directory, "--dead-letter", name)
        assert status == 2 and "%p" in said and out == "", (status, out, said)
    assert os.listdir(directory) == []


def start_with_letters(directory: Any, *options: Any) -> Any:
    """A map that has answered a record, and the path of its dead letters."""
    path = os.path.join(directory, "dead")
    weir = start(directory, *options, "--dead-letter", "dead", "--", "cat")
    await_that(lambda: os.path.exists(path), path)
    weir.stdin.write("1\n")
    weir.stdin.flush()
    assert weir.stdout.readline() == "1\n"
    return weir, path


def the_lock_of_another_process_is_waited_for(directory: Any) -> None:
    weir, path = start_with_letters(directory, "-j1")
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        weir.stdin.write("{\n2\n")
        weir.stdin.flush()
        assert weir.stdout.readline() == "2\n"  # it goes on meanwhile
        assert file.read() == b""
    assert end(weir)[0] == 1
    assert len(letters(directory)) == 1


def a_signal_is_heeded_while_another_process_has_the_lock(directory: Any) -> None:
    weir, path = start_with_letters(directory, "-j1", "--grace", "10ms")
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        weir.stdin.write("{\n2\n")
        weir.stdin.flush()
        assert weir.stdout.readline() == "2\n"
        weir.send_signal(signal.SIGTERM)
        assert end(weir)[0] == 143


def a_map_with_a_checkpoint_has_its_letters_alone(directory: Any) -> None:
    path = os.path.join(directory, "in")
    gate = os.path.join(directory, "gate")
    os.mkfifo(gate)
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n2\n")
    alone = ["-j1", "--input", "in", "--dead-letter", "dead"]
    first = start(
        directory,
        *alone,
        "--output",
        "a",
        "--checkpoint",
        "state.a",
        "--",
        "sh",
        "-c",
        f"read x <{gate}; exec cat",
    )
    with open(gate, "w", encoding="utf-8") as opened:  # it runs
        status, _, said = end(
            start(directory, *alone, "--output", "b", "--checkpoint", "state.b", "--", "cat")
        )
        assert status == 6 and "dead" in said, (status, said)
        status, _, said = run(directory, "--dead-letter", "dead")
        assert status == 2 and "dead" in said, (status, said)
        opened.write("go\n")
    assert end(first)[0] == 1
    assert len(letters(directory)) == 1


def a_map_with_a_checkpoint_keeps_the_letters_that_were_there(directory: Any) -> None:
    with open(os.path.join(directory, "dead"), "w", encoding="utf-8") as file:
        file.write('{"seq":7}\n')
    with open(os.path.join(directory, "in"), "w", encoding="utf-8") as file:
        file.write(BAD)
    words = [
        "-j1",
        "--input",
        "in",
        "--output",
        "out",
        "--dead-letter",
        "dead",
        "--checkpoint",
        "state",
        "--",
        "cat",
    ]
    for _ in range(2):  # the second finds it done
        assert end(start(directory, *words))[0] == 1
        assert [letter["seq"] for letter in letters(directory)] == [7, 1]


def a_checkpoint_and_a_name_that_changes_each_time_are_refused(directory: Any) -> None:
    with open(os.path.join(directory, "in"), "w", encoding="utf-8") as file:
        file.write(BAD)
    weir = start(
        directory,
        "--input",
        "in",
        "--output",
        "out",
        "--dead-letter",
        "d.%p",
        "--checkpoint",
        "state",
        "--",
        "cat",
    )
    assert end(weir)[0] == 2 and os.listdir(directory) == ["in"]


def dead_records_up_to_a_number_are_a_success(directory: Any) -> None:
    report = os.path.join(directory, "report")
    for allowed, status in (("1", 1), ("2", 0), ("3", 0)):
        for failures in (["--on-error", "skip"], ["--dead-letter", "dead"]):
            got, out, said = run(
                directory, *failures, "--max-dead", allowed, "--report", report, records=BAD + "[\n"
            )
            with open(report, encoding="utf-8") as file:
                document = json.load(file)
            assert (got, out) == (status, "1\n3\n"), (allowed, failures, got, out)
            assert "2 of 4 records are dead" in said, said
            assert document["ok"] == (status == 0) and document["status"] == status
            assert (document["dead"], document["max_dead"]) == (2, int(allowed))
    status, out, said = run(directory, "--max-dead", "1")
    assert status == 2 and out == "" and "--max-dead" in said, (status, out, said)


def a_stage_of_a_pipeline_may_allow_dead_records_too(directory: Any) -> None:
    spec = os.path.join(directory, "spec")
    stage = {"cmd": ["cat"], "map": {"workers": 1, "dead_letter": "dead.%n", "max_dead": 1}}
    with open(spec, "w", encoding="utf-8") as file:
        json.dump(
            {"weir": 1, "stages": [{"cmd": ["printf", BAD.replace("\n", "\\n")]}, stage]}, file
        )
    pipe = subprocess.run(
        [WEIR, "pipe", "-f", spec],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert pipe.returncode == 0 and pipe.stdout == "1\n3\n", pipe
    assert len(letters(directory, "dead.0")) == 1
    stage["map"] = {"max_dead": 1}
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"weir": 1, "stages": [stage]}, file)
    pipe = subprocess.run(
        [WEIR, "pipe", "-f", spec],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert pipe.returncode == 2 and "max_dead" in pipe.stderr, pipe


def a_fifo_gets_its_letters_when_its_reader_comes(directory: Any) -> None:
    fifo = os.path.join(directory, "dead")
    os.mkfifo(fifo)
    weir = start(directory, "-j1", "--dead-letter", "dead", "--", "cat")
    weir.stdin.write(BAD)
    weir.stdin.close()
    weir.stdin = None
    assert weir.stdout.readline() == "1\n"  # no process reads them yet
    with open(fifo, encoding="utf-8") as reader:
        (letter,) = [json.loads(line) for line in reader]
    assert letter["seq"] == 1 and end(weir)[0] == 1


def a_fifo_that_no_process_reads_is_waited_for_until_the_time_is_up_or_a_signal(
    directory: Any,
) -> None:
    os.mkfifo(os.path.join(directory, "dead"))
    for records in ("1\n", BAD):
        assert (
            run(directory, "--timeout", "300ms", "--dead-letter", "dead", records=records)[0] == 124
        )
        weir = start(directory, "-j1", "--dead-letter", "dead", "--", "cat")
        weir.stdin.write(records)
        weir.stdin.flush()
        assert weir.stdout.readline() == "1\n"
        weir.send_signal(signal.SIGTERM)
        assert end(weir)[0] == 143


def a_letter_that_comes_after_the_disk_was_full_is_not_waited_for(directory: Any) -> None:
    gate = os.path.join(directory, "gate")
    os.mkfifo(gate)
    weir = subprocess.Popen(
        [WEIR, "each", "-j8", "--unordered", "--dead-letter", "/dev/full", "--", "sh", "-c"]
        + ["echo $$ >pid.$0.new; mv pid.$0.new pid.$0; read line <gate; exit 1"],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    names = [os.path.join(directory, f"pid.{number}") for number in range(8)]
    weir.stdin.write("".join(f"{number}\n" for number in range(8)))
    weir.stdin.close()
    weir.stdin = None
    await_that(lambda: all(os.path.exists(name) for name in names), "the programs")
    weir.send_signal(signal.SIGSTOP)  # it learns of all their ends at once
    pids = [await_file(name).strip() for name in names]
    for pid in pids:
        while os.path.exists(f"/proc/{pid}"):
            os.close(os.open(gate, os.O_RDWR))
    weir.send_signal(signal.SIGCONT)
    status, _, said = end(weir)
    assert status == 5 and "No space left" in said, (status, said)


run_cases(
    [
        a_second_run_appends_to_the_letters_of_the_first,
        many_maps_at_once_write_whole_letters_to_one_file,
        half_a_letter_of_a_killed_run_spoils_no_other,
        a_name_may_hold_the_process_the_host_and_the_task,
        a_percent_sign_that_means_nothing_is_refused,
        the_lock_of_another_process_is_waited_for,
        a_signal_is_heeded_while_another_process_has_the_lock,
        a_map_with_a_checkpoint_has_its_letters_alone,
        a_map_with_a_checkpoint_keeps_the_letters_that_were_there,
        a_checkpoint_and_a_name_that_changes_each_time_are_refused,
        dead_records_up_to_a_number_are_a_success,
        a_stage_of_a_pipeline_may_allow_dead_records_too,
        a_fifo_gets_its_letters_when_its_reader_comes,
        a_fifo_that_no_process_reads_is_waited_for_until_the_time_is_up_or_a_signal,
        a_letter_that_comes_after_the_disk_was_full_is_not_waited_for,
    ]
)
