#!/usr/bin/env python3
"""weir as the host of MCP servers of others, in the versions below.  Prints TAP.
mcp_servers.py WEIR SRCDIR PLACE

They are installed in PLACE, from npm and PyPI, and stay there for the next run.  What cannot be
installed is skipped.
"""

import json
import os
import shlex
import subprocess
import sys
from typing import Any

WEIR, SRCDIR, PLACE = sys.argv[1], os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
sys.path.insert(0, f"{SRCDIR}/tests/support")
from mcp_packages import install_npm, install_pypi
from tap_cases import run_cases

CALL_S = 120
NPM = "2026.8.31"
# A server of npm, with its arguments, a call and what it prints; "..." stands for anything.
NPM_SERVERS = [
    ("everything", [], ["echo", "message=hi"], '"Echo: hi"'),
    ("everything", [], ["get-sum", "a=2", "b=3"], '"The sum of 2 and 3 is 5."'),
    ("filesystem", ["DIRECTORY"], ["list_allowed_directories"], "..."),
    ("memory", [], ["read_graph"], '{"entities":[],"relations":[]}'),
    (
        "sequential-thinking",
        [],
        ["sequentialthinking", "thought=x", "nextThoughtNeeded=false", "thoughtNumber=1"]
        + ["totalThoughts=1"],
        "...",
    ),
]
# A library of PyPI with what goes with it, and what a server made with it returns for 2 + 3.
PYPI = [
    (["mcp==2.3.0"], '{"result":5}'),
    (["mcp==1.27.0"], '{"result":5}'),
    (["mcp==1.2.0", "pydantic<2.11"], '"5"'),
    (["fastmcp==4.2.3"], '{"result":5}'),
]


def npm_server(name: str) -> str:
    packages = sorted({f"@modelcontextprotocol/server-{row[0]}@{NPM}" for row in NPM_SERVERS})
    return f"{install_npm(f'{PLACE}/npm', *packages)}/mcp-server-{name}"


def pypi_server(requirements: list[str]) -> list[str]:
    return [install_pypi(PLACE, *requirements), f"{SRCDIR}/tests/peers/mcp_server_peer.py"]


def call(server: list[str], *words: str) -> Any:
    done = subprocess.run(
        [WEIR, "call", "--protocol", "mcp", "-w", shlex.join(server), *words],
        capture_output=True,
        timeout=CALL_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout.decode().rstrip("\n"), done.stderr.decode()


def npm_case(name: str, options: list[str], words: list[str], out: str) -> Any:
    def case(directory: str) -> None:
        server = [npm_server(name)] + [
            directory if word == "DIRECTORY" else word for word in options
        ]
        os.environ["MEMORY_FILE_PATH"] = f"{directory}/memory"
        got = call(server, *words)
        assert got[0] == 0 and (out == "..." or got[1] == out), got
        tools = json.loads(call(server, "--list", "--json")[1])
        assert words[0] in [tool["name"] for tool in tools], tools
        assert call(server, "no-such-tool")[0] == 1

    case.__name__ = f"server-{name} {NPM}: {words[0]}"
    return case


def pypi_case(requirements: list[str], out: str) -> Any:
    def case() -> None:
        server = pypi_server(requirements)
        got = call(server, "add", "a=2", "b=3")
        assert got[:2] == (0, out), got
        got = call(server, "fail")
        assert got[0] == 1 and "Error" in got[2], got
        got = call(server, "add", "a=x", "b=3")
        assert got[0] == 1, got

    case.__name__ = requirements[0]
    return case


os.makedirs(PLACE, exist_ok=True)
run_cases([npm_case(*row) for row in NPM_SERVERS] + [pypi_case(*row) for row in PYPI])
