#!/usr/bin/env python3
"""Schemathesis tests the API of weir serve --http from its OpenAPI document.  Prints TAP.
web_api.py WEIR SRCDIR
"""

import importlib.util
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from serve_http_door import door
from tap_cases import Skip, run_cases

CASES_MIN = 100
RUN_S = 300


def the_api_is_as_its_document_says(directory: str) -> None:
    if not importlib.util.find_spec("schemathesis"):
        raise Skip("schemathesis is not installed")
    with open(directory + "/schemathesis.toml", "w", encoding="utf-8") as file:
        file.write('hooks = "web_api_hooks"\n')
    with door("-j2", worker=f"{sys.executable} {HERE}/web_api_worker.py") as weir:
        document = weir.ask("GET", "/openapi.json").json
        # No reply is there to be fetched. It knows of no application/x-ndjson as a request. It cannot
        # know what a key that was used, a deadline of 0 s, and not to wait lead to.
        del document["paths"]["/v1/calls/{id}"]
        del document["paths"]["/v1/call/total"]
        for operations in document["paths"].values():
            del operations["post"]["parameters"]
        with open(directory + "/openapi.json", "w", encoding="utf-8") as file:
            json.dump(document, file)
        words = ["run", "openapi.json", f"--url=http://{weir.host}"]
        words += ["--phases=coverage,fuzzing", "--max-examples=25", "--seed=1", "--no-color"]
        words += ["--continue-on-failure", "--generation-database=none", "--warnings=off"]
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "schemathesis"), *words],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": HERE, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_S,
        )
        print("\n".join("# " + line for line in done.stdout.splitlines()))
        cases = re.search(r"(\d+) generated", done.stdout)
        assert done.returncode == 0
        assert cases and int(cases[1]) >= CASES_MIN, cases
        assert weir.call("add", [1, 2]).json == 3


run_cases([the_api_is_as_its_document_says])
