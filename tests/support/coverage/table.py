"""Prints how much of the sources ran: table.py TREE, after scripts/coverage."""

import collections
import glob
import json
import os
import subprocess
import sys
from typing import Any

TREE = os.path.abspath(sys.argv[1])
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def c_lines() -> Any:
    """{file: {line: how often it ran}} of src/, from all objects."""
    files = collections.defaultdict(dict)
    data = glob.glob(os.path.join(TREE, "src", "**", "*.gcda"), recursive=True)
    data += glob.glob(os.path.join(TREE, "src", "**", ".libs", "*.gcda"), recursive=True)
    for path in data:
        out = subprocess.run(
            ["gcov", "--json-format", "--stdout", path],
            cwd=TREE,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout
        for document in out.splitlines():
            for file in json.loads(document)["files"]:
                name = os.path.relpath(os.path.join(TREE, file["file"]), ROOT)
                if name.startswith("src" + os.sep):
                    for line in file["lines"]:
                        number = line["line_number"]
                        files[name][number] = files[name].get(number, 0) + line["count"]
    return files


def python_lines() -> Any:
    """The same of the Python SDK, from the lines that its processes noted."""
    ran = set()
    for path in glob.glob(os.path.join(TREE, "lines", "*")):
        with open(path, encoding="utf-8") as file:
            ran.update(file.read().split())
    files = {}
    folder = os.path.join(ROOT, "sdk", "python", "weir")
    for path in glob.glob(os.path.join(folder, "**", "*.py"), recursive=True):
        with open(path, encoding="utf-8") as file:
            codes: list[Any] = [compile(file.read(), path, "exec")]
        name, lines = os.path.relpath(path, folder), {}
        while codes:
            code = codes.pop()
            codes += [constant for constant in code.co_consts if hasattr(constant, "co_code")]
            lines.update((line, f"{name}:{line}" in ran) for _, _, line in code.co_lines() if line)
        files[name] = lines
    return files


def go_statements() -> Any:
    """[those that ran, all] of the Go SDK."""
    blocks = {}
    path = os.path.join(TREE, "go.cover")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in list(file)[1:]:
                block, count, times = line.rsplit(" ", 2)
                blocks[block] = (int(count), int(times) > 0 or blocks.get(block, (0, False))[1])
    return [
        sum(count for count, ran in blocks.values() if ran),
        sum(count for count, _ in blocks.values()),
    ]


def row(name: Any, ran: Any, total: Any) -> None:
    share = f"{100 * ran / total:6.1f} %" if total else "       -"
    print(f"{name:<24} {share} {ran:>7} of {total}")


def main() -> None:
    folders = collections.defaultdict(lambda: [0, 0])
    for name, lines in c_lines().items():
        for key in (os.path.dirname(name), "C: src"):
            folders[key][0] += sum(1 for count in lines.values() if count)
            folders[key][1] += len(lines)
    for name in sorted(folders, key=lambda name: (name == "C: src", name)):
        row(name, *folders[name])
    files = python_lines().values()
    row(
        "Python: weir",
        sum(sum(map(bool, lines.values())) for lines in files),
        sum(map(len, files)),
    )
    row("Go: sdk/go", *go_statements())


main()
