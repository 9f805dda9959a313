#!/usr/bin/env python3
"""What workers know of themselves, and the launchers of map, call and serve.  Prints TAP.
launchers.py WEIR SRCDIR
"""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

sys.dont_write_bytecode = True
from serve import call, serving, stats
from serve_starts import ECHO, script
from tap_cases import PATIENCE_S, Skip, await_that, needs, run_cases

WEIR = sys.argv[1]

# Answers each record with its arguments and some of its environment.
SHOWS = r"""
import json, os, sys
names = ("WEIR_SLOT", "WEIR_JOB", "PYTHONUNBUFFERED")
for line in sys.stdin:
    shown = {name: os.environ.get(name) for name in names}
    print(json.dumps({**shown, "record": json.loads(line), "argv": sys.argv[1:]}), flush=True)
"""
# As ssh does: the words are joined, and a shell splits them.
JOINS = 'exec sh -c "$*"\n'


def weir(
    *words: str, records: str = "", status: int = 0, env: "dict[str, str] | None" = None
) -> "subprocess.CompletedProcess[str]":
    process = subprocess.run(
        [WEIR, *words],
        input=records,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert process.returncode == status, (process.returncode, process.stdout, process.stderr)
    return process


def mapped(
    directory: str, *words: str, records: str = "1\n2\n3\n", env: "dict[str, str] | None" = None
) -> "tuple[list[Any], Any, str]":
    """Runs weir map; returns the replies, the report and stderr."""
    report, output = os.path.join(directory, "report"), os.path.join(directory, "output")
    files = ["--report", report, "--output", output]
    process = weir("map", *files, *words, records=records, env=env)
    with open(output, encoding="utf-8") as lines, open(report, encoding="utf-8") as document:
        return [json.loads(line) for line in lines], json.load(document), process.stderr


def shows(directory: str) -> "list[str]":
    path = os.path.join(directory, "shows.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SHOWS)
    return [sys.executable, path]


def workers_know_their_slot_and_job(directory: str) -> None:
    for more in [], ["--env-clear"], ["--env", "WEIR_SLOT=9"]:
        records = "".join(f"{n}\n" for n in range(60))
        replies, report, _ = mapped(
            directory, "-j3", "--window", "1", *more, "--", *shows(directory), records=records
        )
        slots = {int(reply["WEIR_SLOT"]) for reply in replies}
        assert slots <= {0, 1, 2}, slots
        assert all(len(reply["WEIR_JOB"].split()[-1]) >= 32 for reply in replies)
        assert {worker["slot"] for worker in report["workers"] if worker["records"]} == slots, (
            report
        )
        assert all(worker["starts"] == 1 for worker in report["workers"]), report


def the_next_worker_has_the_slot_of_the_one_that_died(directory: str) -> None:
    worker = script(
        directory,
        "worker",
        f"""
while read -r line; do
    [ "$line" != 2 ] || [ -e {directory}/died ] || {{ : >{directory}/died; kill -9 $$; }}
    echo "[$line,$WEIR_SLOT]"
done
""",
    )
    replies, report, _ = mapped(directory, "-j1", "--", worker)
    assert replies == [[1, 0], [2, 0], [3, 0]], replies
    assert [(w["slot"], w["starts"]) for w in report["workers"]] == [(0, 1), (0, 2)], report


def words_reach_a_worker_behind_a_shell_unchanged(directory: str) -> None:
    launcher = script(directory, "joins", JOINS)
    words = ["a b", "", "'", '"', "$HOME", "*", "\\", "a\nb", "é", "-x", "~", "#", "a;b"]
    for more in [], ["--line-buffered"]:
        replies, _, err = mapped(
            directory,
            *["--launcher", launcher, "--launcher-shell", *more, "--", *shows(directory), *words],
        )
        assert all(reply["argv"] == words for reply in replies), replies
        assert not more or all(reply["PYTHONUNBUFFERED"] == "1" for reply in replies)
        assert "launcher-shell" not in err, err
    replies, _, _ = mapped(directory, "--launcher", launcher, "--", *shows(directory), "a b", "$0")
    assert replies[0]["argv"] == ["a", "b", "sh"], replies  # what the option is for


def a_map_stage_has_a_launcher_with_a_shell(directory: str) -> None:
    launcher = script(directory, "joins", JOINS)
    stage: dict[str, Any] = {
        "cmd": [*shows(directory), "a b"],
        "map": {"workers": 1, "launcher": [launcher], "launcher_shell": True, "node_from": "NODE"},
    }
    spec = os.path.join(directory, "spec")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"weir": 1, "stages": [stage]}, file)
    report = os.path.join(directory, "report")
    words = ["pipe", "-f", spec, "--report", report]
    process = weir(*words, records="1\n", env={"NODE": "n1"})
    assert json.loads(process.stdout)["argv"] == ["a b"], process.stdout
    for name, value in ("launcher", None), ("node_from", "a=b"):
        with open(spec, "w", encoding="utf-8") as file:
            json.dump(
                {"weir": 1, "stages": [{**stage, "map": {**stage["map"], name: value}}]}, file
            )
        assert "/stages/0/map" in weir("pipe", "-f", spec, status=2).stderr


