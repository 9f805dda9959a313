#!/usr/bin/env python3
"""Text of others in what weir says: one line, and nothing that moves a cursor.  Prints TAP.
escapes.py WEIR SRCDIR
"""

import json
import os
import pty
import subprocess
import sys
import threading
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases

# Colour, a title, a new line that looks like weir's, C1 as UTF-8 and as a byte, right-to-left
# override, isolate, line separator, zero-width space, what is not UTF-8.
ODD = b"a\x1b[31m\x1b]0;t\x07\nweir run: forged\r\x7f\xc2\x9b\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xe2\x80\x8b\xff"
TEXT = ODD.decode("utf-8", "replace").replace("\ufffd", "\x9b")
UNSEEN = [
    chr(c)
    for c in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0x2028,
        0x2029,
        0x200B,
        0xFEFF,
    )
]
PYTHON = sys.executable


def reported(
    *words: Any, lines: int = 1, status: Any = None, given: bytes = b"", **how: Any
) -> Any:
    """What weir says on stderr; it must be printable UTF-8 in so many lines."""
    run = subprocess.run(
        [WEIR, *words], input=given, capture_output=True, timeout=PATIENCE_S, **how
    )
    check(run.stderr, lines)
    assert status is None or run.returncode == status, (run.returncode, run.stderr)
    return run.stderr.decode(), run.stdout


def check(said: Any, lines: Any = None) -> None:
    text = said.decode()  # valid UTF-8
    assert text.endswith("\n"), text
    for line in text.split("\n")[:-1]:
        assert not any(c in line for c in UNSEEN), ascii(line)
        assert not line.startswith("weir run: forged"), text
    assert lines is None or text.count("\n") == lines, (lines, ascii(text))


def write(path: Any, text: Any, mode: int = 0o755) -> Any:
    with open(path, "wb") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def a_program_that_is_not_there() -> None:
    said, _ = reported("run", "--", ODD, status=127)
    assert "\\x1b[31m" in said and "\\nweir run: forged\\r" in said and "\\u202e" in said, said
    reported("run", "--", b"/no/" + ODD)
    reported("pipe", b"'" + ODD + b"'")
    reported("pipe", "--", b"'" + ODD + b"'", "cat")
    reported("map", "--", ODD, given=b"1\n", lines=None)
    reported("call", "-w", b"'" + ODD + b"'", "f", lines=None)
    reported("run", "--cwd", ODD, "--", "true")


def a_program_that_cannot_be_executed(directory: Any) -> None:
    path = os.path.join(directory.encode(), ODD.replace(b"/", b""))
    reported("run", "--", write(path, b"x"), status=126)
    write(path, b"#!/no/such\x1b[31mshell\n")
    said, _ = reported("run", "--", path)
    assert "/no/such\\x1b[31mshell" in said, said
    reported("pipe", b"'" + path + b"'")


def printable_names_stay_readable(directory: Any) -> None:
    said, _ = reported("run", "--", "caf\u00e9-\u6f22\u5b57-\U0001f600".encode())
    assert "caf\u00e9-\u6f22\u5b57-\U0001f600" in said, said
    said, _ = reported("run", "--", "\u6f22".encode() * 3000)
    assert "\ufffd" not in said and "\\x" not in said and len(said.encode()) < 5000, said


def values_of_options(directory: Any) -> None:
    for words in (
        ("run", "--timeout", ODD, "--", "true"),
        ("run", "--max-output", ODD, "true"),
        ("run", "--env", ODD, "true"),
        ("run", "--limit", ODD, "true"),
        (b"--" + ODD,),
        ("run", b"--" + ODD),
        ("run", b"-" + ODD),
        (ODD,),
        ("help", ODD),
        ("run", "--input", ODD, "true"),
        ("run", "--charset", ODD, "true"),
        ("map", "--report", b"/no/" + ODD, "cat"),
        ("map", "--input", ODD, "cat"),
        ("map", "--output", b"/no/" + ODD, "cat"),
        ("map", "--dead-letter", b"/no/" + ODD, "cat"),
        ("map", "--call", ODD, "cat"),
        (
            "map",
            "--checkpoint",
            b"/no/" + ODD,
            "--input",
            __file__,
            "--output",
            f"{directory}/o",
            "cat",
        ),
        ("pipe", "--output", b"/no/" + ODD, "true"),
        ("pipe", "-f", ODD),
        ("call", "-s", ODD, "f"),
        ("serve", "-s", b"/no/" + ODD, "-w", "cat"),
        ("serve", "-w", b"'" + ODD),
        ("audit", ODD, "x"),
        ("audit", "verify", ODD),
        ("audit", "show", "--outcome", ODD, __file__),
        ("audit", "show", "--since", ODD, __file__),
        ("probe", "--only", ODD),
        ("probe", "--contract", ODD),
        ("probe", "--detector", ODD),
        ("probe", "--compare", ODD, ODD),
        ("run", "--audit", b"/no/" + ODD, "true"),
        ("run", "--audit", directory, "--audit-key", ODD, "true"),
    ):
        said, _ = reported(*words, lines=None)
        assert said, words


