#!/usr/bin/env python3
"""The files of a command: named twice, FIFOs without a peer, and the rights of new ones.  Prints
TAP.  files.py WEIR SRCDIR
"""

import glob
import json
import os
import signal
import stat
import struct
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = os.path.abspath(sys.argv[1]), sys.argv[2]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, Skip, await_that, needs, run_cases

RECORDS = b"1\n2\n{\n"
KEY = "0123456789abcdef0123456789abcdef\n"
NOBODY = 65534


def run(directory: Any, command: Any, env: Any = None) -> Any:
    """A line of shell, in which weir is ours."""
    script = f'weir() {{ "{WEIR}" "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ, **env or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def look(directory: Any) -> Any:
    found = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found[name] = file.read()
        else:
            found[name] = os.readlink(path) if os.path.islink(path) else None
    return found


def prepare(directory: Any) -> None:
    with open(os.path.join(directory, "f"), "wb") as file:
        file.write(RECORDS)
    os.symlink("f", os.path.join(directory, "soft"))
    os.link(os.path.join(directory, "f"), os.path.join(directory, "hard"))
    os.symlink("new", os.path.join(directory, "dangling"))
    os.mkdir(os.path.join(directory, "d"))
    with open(os.path.join(directory, "key"), "w", encoding="utf-8") as file:
        file.write(KEY)
    os.chmod(os.path.join(directory, "key"), 0o600)
    with open(os.path.join(directory, "log.000001"), "w", encoding="utf-8") as file:
        file.write("old\n")


def refused(directory: Any, status: Any, command: Any, *says: Any, env: Any = None) -> None:
    before = look(directory)
    weir = run(directory, command, env)
    assert weir.returncode == status, (command, weir)
    for word in ("the same file", *says):
        assert word in weir.stderr, (command, word, weir)
    assert look(directory) == before, (command, before, look(directory))


def two_names_of_one_file_are_refused_and_nothing_is_touched(directory: Any) -> None:
    prepare(directory)
    options = ["input", "output", "dead-letter", "report", "checkpoint", "audit"]
    for first in options:
        for second in options:
            if first < second:
                refused(
                    directory,
                    2,
                    f"weir map --{first} f --{second} f -- cat",
                    f"--{first}",
                    f"--{second}",
                    "f",
                )
                refused(
                    directory,
                    2,
                    f"weir map --{first} new --{second} d/../new -- cat"
                    if first != "input"
                    else f"weir map --input f --{second} ./f -- cat",
                    f"--{first}",
                    f"--{second}",
                )
    for name in ("./f", "soft", "hard", "d/../f", os.path.join(directory, "f")):
        refused(directory, 2, f"weir map --input f --output {name} -- cat", name)
        refused(directory, 2, f"weir pipe --input f --output {name} cat", name)
        refused(directory, 125, f"weir run --input f --report {name} -- cat", name)
    refused(directory, 2, "weir map --input f --output dangling --report new -- cat")
    refused(directory, 2, "weir map --input f --output dangling --report d/../new -- cat")


def what_the_shell_opened_counts_too(directory: Any) -> None:
    prepare(directory)
    for status, command in (
        (2, "weir map -- cat <f >>f"),
        (2, "weir map --input f -- cat >>f"),
        (2, "weir map --output f -- cat <f"),
        (2, "weir map --dead-letter f -- cat <f"),
        (2, "weir map --checkpoint f --output o -- cat <f"),
        (2, "weir map --dead-letter f --input log.000001 -- cat >>f"),
        (2, "weir map --report f --input log.000001 -- cat >>f"),
        (2, "weir map --audit f --input log.000001 -- cat >>f"),
        (2, "weir pipe cat <f >>f"),
        (2, "weir pipe --input f cat >>f"),
        (2, "weir pipe --output f cat <f"),
        (2, "weir pipe --report hard cat >>f"),
        (2, "weir pipe --audit f true >>f"),
        (125, "weir run --input f -- cat >>f"),
        (125, "weir run --json --input - -- cat <f >>f"),
        (125, "weir run --report soft -- true >>f"),
        (125, "weir run --report f -- cat <f"),
        (125, "weir run --json --audit f -- true >>f"),
        (2, "weir probe --report f --only go >>f"),
        (2, "weir audit show f >>f"),
        (2, "weir audit verify log.000001 f >>f"),
        (2, "weir call -w cat --stdin g <f >>f"),
        (2, "weir call -w cat --audit f g >>f"),
    ):
        refused(directory, status, command)
    for command in (
        "weir map --report e -- cat",
        "weir map --dead-letter e -- cat",
        "weir map --output e -- cat",
        "weir pipe --output e true",
    ):
        before = look(directory)
        weir = run(directory, f"{command} <f 2>>e; exit $?")
        assert weir.returncode == 2, (command, weir)
        with open(os.path.join(directory, "e"), encoding="utf-8") as file:
            assert "the same file" in file.read(), command
        os.unlink(os.path.join(directory, "e"))
        assert look(directory) == before, command


