"""TAP for tests that are Python scripts: a case is a function, its name is the sentence.

A case that takes an argument gets the path of a directory of its own.
"""
import inspect
import os
import tempfile
import time
import traceback

PATIENCE_S = 60  # how long an event may take that must come


def needs(facility):
    """For a case of what weir can do only with this facility of Linux: it is skipped where
    weir is built without (configure --disable-linux)."""
    with open(os.path.join(os.environ["builddir"], "config.h"), encoding="utf-8") as file:
        missing = "#define WEIR_LINUX" not in file.read()

    def mark(case):
        if missing:
            case.skipped = f"weir is built without {facility}"
        return case
    return mark


def run_cases(cases):
    wanted = os.environ.get("WEIR_TEST")
    if wanted:
        cases = [case for case in cases if wanted in case.__name__]
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        word = "ok"
        skipped = getattr(case, "skipped", "")
        try:
            if skipped:
                pass
            elif inspect.signature(case).parameters:
                with tempfile.TemporaryDirectory() as directory:
                    case(directory)
            else:
                case()
        except Exception:
            word = "not ok"
            for line in traceback.format_exc().splitlines():
                print("#  ", line)
        name = case.__name__.replace("_", " ")
        print(f"{word} {number} - {name}{skipped and ' # SKIP ' + skipped}", flush=True)


def await_that(holds, what):
    """Waits until holds() is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def await_file(path):
    """Waits for a file with something in it, and reads it."""
    await_that(lambda: os.path.exists(path) and os.path.getsize(path) > 0, path)
    with open(path, encoding="utf-8") as file:
        return file.read()


def is_gone(pid):
    """Whether a process is no more, or dead and not yet reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def await_gone(pid):
    await_that(lambda: is_gone(pid), f"process {pid} is gone")