def records_of_a_launcher_that_waits_go_to_a_worker_that_has_begun(directory: str) -> None:
    """Not to another launcher, which may wait as long."""
    begun = 'echo >>{0}/starts; [ "$WEIR_SLOT" != 0 ] || exec "$@"; exec sleep 1000\n'
    launcher = script(directory, "launcher", begun.format(directory))
    starts, report = os.path.join(directory, "starts"), os.path.join(directory, "report")
    words = ["map", "-j4", "--unordered", "--report", report, "--grace", "100ms"]
    for _ in range(10):
        open(starts, "wb").close()
        process = subprocess.Popen(
            [WEIR, *words, "--launcher", launcher, "--", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        began = time.monotonic()
        process.stdin.write(b"1\n2\n3\n")  # one for each of three, of which the first begins
        process.stdin.flush()
        assert process.stdout.readline() == b"1\n"
        for number in range(100, 140):  # it is idle each time, and its rate gets known
            process.stdin.write(f"{number}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == f"{number}\n".encode()
        took_s = time.monotonic() - began
        rest = sorted(process.communicate(timeout=PATIENCE_S)[0].split())
        assert (process.returncode, rest) == (0, [b"2", b"3"]), (process.returncode, rest)
        if took_s < 0.9:  # nothing was taken back before the input ended
            with open(report, encoding="utf-8") as document, open(starts, "rb") as lines:
                redelivered = json.load(document)["redelivered"]
                assert (len(lines.read()), redelivered) == (3, 2), (redelivered, took_s)
            return
    raise Skip("this machine is too slow now to show it")


# Like ssh, it reads all it can get. It is slow with its second record, and then tells how many it has.
SLOW = r"""
import os, select, time
os.read(0, 1 << 16)
os.write(1, b"0\n")
given, until = 0, time.monotonic() + 1
while (left := until - time.monotonic()) > 0:
    if select.select([0], [], [], left)[0]:
        given += os.read(0, 1 << 16).count(b"\n")
os.write(1, b"%d\n" % given * given)
while given := os.read(0, 1 << 16).count(b"\n"):
    os.write(1, b"0\n" * given)
"""


def a_worker_that_is_slow_with_a_record_does_not_get_many_more(directory: str) -> None:
    """Other workers, which may begin later, would have nothing to do."""
    path = os.path.join(directory, "slow.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SLOW)
    records = "1\n" * 1000
    worker = [sys.executable, path]
    replies, _, _ = mapped(directory, "-j1", "--launcher", "env", "--", *worker, records=records)
    assert len(replies) == 1000 and 1 <= max(replies) <= 64, max(replies)


def ssh_without_launcher_shell_is_warned_of(directory: str) -> None:
    script(directory, "ssh", 'shift; exec sh -c "$*"\n')
    worker = script(directory, "worker", ECHO)
    path = f"{directory}:{os.environ['PATH']}"
    for first in "ssh", f"{directory}/ssh":
        for option, warns in ([], True), (["--launcher-shell"], False):
            _, _, err = mapped(
                *[directory, "--launcher", f"{first} node7", *option, "--", "cat"],
                env={"PATH": path},
            )
            assert ("add --launcher-shell" in err) == warns, err
            words = ["call", "--launcher", f"{first} node7", *option, "-w", worker, "any"]
            err = weir(*words, env={"PATH": path}).stderr
            assert ("add --launcher-shell" in err) == warns, err
    _, _, err = mapped(directory, "--launcher", "env", "--", "cat")
    assert "launcher-shell" not in err, err


def options_that_need_a_launcher() -> None:
    for words in (
        ["map", "--launcher-shell", "--", "cat"],
        ["map", "--launcher-stop", "true", "--", "cat"],
        ["map", "--node-from", "", "--", "cat"],
        ["map", "--node-from", "a=b", "--", "cat"],
        ["call", "-w", "cat", "--launcher-shell", "any"],
        ["call", "-w", "cat", "--launcher-stop", "true", "any"],
        ["call", "--cwd", "/", "any"],
        ["call", "--limit", "cpu=1", "any"],
        ["call", "--stop", "INT:1s,KILL", "any"],
        ["serve", "-w", "cat", "--launcher-shell"],
        ["serve", "-w", "cat", "--launcher-stop", "true"],
    ):
        name = next(word for word in words if word.startswith("--"))
        assert name in weir(*words, status=2).stderr, words


@needs("/proc")
def the_machine_of_a_worker_is_where_its_launcher_says(directory: str) -> None:
    launcher = script(directory, "launcher", 'export HOST="node$WEIR_SLOT"; exec "$@"\n')
    words = ["-j2", "--window", "1", "--launcher", launcher, "--node-from", "HOST"]
    _, report, _ = mapped(
        directory, *words, "--", *shows(directory), env={"SLURMD_NODENAME": "batch"}
    )
    assert all(w["node"] == f"node{w['slot']}" for w in report["workers"]), report
    _, report, _ = mapped(
        directory, *words[:-1], "OTHER", "--", "cat", env={"SLURMD_NODENAME": "batch"}
    )
    assert all(w["node"] is None for w in report["workers"]), report  # Slurm's is not the worker's


def without_a_launcher_slurm_names_the_machine(directory: str) -> None:
    _, report, _ = mapped(directory, "--", "cat", env={"SLURMD_NODENAME": "n7"})
    assert all(w["node"] == "n7" for w in report["workers"]), report
    _, report, _ = mapped(directory, "--node-from", "NODE", "--", "cat", env={"NODE": "n8"})
    assert all(w["node"] == "n8" for w in report["workers"]), report


def the_stop_command_knows_slot_and_machine(directory: str) -> None:
    said = os.path.join(directory, "said")
    launcher = script(directory, "launcher", 'export HOST="node$WEIR_SLOT"; exec "$@"\n')
    stop = script(directory, "stop", f'echo "$WEIR_WORKER_SLOT $WEIR_WORKER_NODE" >>{said}\n')
    worker = script(
        directory,
        "worker",
        'while read -r line; do [ "$line" != 3 ] || exec sleep 1000; echo "$line"; done\n',
    )
    dead = ["--retries", "0", "--record-timeout", "3s", "--grace", "1s", "--on-error", "skip"]
    launch = ["--launcher", launcher, "--launcher-stop", stop, "--node-from", "HOST"]
    weir("map", "-j1", *dead, *launch, "--", worker, records="1\n2\n3\n", status=1)
    with open(said, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == "0 node0" and all(line.split()[0] == "0" for line in lines), lines


def the_worker_of_a_call_has_its_directory_environment_and_limits(directory: str) -> None:
    worker = script(
        directory,
        "worker",
        r"""
while read -r line; do
    id=${line#*\"id\":}; id=${id%%[,\}]*}
    case $line in
    *weir/*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}" ;;
    *) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":[\"$PWD\",\"$A\",\"${B-none}\",\"$(ulimit -n)\",\"$WEIR_SLOT\"]}" ;;
    esac
done
""",
    )
    options = ["--cwd", directory, "--env", "A=1", "--limit", "files=77"]
    there = os.path.realpath(directory)

    def result(*more: str) -> Any:
        process = weir("call", "-w", "./worker", *options, *more, "any", env={"B": "2"})
        return json.loads(process.stdout)

    assert result() == [there, "1", "2", "77", "0"]
    assert result("--env-clear") == [there, "1", "none", "77", "0"]
    assert result("--env-pass", "PATH") == [there, "1", "none", "77", "0"]
    assert os.path.exists(worker)


def the_worker_of_a_call_is_stopped_behind_its_launcher(directory: str) -> None:
    said = os.path.join(directory, "said")
    hangs = ECHO.replace("    *) echo", "    *hang*) exec sleep 1000 ;;\n    *) echo")
    worker = script(directory, "worker", hangs)
    stop = script(directory, "stop", f'echo "$WEIR_WORKER_JOB" >>{said}\n')
    weir(
        *["call", "-w", worker, "--launcher", "env", "--launcher-stop", stop],
        *["--timeout", "500ms", "hang"],
        status=124,
    )
    with open(said, encoding="utf-8") as file:
        assert len(file.read().split()[-1]) >= 32


def the_worker_of_a_call_is_stopped_with_the_signals_given(directory: str) -> None:
    said = os.path.join(directory, "said")
    hangs = ECHO.replace("    *) echo", "    *hang*) while :; do sleep 0.02; done ;;\n    *) echo")
    trap = (
        f"trap '' INT; trap 'echo USR1 >>{said}; exit' USR1; trap 'echo TERM >>{said}; exit' TERM\n"
    )
    worker = script(directory, "worker", trap + hangs)
    weir("call", "-w", worker, "--stop", "USR1:20s,KILL", "--timeout", "2s", "hang", status=124)
    with open(said, encoding="utf-8") as file:
        got = file.read().split()
    assert set(got) == {"USR1"}, got  # also of the next worker, where that has begun already


def each_worker_of_a_server_has_its_launcher(directory: str) -> None:
    def worker(name: str) -> str:
        shows_from = ECHO.replace(
            'result\\":7', f'result\\":[\\"{name}\\",\\"$FROM\\",\\"$WEIR_SLOT\\"]'
        )
        hello = (
            f'*weir/hello*) echo "{{\\"jsonrpc\\":\\"2.0\\",\\"id\\":$id,\\"result\\":'
            f'{{\\"version\\":1,\\"methods\\":{{\\"{name}\\":{{}}}}}}}}" ;;\n    *weir/*) echo'
        )
        return script(directory, name, shows_from.replace("*weir/*) echo", hello))

    one, two = worker("one"), worker("two")
    for launchers, wanted in (
        (["env FROM=1", ""], ["1", ""]),
        (["", "env FROM=2"], ["", "2"]),
        (["env FROM=3"], ["3", "3"]),
    ):
        words = [word for launcher in launchers for word in ("--launcher", launcher)]
        with serving(directory, "-j1", "-w", two, *words, worker=one) as (_, path):
            for name, expected in zip(("one", "two"), wanted):
                assert json.loads(call(path, name)[1]) == [name, expected, "0"], (launchers, name)
    for option in "--launcher", "--launcher-stop":
        words = ["serve", "-w", one, "-w", two, "-w", one, "--launcher", "env", option, "env"]
        assert (
            f"{option} was given 2 times"
            in weir(*words, *([option, "env"] if option != "--launcher" else []), status=2).stderr
        )


def both_ready(path: str) -> bool:
    workers = stats(path)["workers"]  # the pid of one that is starting is 0
    return len(workers) == 2 and all(each["state"] == "ready" for each in workers)


def exit_when_down(directory: str) -> None:
    broken = os.path.join(directory, "broken")
    worker = script(
        directory, "worker", f'[ ! -e {broken} ] || {{ echo "no licence" >&2; exit 3; }}\n' + ECHO
    )
    options = ["-j2", "--exit-when-down", "700ms"]
    with serving(directory, *options, worker=worker) as (server, path):
        await_that(lambda: both_ready(path), lambda: stats(path))
        os.kill(stats(path)["workers"][0]["pid"], signal.SIGKILL)
        assert call(path, "any")[:2] == (0, "7\n")  # it is replaced: the server stays
        await_that(lambda: both_ready(path), lambda: stats(path))
        with open(broken, "w", encoding="utf-8"):
            pass
        for each in stats(path)["workers"]:
            os.kill(each["pid"], signal.SIGKILL)
        status = server.wait(timeout=PATIENCE_S)
        await_that(lambda: b"no process" in b"".join(server.said), lambda: server.said)
        said = b"".join(server.said).decode()
        assert status == 125, (status, said)
        assert "has been ready for --exit-when-down 0.7 s" in said and "no licence" in said, said
        assert not os.path.exists(path)


if __name__ == "__main__":
    run_cases(
        [
            workers_know_their_slot_and_job,
            the_next_worker_has_the_slot_of_the_one_that_died,
            words_reach_a_worker_behind_a_shell_unchanged,
            a_map_stage_has_a_launcher_with_a_shell,
            records_of_a_launcher_that_waits_go_to_a_worker_that_has_begun,
            a_worker_that_is_slow_with_a_record_does_not_get_many_more,
            ssh_without_launcher_shell_is_warned_of,
            options_that_need_a_launcher,
            the_machine_of_a_worker_is_where_its_launcher_says,
            without_a_launcher_slurm_names_the_machine,
            the_stop_command_knows_slot_and_machine,
            the_worker_of_a_call_has_its_directory_environment_and_limits,
            the_worker_of_a_call_is_stopped_behind_its_launcher,
            the_worker_of_a_call_is_stopped_with_the_signals_given,
            each_worker_of_a_server_has_its_launcher,
            exit_when_down,
        ]
    )