def a_spec(directory: Any) -> None:
    path = os.path.join(directory.encode(), b"spec\x1b[31m.json")
    for document in (
        {TEXT: 1, "weir": 1, "stages": [{"cmd": "true"}]},
        {"weir": 1, "stages": [{"argv": ["true"], "name": TEXT}]},
        {"weir": 1, "stages": [{"argv": ["true"], "env": {TEXT + "=": "x"}}]},
        {"weir": 1, "stages": [{"argv": ["true"], "charset": TEXT}]},
        {"weir": 1, "stages": [{"argv": [TEXT.replace("\x9b", "")]}]},
    ):
        reported("pipe", "-f", write(path, json.dumps(document).encode()), lines=None)
    reported("pipe", "-f", write(path, b'{"a":"\x1b[2J' + ODD), lines=None)


def replies_of_a_map(directory: Any) -> None:
    reported("map", "--", "printf", "%s\\n", ODD, given=b"1\n2\n", lines=None)
    worker = write(
        f"{directory}/w.py",
        b"""
import json, sys
odd = json.loads(sys.argv[1])
for line in sys.stdin:
    call = json.loads(line)
    if call.get("method") == "weir/hello":
        print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result":
              {"version": 1, "methods": {"f": {}, odd: {"params": [{"name": odd, "type": odd}], "doc": odd, "returns": odd}}}}))
    elif "id" in call:
        error = {"code": -32000, "message": odd, "data": {"type": odd, "traceback": odd}}
        print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}))
    sys.stdout.flush()
""",
    )
    said, _ = reported(
        "map",
        "--call",
        "f",
        "--on-error",
        "fail",
        "--",
        PYTHON,
        worker,
        json.dumps(TEXT),
        given=b"1\n",
        lines=None,
    )
    assert "\\x1b[31m" in said, said
    words = ("-w", f"{PYTHON} {worker} '{json.dumps(TEXT)}'")
    said, _ = reported("call", *words, "f", lines=None, status=1)
    assert "weir call: a\\x1b[31m" in said and "\n  weir run: forged\\r" in said, said
    run = subprocess.run(
        [WEIR, "call", *words, "--list"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 0
    check(run.stdout)


def a_worker_that_does_not_speak(directory: Any) -> None:
    worker = write(
        f"{directory}/w.py",
        b"""
import sys
sys.stdout.buffer.write(sys.argv[1].encode("utf-8", "surrogateescape") + b"\\n{\\x1b[2J}\\n")
sys.stdout.flush()
sys.stderr.buffer.write(b"tail\\x1b[31m\\n")
sys.exit(3)
""",
    )
    odd = ODD.replace(b"\n", b"").decode("utf-8", "surrogateescape")
    run = subprocess.run(
        [WEIR, "call", "-w", f"{PYTHON} {worker} '{odd}'", "f"],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    # What the worker writes on stderr passes through as it is: those lines are not weir's.
    check(b"".join(line + b"\n" for line in run.stderr.split(b"\n") if line.startswith(b"weir ")))


def an_audit_log(directory: Any) -> None:
    log = os.path.join(directory.encode(), b"log\x1b[31m")
    subprocess.run([WEIR, "run", "--audit", log, "--", "true", ODD], check=True, timeout=PATIENCE_S)
    for words in (("show", log), ("verify", log)):
        run = subprocess.run([WEIR, "audit", *words], stdout=subprocess.PIPE, timeout=PATIENCE_S)
        assert run.returncode == 0
        check(run.stdout)
    with open(log, "ab") as file:
        file.write(b'{"\x1b[31m' + ODD)
    for words in (("show", log), ("verify", log)):
        run = subprocess.run([WEIR, "audit", *words], capture_output=True, timeout=PATIENCE_S)
        assert run.returncode == 1
        check(run.stdout + run.stderr)


def the_table_of_a_probe(directory: Any) -> None:
    write(
        f"{directory}/python3",
        b"#!/bin/sh\nprintf 'Error: \\033[31mred\\302\\233\\n' >&2\nprintf '\\033[2Jx'; exit 3\n",
    )
    master, slave = pty.openpty()
    run = subprocess.run(
        [WEIR, "probe", "--only", "python"],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.PIPE,
        env=dict(os.environ, PATH=f"{directory}:/bin:/usr/bin"),
        timeout=PATIENCE_S,
    )
    os.close(slave)
    out = read_all(master)
    assert run.returncode in (0, 1) and b"red" in out, out
    check(out.replace(b"\r\n", b"\n"))


def read_all(master: Any) -> Any:
    out = b""
    try:
        while True:
            piece = os.read(master, 65536)
            if not piece:
                break
            out += piece
    except OSError:
        pass
    os.close(master)
    return out


def stage_names_on_a_terminal(directory: Any) -> None:
    name = os.path.join(directory.encode(), b"st\x1b[31mage\xe2\x80\xae")
    write(name, b"#!/bin/sh\necho said >&2\n")
    for style in ("none", "tty"):
        master, slave = pty.openpty()
        seen = []
        reader = threading.Thread(target=lambda: seen.append(read_all(master)))
        process = subprocess.Popen(
            [WEIR, "pipe", "--progress", style, b"'" + name + b"'"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
        )
        os.close(slave)
        reader.start()
        assert process.wait(PATIENCE_S) == 0
        reader.join(PATIENCE_S)
        assert b"st\\x1b[31mage\\u202e: said" in seen[0], seen
        assert b"\x1b[31mage" not in seen[0], seen


run_cases(
    [
        a_program_that_is_not_there,
        a_program_that_cannot_be_executed,
        printable_names_stay_readable,
        values_of_options,
        a_spec,
        replies_of_a_map,
        a_worker_that_does_not_speak,
        an_audit_log,
        the_table_of_a_probe,
        stage_names_on_a_terminal,
    ]
)
