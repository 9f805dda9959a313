"""What the documents show is run: documented.py SOURCES SCRATCH, from documented.sh.

A block of a document is one of five things, and what is none of them is a fault:

- commands, where its first line begins with "$ ". Up to the next one stands what a command prints,
  where that is worth showing. All are run in one shell, in the document's folder of a copy of the
  sources, and have to succeed.
- a file, where the line before it ends with its name in backticks and a colon. It is written
  there, and a command behind it has to use it.
- JSON that is shown only: it has to be JSON.
- lines of the worker protocol, fenced as ```wire: those behind "> " are sent to the Python program
  that the document showed last, and it has to answer with those behind "< ".
- text, fenced as ```text: a picture, a form, what something large prints.

The examples of `weir help` are run too, in SCENE. "..." stands for anything.
WEIR_TEST=WORD: only documents with WORD in their name.
"""

import concurrent.futures
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

TIMEOUT_S = 240
TOO_LONG = f"has not come to its end within {TIMEOUT_S} s"
AT_ONCE = 2  # documents, most of which wait for something
# No shell is to inherit a program that is still being written: it could not be executed.
starting = threading.Lock()

# Commands that are not run, each with the reason.
NOT_RUN = [
    (r"scripts/(demo|check)\b", "they build and test weir: what runs this was built by them"),
    (r"scripts/install-deps .*scripts/bootstrap\b", "the same, by hand"),
    (r"make bench-|tests/bench/", "a measure of minutes; nothing is measured while tests run"),
    (
        r".*\b(ssh|srun|sbatch|salloc|kubectl|docker) ",
        "needs another machine, a cluster or a daemon",
    ),
    (r"weir token call .*--qr\b", "needs libqrencode"),
    (r"sh clients\.sh\b", "takes generators from PyPI and Go's proxy; web_example.py runs it"),
    (
        r"\./install\.sh |PATH=\$PWD/tools/bin:|shfmt |\./test\.sh\b",
        "takes tools from Go's proxy and PyPI; example_install.sh runs test.sh",
    ),
    (
        r"weir pipe -f examples/verify/",
        "reads all of the machine; example_verify.sh runs it on less",
    ),
]

needed = set()  # of these

# What weir says of a worker for which this machine is too busy now.
HINTS = re.compile(r"^weir \w+: .* for (more than )?a second\b.*\n", re.MULTILINE)

# Without the web door (configure --disable-http) its documents cannot be run.
with open(os.environ["builddir"] + "/config.h", encoding="utf-8") as config:
    HAS_HTTP = "#define WEIR_HTTP 1" in config.read()
WITH_HTTP = ("examples/scan/README.md", "examples/web/README.md")
WITH_CURL = ("examples/web/README.md",)
HAS_CURL = shutil.which("curl") is not None
if not HAS_HTTP:
    NOT_RUN = [row for row in NOT_RUN if "libqrencode" not in row[1]]
if not HAS_HTTP or not HAS_CURL:
    NOT_RUN = [row for row in NOT_RUN if "PyPI" not in row[1]]

# They need the engine of the Python package, which needs Python's headers.
WITH_ENGINE = ("docs/python.md", "examples/pyrun/README.md")

# What differs from run to run and from machine to machine.
MASKS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r'"pid":\d+,"node":"[^"]*"', "PLACE"),
    (r"\bgo1\.[0-9.]+( \w+/\w+)?", "GO"),
    (r"Python 3\.[^']*", "PYTHON"),
    (r"\d+ bytes in utf-8, 0 replaced: '(GO|PYTHON)", r"N bytes in utf-8, 0 replaced: '\1"),
    (r"\S*/python3[0-9.]*\b", "python3"),
    (r"[\w.-]+@[\w.-]+", "WHO"),
]