def the_audit_log_its_old_files_and_its_key_count_too(directory: Any) -> None:
    prepare(directory)
    key = {"WEIR_AUDIT_KEY_FILE": "key"}
    for command in (
        "weir map --audit log --report log.000001 -- cat <f",
        "weir map --audit log --output log -- cat <f",
        "weir map --audit log --output key -- cat <f",
        "weir pipe --audit log --report key true",
        "weir probe --audit log --report log.000001 --only go",
        "weir probe --contract f --report f",
        "weir probe --detector f --report soft",
        "weir serve -w cat --audit key -s s.sock",
    ):
        refused(directory, 2, command, env=key)
    refused(directory, 2, "weir map --output log -- cat <f", env={"WEIR_AUDIT": "log"})


def files_of_a_spec_count_too(directory: Any) -> None:
    prepare(directory)

    def spec(**keys: Any) -> None:
        stages = keys.pop("stages", [{"cmd": ["cat"]}])
        with open(os.path.join(directory, "spec"), "w", encoding="utf-8") as file:
            json.dump({"weir": 1, "stages": stages, **keys}, file)

    dead = {"cmd": ["cat"], "name": "m", "map": {"dead_letter": "f"}}
    document: Any
    for document, option, *says in (
        [{"in": {"path": "f"}, "out": {"path": "hard"}}, "", '"in"', '"out"'],
        [{"in": {"path": "f"}, "report": "soft"}, "", '"in"', '"report"'],
        [{"out": {"path": "new"}, "report": "d/../new"}, "", '"out"', '"report"'],
        [{"in": {"path": "f"}}, "--output f", '"in"', "--output"],
        [{"out": {"path": "f"}}, "<f", '"out"', "standard input"],
        [{"in": {"path": "f"}, "stages": [dead]}, "", '"in"', "dead_letter of stage m"],
        [{"out": {"path": "f"}, "stages": [dead]}, "", '"out"', "dead_letter of stage m"],
        [{"report": "f", "stages": [dead]}, "", "dead_letter of stage m"],
        [{"stages": [dead, {**dead, "name": "n"}]}, "", "stage m", "stage n"],
        [{"out": {"path": "spec"}}, "", '"out"', "-f"],
        [{"report": "spec"}, "", '"report"', "-f"],
    ):
        spec(**document)
        refused(directory, 2, f"weir pipe -f spec {option}", *says)


def what_may_be_used_twice_still_may(directory: Any) -> None:
    prepare(directory)
    for command in (
        "weir map --input /dev/null --output /dev/null -- cat",
        (
            "weir map --output /dev/null --report /dev/null --input f --on-error skip "
            "--max-dead 1 -- cat"
        ),
        "weir map --check none --input f -- sed s/.*/1/ >log1 2>&1",
        "weir run --report - --json -- true",
        "weir run --json -- cat f >both 2>&1",
        "weir run -- sh -c 'cat >/dev/null' <f >>f",
        "weir pipe --input f cat >>other",
        "weir pipe 'cat f' <f >log2",
        "weir map --check none --input f -- sed s/.*/1/ <f >log3",
    ):
        weir = run(directory, command)
        assert weir.returncode == 0, (command, weir)


