"""Public headers of another age, and what of them is the ABI.

headers.py older|newer FROM TO   a copy of the headers in which each options struct, and each that
                                 the library hands out and may grow, has lost its last member, or
                                 has gained one, from_the_future
headers.py layout CC INCLUDE     a C program that prints sizes, offsets and values of enums
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

OPTIONS = [
    "command",
    "options",
    "run_options",
    "map_options",
    "map_progress",
    "stage",
    "pipeline_settings",
    "pool_options",
    "call_options",
    "call_sink",
]
HANDED_OUT = ["event", "decode_counts"]


def change_struct(text: Any, name: Any, age: Any) -> Any:
    start = text.index(f"struct {name} {{\n")
    end = text.index("\n};", start)
    body = text[start:end]
    if age == "newer":
        body += "\n    unsigned long long from_the_future;"
    else:
        # The last statement outside of comments.
        bare = re.sub(
            r"/\*.*?\*/", lambda comment: " " * len(comment.group()), body, flags=re.DOTALL
        )
        last = bare.rindex(";")
        before = max(bare.rfind(";", 0, last), bare.index("{"))
        body = body[: before + 1]
    return text[:start] + body + text[end:]


def change(age: Any, source: Any, target: Any) -> None:
    os.makedirs(os.path.join(target, "weir"))
    changed = set()
    for name in sorted(os.listdir(os.path.join(source, "weir"))):
        with open(os.path.join(source, "weir", name)) as file:
            text = file.read()
        for struct in OPTIONS + HANDED_OUT:
            if f"struct weir_{struct} {{\n" in text:
                text = change_struct(text, "weir_" + struct, age)
                changed.add(struct)
        with open(os.path.join(target, "weir", name), "w") as file:
            file.write(text)
    missing = set(OPTIONS + HANDED_OUT) - changed
    if missing:
        sys.exit("no such struct: {}".format(", ".join(sorted(missing))))


def members(body: Any) -> Iterator[Any]:
    for statement in body.split(";"):
        pointer = re.search(r"\(\*\s*(\w+)\)", statement)
        if pointer:
            yield pointer.group(1)
            continue
        for one in statement.split(","):
            name = re.search(r"(\w+)\s*(\[[^\]]*\])?\s*$", one)
            if name:
                yield name.group(1)


def layout(cc: Any, include: Any) -> None:
    text = subprocess.run(
        cc.split() + ["-E", "-P", "-I", include, "-"],
        check=True,
        text=True,
        input="#include <weir/weir.h>\n",
        stdout=subprocess.PIPE,
    ).stdout
    print("#include <stddef.h>\n#include <stdio.h>\n#include <weir/weir.h>\nint main(void)\n{")
    for name, body in re.findall(r"struct (weir_\w+)\s*\{(.*?)\}\s*;", text, flags=re.DOTALL):
        print(f'    printf("struct {name} %zu\\n", sizeof(struct {name}));')
        names = list(members(body))
        for member in names:
            print(f'    printf("    {member} %zu\\n", offsetof(struct {name}, {member}));')
        if name[len("weir_") :] in OPTIONS:
            print(
                f"    _Static_assert(sizeof(struct {name}) == offsetof(struct {name}, {names[-1]})\n"
                f'                   + sizeof((struct {name}){{0}}.{names[-1]}), "padding at the end of {name}");'
            )
    for name, body in re.findall(r"enum (weir_\w+)?\s*\{(.*?)\}\s*;", text, flags=re.DOTALL):
        values = re.findall(r"\b(WEIR_\w+)\b", body)
        if values:
            print(f'    puts("enum {name}");')
        for value in values:
            print(f'    printf("    {value} %d\\n", (int){value});')
    print("    return 0;\n}")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in ("older", "newer"):
        change(*sys.argv[1:])
    elif len(sys.argv) == 4 and sys.argv[1] == "layout":
        layout(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
