#!/usr/bin/env python3
"""The clients of examples/web: those that generators make, and a page in Chromium.  Prints TAP.
web_example.py WEIR SRCDIR BUILDDIR

The generators and the browser's driver come from PyPI, the Go module proxy and npm, once; without
them the cases are skipped.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from serve import SRCDIR
from serve_http_door import door
from tap_cases import Skip, run_cases
from web_page import prepare

EXAMPLE = os.path.abspath(f"{SRCDIR}/examples/web")
BUILDDIR = os.path.abspath(sys.argv[3])
MODEL = f"{sys.executable} {EXAMPLE}/model.py"
RUN_S = 300


def has_go() -> bool:
    if not shutil.which("go"):
        return False
    version = subprocess.check_output(["go", "env", "GOVERSION"], text=True)
    found = re.match(r"go1\.(\d+)", version)
    return found is not None and int(found[1]) >= 25


def generated_clients_call_the_model() -> None:
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    if not has_go():
        raise Skip("oapi-codegen needs Go 1.25")
    with open(EXAMPLE + "/README.md", encoding="utf-8") as file:
        shown = re.search(r"    \$ sh clients\.sh .*\n((?:    .*\n)+)", file.read())
    assert shown
    with door("-j2", worker=MODEL) as weir:
        done = subprocess.run(
            [EXAMPLE + "/clients.sh", f"http://{weir.host}", BUILDDIR + "/web-clients"],
            env={
                "HOME": BUILDDIR,
                **os.environ,
                "PATH": os.path.dirname(sys.executable) + ":" + os.environ["PATH"],
                "GOFLAGS": "-mod=mod",
                "GOTOOLCHAIN": "local",
                "GOWORK": "off",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_S,
        )
    assert done.returncode == 0, done
    assert done.stdout == re.sub("^    ", "", shown[1], flags=re.MULTILINE), done


class Pages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def a_page_of_another_server_shows_a_stream() -> None:
    directory = BUILDDIR + "/web-npm"
    browser, why = prepare(directory)
    if why:
        raise Skip(why)
    pages = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Pages, directory=EXAMPLE)
    )
    thread = threading.Thread(target=pages.serve_forever, daemon=True)
    thread.start()
    origin = f"http://127.0.0.1:{pages.server_address[1]}"
    try:
        with door("-j2", "--http-origin", origin, worker=MODEL) as weir:
            url = f"{origin}/page.html?api=http://{weir.host}"
            done = subprocess.run(
                ["node", HERE + "/web_example.mjs", url, browser, directory],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=RUN_S,
            )
    finally:
        pages.shutdown()
        thread.join()
        pages.server_close()
    words = ["the: en", "cat: en", "und: de", "le: fr", "chien: fr"]
    assert (done.returncode, done.stdout.splitlines()) == (0, words), done


run_cases([generated_clients_call_the_model, a_page_of_another_server_shows_a_stream])
