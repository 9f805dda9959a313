"""One allocation fails, in weir or in weir-spawner.  Prints TAP.

oom.py WEIR SRCDIR
OOM_EVERY=1 tries OOM_MOST (400) allocations, not one of 23 of them; OOM_SEED=3 others.

What may come of it: what comes when none fails, or a documented status with a message.  Never another output, a
crash, a hang, or a process that stays.
"""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, os.path.join(SRCDIR, "tests", "support"))
from tap_cases import PATIENCE_S, Skip, await_that, is_sanitized, run_cases

BUILDDIR = os.environ["builddir"]
FAILER = os.path.join(BUILDDIR, "tests", "support", ".libs", "failing_memory.so")
RPC_WORKER = os.path.join(BUILDDIR, "tests", "children", "rpc_worker")
EVERY, MOST = int(os.environ.get("OOM_EVERY", "23")), int(os.environ.get("OOM_MOST", "400"))
SEED = int(os.environ.get("OOM_SEED", "1"))
SHOWN, SHOWN_LENGTH = 10, 500  # of faults, and of one
WORDS = [f"an-argument-of-some-length-{n}" for n in range(12)]


def why_not() -> Any:
    if not os.path.exists(FAILER):
        return "the tests are built without shared objects"
    if is_sanitized():
        return "a sanitizer has its own malloc()"
    if "vgpreload" in os.environ.get("LD_PRELOAD", ""):
        return "valgrind has its own malloc()"
    return None


