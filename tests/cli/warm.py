#!/usr/bin/env python3
"""weir serve --warm and weir map --call --warm.  Prints TAP.
warm.py WEIR SRCDIR
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
from typing import Any

sys.dont_write_bytecode = True
from serve import ENVIRONMENT, WEIR, call, serving, start
from tap_cases import PATIENCE_S, await_that, needs, run_cases

# Each import is noted, with the pid of the process.
PROGRAM = """
import os, random, signal, sys
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "imports"), "a") as file:
    file.write(f"{os.getpid()}\\n")
from weir.worker import function, serve

@function
def look() -> dict:
    return {"pid": os.getpid(), "parent": os.getppid(), "group": os.getpgid(0), "slot": os.environ["WEIR_SLOT"],
            "job": os.environ["WEIR_JOB"], "random": random.random(), "cwd": os.getcwd(),
            "warm": "WEIR_WARM" in os.environ}

@function
def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

@function
def spread() -> int:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.pause()
    return pid

@function
def square(n: int) -> int:
    print("seen on stderr")
    return n * n

if __name__ == "__main__":
    serve()
"""


def program(directory: str, text: str = PROGRAM) -> str:
    path = os.path.join(directory, "model.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return f"{sys.executable} {path}"


def imports(directory: str) -> list[int]:
    with open(os.path.join(directory, "imports"), encoding="utf-8") as file:
        return [int(line) for line in file]


def look(path: str) -> Any:
    status, output, errors = call(path, "look")
    assert status == 0, errors
    return json.loads(output)


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@needs("a subreaper")
def workers_are_forked_from_one_import(directory: str) -> None:
    with serving(directory, "-j1", "--warm", worker=program(directory), cwd=directory) as (
        server,
        path,
    ):
        first = look(path)
        assert call(path, "die")[0] != 0
        second = look(path)
        [parent] = imports(directory)
    assert len({first["pid"], second["pid"], parent}) == 3
    for one in (first, second):
        assert one["parent"] != server.pid and one["parent"] != parent  # the spawner
        assert one["group"] == one["pid"] and one["slot"] == "0" and not one["warm"]
        assert one["cwd"] == os.path.realpath(directory)
    assert first["random"] != second["random"] and first["job"] != second["job"]


@needs("a subreaper")
def a_worker_has_what_the_program_changed_in_its_environment(directory: str) -> None:
    text = (
        "import os\nos.environ['MADE'] = 'here'\nos.environ['GIVEN'] += ', changed'\n"
        "del os.environ['UNWANTED']\nos.environ['WEIR_SLOT'] = '9'\n" + PROGRAM
    )
    words = ["--env", "GIVEN=so", "--env", "UNWANTED=1", "--env", "KEPT=2"]
    shown = "[os.environ.get(n) for n in ('MADE', 'GIVEN', 'UNWANTED', 'KEPT', 'WEIR_SLOT')]"
    text = text.replace('"warm":', f'"shown": {shown}, "warm":')
    with serving(directory, "-j1", "--warm", *words, worker=program(directory, text)) as (_, path):
        assert look(path)["shown"] == ["here", "so, changed", None, "2", "0"]


@needs("a subreaper")
def workers_outlive_their_warm_parent_and_the_next_has_a_new_one(directory: str) -> None:
    with serving(directory, "-j1", "--warm", worker=program(directory)) as (_, path):
        first = look(path)
        [parent] = imports(directory)
        os.kill(parent, signal.SIGKILL)
        await_that(lambda: is_gone(parent), "the parent's end")
        assert look(path)["pid"] == first["pid"]
        assert call(path, "die")[0] != 0
        assert look(path)["pid"] != first["pid"]
        assert len(imports(directory)) == 2
        assert not is_gone(imports(directory)[1])
    assert is_gone(imports(directory)[1])


@needs("a subreaper")
def hangup_imports_the_program_again(directory: str) -> None:
    with serving(directory, "-j1", "--warm", worker=program(directory)) as (server, path):
        first = look(path)["pid"]
        server.send_signal(signal.SIGHUP)
        await_that(lambda: look(path)["pid"] != first, "another worker")
        assert len(imports(directory)) == 2
        await_that(lambda: is_gone(imports(directory)[0]), "the old parent's end")


@needs("a subreaper")
def nothing_is_left_of_a_killed_server(directory: str) -> None:
    with serving(directory, "-j1", "--warm", worker=program(directory)) as (server, path):
        worker = look(path)["pid"]
        child = int(call(path, "spread")[1])
        server.kill()
        server.wait()
        everybody = [worker, child, *imports(directory)]
        await_that(lambda: all(is_gone(pid) for pid in everybody), "the end of all")
        os.unlink(path)


@needs("a subreaper")
def what_a_worker_has_forked_ends_with_it(directory: str) -> None:
    with serving(directory, "-j1", "--warm", worker=program(directory)) as (_, path):
        child = int(call(path, "spread")[1])
        assert call(path, "die")[0] != 0
        await_that(lambda: is_gone(child), "the child's end")


def refused(directory: str, worker: str) -> str:
    """What a server says whose workers cannot start."""
    server = start(os.path.join(directory, "weir.sock"), "-j1", "--warm", worker=worker)
    _, errors = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 125, (server.returncode, errors)
    return errors.decode()


@needs("a subreaper")
def a_program_with_threads_is_refused(directory: str) -> None:
    started = "import threading\nthreading.Thread(target=threading.Event().wait, name='mine', daemon=True).start()\n"
    said = refused(directory, program(directory, started + PROGRAM))
    assert "has started threads (mine) before serve()" in said and "run without --warm" in said, (
        said
    )


@needs("a subreaper")
def a_program_that_does_not_serve_is_named(directory: str) -> None:
    said = refused(directory, program(directory, "print('no worker')\n"))
    assert "the warm parent ended before it forked a worker" in said, said


@needs("a subreaper")
def a_program_that_is_not_there_is_named(directory: str) -> None:
    said = refused(directory, "/nonexistent/python3 model.py")
    assert "--warm: cannot execute /nonexistent/python3: No such file or directory" in said, said


@needs("a subreaper")
def a_start_that_waits_for_the_import_can_be_stopped(directory: str) -> None:
    worker = program(directory, "import time\ntime.sleep(1000)\n")
    server = start(os.path.join(directory, "weir.sock"), "-j2", "--warm", worker=worker)
    command = worker.split()[1]

    def runs() -> bool:
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError), open(path, "rb") as words:
                if words.read().split(b"\0")[1:2] == [command.encode()]:
                    return True
        return False

    await_that(runs, "the warm parent")
    server.terminate()
    server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 128 + signal.SIGTERM, server.returncode
    assert not runs()


@needs("a subreaper")
def a_map_of_calls_has_warm_workers(directory: str) -> None:
    records = "".join(f"[{n}]\n" for n in range(500))
    done = subprocess.run(
        [
            WEIR,
            "map",
            "-j3",
            "--warm",
            "--call",
            "square",
            "--progress",
            "none",
            "--",
            *program(directory).split(),
        ],
        input=records.encode(),
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == [str(n * n) for n in range(500)]
    assert b"seen on stderr" in done.stderr
    assert len(imports(directory)) == 1


# The parent forks the second worker when there is a file; its first fork of all is a trial.
SECOND_WAITS = """
import os, time

