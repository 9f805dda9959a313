#!/usr/bin/env python3
"""weir each under random programs and kills, with many files and a full $TMPDIR.  Prints TAP.
each_trust.py WEIR SRCDIR

Each schedule has a seed, which is shown when it fails: WEIR_EACH_SEED=N runs that one alone.
WEIR_EACH_SCHEDULES, WEIR_EACH_KILLS and WEIR_EACH_FILES say how many of each there are.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from typing import Any

sys.dont_write_bytecode = True
WEIR, SRCDIR = (os.path.abspath(word) for word in sys.argv[1:3])
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, Skip, run_cases

SCHEDULES = int(os.environ.get("WEIR_EACH_SCHEDULES", "8"))
KILLS = int(os.environ.get("WEIR_EACH_KILLS", "50"))
FILES = int(os.environ.get("WEIR_EACH_FILES", "10000"))
BIG = 10 * 1024 * 1024

# PROGRAM DIRECTORY "KIND NUMBER": behaves as KIND says; what it prints begins with <NUMBER>. Its
# pid is in DIRECTORY/pids while it runs, so that it can be killed.
PROGRAM = """#!/bin/sh
directory=$1
set -- $2
echo $$ >>"$directory/pids"
case $1 in
quiet) exit ;;
fail) echo "<$2>failed"; echo "error $2" >&2; exit 3 ;;
hang) echo "<$2>hangs"; exec sleep 1000 ;;
big) printf "<$2>"; exec head -c 10485760 /dev/zero ;;
child) echo "<$2>parent"; sleep 1000 & exit ;;
dies) kill -9 $$ ;;
flaky) echo "<$2>try"; mkdir "$directory/$2" 2>/dev/null && exit 1; exit 0 ;;
esac
echo "<$2>fine"
echo "note $2" >&2
"""
KINDS = ["fine"] * 12 + ["quiet", "fail", "fail", "child", "dies", "flaky", "flaky"]

PRINTS = {
    "fine": "<{n}>fine\n",
    "quiet": "",
    "fail": "<{n}>failed\n",
    "hang": "<{n}>hangs\n",
    "child": "<{n}>parent\n",
    "dies": "",
    "flaky": "<{n}>try\n",
}


def write(path: str, text: str) -> str:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if text.startswith("#!"):
        os.chmod(path, 0o755)
    return path


def expected(record: str) -> bytes:
    kind, _, number = record.partition(" ")
    if kind == "big":
        return f"<{number}>".encode() + bytes(BIG)
    return PRINTS[kind].format(n=number).encode()


class Killer(threading.Thread):
    """Kills programs at random while they run: only processes that work for this schedule."""

    def __init__(self, directory: str, chance: random.Random):
        super().__init__(daemon=True)
        self.directory, self.chance, self.over = directory, chance, threading.Event()
        self.killed = 0
        self.start()

    def run(self) -> None:
        while not self.over.wait(self.chance.random() / 20):
            try:
                with open(f"{self.directory}/pids", encoding="ascii") as file:
                    pid = int(self.chance.choice(file.read().split()[-4:]))
                pidfd = os.pidfd_open(pid)
            except (OSError, ValueError, IndexError):
                continue
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if self.directory.encode() in file.read():
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                        self.killed += 1
            except OSError:
                pass
            finally:
                os.close(pidfd)


def split(output: bytes) -> "list[tuple[int, bytes]]":
    """What each program printed, in the order of the output."""
    parts = re.split(rb"(?=<\d+>)", output)
    assert parts[0] == b"", parts[0][:100]
    return [(int(part[1 : part.index(b">")]), part) for part in parts[1:]]


def check_schedule(directory: str, seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice([1, 7, 60, 150])
    records = [f"{chance.choice(KINDS)} {number}" for number in range(count)]
    has_time = chance.random() < 0.5
    for kind in ["big"] * chance.randrange(3) + ["hang"] * (chance.randrange(3) if has_time else 0):
        at = chance.randrange(count)
        records[at] = f"{kind} {at}"
    kills, ordered = chance.random() < 0.5, chance.random() < 0.6
    retries = chance.choice([0, 0, 1, 3])
    mode = chance.choice(["whole", "json"])
    form = chance.choice(["line", "nul"])
    options = [f"-j{chance.choice([1, 2, 3, 8])}", "--retries", str(retries), "--format", form]
    options += ["--grace", "100s"] if chance.random() < 0.5 else ["--grace", "0"]
    options += [] if ordered else ["--unordered"]
    options += ["--json", "--max-output", "1K"] if mode == "json" else []
    options += ["--record-timeout", "2s"] if has_time else []
    options += ["--retry-delay", "5ms"] if chance.random() < 0.3 else []
    program = write(f"{directory}/program", PROGRAM)
    letters, report = f"{directory}/letters", f"{directory}/report"
    end = "\0" if form == "nul" else "\n"
    command = [WEIR, "each", *options, "--dead-letter", letters, "--report", report]
    killer = Killer(directory, chance) if kills else None
    with open(f"{directory}/out", "wb") as out, open(f"{directory}/err", "wb") as err:
        process = subprocess.run(
            [*command, "--", program, directory, "{}"],
            input=end.join(records).encode(),
            stdout=out,
            stderr=err,
            timeout=PATIENCE_S * 3,
            check=False,
        )
    if killer:
        killer.over.set()
        killer.join()
    with open(report, encoding="utf-8") as file:
        document = json.load(file)
    with open(letters, encoding="utf-8") as file:
        dead = {letter["seq"]: letter for letter in map(json.loads, file)}
    with open(f"{directory}/out", "rb") as file:
        output = file.read()
    check_accounts(document, process.returncode, records, dead)
    check_outcomes(records, dead, retries, bool(killer and killer.killed))
    if mode == "json":
        check_documents(output, records, dead, ordered)
    else:
        check_output(output, records, dead, ordered)
    assert document["out"]["bytes"] == len(output), document


def check_accounts(
    document: Any, status: int, records: "list[str]", dead: "dict[int, Any]"
) -> None:
    assert status == document["status"] == (1 if dead else 0), (status, document)
    assert document["in"]["records"] == len(records), document
    assert document["answered"] + document["dead"] == len(records), document
    assert document["dead"] == len(dead) and document["unsettled"] == 0, document
    assert sum(job["jobs"] for job in document["jobs"]) == len(records) + document["retries"], (
        document
    )


def check_outcomes(records: "list[str]", dead: "dict[int, Any]", retries: int, kills: bool) -> None:
    for number, record in enumerate(records):
        kind, letter = record.split()[0], dead.get(number)
        must_die = kind in ("fail", "hang", "dies") or (kind == "flaky" and retries == 0)
        assert letter is not None or not must_die, record
        if letter is None:
            continue
        assert letter["record"] == record and letter["attempts"] == retries + 1, letter
        reasons = {"fail": "exit", "flaky": "exit", "dies": "signal", "hang": "timeout"}
        wanted = [reasons.get(kind, "none"), *(["signal"] if kills else [])]
        assert letter["reason"] in wanted or kind == "big" and letter["reason"] == "timeout", letter
        if letter["reason"] == "exit" and kind == "fail":
            assert f"error {number}" in letter["stderr_tail"], letter


def check_output(
    output: bytes, records: "list[str]", dead: "dict[int, Any]", ordered: bool
) -> None:
    parts = split(output)
    numbers = [number for number, _ in parts]
    assert len(set(numbers)) == len(numbers), "an output came twice, or not whole"
    assert not ordered or numbers == sorted(numbers), numbers
    for number, part in parts:
        wanted = expected(records[number])
        if number in dead:  # whatever it had printed when it was killed
            assert wanted.startswith(part), (records[number], part[:100])
        else:
            assert part == wanted, (records[number], len(part), part[:100])
    for number, record in enumerate(records):
        assert number in dead or number in numbers or not expected(record), record


def check_documents(
    output: bytes, records: "list[str]", dead: "dict[int, Any]", ordered: bool
) -> None:
    documents = [json.loads(line) for line in output.splitlines()]
    numbers = [document["seq"] for document in documents]
    assert sorted(numbers) == list(range(len(records))), numbers
    assert not ordered or numbers == sorted(numbers), numbers
    for document in documents:
        number = document["seq"]
        assert document["record"] == records[number], document
        if number not in dead:
            assert document["end"] == "exited" and document["code"] == 0, document
            assert document["stdout"]["bytes"] == len(expected(records[number])), document


def random_programs_and_kills_lose_nothing(directory: str) -> None:
    seed = os.environ.get("WEIR_EACH_SEED")
    first = int.from_bytes(os.urandom(4), "big")
    for at in [int(seed)] if seed else range(first, first + SCHEDULES):
        place = os.path.join(directory, str(at))
        os.mkdir(place)
        try:
            check_schedule(place, at)
        except AssertionError as error:
            raise AssertionError(f"WEIR_EACH_SEED={at}: {error}") from error
        subprocess.run(["rm", "-rf", place], check=True)


# --- kill -9 and resume --------------------------------------------------------

# KILLS NUMBER: of one record it kills weir itself, the first time.
DEADLY = """#!/bin/sh
if [ "$1" = "$2" ] && mkdir "$3/killed" 2>/dev/null; then
    kill -9 "$(cat "$3/weir")"
    exec sleep 1000
