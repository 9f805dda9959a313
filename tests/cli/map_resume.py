#!/usr/bin/env python3
"""weir map --checkpoint: killed, refused, with full disks, and gone on with.  Prints TAP.
map_resume.py BUILDDIR SRCDIR [SEED [KILLS]]
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

BUILD, SRCDIR = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import Skip, run_cases

SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
KILLS = int(sys.argv[4]) if len(sys.argv) > 4 else 100
WEIR = os.path.join(BUILD, "weir")
WORKER = os.path.join(BUILD, "tests", "children", "map_worker")
PATIENCE_S = 120
MOMENT_S = 0.0002  # between two looks at a file


class Job:
    """One command with its files, to be run again and again."""

    def __init__(self, directory: Any, records: Any, *options: Any, places: Any = None) -> None:
        places = places or {}
        self.directory = directory
        self.input = os.path.join(directory, "in")
        self.output = os.path.join(places.get("output", directory), "out")
        self.letters = os.path.join(places.get("letters", directory), "dead")
        self.checkpoint = os.path.join(places.get("checkpoint", directory), "state")
        self.options = list(options)
        self.marks = os.path.join(directory, "marks")
        with open(self.input, "wb") as file:
            file.write(b"".join(records))

    def words(self, *more: Any, worker: Any = (WORKER,), **paths: Any) -> Any:
        path = {
            "input": self.input,
            "output": self.output,
            "letters": self.letters,
            "checkpoint": self.checkpoint,
            **paths,
        }
        return [
            WEIR,
            "map",
            "--input",
            path["input"],
            "--output",
            path["output"],
            "--checkpoint",
            path["checkpoint"],
            "--dead-letter",
            path["letters"],
            "--retries",
            "1",
            *self.options,
            *more,
            "--",
            *worker,
        ]

    def start(self, *words: Any, can_be_killed: bool = True, **how: Any) -> Any:
        """The command's words where none are given.  Its number is in $MARKS.pid as soon as it runs,
        for a worker that is to kill it."""
        script = 'exec "$@"'
        if can_be_killed:
            script = 'echo $$ >"$MARKS.pid.new"; mv "$MARKS.pid.new" "$MARKS.pid"; ' + script
        return subprocess.Popen(
            ["sh", "-c", script, "sh", *(words or self.words())],
            env={**os.environ, "MARKS": self.marks},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **how,
        )

    def run(self, *words: Any, **how: Any) -> Any:
        """Returns (status, what it said)."""
        process = self.start(*words, **how)
        return self.end(process)

    def end(self, process: Any) -> Any:
        try:
            said = process.communicate(timeout=PATIENCE_S)[1].decode()
        finally:
            if process.poll() is None:
                process.kill()
            remove(self.marks + ".pid")  # whoever has not read it by now kills nobody
        return process.returncode, said

    def files(self) -> Any:
        """All there is to see of what it wrote."""
        return {path: look(path) for path in (self.output, self.letters, self.checkpoint)}

    def offset(self) -> Any:
        """How far the checkpoint says that the input is settled."""
        try:
            with open(self.checkpoint, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return 0
        return json.loads(text)["offset"] if text else 0


def remove(path: Any) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def look(path: Any) -> Any:
    """Bytes and time of change of a file; None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None


def content(path: Any) -> Any:
    with open(path, "rb") as file:
        return file.read()