forks, parent = 0, os.getpid()

def wait():
    global forks
    forks += 1
    go = os.path.join(os.path.dirname(os.path.abspath(__file__)), "go")
    while forks == 3 and os.getpid() == parent and not os.path.exists(go):
        time.sleep(0.01)

os.register_at_fork(before=wait)
"""


@needs("a subreaper")
def records_of_a_worker_that_is_not_forked_yet_go_to_another(directory: str) -> None:
    command = program(directory, SECOND_WAITS + PROGRAM).split()
    process: Any = subprocess.Popen(
        [WEIR, "map", "-j2", "--warm", "--call", "square", "--progress", "none", "--", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    try:
        process.stdin.write("".join(f"[{n}]\n" for n in range(40)).encode())
        process.stdin.flush()
        got = [int(process.stdout.readline()) for _ in range(40)]
        with open(os.path.join(directory, "go"), "w", encoding="utf-8"):
            pass
        _, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert got == [n * n for n in range(40)] and process.returncode == 0, errors
    assert b"a worker that is being started has not started reading" in errors, errors
    assert b"cannot start" not in errors, errors


# Returns once all are there, each with one record.
MEETING = """
import glob, time

@function
def meet(count: int) -> int:
    directory = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(directory, f"there-{os.getpid()}"), "w"):
        pass
    while len(glob.glob(os.path.join(directory, "there-*"))) < count:
        time.sleep(0.01)
    return os.getpid()