fi
[ $(($1 % 7)) != 3 ] || { echo "bad $1"; exit 1; }
printf "%s-" "$1" "$1" "$1" && echo
"""


def a_run_that_is_killed_resumes_byte_for_byte(directory: str) -> None:
    program = write(f"{directory}/program", DEADLY)
    names = ["out", "letters"]

    def run(place: str, deadly: int) -> int:
        command = [WEIR, "each", "-j3", "--input", f"{place}/in", "--output", f"{place}/out"]
        command += ["--checkpoint", f"{place}/state", "--dead-letter", f"{place}/letters"]
        command += ["--", program, "{}", str(deadly), place]
        script = 'echo $$ >"$0"; exec "$@"'
        return subprocess.run(
            ["sh", "-c", script, f"{place}/weir", *command],
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
        ).returncode

    def contents(place: str) -> "list[bytes]":
        found = []
        for name in names:
            with open(f"{place}/{name}", "rb") as file:
                found.append(file.read())
        return found

    for seed in range(KILLS):
        place = f"{directory}/{seed}"
        count = random.Random(seed).randrange(1, 60)
        deadly = random.Random(seed + 1000).randrange(count)
        os.mkdir(place)
        write(f"{place}/in", "".join(f"{number}\n" for number in range(count)))
        assert run(place, deadly) == -signal.SIGKILL, seed
        status = run(place, deadly)  # the same command
        wanted = "".join(
            f"bad {n}\n" if n % 7 == 3 else f"{n}-{n}-{n}-\n" for n in range(count)
        ).encode()
        out, letters = contents(place)
        assert out == wanted, (seed, out[:300], wanted[:300])
        dead = [json.loads(line)["seq"] for line in letters.splitlines()]
        assert dead == [n for n in range(count) if n % 7 == 3], (seed, dead)
        assert status == (1 if dead else 0), (seed, status)


# --- many files ----------------------------------------------------------------


def many_real_files_are_hashed_as_a_loop_does(directory: str) -> None:
    names: list[bytes] = []
    for top, _, files in os.walk(b"/usr"):
        for name in files:
            path = os.path.join(top, name)
            with contextlib.suppress(OSError):
                if (
                    os.path.isfile(path)
                    and os.path.getsize(path) < 65536
                    and os.access(path, os.R_OK)
                ):
                    names.append(path)
        if len(names) >= FILES:
            break
    names = names[:FILES]
    if len(names) < 1000:
        raise Skip("there are not many files in /usr")
    output = f"{directory}/out"
    with open(output, "wb") as out:
        subprocess.run(
            [WEIR, "each", "-j4", "--format", "nul", "--", "sha256sum", "-z"],
            input=b"\0".join(names),
            stdout=out,
            timeout=PATIENCE_S + len(names) / 50,
            check=True,
        )
    with open(output, "rb") as file:
        for name in names:
            with open(name, "rb") as each:
                digest = hashlib.sha256(each.read()).hexdigest().encode()
            wanted = digest + b"  " + name + b"\0"
            assert file.read(len(wanted)) == wanted, name
        assert file.read() == b""


# --- a full disk ---------------------------------------------------------------


def a_temporary_directory_that_is_full_is_named(directory: str) -> None:
    disk = f"{directory}/disk"
    os.mkdir(disk)
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        raise Skip("no file system can be mounted here")
    try:
        # The first waits until the others' large outputs wait for it.
        script = '[ "$1" != 0 ] || read -r _ <"$2"; head -c 1000000 /dev/zero'
        fifo = f"{directory}/fifo"
        os.mkfifo(fifo)
        process = subprocess.Popen(
            [WEIR, "each", "-j3", "--", "sh", "-c", script, "x", "{}", fifo],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": disk},
        )
        assert process.stdin is not None
        process.stdin.write(b"0\n1\n2\n3\n")
        process.stdin.close()
        process.stdin = None
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 5 and b"No space left" in err, (process.returncode, err)
        assert disk.encode() in err or b"TMPDIR" in err, err
        assert out == b"", len(out)
    finally:
        subprocess.run(["umount", disk], check=True)


if __name__ == "__main__":
    run_cases(
        [
            random_programs_and_kills_lose_nothing,
            a_run_that_is_killed_resumes_byte_for_byte,
            many_real_files_are_hashed_as_a_loop_does,
            a_temporary_directory_that_is_full_is_named,
        ]
    )
