#!/usr/bin/env python3
"""Programs that use weir are killed with SIGKILL at random moments: no process of theirs stays.
Prints TAP.
killed_hosts.py BUILDDIR SRCDIR [KILLS]

The moments begin with the start of the program.  make check-hosts kills each 100 times.
"""

import glob
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
BUILD, SOURCES = (os.path.abspath(path) for path in sys.argv[1:3])
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
sys.path.insert(0, f"{SOURCES}/tests/support")
from tap_cases import Skip, await_that, is_gone, is_sanitized, run_cases

WEIR, WORKER = f"{BUILD}/weir", f"{BUILD}/tests/children/rpc_worker"
os.environ.setdefault("WEIR_SPAWNER", f"{BUILD}/weir-spawner")
LONGEST_S = 0.4  # when the slowest of them has started everything
# What all that a host starts has in its environment.
MARK = f"KILLED_HOST={os.urandom(16).hex()}".encode()
chance = random.Random(os.urandom(8))

PYTHON = """
import sys, threading, weir
pool = weir.Pool([sys.argv[1]], workers=3, stderr=weir.DEVNULL)
def call():
    while True:
        pool.call("add", 20, 22)
for _ in range(3):
    threading.Thread(target=call, daemon=True).start()
for result in weir.each(iter(str, None), ["sh", "-c", "sleep 0.01 & sleep 0.02"], workers=3, max_output=9):
    weir.run(["sh", "-c", "sleep 60 & sleep 0.01"], drain=0.01)
    weir.pipe(["seq 9", "cat"])
"""

GO = """package main

import (
	"context"
	"os"

	"weir.dev/weir"
)

func main() {
	pool, err := weir.NewPool(context.Background(), weir.Program(os.Args[1]), weir.Workers(3), weir.Stderr(nil))
	if err != nil {
		panic(err)
	}
	for i := 0; i < 7; i++ {
		go func() {
			for {
				weir.Invoke[int](context.Background(), pool, "add", 20, 22)
			}
		}()
	}
	select {}
}
"""


def marked() -> "list[str]":
    """The living processes with the mark: their command lines."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/environ", "rb") as environ, open(path + "/cmdline", "rb") as line:
                if MARK in environ.read().split(b"\0") and not is_gone(path[6:]):
                    found.append(path + " " + line.read().replace(b"\0", b" ").decode())
        except OSError:
            pass  # it is gone, or another user's
    return found


def kill(*argv: str, **variables: str) -> None:
    """Kills the program again and again, and waits for the end of all that it had started."""
    most, (name, _, value) = 0, MARK.decode().partition("=")
    for _ in range(KILLS):
        zeros = os.open("/dev/zero", os.O_RDONLY)
        moment = chance.uniform(0, LONGEST_S)
        host = subprocess.Popen(
            argv,
            env={**os.environ, name: value, **variables},
            stdin=zeros,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        os.close(zeros)
        time.sleep(moment)
        most = max(most, len(marked()))
        is_early = host.poll() is not None
        host.kill()
        # Its end: all that it had started have this pipe as their stderr, or none at all.
        said = host.communicate(timeout=120)[1].decode(errors="replace")
        assert not is_early, f"it ended by itself with {host.returncode}: {said}"
        await_that(lambda: not marked(), lambda at=moment: f"killed after {at} s: {marked()}")
    print(f"# killed {KILLS} times, with up to {most} processes")


def a_program_in_C() -> None:
    kill(f"{BUILD}/tests/soak/pool_soak", SECONDS="600", WEIR_TEST="every_call")


def a_program_in_Python() -> None:
    if not os.path.exists(f"{BUILD}/python/weir/_native.abi3.so"):
        raise Skip("the engine was not built: Python's headers are missing")
    if is_sanitized():
        raise Skip("the interpreter has no sanitizer")
    kill(sys.executable, "-c", PYTHON, WORKER, PYTHONPATH=f"{BUILD}/python")


def a_program_in_Go(directory: str) -> None:
    go = os.environ.get("GO")
    if not go:
        raise Skip("configure found no go")
    for name, text in (
        ("main.go", GO),
        (
            "go.mod",
            f"""module example.org/host

go 1.19

require weir.dev/weir v0.0.0

replace weir.dev/weir => {SOURCES}/sdk/go
""",
        ),
    ):
        with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    settings = {
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOCACHE": os.environ.get("WEIR_GO_CACHE") or f"{BUILD}/go-cache",
        "HOME": os.environ.get("HOME") or directory,
    }
    subprocess.run(
        [go, "build", "-o", "host", "."], cwd=directory, env={**os.environ, **settings}, check=True
    )
    kill(f"{directory}/host", WORKER, WEIR=WEIR)


def the_command_itself() -> None:
    kill(WEIR, "each", "--format=nul", "-j3", "--", "sh", "-c", "sleep 0.01 & sleep 0.02")


run_cases([a_program_in_C, a_program_in_Python, a_program_in_Go, the_command_itself])