# Where the examples of help stand: what they name is there.
WORKS = "#!/bin/sh\nexec cat\n"
SCENE = {
    "Makefile": "check:\n\t@echo checked\n",
    "legacy-tool": "#!/bin/sh\nprintf 'caf\\351\\n'\n",
    "nightly": "#!/bin/sh\necho done\n",
    "untrusted": "#!/bin/sh\nenv\n",
    "parse": WORKS,
    "fetch": WORKS,
    "files": "in.ndjson\n",
    "echo.py": "from weir_worker import function, run\n\n"
    "@function\ndef echo(message: str) -> str:\n    return message\n\nrun()\n",
    "mcp-server": "#!/bin/sh\nexec weir serve --mcp -w 'python3 echo.py'\n",
    "enrich": WORKS,
    "names.txt": "b\na\nb\n",
    "in": '{"id":1,"ok":true}\n{"id":2,"ok":false}\n',
    "in.ndjson": '{"zone": "Africa/Abidjan", "countries": ["CI"], "place": "+0519-00402"}\n',
    "pipeline.json": '{"weir": 1, "stages": [{"cmd": "echo {}"}, {"cmd": ["cat"], "map": {"workers": 1}}]}',
    "contract.json": '{"properties": {"tools": {"required": ["libc"], "x-env-diff": {"prod": "patch"}}}}',
    "node.json": '{"name": "node", "argv": ["echo", "v20.1.0"]}',
}
SCENE_FILES = [
    "examples/enrich/enrich.py",
    "examples/math/math_worker.py",
    "examples/checksig/data",
]
SCENE_COMMANDS = [  # (a word that a page has to have, what is done before its examples)
    ("math_worker.py", "export PYTHONPATH=$PWD/sdk/python"),
    ("mcp-server", "export PYTHONPATH=$PWD/sdk/python"),
    ("log.gz", "echo error | gzip -c >log.gz"),
    ("venv", "python3 -m venv --without-pip venv"),
    ("dev.json", "weir probe --only libc --report dev.json >dev.txt && cp dev.json prod.json"),
    ("./checksig", "(cd examples/checksig && go build -buildvcs=false -o ../../checksig .)"),
    (
        "weir/stats | weir report",
        "export PYTHONPATH=$PWD/sdk/python; weir serve -w 'python3 math_worker.py' &",
    ),
    ("top.ndjson", "weir top --json --every 50ms --count 3 >top.ndjson"),
    (
        "before.json",
        "weir run --json -- true >before.json && weir run --json -- true >after.json",
    ),
    ("call --list", "weir serve -w 'python3 math_worker.py' &"),
    (
        "weir top",
        "export PYTHONPATH=$PWD/sdk/python; weir serve -w 'python3 math_worker.py' &",
    ),
]


class Command:
    def __init__(self, line: Any, number: Any) -> None:
        self.line, self.number, self.shown = line, number, []

    def is_run(self) -> bool:
        found = [pattern for pattern, _ in NOT_RUN if re.match(pattern, self.line)]
        needed.update(found)
        return not found


class File:
    def __init__(self, name: Any, text: Any, number: Any) -> None:
        self.name, self.text, self.number = name, text, number


class Document:
    """Its steps, in order: each a Command or a File."""

    def __init__(self, name: Any) -> None:
        self.name, self.folder = name, os.path.dirname(name)
        if name.startswith("docs/"):
            self.folder = ""
        self.steps, self.faults, self.once = [], [], []

    def commands(self) -> Any:
        return [step for step in self.steps if isinstance(step, Command)]

    def files(self) -> Any:
        return [step for step in self.steps if isinstance(step, File)]

    def fault(self, number: Any, what: Any) -> None:
        self.faults.append(f"{self.name}:{number}: {what}")

    def read(self, text: Any) -> None:
        for number, before, language, lines in blocks(text):
            named = re.search(r"`([\w./-]+)`:$", before)
            if lines[0].startswith("$ ") and language != "text":
                self.add_commands(number, lines)
            elif language == "text":
                if any(line.startswith("$ ") for line in lines):
                    self.fault(number, "a command within ```text: it would not be run")
            elif language == "wire":
                worker = next(
                    file.name for file in reversed(self.files()) if file.name.endswith(".py")
                )
                words = [
                    "python3",
                    os.path.abspath(__file__),
                    "--converse",
                    "\n".join(lines),
                    "python3",
                    worker,
                ]
                self.steps.append(Command(" ".join(map(shlex.quote, words)), number))
            elif named:
                self.steps.append(File(named[1], "\n".join(lines) + "\n", number))
            elif language == "json":
                try:
                    json.loads("\n".join(lines))
                except ValueError as error:
                    self.fault(number, f"no JSON: {error}")
            elif language or any(Command(line, number).is_run() for line in lines if line):
                self.fault(
                    number, "neither commands ($ ...), a file (`NAME`: before it), JSON nor ```text"
                )

    def add_commands(self, number: Any, lines: Any) -> None:
        for offset, line in enumerate(lines):
            commands = self.commands()
            if line.startswith("$ "):
                self.steps.append(Command(line[2:], number + offset))
            elif commands[-1].line.endswith("\\") and not commands[-1].shown:
                commands[-1].line = commands[-1].line[:-1] + line
            else:
                commands[-1].shown.append(line)