def size(path: Any) -> Any:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def until(condition: Any, process: Any) -> bool:
    """Waits for an event; says whether it came before the process ended."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        if condition():
            return True
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(MOMENT_S)
    return False


def fail_with(status: Any, said: Any, wanted: Any, text: Any) -> None:
    assert status == wanted and text in said, (status, said)


# --- Killed ------------------------------------------------------------------


def make_records(chance: Any, count: Any) -> Any:
    """Returns records, the replies to them, and the positions of those that die."""
    records, replies, dead = [], [], []
    seq = 0
    for n in range(count):
        kind = chance.random()
        if kind < 0.01:
            records.append(b"\r\n")
            continue
        if kind < 0.02:
            records.append(b"{no json %d\n" % n)
            dead.append(seq)
        elif kind < 0.03:
            records.append(b'{"n":%d,"do":"null"}\n' % n)
        else:
            action = b""
            if kind < 0.031:
                action = b',"do":"die"'
            elif kind < 0.033:
                action = b',"do":"kill-once"'
            elif kind < 0.034:
                action = b',"do":"die-once"'
            elif kind < 0.09:
                action = b',"do":"slow","x":1'
            elif kind < 0.095:
                action = b',"do":"big","x":20000'
            records.append(b'{"n":%d%s}\n' % (n, action))
            if action == b',"do":"die"':
                dead.append(seq)
            else:
                fill = b',"fill":"%s"' % (b"x" * 20000) if b"big" in action else b""
                replies.append(b'{"r":%d%s}\n' % (n, fill))
        seq += 1
    return records, replies, dead


def moment_to_kill(chance: Any, job: Any) -> Any:
    """Returns a condition that a killer waits for, or None: a worker may do it."""
    kind = chance.choice(["worker", "saved", "saved", "saving", "output", "start"])
    if kind == "saved":  # some checkpoints later, and a little after the last one of them
        changes, left = chance.randrange(1, 4), [chance.randrange(4)]
        seen: list[Any] = [None]

        def saved() -> bool:
            try:
                now = os.stat(job.checkpoint).st_ino
            except FileNotFoundError:
                return False
            if len(seen) <= changes and now != seen[-1]:
                seen.append(now)
            if len(seen) <= changes:
                return False
            left[0] -= 1
            return left[0] < 0

        return saved
    if kind == "saving":
        return lambda: any(name.endswith(".part") for name in os.listdir(job.directory))
    if kind == "output":
        wanted = size(job.output) + chance.randrange(1, 40000)
        return lambda: size(job.output) >= wanted
    if kind == "start":
        looks = [chance.randrange(100)]

        def counted() -> bool:
            looks[0] -= 1
            return looks[0] < 0

        return counted
    return None


def seen_once(path: Any) -> Any:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["seq"] for line in file]


def check_result(job: Any, replies: Any, dead: Any, ordered: Any) -> None:
    out = content(job.output)
    letters = seen_once(job.letters)
    if ordered:
        assert out == b"".join(replies), "the output differs"
        assert letters == dead, (letters, dead)
    else:
        assert sorted(out.splitlines(True)) == sorted(replies), "the output differs"
        assert sorted(letters) == dead, (sorted(letters), dead)


def killed_round(chance: Any, directory: Any, ordered: Any, kills_wanted: Any) -> Any:
    """One job, killed up to so many times, then let go to its end.  Returns how often it was
    killed, and how many runs went on from a checkpoint."""
    records, replies, dead = make_records(chance, 2500)
    options = ["-j", str(chance.randrange(1, 4)), "--drop-null"]
    options += [] if ordered else ["--unordered"]
    job = Job(directory, records, *options)
    kills = resumed = 0
    while True:
        resumed += job.offset() > 0
        process = job.start(can_be_killed=kills < kills_wanted)
        if kills < kills_wanted:
            condition = moment_to_kill(chance, job)
            if condition is not None and until(condition, process):
                process.kill()
        status, said = job.end(process)
        if status != -signal.SIGKILL:
            break
        kills += 1
    assert status == (1 if dead else 0), (status, said)
    check_result(job, replies, dead, ordered)
    left = [name for name in os.listdir(directory) if name.endswith(".part")]
    assert not left, left
    return kills, resumed


def kills(directory: Any, ordered: Any, wanted: Any) -> None:
    chance = random.Random(f"{SEED}/{ordered}")
    killed = resumed = rounds = 0
    while killed < wanted:
        rounds += 1
        assert rounds <= wanted, "hardly a run is killed"
        place = os.path.join(directory, str(rounds))
        os.mkdir(place)
        more, on = killed_round(chance, place, ordered, min(12, wanted - killed))
        killed, resumed = killed + more, resumed + on
        shutil.rmtree(place)
    print(f"# killed {killed} times in {rounds} rounds; {resumed} runs went on from a checkpoint")
    assert resumed > 0, "none ever went on from a checkpoint"


def killed_in_order_the_output_is_the_same_to_the_byte(directory: Any) -> None:
    kills(directory, True, KILLS - KILLS // 3)


def killed_out_of_order_each_record_is_there_once(directory: Any) -> None:
    kills(directory, False, KILLS // 3)


def the_model_of_the_above_is_what_a_run_without_kills_gives(directory: Any) -> None:
    records, replies, dead = make_records(random.Random(SEED), 2500)
    job = Job(directory, records, "--drop-null")
    words = [word for word in job.words() if word not in ("--checkpoint", job.checkpoint)]
    status, said = job.run(*words, can_be_killed=False)
    assert status == (1 if dead else 0), (status, said)
    check_result(job, replies, dead, True)


# --- Refused -----------------------------------------------------------------


def half_done(directory: Any, *options: Any) -> Any:
    """A job that was ended in the middle, with a checkpoint there that knows of replies and of the
    dead letter.  The first checkpoint may be earlier: a slow worker has answered a record or two."""
    records = [b'{"n":%d}\n' % n for n in range(2000)]
    records[10] = b"no json\n"
    records[1000] = b'{"n":1000,"do":"wait"}\n'
    job = Job(directory, records, *options, "-j1", "--window", "10")
    process = job.start()
    assert until(lambda: job.offset() > sum(map(len, records[:11])), process), process.communicate()
    process.kill()
    job.end(process)
    return job


def goes_on_well(job: Any) -> None:
    with open(job.marks + ".go", "wb"):
        pass
    status, said = job.run()
    assert status == 1 and content(job.output) == b"".join(
        b'{"r":%d}\n' % n for n in range(2000) if n != 10
    ), (status, said)
    assert seen_once(job.letters) == [10]


def refused(job: Any, text: Any, *words: Any) -> None:
    before = job.files()
    status, said = job.run(*words)
    fail_with(status, said, 6, text)
    assert job.files() == before, "a file was touched"


def a_changed_input_is_refused_and_no_file_is_touched(directory: Any) -> None:
    job = half_done(directory)
    original = look(job.input)
    for change in (original[0] + b"1\n", original[0].replace(b'{"n":7}', b'{"n":8}')):
        with open(job.input, "wb") as file:
            file.write(change)
        refused(job, "the input has changed")
    with open(job.input, "wb") as file:
        file.write(original[0])
    os.utime(job.input, ns=(original[1], original[1]))
    goes_on_well(job)


def a_changed_command_is_refused_and_no_file_is_touched(directory: Any) -> None:
    job = half_done(directory)
    other = os.path.join(directory, "other")
    for words in (
        job.words(worker=(WORKER, "-b")),
        job.words("--env", "A=1"),
        job.words("--env-clear"),
        job.words("--retries", "5"),
        job.words("--unordered"),
        job.words("--cwd", "/"),
        job.words(output=other),
        job.words(letters=other),
        job.words("--drop-null"),
    ):
        refused(job, "the command or its options have changed", *words)
        assert not os.path.exists(other), words
    goes_on_well(job)


def changed_outputs_are_refused_and_nothing_is_cut(directory: Any) -> None:
    job = half_done(directory)
    for path, what in ((job.output, "the output"), (job.letters, "the dead-letter file")):
        kept = content(path)
        with open(path, "wb") as file:
            file.write(kept[:5])
        refused(job, what + " is shorter", *job.words())
        os.unlink(path)
        refused(job, "is missing", *job.words())
        with open(path, "wb") as file:
            file.write(kept)
    goes_on_well(job)


def what_is_no_checkpoint_is_refused(directory: Any) -> None:
    job = Job(directory, [b"1\n"])
    with open(job.checkpoint, "w", encoding="utf-8") as file:
        file.write('{"weir":1,"kind":"map"}\n')
    refused(job, "it is not a checkpoint")
    with open(job.checkpoint, "w", encoding="utf-8") as file:
        file.write('{"weir":1,"kind":"map-chec')
    before = job.files()
    status, said = job.run()
    fail_with(status, said, 5, "cannot read the checkpoint")
    assert job.files() == before


def the_second_of_two_at_once_is_refused(directory: Any) -> None:
    job = Job(directory, [b'{"n":0}\n', b'{"n":1,"do":"wait"}\n'])
    other = os.path.join(directory, "other")
    first = job.start()
    assert until(lambda: job.offset() > 0, first), first.communicate()
    before = job.files()
    for words in (
        job.words(),
        job.words(output=other),
        job.words(checkpoint=other),
        job.words(worker=("cat",)),
    ):
        status, said = job.run(*words)
        fail_with(status, said, 6, "another weir map uses")
        assert job.files() == before, "a file was touched"
        assert not os.path.exists(other), words
    with open(job.marks + ".go", "wb"):
        pass
    status, said = job.end(first)
    assert status == 0 and content(job.output) == b'{"r":0}\n{"r":1}\n', (status, said)


def with_a_pipe_on_either_side_nothing_is_begun(directory: Any) -> None:
    job = Job(directory, [b"1\n"])
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDWR)  # nobody waits for the other end
    cases = (
        job.words(input="-"),
        job.words(output="-"),
        job.words(input=fifo),
        job.words(output=fifo),
        job.words(letters=fifo),
        job.words(checkpoint=fifo),
        job.words(checkpoint="/dev/full"),
    )
    for words in cases:
        process = subprocess.run(
            words, stdin=subprocess.PIPE, capture_output=True, timeout=PATIENCE_S, check=False
        )
        fail_with(process.returncode, process.stderr.decode(), 2, "regular file")
        assert look(job.checkpoint) is None and size(job.output) == 0, words
        remove(job.output)
        remove(job.letters)
    os.close(held)


def what_is_in_the_output_already_is_not_cut(directory: Any) -> None:
    job = Job(directory, [b"1\n"])
    with open(job.output, "wb") as out:
        out.write(b"before\n")
    with open(job.output, "ab") as out:
        process = subprocess.run(
            job.words(output="-"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )
    fail_with(process.returncode, process.stderr.decode(), 2, "give --output FILE")
    assert content(job.output) == b"before\n" and look(job.checkpoint) is None


def a_finished_run_gives_its_status_again_and_touches_nothing(directory: Any) -> None:
    for wanted, records in ((0, [b"1\n"]), (1, [b"1\n", b"no\n"])):
        place = os.path.join(directory, str(wanted))
        os.mkdir(place)
        job = Job(place, records)
        assert job.run()[0] == wanted
        before = job.files()
        for _ in range(2):
            assert job.run()[0] == wanted
            assert job.files() == before, "a file was touched"
        assert sorted(os.listdir(place)) == ["dead", "in", "out", "state"], os.listdir(place)


# --- A disk that is full -----------------------------------------------------


def full_job(directory: Any, which: Any, places: Any = None) -> Any:
    """A job that fills just this file most, and its result."""
    records = [b'{"n":%d,"do":"big","x":400}\n' % n for n in range(1500)]
    options = []
    if which == "letters":
        records = [b"no json at all, and rather long: %0400d\n" % n for n in range(1500)]
    if which == "checkpoint":  # out of order it names all that is ahead of a slow one
        records[0] = b'{"n":0,"do":"wait"}\n'
        records[1499] = b'{"n":1499,"do":"open"}\n'
        options = ["--unordered", "-j2", "--window", "1"]
    job = Job(directory, records, *options, places=places)
    return job, (1 if which == "letters" else 0)


def is_whole(job: Any, which: Any) -> None:
    if which == "letters":
        assert seen_once(job.letters) == list(range(1500)) and content(job.output) == b""
        return
    out = [json.loads(line)["r"] for line in content(job.output).splitlines()]
    if which == "checkpoint":
        out.sort()
    assert out == list(range(1500)), len(out)
    assert content(job.letters) == b""


def under_a_limit(bytes_a_file: Any) -> Any:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, resource.RLIM_INFINITY))

    return limit


def a_file_that_may_not_grow_ends_the_run_and_it_goes_on_later(directory: Any) -> None:
    for which, limit in (("output", 100000), ("letters", 100000), ("checkpoint", 200)):
        place = os.path.join(directory, which)
        os.mkdir(place)
        job, wanted = full_job(place, which)
        status, said = job.run(preexec_fn=under_a_limit(limit))
        fail_with(status, said, 5, "File too large")
        status, said = job.run()
        assert status == wanted, (which, status, said)
        is_whole(job, which)


def fill_up(path: Any) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, b"x" * 4096)
    except OSError:
        os.close(file)


def full_disk(directory: Any, which: Any) -> None:
    disk = os.path.join(directory, "disk")
    os.mkdir(disk)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        raise Skip("no file system can be mounted here")
    try:
        job, wanted = full_job(directory, which, {which: disk})
        if which == "checkpoint":
            fill_up(os.path.join(disk, "ballast"))
        status, said = job.run()
        fail_with(status, said, 5, "No space left")
        subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
        status, said = job.run()
        assert status == wanted, (status, said)
        is_whole(job, which)
    finally:
        subprocess.run(["umount", disk], check=True)


def a_full_disk_under_the_output_ends_the_run_and_it_goes_on_later(directory: Any) -> None:
    full_disk(directory, "output")


def a_full_disk_under_the_dead_letters_ends_the_run_and_it_goes_on_later(directory: Any) -> None:
    full_disk(directory, "letters")


def a_full_disk_under_the_checkpoint_ends_the_run_and_it_goes_on_later(directory: Any) -> None:
    full_disk(directory, "checkpoint")


run_cases(
    [
        the_model_of_the_above_is_what_a_run_without_kills_gives,
        killed_in_order_the_output_is_the_same_to_the_byte,
        killed_out_of_order_each_record_is_there_once,
        a_changed_input_is_refused_and_no_file_is_touched,
        a_changed_command_is_refused_and_no_file_is_touched,
        changed_outputs_are_refused_and_nothing_is_cut,
        what_is_no_checkpoint_is_refused,
        the_second_of_two_at_once_is_refused,
        with_a_pipe_on_either_side_nothing_is_begun,
        what_is_in_the_output_already_is_not_cut,
        a_finished_run_gives_its_status_again_and_touches_nothing,
        a_file_that_may_not_grow_ends_the_run_and_it_goes_on_later,
        a_full_disk_under_the_output_ends_the_run_and_it_goes_on_later,
        a_full_disk_under_the_dead_letters_ends_the_run_and_it_goes_on_later,
        a_full_disk_under_the_checkpoint_ends_the_run_and_it_goes_on_later,
    ]
)
