#!/usr/bin/env python3
"""examples/scan: a scanned code runs one registered job, once, in time, unchanged.  Prints TAP.
example_scan.py WEIR SRCDIR
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

sys.dont_write_bytecode = True
import qr_reader
from serve import ENVIRONMENT, SRCDIR, WEIR
from serve_http_door import Door, door
from tap_cases import PATIENCE_S, await_that, run_cases
from tokens import has_codes, made, open_link, run

EXAMPLE = f"{SRCDIR}/examples/scan"


def tap(link: str) -> str:
    done = subprocess.run(
        [sys.executable, f"{EXAMPLE}/tap.py", link],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stderr == "" and done.returncode == (not done.stdout.startswith("200 ")), done
    return done.stdout


def opened(directory: str) -> list[str]:
    try:
        with open(directory + "/opened", encoding="utf-8") as log:
            return log.read().splitlines()
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def gates(directory: str) -> Iterator[tuple[Door, list[str]]]:
    """The server, and the words that make a code for it."""
    keys = directory + "/keys.json"
    if not os.path.exists(keys):
        made("new-key", "--keys", keys, "--kid", "gates", "--methods", "open_gate")
    words = ["--http-tokens", keys, "--http-state", directory + "/used"]
    environment = {**ENVIRONMENT, "GATE_LOG": directory + "/opened"}
    worker = f"{sys.executable} {EXAMPLE}/jobs.py"
    with door("-j1", *words, worker=worker, environment=environment) as weir:
        yield weir, ["call", "--keys", keys, "--url", f"http://{weir.host}"]


def a_scanned_code_opens_its_gate_once(directory: str) -> None:
    png = directory + "/code.png"
    with gates(directory) as (weir, call):
        if has_codes():
            made(*call, "--png", png, "open_gate", "3")
            with open(png, "rb") as image:
                link = qr_reader.read_code(qr_reader.of_png(image.read())).decode()
        else:
            link = made(*call, "open_gate", "3")
        # What a preview does.
        for _ in range(2):
            page = weir.ask("GET", "/run")
            assert page.status == 200 and "Run it" in page.body.decode(), page
        assert opened(directory) == []
        assert tap(link) == '200 "gate 3 is open"\n'
        assert tap(link) == "401 token-used\n"
        assert opened(directory) == ["gate 3"]
    with gates(directory) as (weir, _):  # a restart does not forget
        assert open_link(weir, link).type == "token-used"
    assert opened(directory) == ["gate 3"]


def a_changed_or_late_code_opens_nothing(directory: str) -> None:
    with gates(directory) as (_, call):
        link = made(*call, "open_gate", "3")
        assert tap(link.replace("p=WzNd", "p=WzRd")) == "401 token-other-call\n"
        assert tap(link.replace("m=open_gate", "m=close_gate")) == "401 token-other-call\n"
        late = made(*call, "--expires", "1s", "open_gate", "4")
        keys = call[2]
        await_that(lambda: run_check(keys, late).startswith("token-expired\n"), "it never expires")
        assert tap(late) == "401 token-expired\n"
        assert opened(directory) == []
        # The code itself is still good: nothing spent it.
        assert tap(link) == '200 "gate 3 is open"\n'
        # A job that fails has used its code, too.
        none = made(*call, "open_gate", "12")
        assert tap(none) == "404 failed\n"
        assert tap(none) == "401 token-used\n"
    assert opened(directory) == ["gate 3"]
    # The key signs nothing else.
    run("call", "--keys", keys, "close_gate", status=2)


def run_check(keys: str, link: str) -> str:
    return subprocess.run(
        [WEIR, "token", "check", "--keys", keys, link],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    ).stdout


if __name__ == "__main__":
    run_cases([a_scanned_code_opens_its_gate_once, a_changed_or_late_code_opens_nothing])