def blocks(text: Any) -> Iterator[Any]:
    """Yields (line number, line before it, language or None, lines) of each block of code."""
    lines = text.split("\n")
    at, before, after_blank = 0, "", True
    while at < len(lines):
        line = lines[at]
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if fence:
            start = at + 1
            at = lines.index(fence[1] + "```", start)
            yield (
                start + 1,
                before,
                fence[2] or None,
                [inner[len(fence[1]) :] for inner in lines[start:at]],
            )
            before = ""
        elif after_blank and line.startswith("    "):
            start = at
            while at < len(lines) and (not lines[at] or lines[at].startswith("    ")):
                at += 1
            at -= 1
            yield (
                start + 1,
                before,
                None,
                [inner[4:] for inner in "\n".join(lines[start : at + 1]).rstrip().split("\n")],
            )
            before = ""
        elif line:
            before = line
        after_blank = not lines[at]
        at += 1


def help_document(topic: Any) -> Any:
    """The examples of weir help TOPIC: "print 7" below a command says what it prints."""
    said = subprocess.run(
        ["weir", "help", *topic], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    document = Document(" ".join(["weir", "help", *topic]))
    examples = re.search(r"^Examples:\n((?:  .*\n)+)", said, re.MULTILINE)
    for line in examples[1].splitlines():
        if line.startswith("      "):
            printed = re.match(r" +print ([0-9]+)\b", line)
            if printed:
                document.commands()[-1].shown = [printed[1]]
        else:
            document.steps.append(Command(line.strip(), 0))
    document.steps[:0] = [Command(line, 0) for word, line in SCENE_COMMANDS if word in examples[1]]
    for command in document.commands():
        if command.line.endswith("&"):
            command.shown = ["ready"]
    return document


def documents(sources: Any) -> Iterator[Any]:
    paths = ["README.md"]
    for pattern in "docs/*.md", "sdk/*/README.md", "examples/*/README.md":
        paths += sorted(
            os.path.relpath(path, sources) for path in glob.glob(os.path.join(sources, pattern))
        )
    for path in paths:
        if path in WITH_ENGINE and "PYTHONPATH" not in os.environ:
            continue
        if (path in WITH_HTTP and not HAS_HTTP) or (path in WITH_CURL and not HAS_CURL):
            continue
        document = Document(path)
        with open(os.path.join(sources, path), encoding="utf-8") as file:
            document.read(file.read())
        yield document
    said = subprocess.run(["weir", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    subcommands = re.findall(r"^  (\w+) +\S", said.partition("Examples:")[0], re.MULTILINE)
    for topic in [[]] + [[name] for name in subcommands if name != "help"]:
        yield help_document(topic)


SHELL = r"""
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
run() {
    exec >"$out/$1" 2>&1 </dev/null
    eval "$2"
    echo $? >"$out/$1.status"
}
await() { until grep -qF -- "$2" "$out/$1"; do sleep 0.05; done; }
"""


def script(document: Any, out: Any) -> Any:
    """Everything that a document does, in bash, each command's output in a file of its own."""
    lines = [f"out={shlex.quote(out)}", SHELL]
    for index, step in enumerate(document.steps):
        if isinstance(step, File):
            place = os.path.join(out, f"{index}.file")
            with open(place, "w", encoding="utf-8") as file:
                file.write(step.text)
            lines.append(f"mkdir -p {shlex.quote(os.path.dirname(step.name) or '.')}")
            lines.append(f"cat {shlex.quote(place)} >{shlex.quote(step.name)}")
        elif step.is_run():
            lines.append(f"run {index} {shlex.quote(step.line)}")
            awaited = [line for line in step.shown if line != "..."]
            if re.search(r"&\s*(#.*)?$", step.line) and awaited:
                lines.append(f"await {index} {shlex.quote(awaited[-1])}")
    return "\n".join(lines) + "\n"


def masked(text: Any) -> Any:
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return re.sub(r"[ \t]+", " ", re.sub(r"[ \t]+\n", "\n", text)).strip("\n")


def fits(shown: Any, got: Any) -> bool:
    parts = re.split(r"\s*\.\.\.\s*", masked("\n".join(shown)))
    return re.fullmatch(r"(?s:.*)".join(map(re.escape, parts)), masked(got)) is not None


def judge(document: Any, out: Any, index: Any, command: Any) -> Any:
    """Returns what is wrong with a command that was run, or None."""
    where = f"{document.name}:{command.number}: $ {command.line}"
    try:
        with open(os.path.join(out, str(index)), encoding="utf-8", errors="replace") as file:
            got = file.read()
        with open(os.path.join(out, f"{index}.status"), encoding="utf-8") as file:
            status = file.read().strip()
    except FileNotFoundError:
        return f"{where}\n{TOO_LONG}"
    if status != "0":
        return f"{where}\nhas failed with {status}:\n{got}"
    shown = command.shown
    if shown and not fits(shown, got) and not fits(shown, HINTS.sub("", got)):
        return where + "\nthe document shows:\n" + "\n".join(shown) + "\nand it prints:\n" + got
    return None


def unused(document: Any) -> None:
    """Files that no command behind them has in its line, nor any other file in its text."""
    for index, step in enumerate(document.steps):
        if isinstance(step, File):
            words = [word.partition(".")[0] for word in step.name.split("/")]
            users = [later.line for later in document.steps[index:] if isinstance(later, Command)]
            users += [file.text for file in document.files() if file is not step]
            if not any(word in user for word in words for user in users):
                document.fault(step.number, f"no command uses {step.name}")


def start(document: Any, sources: Any, place: Any) -> Any:
    """Everything that it does, in a place of its own: the shell that does it."""
    tree, out, sockets = (os.path.join(place, name) for name in ("tree", "out", "run"))
    os.mkdir(out)
    os.mkdir(sockets, 0o700)
    for folder in "examples", "sdk", "docs":
        shutil.copytree(
            os.path.join(sources, folder),
            os.path.join(tree, folder),
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    subprocess.run(["chmod", "-R", "u+w", tree], check=True)
    if document.name.startswith("weir help"):
        for name, text in SCENE.items():
            with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(file.name, 0o755)
        for name in SCENE_FILES:
            os.symlink(name, os.path.join(tree, os.path.basename(name)))
    return subprocess.Popen(
        ["bash", "-c", script(document, out)],
        cwd=os.path.join(tree, document.folder),
        env={**os.environ, "XDG_RUNTIME_DIR": sockets},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def run_once(document: Any, sources: Any, scratch: Any) -> Any:
    """What is wrong with its commands."""
    place = tempfile.mkdtemp(dir=scratch)
    with starting:
        shell = start(document, sources, place)
    try:
        shell.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait()
    run = [
        (index, step)
        for index, step in enumerate(document.steps)
        if isinstance(step, Command) and step.is_run()
    ]
    found = [judge(document, os.path.join(place, "out"), index, step) for index, step in run]
    shutil.rmtree(place, ignore_errors=True)
    return [wrong for wrong in found if wrong]


def run(document: Any, sources: Any, scratch: Any) -> None:
    """Once more where something is wrong: what a document shows is what weir does in time, and
    this machine may have been too busy for that."""
    wrong = run_once(document, sources, scratch)
    if wrong and not any(TOO_LONG in one for one in wrong):
        document.once = wrong
        wrong = run_once(document, sources, scratch)
    document.faults += wrong


def converse(lines: Any, worker: Any) -> Any:
    """Speaks with a worker as the lines say.  Returns what is wrong, or None."""
    sdk = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sdk/python")
    with subprocess.Popen(
        worker,
        env={**os.environ, "PYTHONPATH": sdk},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as child:
        for line in lines:
            if line.startswith("> "):
                child.stdin.write(line[2:] + "\n")
                continue
            said = child.stdout.readline()
            if not fits([line[2:]], said):
                child.kill()
                return f"{line}\nis shown, and it says\n{said}"
        child.stdin.close()
        return None


def main(sources: Any, scratch: Any) -> None:
    wanted = os.environ.get("WEIR_TEST", "")
    chosen = [document for document in documents(sources) if wanted in document.name]
    print(f"1..{len(chosen) + 1}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(run, document, sources, scratch) for document in chosen]
        for number, (document, ran) in enumerate(zip(chosen, runs), 1):
            ran.result()
            unused(document)
            for fault in document.faults or ["once only: " + one for one in document.once]:
                print("\n".join("#   " + line for line in fault.splitlines()))
            count = sum(command.is_run() for command in document.commands())
            word = "not ok" if document.faults else "ok"
            print(
                f"{word} {number} - {document.name}: {count} commands do what it shows", flush=True
            )
    idle = [] if wanted else [pattern for pattern, _ in NOT_RUN if pattern not in needed]
    print("\n".join(f"#   no document has {pattern}" for pattern in idle), end="\n" * bool(idle))
    print(f"{'not ok' if idle else 'ok'} {len(chosen) + 1} - what is not run is in some document")


if __name__ == "__main__":
    if sys.argv[1] == "--converse":
        sys.exit(converse(sys.argv[2].splitlines(), sys.argv[3:]))
    main(*sys.argv[1:])
