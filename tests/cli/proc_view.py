"""weir where /proc is not its own, is hidden, or holds what a child made of it."""

import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

weir, builddir, srcdir = sys.argv[1:4]
sys.path.insert(0, os.path.join(srcdir, "tests", "support"))

from tap_cases import PATIENCE_S, Skip, is_sanitized, needs, run_cases

CHILDREN = os.path.join(builddir, "tests", "children")
MEMORY_KIB = 64 * 1024
SANITIZED = is_sanitized()
if SANITIZED:
    MEMORY_KIB *= 4
    # LeakSanitizer needs a /proc that is its own.
    os.environ["ASAN_OPTIONS"] = f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"


def run(prefix: Any, *arguments: Any, **options: Any) -> Any:
    return subprocess.run(
        [*prefix, weir, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, **options
    )


def works(*command: Any) -> Any:
    return (
        shutil.which(command[0])
        and subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode
        == 0
    )


def pid_namespace() -> Any:
    """A command that runs another in a new PID namespace, where /proc stays the outer one."""
    for prefix in (["unshare", "-p", "-f"], ["unshare", "-U", "-p", "-f"]):
        if works(*prefix, "true"):
            return prefix
    raise Skip("no PID namespace can be made here")


def mounted(how: Any) -> Any:
    """A command that runs another where /proc was mounted in this way."""
    for prefix in (["unshare", "-m"], ["unshare", "-U", "-r", "-m"]):
        command = [*prefix, "sh", "-c", how + ' || exit 77; exec "$@"', "sh"]
        if works(*command, "true"):
            return command
    raise Skip("nothing can be mounted on /proc here")


def check_verbs(prefix: Any) -> None:
    """Every verb does its work, and nobody is stopped who has ended by himself."""
    done = run(prefix, "run", "--json", "--grace", "60s", "--", "sh", "-c", "echo a; exit 3")
    document = json.loads(done.stdout)
    assert (done.returncode, document["stdout"]["text"]) == (3, "a\n"), done
    assert document["stopped_with"] == [] and document["holder"] is None, document
    done = run(prefix, "pipe", "--grace", "60s", "seq 3", "cat", "wc -l")
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done
    done = run(prefix, "map", "-j2", "--grace", "60s", "--", "cat", input="1\n2\n3\n")
    assert (done.returncode, done.stdout) == (0, "1\n2\n3\n"), done
    done = run(prefix, "call", "-w", os.path.join(CHILDREN, "rpc_worker"), "echo", "5")
    assert (done.returncode, done.stdout) == (0, "[5]\n"), done
    # What stays in the group is ended by the deadline.
    done = run(prefix, "run", "--json", "--timeout", "500ms", "--", "sh", "-c", "sleep 1000 & wait")
    document = json.loads(done.stdout)
    assert (done.returncode, document["why"]) == (124, "timeout"), document
    assert document["stopped_with"] == ["SIGTERM"], document


@needs("/proc")
def in_a_pid_namespace_with_the_outer_proc_nobody_is_waited_for_or_stopped() -> None:
    check_verbs(pid_namespace())


@needs("/proc")
def without_any_proc_it_takes_the_portable_way() -> None:
    if SANITIZED:
        raise Skip("sanitizers need /proc themselves")
    check_verbs(mounted("mount -t tmpfs none /proc"))


@needs("/proc")
def with_hidepid_it_sees_its_own_processes() -> None:
    prefix = mounted("mount -o remount,hidepid=2 /proc")
    check_verbs(prefix)
    done = run(
        prefix, "run", "--json", "--", os.path.join(CHILDREN, "leaves_behind"), "daemon", "closed"
    )
    document = json.loads(done.stdout)
    assert document["stopped_with"] == ["SIGTERM"], document  # it was found, in its own session


@needs("/proc")
def an_orphan_in_a_namespace_of_its_own_is_no_concern_of_others() -> None:
    """Two runs side by side, one of them below a PID namespace: each ends by itself."""
    prefix = pid_namespace()
    outer = subprocess.Popen(
        [weir, "run", "--", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    check_verbs(prefix)
    assert outer.communicate(b"here\n", PATIENCE_S) == (b"here\n", None)
    assert outer.returncode == 0


def peak_kib(pid: Any) -> Any:
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(status.read().split("VmHWM:", 1)[1].split()[0])


def peaks(process: Any) -> Any:
    """How large weir and its spawner were at most, until it ended."""
    most = {"weir": 0, "weir-spawner": 0}
    while process.poll() is None:
        for pid in [process.pid, *children_of(process.pid)]:
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                    name = comm.read().strip()
                if name in most:
                    most[name] = max(most[name], peak_kib(pid))
            except (OSError, IndexError):
                pass
        time.sleep(0.005)
    return most


def children_of(pid: Any) -> Any:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def claims(mib: Any) -> str:
    program = os.path.join(CHILDREN, "claims_environment")
    if (
        subprocess.run(
            [weir, "run", "--grace", "0s", "--", program, "1"],
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode
        == 77
    ):
        raise Skip("no PR_SET_MM_MAP here")
    return f"{program} {mib}"


@needs("/proc")
def an_environment_of_512_mib_is_not_read_by_the_spawner_of_a_run() -> None:
    process = subprocess.Popen(
        [weir, "run", "--grace", "200ms", "--", "sh", "-c", f"{claims(512)} && sleep 0.3"],
        stdin=subprocess.DEVNULL,
    )
    most = peaks(process)
    assert process.returncode == 0
    assert 0 < max(most.values()) < MEMORY_KIB, most


@needs("/proc")
def an_environment_of_512_mib_is_not_read_by_the_spawner_of_several_jobs() -> None:
    worker = f"{claims(512)}; exec cat"
    process = subprocess.Popen(
        [weir, "map", "-j3", "--grace", "200ms", "--", "sh", "-c", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(b"1\n" * 6)
    process.stdin.close()
    most = peaks(process)
    assert process.stdout.read() == b"1\n" * 6
    process.stdout.close()
    assert process.returncode == 0
    assert 0 < max(most.values()) < MEMORY_KIB, most


@needs("a subreaper")
def a_thousand_orphans_are_all_ended_with_their_job() -> None:
    code = (
        "import os, signal, sys\n"
        "if os.fork() == 0:\n"
        "    for _ in range(1000):\n"
        "        if os.fork() == 0: os.setsid(); signal.pause()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    done = run(
        [],
        "run",
        "--drain",
        "0s",
        "--grace",
        "60s",
        "--",
        sys.executable,
        "-c",
        code,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done


if __name__ == "__main__":
    run_cases(
        [
            in_a_pid_namespace_with_the_outer_proc_nobody_is_waited_for_or_stopped,
            without_any_proc_it_takes_the_portable_way,
            with_hidepid_it_sees_its_own_processes,
            an_orphan_in_a_namespace_of_its_own_is_no_concern_of_others,
            an_environment_of_512_mib_is_not_read_by_the_spawner_of_a_run,
            an_environment_of_512_mib_is_not_read_by_the_spawner_of_several_jobs,
            a_thousand_orphans_are_all_ended_with_their_job,
        ]
    )
