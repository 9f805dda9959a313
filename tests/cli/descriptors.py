"""What a program has open above 2 besides what weir gives it: with run and pipe all that weir was
started with, with workers and --close-fds nothing."""

import json
import os
import random
import resource
import subprocess
import sys
from typing import Any

weir, builddir, srcdir = sys.argv[1:4]
sys.path.insert(0, os.path.join(srcdir, "tests", "support"))

from tap_cases import PATIENCE_S, Skip, run_cases

# Each descriptor is open on a file that holds its number: prints those for which that is so, and
# then those that are open without.
LOOK = """
import json, os, sys
right, other = [], []
for name in range(300):
    try:
        text = os.pread(name, 10, 0).decode()
    except OSError:
        text = ""
    try:
        os.fstat(name)
    except OSError:
        continue
    if name > 2:
        (right if text == str(name) else other).append(name)
print(json.dumps([right, other]))
"""


def launch(directory: Any, numbers: Any, command: Any, **options: Any) -> Any:
    """Runs a command with just these descriptors above 2, each open on a file of its own."""
    source = []
    for number in numbers:
        path = os.path.join(directory, str(number))
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(number))
        source.append(path)

    script = os.path.join(directory, "launch.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(
            "import fcntl, os, sys\n"
            "os.closerange(3, 256)\n"
            "numbers, sources = eval(sys.argv[1])\n"
            "for number, path in zip(numbers, sources):\n"
            "    low = os.open(path, os.O_RDONLY)\n"
            "    fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 300)\n"
            "    os.close(low)\n"
            "    os.dup2(fd, number)\n"
            "    os.close(fd)\n"
            "os.execvp(sys.argv[2], sys.argv[2:])\n"
        )
    return subprocess.run(
        [sys.executable, script, repr((numbers, source)), *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        **options,
    )


def seen(directory: Any, numbers: Any, *arguments: Any, **options: Any) -> Any:
    done = launch(directory, numbers, [weir, *arguments], **options)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def look(directory: Any) -> Any:
    path = os.path.join(directory, "look.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(LOOK)
    return path


def run_passes_on_what_weir_was_started_with(directory: Any) -> None:
    for numbers in [3], [3, 4, 5], [7], [3, 9, 200], [4, 5, 6, 7, 8, 9, 10, 11, 12], []:
        assert seen(directory, numbers, "run", "--", sys.executable, look(directory)) == [
            numbers,
            [],
        ], numbers
        done = launch(
            directory, numbers, [weir, "run", "--json", "--", sys.executable, look(directory)]
        )
        assert json.loads(json.loads(done.stdout)["stdout"]["text"]) == [numbers, []]


def any_numbers_in_any_order_arrive_as_themselves(directory: Any) -> None:
    chosen = random.Random(7)
    for _ in range(8):
        numbers = chosen.sample(range(3, 60), 40)
        assert seen(directory, numbers, "run", "--", sys.executable, look(directory)) == [
            sorted(numbers),
            [],
        ], numbers


def every_stage_of_a_pipe_has_them(directory: Any) -> None:
    numbers = [3, 5, 8]
    stage = f"{sys.executable} {look(directory)}"
    done = launch(directory, numbers, [weir, "pipe", f"sh -c '{stage} >&2'", stage])
    assert done.returncode == 0, done
    for output in done.stdout, done.stderr:
        assert json.loads(output) == [numbers, []], done


def with_close_fds_nothing_is_passed_on(directory: Any) -> None:
    command = [sys.executable, look(directory)]
    assert seen(directory, [3, 5], "run", "--close-fds", "--", *command) == [[], []]
    assert seen(directory, [3, 5], "pipe", "--close-fds", " ".join(command)) == [[], []]


def workers_have_none(directory: Any) -> None:
    worker = os.path.join(directory, "worker")
    with open(worker, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{sys.executable} {look(directory)}\nexec cat >/dev/null\n")
    os.chmod(worker, 0o700)
    assert seen(directory, [3, 5], "map", "-j1", "--", worker, input="1\n") == [[], []]
    spec = os.path.join(directory, "spec.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump(
            {
                "weir": 1,
                "stages": [{"cmd": ["echo", "1"]}, {"cmd": [worker], "map": {"workers": 1}}],
            },
            file,
        )
    assert seen(directory, [3, 5], "pipe", "-f", spec) == [[], []]
    done = launch(directory, [3, 5], [weir, "call", "-w", os.path.join(directory, "rpc"), "fds"])
    assert done.returncode != 0  # there is none: what follows makes it
    with open(os.path.join(directory, "rpc"), "w", encoding="utf-8") as file:
        file.write(
            f"#!/bin/sh\n{sys.executable} {look(directory)} >&2\n"
            f"exec {os.path.join(builddir, 'tests', 'children', 'rpc_worker')}\n"
        )
    os.chmod(os.path.join(directory, "rpc"), 0o700)
    done = launch(
        directory, [3, 5], [weir, "call", "-w", os.path.join(directory, "rpc"), "echo", "1"]
    )
    assert done.returncode == 0 and "[[], []]" in done.stderr, done


def thousands_are_passed_on(directory: Any) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 5100:
        raise Skip(f"no more than {hard} descriptors are to be had")
    numbers = list(range(3, 5003))
    many = (
        "import os, sys\n"
        "right = sum(os.path.exists(f'/dev/fd/{n}') and os.fstat(n).st_rdev > 0"
        " for n in range(3, 5003))\nprint(right)"
    )
    script = os.path.join(directory, "many.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(many)
    starter = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (5100, resource.getrlimit("
        "resource.RLIMIT_NOFILE)[1]))\n"
        "null = os.open('/dev/null', os.O_RDONLY)\n"
        f"for n in range({numbers[0]}, {numbers[-1] + 1}):\n"
        "    os.dup2(null, n) if n != null else os.set_inheritable(null, True)\n"
        "os.execvp(sys.argv[1], sys.argv[1:])\n"
    )
    for arguments, wanted in ((["run", "--"], "5000"), (["run", "--close-fds", "--"], "0")):
        done = subprocess.run(
            [sys.executable, "-c", starter, weir, *arguments, sys.executable, script],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert (done.returncode, done.stdout.strip()) == (0, wanted), done


def a_shell_s_ways_to_open_descriptors_work(directory: Any) -> None:
    bash = "/bin/bash"
    if not os.path.exists(bash):
        raise Skip("no bash")
    script = (
        '[ "$("$1" run -- cat <(echo hi))" = hi ] || exit 1\n'
        '"$1" run -- sh -c "echo x >&7" 7>seven; [ "$(cat seven)" = x ] || exit 2\n'
        '[ "$(echo a | "$1" pipe "cat /dev/fd/0" "sh -c \'cat; cat <&9\'" 9< <(echo b))" = '
        '"$(printf "a\\nb")" ] || exit 3\n'
        '"$1" run --limit files=16 -- bash -c "cat <&40" 40< <(echo c) >low || exit 4\n'
        '[ "$(cat low)" = c ] || exit 5\n'
        '"$1" run -- sh -c "echo y >&8" 8>&1 >/dev/null | grep -q y || exit 6\n'
    )
    done = subprocess.run(
        [bash, "-c", script, "bash", weir],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done


def one_above_the_limit_of_open_files_is_passed_on(directory: Any) -> None:
    script = (
        'exec 40<"$2"; ulimit "$3" 30; shift 3\n'
        'exec "$weir" "$@" sh -c "cat /dev/fd/40 && ulimit -Sn" 2>&1\n'
    )
    where = os.path.join(directory, "forty")
    with open(where, "w", encoding="utf-8") as file:
        file.write("forty\n")

    def below(limit: str, *words: str) -> Any:
        done = subprocess.run(
            ["/bin/bash", "-c", script, "bash", "", where, limit, *words],
            capture_output=True,
            env=dict(os.environ, weir=os.path.abspath(weir)),
            text=True,
            timeout=PATIENCE_S,
        )
        return done.returncode, done.stdout

    if not os.path.exists("/bin/bash"):
        raise Skip("no bash")
    assert below("-Sn", "run", "--") == (0, "forty\n30\n")
    status, said = below("-n", "run", "--")  # the hard limit, too, which only some may raise
    if status != 0:
        assert status == 125 and "descriptor 40 " in said and "--close-fds" in said, said
    else:
        assert said == "forty\n30\n", said
    status, said = below("-n", "run", "--close-fds", "--")
    assert status not in (0, 125) and "40" in said, (status, said)


def make_s_jobserver_is_there(directory: Any) -> None:
    with open(os.path.join(directory, "Makefile"), "w", encoding="utf-8") as file:
        file.write(f"all:\n\t+@{weir} run -- $(MAKE) -f inner\n")
    with open(os.path.join(directory, "inner"), "w", encoding="utf-8") as file:
        file.write("all: a b\na b:\n\t@echo $@\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    env.pop("MFLAGS", None)
    try:
        done = subprocess.run(
            ["make", "-j2"],
            cwd=directory,
            env=env,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    except FileNotFoundError:
        raise Skip("no make") from None
    assert done.returncode == 0 and "jobserver" not in done.stderr, done
    assert set("ab") <= set(done.stdout.split()), done


def a_program_gets_no_o_nonblock_and_the_flag_is_back_afterwards() -> None:
    look_at_flags = (
        "import fcntl, os; os.write(1, bytes(str([fcntl.fcntl(fd, fcntl.F_GETFL)"
        " & os.O_NONBLOCK for fd in (0, 1)]), 'ascii'))"
    )
    with open("/dev/null", "rb") as nothing:
        for arguments in (
            ["run", "--", sys.executable, "-c", look_at_flags],
            ["pipe", "--", f'"{sys.executable}" -c "{look_at_flags}"'],
        ):
            (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()
            os.set_blocking(in_read, False)
            os.set_blocking(out_write, False)
            done = subprocess.run(
                [weir, *arguments],
                stdin=in_read,
                stdout=out_write,
                stderr=nothing,
                timeout=PATIENCE_S,
            )
            text = os.read(out_read, 100)
            flags = os.get_blocking(in_read), os.get_blocking(out_write)
            for fd in in_read, in_write, out_read, out_write:
                os.close(fd)
            assert (done.returncode, text, flags) == (0, b"[0, 0]", (False, False)), (
                arguments,
                done,
                text,
                flags,
            )


if __name__ == "__main__":
    run_cases(
        [
            run_passes_on_what_weir_was_started_with,
            any_numbers_in_any_order_arrive_as_themselves,
            every_stage_of_a_pipe_has_them,
            with_close_fds_nothing_is_passed_on,
            workers_have_none,
            thousands_are_passed_on,
            a_shell_s_ways_to_open_descriptors_work,
            one_above_the_limit_of_open_files_is_passed_on,
            make_s_jobserver_is_there,
            a_program_gets_no_o_nonblock_and_the_flag_is_back_afterwards,
        ]
    )