if __name__ == "__main__":
    serve()
"""


@needs("a subreaper")
def more_workers_than_are_forked_at_once_all_start(directory: str) -> None:
    count = 40
    text = PROGRAM.partition("\nif __name__")[0] + MEETING
    words = (
        f"map -j{count} --warm --window 1 --call meet --progress none -- {program(directory, text)}"
    )
    done = subprocess.run(
        [WEIR, *words.split()],
        input=f"[{count}]\n".encode() * count,
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == count, done.stdout
    assert len(imports(directory)) == 1
    for name in glob.glob(os.path.join(directory, "there-*")):
        os.unlink(name)
    with serving(directory, f"-j{count}", "--warm", worker=program(directory, text)) as (_, path):
        calls = [
            subprocess.Popen(
                [WEIR, "call", "-s", path, "meet", str(count)],
                stdout=subprocess.PIPE,
                env=ENVIRONMENT,
            )
            for _ in range(count)
        ]
        pids = {one.communicate(timeout=PATIENCE_S)[0] for one in calls}
        assert len(pids) == count and b"" not in pids, pids
    # Not all of them have to be needed.
    words = f"map -j1024 --warm --call square --progress none -- {program(directory)}"
    done = subprocess.run(
        [WEIR, *words.split()], input=b"[3]\n", capture_output=True, env=ENVIRONMENT
    )
    assert (done.returncode, done.stdout) == (0, b"9\n"), done


HANGING = """
import os, signal
directory = os.path.dirname(os.path.abspath(__file__))

def hang() -> None:
    if os.path.exists(os.path.join(directory, "hang")):
        os.rename(os.path.join(directory, "hang"), os.path.join(directory, "hangs"))
        signal.pause()

os.register_at_fork(before=hang)
"""


@needs("a subreaper")
def a_parent_that_hangs_is_replaced(directory: str) -> None:
    worker = program(directory, HANGING + PROGRAM)
    with serving(directory, "-j1", "--warm", "--start-timeout", "2s", worker=worker) as (_, path):
        first = look(path)["pid"]
        with open(os.path.join(directory, "hang"), "w", encoding="utf-8"):
            pass
        assert call(path, "die")[0] != 0
        await_that(lambda: call(path, "look")[0] == 0, "a worker of another parent")
        assert os.path.exists(os.path.join(directory, "hangs"))
        assert look(path)["pid"] != first
        assert len(imports(directory)) == 2
        await_that(lambda: is_gone(imports(directory)[0]), "the end of the one that hung")


def what_cannot_be_warm_is_refused(directory: str) -> None:
    for words, why in (
        (
            ["serve", "-s", "never", "--warm", "--launcher", "ssh there", "-w", "x"],
            "not with a launcher",
        ),
        (
            ["serve", "-s", "never", "--warm", "--protocol", "mcp", "-w", "x"],
            "not with MCP servers",
        ),
        (["map", "--warm", "--", "x"], "not without call"),
    ):
        done = subprocess.run(
            [WEIR, *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S
        )
        assert done.returncode == 2 and why in done.stderr.decode(), done


run_cases(
    [
        workers_are_forked_from_one_import,
        a_worker_has_what_the_program_changed_in_its_environment,
        workers_outlive_their_warm_parent_and_the_next_has_a_new_one,
        hangup_imports_the_program_again,
        nothing_is_left_of_a_killed_server,
        what_a_worker_has_forked_ends_with_it,
        a_program_with_threads_is_refused,
        a_program_that_does_not_serve_is_named,
        a_program_that_is_not_there_is_named,
        a_start_that_waits_for_the_import_can_be_stopped,
        a_map_of_calls_has_warm_workers,
        records_of_a_worker_that_is_not_forked_yet_go_to_another,
        more_workers_than_are_forked_at_once_all_start,
        a_parent_that_hangs_is_replaced,
        what_cannot_be_warm_is_refused,
    ]
)
