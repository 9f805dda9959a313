"""Words and phrases that must not come back in the texts that people read: from words.sh.

weir's texts are plain technical English. Each pattern below is a phrase that a native engineer would
not write there, with what to write instead.
"""

import glob
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, os.path.join(os.environ["srcdir"], "tests", "support"))
from tap_cases import run_cases

SOURCES = os.environ["srcdir"]
WEIR = os.path.join(os.environ["builddir"], "weir")


WORDS = [  # (pattern, what to write instead)
    (r"told", "reported, printed, configured"),
    (r"hear|hears|heard", "read, receive, notice"),
    (r"nobody|somebody|whoever|whom", "no process, another process, the user that"),
    (r"so (many|long|often|much) (?!(that|as)\b)", "this many, after this long, at most N"),
    (r"(?<!there )is no (?!longer\b)", "is not a"),
    (r"(?<!there )(is|are) none", "is not one, does not exist"),
    (r"(becomes|became|become|came|comes) of", "happened to, the result of"),
    (r"speaks? of", "mentions, refers to"),
    (r"puts? out", "writes"),
    (r"and its (like|kin)", "and similar"),
    (r"(can|could|cannot|to) be had", "available"),
    (r"for ever", "forever, without a limit"),
    (r"heeds?|heeded", "respects, handles"),
    (r"ought", "should"),
    (r"stands? (beside|before|behind)", "is next to, precedes, follows"),
    (r"of use|of no use", "useful"),
    (r"means nothing|mean nothing", "is invalid, has no special meaning"),
    (r"news of", "events of"),
    (r"unless told otherwise", "by default"),
]

# Correct text that a pattern matches: (part of the name of its source, the text).
EXCEPTIONS = []

PATTERN = re.compile(
    "|".join(rf"(?P<w{i}>\b(?:{pattern})(?:\b|(?<=\s)))" for i, (pattern, _) in enumerate(WORDS)),
    re.IGNORECASE,
)


def found(name: Any, text: Any) -> Iterator[Any]:
    """Yields a sentence about each phrase in the text."""
    for exempt, words in EXCEPTIONS:
        if exempt in name:
            text = text.replace(words, "")
    for number, line in enumerate(text.splitlines(), 1):
        for match in PATTERN.finditer(line):
            better = WORDS[int(match.lastgroup[1:])][1]
            yield f'{name}:{number}: "{match[0].strip()}" in "{line.strip()[:90]}": write {better}'


def check(texts: Any) -> None:
    faults = [fault for name, text in texts for fault in found(name, text)]
    assert not faults, "\n" + "\n".join(faults)


def output_of(*words: Any) -> Any:
    return subprocess.run([WEIR, *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def subcommands() -> list[str]:
    """As weir --help lists them."""
    return re.findall(r"^  (\w+)  ", output_of("--help").partition("Examples:")[0], re.MULTILINE)


def files(*patterns: Any) -> Iterator[Any]:
    for pattern in patterns:
        paths = sorted(glob.glob(os.path.join(SOURCES, pattern), recursive=True))
        assert paths, pattern
        for path in paths:
            with open(path, encoding="utf-8") as file:
                yield os.path.relpath(path, SOURCES), file.read()


def descriptions(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("title", "description") and isinstance(inner, str):
                yield inner
            else:
                yield from descriptions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from descriptions(inner)


def messages() -> Iterator[Any]:
    """Yields the string literals in src/ that have a space, each with its place."""
    for name, text in files("src/**/*.[ch]"):
        text = re.sub(
            r"/\*.*?\*/", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL
        )
        for match in re.finditer(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text):
            literal = re.sub(r'"\s*"', "", match[0])[1:-1]
            if " " in literal:
                yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}", literal


def the_help_of_every_subcommand_is_plain_english() -> None:
    check([("weir --help", output_of("--help"))])
    check((f"weir help {name}", output_of("help", name)) for name in subcommands())


def the_man_pages_are_plain_english() -> None:
    check(
        (f"weir-{name}(1)", output_of("help", "--man", name)) for name in ["weir", *subcommands()]
    )


def readme_and_its_companions_are_plain_english() -> None:
    check(files("README.md", "CHANGELOG.md", "ARCHITECTURE.md", "SECURITY.md"))
    for name, text in files("CONTRIBUTING.md"):
        check(
            [(name, re.sub(r"\|[^|\n]*\|$", "|", text, flags=re.MULTILINE))]
        )  # without names of tests


def the_documents_are_plain_english() -> None:
    check(files("docs/**/*.md"))


def the_pages_of_sdks_and_examples_are_plain_english() -> None:
    check(files("sdk/*/README.md", "examples/*/README.md"))


def the_descriptions_in_schemas_are_plain_english() -> None:
    check(
        (name, "\n".join(descriptions(json.loads(text))))
        for name, text in files("docs/schemas/*.json")
    )


def the_public_headers_are_plain_english() -> None:
    check(files("include/weir/*.h"))


def the_messages_in_the_sources_are_plain_english() -> None:
    check(messages())


def a_phrase_of_the_list_is_found() -> None:
    assert list(found("x", "hear what became of it")) != []
    assert list(found("x", "This is no length of time.")) != []
    assert (
        list(found("x", "There is no such file. It is no longer there, for as long as needed."))
        == []
    )


if __name__ == "__main__":
    run_cases(
        [
            the_help_of_every_subcommand_is_plain_english,
            the_man_pages_are_plain_english,
            readme_and_its_companions_are_plain_english,
            the_documents_are_plain_english,
            the_pages_of_sdks_and_examples_are_plain_english,
            the_descriptions_in_schemas_are_plain_english,
            the_public_headers_are_plain_english,
            the_messages_in_the_sources_are_plain_english,
            a_phrase_of_the_list_is_found,
        ]
    )