class Trial:
    """A command that is run again and again, in a directory that is new each time."""

    errors = frozenset({125})
    given = b""
    prepare: Any = None
    log = ""

    def __init__(self, directory: Any, *command: Any, **how: Any) -> None:
        self.directory, self.command = directory, command
        self.__dict__.update(how)

    def run(self, environment: Any) -> Any:
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)
        if self.prepare:
            self.prepare(self.directory)
        child = subprocess.Popen(
            [WEIR, *self.command],
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        try:
            out, err = child.communicate(self.given, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            raise AssertionError(f"it hangs: {child.communicate()}") from None
        return child.returncode, out, err

    def shape(self, status: Any, out: Any) -> Any:
        """What must be the same whenever the status is: the output, and the files."""
        return status, out, {name: self.read(name) for name in sorted(os.listdir(self.directory))}

    def read(self, name: Any) -> Any:
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()


DIFFERS = {"started_at", "time", "prev", "hash", "job", "max_rss_kb", "workers"}
DIFFERS |= {"series", "latency_counts", "stopped_at_ms"}


def without_figures(value: Any) -> Any:
    """A document without what differs from run to run."""
    if isinstance(value, dict):
        return {
            key: None
            if isinstance(member, (int, float))
            and not isinstance(member, bool)
            and key
            not in (
                "code",
                "status",
                "records",
                "answered",
                "dead",
                "seq",
                "line",
                "offset",
                "attempts",
            )
            or key in DIFFERS
            else without_figures(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [without_figures(member) for member in value]
    return value


def documents(text: Any) -> Any:
    return [without_figures(json.loads(line)) for line in text.splitlines()]


class Documents(Trial):
    """One whose output, or files named *.json, are documents."""

    def shape(self, status: Any, out: Any) -> Any:
        return (
            status,
            documents(out) if self.out_is_json else out,
            {
                name: documents(self.read(name)) if name.endswith(".json") else self.read(name)
                for name in sorted(os.listdir(self.directory))
                if not name.endswith(".lock")
            },
        )

    out_is_json = True


def fail_each(trial: Any, program: Any) -> None:
    """Runs it once as it is, to count, then with one allocation failing after the other."""
    count_file = trial.directory + ".count"
    environment = dict(
        os.environ, LD_PRELOAD=FAILER, OOM_IN=program, OOM_AT="999999999", OOM_COUNT=count_file
    )
    wanted = trial.shape(*trial.run(environment)[:2])
    await_that(
        lambda: os.path.exists(count_file) and os.path.getsize(count_file) > 0,
        "no allocation was counted",
    )
    with open(count_file, encoding="utf-8") as file:
        count = int(file.read())
    os.unlink(count_file)
    del environment["OOM_COUNT"]
    step = max(EVERY, count * EVERY // MOST)  # of many they are further apart
    first = random.Random(SEED).randrange(step)
    faults = []
    for number in range(1 + first, count + 1, step):
        for mode in ("", "-"):
            environment["OOM_AT"] = f"{number}{mode}"
            try:
                judge(trial, wanted, *trial.run(environment))
            except AssertionError as error:
                faults.append(f"OOM_IN={program} OOM_AT={number}{mode}: {error}")
    print(f"# {program}: {count} allocations", flush=True)
    assert not faults, "\n".join([" ".join(trial.command), *faults[:SHOWN]])


def judge(trial: Any, wanted: Any, status: Any, out: Any, err: Any) -> None:
    if status in trial.errors and status != wanted[0]:
        assert err.strip(), f"status {status}, and no message"
        return
    assert status == wanted[0], f"status {status}: {err.decode(errors='replace')}"
    found = trial.shape(status, out)
    assert found == wanted, f"{difference(found, wanted)}"


def difference(found: Any, wanted: Any) -> Any:
    """Where two values begin to differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            if found.get(key) != wanted.get(key):
                return f"{key}: {difference(found.get(key), wanted.get(key))}"
    if (
        isinstance(found, (list, tuple))
        and isinstance(wanted, (list, tuple))
        and len(found) == len(wanted)
    ):
        for index, (a, b) in enumerate(zip(found, wanted)):
            if a != b:
                return f"{index}: {difference(a, b)}"
    return f"{found!r}, not {wanted!r}"[:SHOWN_LENGTH]


def in_both(trial: Any) -> None:
    fail_each(trial, "weir")
    fail_each(trial, "weir-spawner")


def in_weir_until_it_executes_another(trial: Any, count: Any) -> None:
    """As fail_each() for the program that cannot count: it never exits."""
    environment = dict(os.environ, LD_PRELOAD=FAILER, OOM_IN="weir", OOM_AT="999999999")
    wanted = trial.shape(*trial.run(environment)[:2])
    for number in range(1, count + 1):
        judge(trial, wanted, *trial.run(dict(environment, OOM_AT=str(number))))


def an_allocation_fails_in_run(directory: Any) -> None:
    in_both(
        Trial(
            os.path.join(directory, "d"),
            "run",
            "--env",
            "FIRST=first variable of some length",
            "--",
            "/bin/sh",
            "-c",
            'echo "$FIRST $@"; cat',
            "sh",
            *WORDS,
            given=b"some input\n",
        )
    )


def an_allocation_fails_in_run_as_a_document(directory: Any) -> None:
    in_both(Documents(os.path.join(directory, "d"), "run", "--json", "--", "/bin/echo", *WORDS))


def an_allocation_fails_in_run_with_an_audit_log(directory: Any) -> None:
    in_both(
        Documents(
            os.path.join(directory, "d"),
            "run",
            "--audit",
            "log.json",
            "--",
            "/bin/echo",
            *WORDS,
            out_is_json=False,
        )
    )


def an_allocation_fails_in_run_with_a_large_request(directory: Any) -> None:
    in_both(Trial(os.path.join(directory, "d"), "run", "--", "/bin/echo", *WORDS * 120))


def an_allocation_fails_in_pipe(directory: Any) -> None:
    in_both(
        Documents(
            os.path.join(directory, "d"),
            "pipe",
            "--report",
            "report.json",
            "printf %s\\n one two three and more of them",
            "tr a-z A-Z",
            "cat",
            out_is_json=False,
        )
    )


def an_allocation_fails_in_pipe_from_a_spec(directory: Any) -> None:
    spec = {
        "weir": 1,
        "in": {"path": "in"},
        "out": {"path": "out"},
        "stages": [
            {"name": "the first of the stages", "cmd": ["/bin/cat"]},
            {
                "name": "the second of the stages",
                "cmd": ["/bin/sh", "-c", 'cat; echo "$1 $NAMED"', "sh", WORDS[0]],
                "env": {"NAMED": "a variable of the spec \u00e4"},
            },
        ],
    }

    def prepare(where: Any) -> None:
        with open(os.path.join(where, "spec"), "w", encoding="utf-8") as file:
            json.dump(spec, file)
        with open(os.path.join(where, "in"), "w", encoding="utf-8") as file:
            file.write("a line of input\n")

    in_both(Trial(os.path.join(directory, "d"), "pipe", "-f", "spec", prepare=prepare))


class Probe(Documents):
    """Looks for a tool of our own.  What its spawner could not start or lost is a problem in the report."""

    def prepare(self, where: Any) -> None:
        tool = os.path.join(where, "frob")
        version = {"type": "string", "x-version": ">=1.22 <2", "pattern": "^1[.]"}
        contract = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
                "tools": {
                    "required": ["frob"],
                    "properties": {"frob": {"properties": {"version": version}}},
                }
            },
        }
        for name, text in (
            ("frob", '#!/bin/sh\necho "frob version 1.22.3"\n'),
            ("contract.json", json.dumps(contract)),
            ("frob.json", json.dumps({"name": "frob", "argv": [tool, "--version"]})),
        ):
            with open(os.path.join(where, name), "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(tool, 0o755)

    def run(self, environment: Any) -> Any:
        status, out, err = super().run(environment)
        problems = [
            problem["text"]
            for document in (json.loads(out or "{}"),)
            for problem in document.get("tools", {}).get("frob", {}).get("problems", [])
        ]
        if any(
            lack in text
            for lack in ("weir-spawner died", "no memory", os.strerror(errno.ENOMEM))
            for text in problems
        ):
            return 125, b"", b"a problem in the report"
        return status, out, err


def an_allocation_fails_in_probe(directory: Any) -> None:
    trial = Probe(
        os.path.join(directory, "d"),
        "probe",
        "--json",
        "--detector",
        "frob.json",
        "--only",
        "frob",
        "--contract",
        "contract.json",
    )
    in_weir_until_it_executes_another(trial, 16)
    fail_each(trial, "weir-probe")
    fail_each(trial, "weir-spawner")


class Logged(Trial):
    """Reads an audit log in which there is one of every kind."""

    def prepare(self, where: Any) -> None:
        shutil.copy(self.log, where)


def an_allocation_fails_where_an_audit_log_is_read(directory: Any) -> None:
    log = os.path.join(directory, "log")
    for status in range(3):
        subprocess.run(
            [WEIR, "run", "--audit", log, "--", "/bin/sh", "-c", f"exit {status}"], check=False
        )
    for words in (["verify"], ["show"], ["show", "--outcome", "unfinished"]):
        fail_each(
            Logged(os.path.join(directory, "d"), "audit", *words, "log", log=log, errors={2, 125}),
            "weir",
        )


MAP_ERRORS = {3, 4, 5, 125}  # 3: its spawner dies with a worker again and again
RECORDS = b"".join(b'{"n":%d}\n' % n for n in range(40))


def an_allocation_fails_in_map(directory: Any) -> None:
    in_both(
        Trial(
            os.path.join(directory, "d"),
            "map",
            "-j2",
            "--",
            "cat",
            given=RECORDS,
            errors=MAP_ERRORS,
        )
    )


def an_allocation_fails_in_map_with_dead_letters_and_a_report(directory: Any) -> None:
    in_both(
        Documents(
            os.path.join(directory, "d"),
            "map",
            "-j1",
            "--on-error",
            "dead-letter",
            "--dead-letter",
            "dead.json",
            "--output",
            "out",
            "--report",
            "report.json",
            "--",
            "cat",
            given=RECORDS + b"{not a record\n" + RECORDS,
            errors=MAP_ERRORS,
            out_is_json=False,
        )
    )


def an_allocation_fails_in_map_by_calls(directory: Any) -> None:
    in_both(
        Trial(
            os.path.join(directory, "d"),
            "map",
            "-j2",
            "--call",
            "echo",
            "--",
            RPC_WORKER,
            given=RECORDS,
            errors=MAP_ERRORS,
        )
    )


class Resumed(Trial):
    """Whatever became of the first run, the same command then has all of it."""

    def shape(self, status: Any, out: Any) -> Any:
        again = subprocess.run(
            [WEIR, *self.command],
            cwd=self.directory,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert again.returncode == 0, again
        return 0, b"", self.read("out")


def an_allocation_fails_in_map_with_a_checkpoint(directory: Any) -> None:
    def prepare(where: Any) -> None:
        with open(os.path.join(where, "in"), "wb") as file:
            file.write(RECORDS)

    trial = Resumed(
        os.path.join(directory, "d"),
        "map",
        "-j2",
        "--checkpoint",
        "checkpoint",
        "--input",
        "in",
        "--output",
        "out",
        "--",
        "cat",
        prepare=prepare,
        errors=MAP_ERRORS | {6},
    )
    for program in ("weir", "weir-spawner"):
        fail_each(trial, program)


def an_allocation_fails_in_call(directory: Any) -> None:
    in_both(
        Trial(
            os.path.join(directory, "d"),
            "call",
            "-w",
            RPC_WORKER,
            "echo",
            '["a parameter of some length", 1]',
        )
    )


def an_allocation_fails_in_call_by_name(directory: Any) -> None:
    in_both(
        Trial(
            os.path.join(directory, "d"),
            "call",
            "-w",
            RPC_WORKER,
            "echo",
            "some=a value",
            "more=[1, 2, 3]",
        )
    )


def an_allocation_fails_in_a_list_of_functions(directory: Any) -> None:
    in_both(Trial(os.path.join(directory, "d"), "call", "-w", RPC_WORKER, "--list"))


def an_allocation_fails_in_call_with_a_stream(directory: Any) -> None:
    in_both(Trial(os.path.join(directory, "d"), "call", "-w", RPC_WORKER, "count", "1", "5"))


class Serve(Trial):
    """A server in which it fails, and a client."""

    def run(self, environment: Any) -> Any:
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)
        path = os.path.join(self.directory, "socket")
        server = subprocess.Popen(
            [WEIR, *self.command, path],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        plain = {
            name: value
            for name, value in environment.items()
            if not name.startswith(("LD_", "OOM_"))
        }
        try:
            await_that(lambda: os.path.exists(path) or server.poll() is not None, "no server")
            called = subprocess.run(
                [WEIR, "call", "--socket", path, "--timeout", "5", "echo", '["parameter"]'],
                capture_output=True,
                timeout=PATIENCE_S,
                env=plain,
                check=False,
            )
            server.terminate()
            _, err = server.communicate(timeout=PATIENCE_S)
        except (subprocess.TimeoutExpired, AssertionError) as error:
            server.kill()
            raise AssertionError(f"it hangs: {error}, {server.communicate()}") from None
        assert server.returncode in (0, 2, 125), f"the server: {server.returncode} {err!r}"
        assert server.returncode == 0 or err, "the server says nothing"
        if called.returncode != 0:
            assert called.returncode in (1, 124, 125) and called.stderr, called
            return 125, b"", called.stderr
        return called.returncode, called.stdout, called.stderr

    def shape(self, status: Any, out: Any) -> Any:
        return status, out


def an_allocation_fails_in_serve(directory: Any) -> None:
    in_both(Serve(os.path.join(directory, "d"), "serve", "-j1", "-w", RPC_WORKER, "--socket"))


class ThroughASocket(Trial):
    """A client in which it fails."""


def an_allocation_fails_in_call_through_a_socket(directory: Any) -> None:
    path = os.path.join(directory, "socket")
    server = subprocess.Popen(
        [WEIR, "serve", "-j1", "-w", RPC_WORKER, "--socket", path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await_that(lambda: os.path.exists(path), "no server")
        fail_each(
            Trial(
                os.path.join(directory, "d"), "call", "--socket", path, "echo", '["a parameter"]'
            ),
            "weir",
        )
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=PATIENCE_S) == 0


EACH_ERRORS = {1, 3, 5, 125}  # 1: a record whose program could not be started is dead


def an_allocation_fails_in_each(directory: Any) -> None:
    in_both(
        Trial(
            os.path.join(directory, "d"),
            "each",
            "-j2",
            "--",
            "sh",
            "-c",
            'echo "$0"',
            "{}",
            given=b"".join(b"word %d\n" % n for n in range(12)),
            errors=EACH_ERRORS,
        )
    )


class Reported(Trial):
    """Shows a document that was made before, or a whole log."""

    made: Any = None  # where it is

    def prepare(self, where: Any) -> None:
        for name in os.listdir(self.made):
            shutil.copy(os.path.join(self.made, name), where)


def an_allocation_fails_in_a_report(directory: Any) -> None:
    made = os.path.join(directory, "made")
    os.mkdir(made)
    for name, words in (
        ("run.json", ["true"]),
        ("failed.json", ["sh", "-c", "echo no >&2; false"]),
    ):
        with open(os.path.join(made, name), "wb") as file:
            subprocess.run([WEIR, "run", "--json", "--", *words], stdout=file, check=False)
    place = os.path.join(directory, "d")
    for words in (["run.json"], ["run.json", "failed.json"], ["--html", "-", "failed.json"]):
        fail_each(Reported(place, "report", *words, made=made), "weir")


def an_allocation_fails_in_a_report_of_an_audit_log(directory: Any) -> None:
    made = os.path.join(directory, "made")
    os.mkdir(made)
    for status in range(3):
        subprocess.run(
            [WEIR, "run", "--audit", os.path.join(made, "log"), "--", "sh", "-c", f"exit {status}"],
            check=False,
        )
    with open(os.path.join(made, "log"), encoding="utf-8") as file:
        month = json.loads(file.readline())["time"][:7]
    fail_each(
        Reported(
            os.path.join(directory, "d"), "audit", "report", "--month", month, "log", made=made
        ),
        "weir",
    )


class Tokens(Trial):
    """Tokens are random: a file of keys that is whole is what must be the same."""

    def shape(self, status: Any, out: Any) -> Any:
        with open(os.path.join(self.directory, "keys"), encoding="utf-8") as file:
            return status, len(json.load(file)["keys"])

    def prepare(self, where: Any) -> None:
        shutil.copy(os.path.join(self.made, "keys"), where)

    made: Any = None


def an_allocation_fails_in_token(directory: Any) -> None:
    made = os.path.join(directory, "made")
    os.mkdir(made)
    keys = os.path.join(made, "keys")
    subprocess.run(
        [WEIR, "token", "new-key", "--keys", keys], stdout=subprocess.DEVNULL, check=True
    )
    place = os.path.join(directory, "d")
    for words in (["new-key", "--methods", "open-*"], ["bearer", "ci"], ["call", "open-gate", "3"]):
        fail_each(Tokens(place, "token", words[0], "--keys", "keys", *words[1:], made=made), "weir")


def made(case: Any) -> Any:
    def with_directory(directory: Any) -> None:
        reason = why_not()
        if reason:
            raise Skip(reason)
        os.mkdir(os.path.join(directory, "d"))
        case(directory)

    with_directory.__name__ = case.__name__
    return with_directory


run_cases(
    [
        made(case)
        for case in (
            an_allocation_fails_in_run,
            an_allocation_fails_in_run_as_a_document,
            an_allocation_fails_in_run_with_an_audit_log,
            an_allocation_fails_in_run_with_a_large_request,
            an_allocation_fails_in_pipe,
            an_allocation_fails_in_pipe_from_a_spec,
            an_allocation_fails_in_probe,
            an_allocation_fails_where_an_audit_log_is_read,
            an_allocation_fails_in_map,
            an_allocation_fails_in_map_with_dead_letters_and_a_report,
            an_allocation_fails_in_map_by_calls,
            an_allocation_fails_in_map_with_a_checkpoint,
            an_allocation_fails_in_call,
            an_allocation_fails_in_call_by_name,
            an_allocation_fails_in_a_list_of_functions,
            an_allocation_fails_in_call_with_a_stream,
            an_allocation_fails_in_serve,
            an_allocation_fails_in_call_through_a_socket,
            an_allocation_fails_in_each,
            an_allocation_fails_in_a_report,
            an_allocation_fails_in_a_report_of_an_audit_log,
            an_allocation_fails_in_token,
        )
    ]
)
