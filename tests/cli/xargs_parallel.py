#!/usr/bin/env python3
"""The commands of docs/xargs-parallel.md: both columns of its table print the same, and succeed or
fail together.  Prints TAP.
xargs_parallel.py WEIR SRCDIR
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

sys.dont_write_bytecode = True
WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, Skip, run_cases

FILES = {
    "a.txt": "one\n",
    "b c.txt": "two\nthree\n",
    "d'e.txt": "four\n",
    "list": "a.txt\nb c.txt\nd'e.txt\n",
    "paths": "a/b.tar.gz\nc\nd/e/f.txt\n",
    "commands": "echo one; echo two\nexpr 3 + 4\n",
    "rows.csv": "1,2\nx,y z\n",
    "rows.ndjson": '{"a":1,"b":2}\n{"a":"x","b":"y z"}\n',
    "missing": "a.txt\nnowhere\nb c.txt\n",
    "codes": "0\n3\n0\n",
    # Programs: one succeeds the third time, one is stuck with a.txt, one exits as its argument says.
    "third-time": '#!/bin/sh\necho x >>"$1.tries"\n[ "$(wc -l <"$1.tries")" -ge 3 ] && echo "$1"\n',
    "stuck": '#!/bin/sh\n[ "$1" != a.txt ] || exec sleep 1000\necho "$1"\n',
    "exits": '#!/bin/sh\nexit "$1"\n',
}


def rows() -> "list[tuple[str, str, str]]":
    """The rows of the table: what, before, weir."""
    found = []
    with open(f"{SRCDIR}/docs/xargs-parallel.md", encoding="utf-8") as page:
        for line in page:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) == 3 and "weir each" in cells[2] and cells[1].startswith("`"):
                before, after = (cell.strip("`").replace("\\|", "|") for cell in cells[1:])
                found.append((cells[0], before, after))
    return found


def outcome(command: str, directory: str) -> "tuple[str, bool]":
    """What a command prints in a fresh directory, and whether it succeeds."""
    os.mkdir(directory)
    for name, text in FILES.items():
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if text.startswith("#!"):
            os.chmod(path, 0o755)
    os.mkdir(os.path.join(directory, ".bin"))
    os.symlink(os.path.abspath(WEIR), os.path.join(directory, ".bin", "weir"))
    path = os.path.join(directory, ".bin") + ":" + os.environ["PATH"]
    process = subprocess.run(
        ["sh", "-c", command],
        cwd=directory,
        env={**os.environ, "PATH": path, "HOME": directory, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return process.stdout, process.returncode == 0


def case_of(what: str, before: str, after: str) -> "Callable[[str], None]":
    def case(directory: str) -> None:
        if before.startswith("parallel") and "GNU" not in version_of_parallel():
            raise Skip("GNU parallel is not installed")
        theirs = outcome(before, os.path.join(directory, "before"))
        ours = outcome(after, os.path.join(directory, "weir"))
        assert ours == theirs, f"\n{before}\n{theirs}\n{after}\n{ours}"

    case.__name__ = what.replace(" ", "_").replace(",", "")
    return case


def version_of_parallel() -> str:
    if shutil.which("parallel") is None:
        return ""
    words = ["parallel", "--version"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def there_are_twenty_commands() -> None:
    assert len(rows()) >= 20, rows()


run_cases([there_are_twenty_commands, *(case_of(*row) for row in rows())])