def a_name_that_is_filled_in_is_the_file_that_it_becomes(directory: Any) -> None:
    prepare(directory)
    refused(
        directory,
        2,
        "weir map --input f --dead-letter %n -- cat </dev/null",
        env={"SLURM_ARRAY_TASK_ID": "f"},
    )


# --- FIFOs -------------------------------------------------------------------------


def fifos(directory: Any) -> Any:
    os.mkfifo(os.path.join(directory, "fifo"))
    with open(os.path.join(directory, "f"), "wb") as file:
        file.write(b"1\n")
    return [
        ["run", "--input", "fifo", "--", "cat"],
        ["run", "--json", "--input", "fifo", "--", "cat"],
        ["run", "--report", "fifo", "--", "true"],
        ["pipe", "--input", "fifo", "cat"],
        ["pipe", "--output", "fifo", "echo x"],
        ["pipe", "--report", "fifo", "true"],
        ["pipe", "-f", "fifo"],
        ["map", "--input", "fifo", "--", "cat"],
        ["map", "--input", "f", "--output", "fifo", "--", "cat"],
        ["map", "--input", "f", "--report", "fifo", "--", "cat"],
        ["map", "--input", "f", "--dead-letter", "fifo", "--", "cat"],
    ]


def start(directory: Any, words: Any) -> Any:
    return subprocess.Popen(
        [WEIR, *words],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def a_deadline_holds_while_a_fifo_has_no_peer(directory: Any) -> None:
    for words in fifos(directory):
        words[1:1] = ["--timeout", "500ms"]
        weir = start(directory, words)
        out, said = weir.communicate(timeout=PATIENCE_S)
        assert weir.returncode == 124, (words, weir.returncode, out, said)
        assert sorted(os.listdir(directory)) == ["f", "fifo"], (words, os.listdir(directory))


def the_first_signal_is_heeded_while_a_fifo_has_no_peer(directory: Any) -> None:
    for words in fifos(directory):
        for number in (signal.SIGTERM, signal.SIGINT):
            weir = start(directory, words)
            # It waits, or will soon: a signal that comes early counts as well.
            await_that(lambda: catches(weir, number) or words[:2] == ["pipe", "-f"], f"{words}")
            weir.send_signal(number)
            out, said = weir.communicate(timeout=PATIENCE_S)
            assert weir.returncode in (128 + number, -number), (words, weir.returncode, out, said)
            assert sorted(os.listdir(directory)) == ["f", "fifo"], (words, os.listdir(directory))


def a_signal_that_ends_the_job_bounds_the_wait_for_the_reader_of_its_report(directory: Any) -> None:
    os.mkfifo(os.path.join(directory, "fifo"))
    with open(os.path.join(directory, "f"), "wb") as file:
        file.write(b"1\n")
    job = "sh -c 'touch mark; exec sleep 1000'"
    for words in (
        ["run", "--report", "fifo", "--", "sh", "-c", "touch mark; exec sleep 1000"],
        ["pipe", "--report", "fifo", job],
        [
            "map",
            "--grace",
            "10ms",
            "--input",
            "f",
            "--output",
            "o",
            "--report",
            "fifo",
            "--",
            "sh",
            "-c",
            "read x; echo 1; touch mark; read x",
        ],
    ):
        weir = start(directory, words)
        mark = os.path.join(directory, "mark")
        await_that(lambda: os.path.exists(mark), f"{words}")
        weir.terminate()
        out, said = weir.communicate(timeout=PATIENCE_S)
        assert weir.returncode == 143, (words, weir.returncode, out, said)
        os.unlink(mark)


def catches(process: Any, number: Any) -> Any:
    try:
        with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
            (mask,) = [line.split()[1] for line in file if line.startswith("SigCgt:")]
    except FileNotFoundError:
        return True
    return int(mask, 16) >> (number - 1) & 1


def a_peer_that_comes_is_served(directory: Any) -> None:
    fifo = os.path.join(directory, "fifo")
    for words in fifos(directory):
        weir = start(directory, words)
        if (
            words[-1] == "true"
            or "--output" in words
            or "--dead-letter" in words
            or words[1:3] == ["--report", "fifo"]
            or "--report" in words
        ):
            with open(fifo, "rb") as stream:
                came = stream.read()
            assert weir.wait(PATIENCE_S) == 0, (words, weir.communicate())
            assert came or "--dead-letter" in words, words
            weir.communicate()
            continue
        with open(fifo, "wb") as stream:
            stream.write(b'{"weir":1,"stages":[{"cmd":["echo","1"]}]}' if "-f" in words else b"1\n")
        out, said = weir.communicate(timeout=PATIENCE_S)
        assert weir.returncode == 0 and b"1\\n" in out or out == b"1\n", (words, out, said)


@needs("tee")
def a_program_starts_when_its_fifo_is_opened_not_when_something_comes(directory: Any) -> None:
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    weir = start(
        directory, ["run", "--input", "fifo", "--", "sh", "-c", "echo who; read x; echo $x"]
    )
    with open(fifo, "wb", buffering=0) as stream:
        assert weir.stdout.readline() == b"who\n"
        stream.write(b"me\n")
        assert weir.stdout.readline() == b"me\n"
    weir.communicate()
    assert weir.returncode == 0


# --- New files ---------------------------------------------------------------------


def mode(path: Any) -> Any:
    return stat.S_IMODE(os.stat(path).st_mode)


def set_uid_bits_are_not_copied_and_other_rights_are(directory: Any) -> None:
    out = os.path.join(directory, "out")
    for before, after in ((0o6755, 0o755), (0o1644, 0o644), (0o600, 0o600), (0o640, 0o640)):
        for command in (
            "weir pipe --output out 'echo new'",
            "weir map --input f --output out -- cat",
            "weir run --report out -- true",
        ):
            with open(os.path.join(directory, "f"), "wb") as file:
                file.write(b"1\n")
            with open(out, "wb") as file:
                file.write(b"old\n")
            os.chmod(out, before)
            weir = run(directory, "umask 022; " + command)
            assert weir.returncode == 0 and mode(out) == after, (command, oct(mode(out)), weir)


def a_file_that_changes_its_owner_gets_no_more_rights_than_the_umask_gives(directory: Any) -> None:
    if os.getuid() != 0:
        raise Skip("only root may take another user's file")
    os.chmod(directory, 0o755)
    out = os.path.join(directory, "out")
    for before, after in ((0o6777, 0o644), (0o600, 0o600), (0o666, 0o644), (0o660, 0o600)):
        with open(out, "wb") as file:
            file.write(b"old\n")
        os.chown(out, NOBODY, NOBODY)
        os.chmod(out, before)
        weir = run(directory, "umask 022; weir pipe --output out 'echo new'")
        info = os.stat(out)
        assert weir.returncode == 0 and (info.st_uid, mode(out)) == (0, after), (
            oct(mode(out)),
            weir,
        )


def access_list(*entries: Any) -> Any:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def an_access_list_goes_along_and_its_mask_is_not_taken_for_the_groups_rights(
    directory: Any,
) -> None:
    name, none = "system.posix_acl_access", 0xFFFFFFFF
    wanted = access_list(
        (1, 6, none), (2, 6, NOBODY), (4, 0, none), (0x10, 6, none), (0x20, 0, none)
    )
    out = os.path.join(directory, "out")
    with open(out, "wb") as file:
        file.write(b"old\n")
    try:
        os.setxattr(out, name, wanted)
    except (AttributeError, OSError) as reason:
        raise Skip("no access control lists here") from reason
    weir = run(directory, "umask 022; weir pipe --output out 'echo new'")
    assert weir.returncode == 0 and os.getxattr(out, name) == wanted, (oct(mode(out)), weir)
    os.removexattr(out, name)  # and what a directory gives to new files is not the old one's
    os.chmod(out, 0o660)
    os.setxattr(directory, "system.posix_acl_default", wanted)
    weir = run(directory, "umask 022; weir pipe --output out 'echo new'")
    assert weir.returncode == 0 and mode(out) == 0o660, (oct(mode(out)), weir)
    assert name not in os.listxattr(out), os.listxattr(out)


def a_name_that_somebody_has_taken_keeps_nobody_from_writing(directory: Any) -> None:
    script = (
        'seq -f ".out.$$.%g.part" 0 199 | xargs touch; '
        f'exec "{WEIR}" pipe --output out "echo hello"'
    )
    weir = subprocess.run(
        ["sh", "-c", script], cwd=directory, capture_output=True, text=True, timeout=PATIENCE_S
    )
    with open(os.path.join(directory, "out"), encoding="utf-8") as file:
        assert weir.returncode == 0 and file.read() == "hello\n", weir
    # What a killed one has left is removed by a map whose checkpoint it was; links are not.
    with open(os.path.join(directory, "f"), "wb") as file:
        file.write(b"1\n")
    for name in (".state.0123456789abcdef0123456789abcdef.part", ".state.99.1.part"):
        with open(os.path.join(directory, name), "wb"):
            pass
    os.symlink("f", os.path.join(directory, ".state.98.1.part"))
    weir = run(directory, "weir map --input f --output o --checkpoint state -- cat")
    assert weir.returncode == 0, weir
    assert glob.glob(os.path.join(directory, ".state.*")) == [
        os.path.join(directory, ".state.98.1.part")
    ]


def a_directory_that_is_moved_away_keeps_its_file(directory: Any) -> None:
    os.mkdir(os.path.join(directory, "d"))
    weir = run(directory, "weir pipe --output d/out 'sh -c \"mv d moved; mkdir d; echo hello\"'")
    assert weir.returncode == 0, weir
    with open(os.path.join(directory, "moved", "out"), encoding="utf-8") as file:
        assert file.read() == "hello\n"
    assert os.listdir(os.path.join(directory, "d")) == []


def both_outputs_on_one_file_keep_their_order(directory: Any) -> None:
    expected = "".join(f"o{n}\ne{n}\n" for n in range(20))
    script = "for i in $(seq 0 19); do echo o$i; echo e$i >&2; done"
    for redirection in ("2>&1 | cat >out", ">out 2>&1", ">>out 2>>out"):
        for _ in range(10):
            out = os.path.join(directory, "out")
            weir = run(directory, f"weir run --idle 60s -- sh -c '{script}' {redirection}")
            with open(out, encoding="utf-8") as file:
                assert weir.returncode == 0 and file.read() == expected, redirection
            os.unlink(out)
    weir = run(directory, f"weir run --idle 60s -- sh -c '{script}'")
    assert len(weir.stdout) == len(weir.stderr) == len(expected) // 2, weir


run_cases(
    [
        two_names_of_one_file_are_refused_and_nothing_is_touched,
        what_the_shell_opened_counts_too,
        the_audit_log_its_old_files_and_its_key_count_too,
        files_of_a_spec_count_too,
        what_may_be_used_twice_still_may,
        a_name_that_is_filled_in_is_the_file_that_it_becomes,
        a_deadline_holds_while_a_fifo_has_no_peer,
        the_first_signal_is_heeded_while_a_fifo_has_no_peer,
        a_signal_that_ends_the_job_bounds_the_wait_for_the_reader_of_its_report,
        a_peer_that_comes_is_served,
        a_program_starts_when_its_fifo_is_opened_not_when_something_comes,
        set_uid_bits_are_not_copied_and_other_rights_are,
        a_file_that_changes_its_owner_gets_no_more_rights_than_the_umask_gives,
        an_access_list_goes_along_and_its_mask_is_not_taken_for_the_groups_rights,
        a_name_that_somebody_has_taken_keeps_nobody_from_writing,
        a_directory_that_is_moved_away_keeps_its_file,
        both_outputs_on_one_file_keep_their_order,
    ]
)
