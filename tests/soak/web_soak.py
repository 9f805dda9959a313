#!/usr/bin/env python3
"""500 clients of weir serve --http, while workers are killed at random.  Prints TAP.
web_soak.py WEIR SRCDIR SECONDS [SEED]

Each request gets one response, its own. Each call that returned was made once, one whose outcome is
not known once at most, and one that was refused never.
"""

import asyncio
import collections
import contextlib
import json
import os
import random
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from serve_http_door import Door, descriptors, door
from tap_cases import PATIENCE_S, await_that, run_cases

SECONDS = float(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
CLIENTS = 500
WORKERS = 3
PAUSE_S = (0.3, 0.9)  # between two kills: about as long as a worker takes to start
# What a request may be answered with: returned, outcome unknown (or poison), refused or no worker.
ANSWERS = {200, 502, 503}
Outcomes = dict[str, int]


async def ask(weir: Door, number: int, end: float, outcomes: Outcomes) -> None:
    """One client: one connection, one request after the other."""
    reader, writer = await asyncio.open_connection(*weir.place)
    for count in range(1_000_000):
        if time.monotonic() > end:
            break
        name = f"{number}-{count}"
        body = json.dumps([name]).encode()
        head = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        writer.write(weir.head("POST /v1/call/note", *head) + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in answer[1:] if line)
        result = json.loads(await reader.readexactly(int(fields["content-length"])))
        status = int(answer[0].split()[1])
        assert status in ANSWERS, (status, result)
        assert status != 200 or result == name, (name, result)
        outcomes[name] = status
    writer.write_eof()
    assert await reader.read() == b"", "more responses than requests"
    writer.close()
    await writer.wait_closed()


def is_worker(pid: int, log: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
            return log in line.read()
    except OSError:
        return False


async def kill(weir: Door, log: str, end: float) -> int:
    """Returns how many workers it has killed."""
    chance = random.Random(SEED)
    killed = 0
    while time.monotonic() < end:
        await asyncio.sleep(chance.uniform(*PAUSE_S))
        answer = await asyncio.to_thread(weir.ask, "GET", "/v1/stats")
        pids = [worker["pid"] for worker in answer.json["workers"] if worker.get("pid", 0) > 0]
        pid = chance.choice(pids) if pids else 0
        if pid > 0 and is_worker(pid, log):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


async def soak(weir: Door, log: str, outcomes: Outcomes) -> int:
    end = time.monotonic() + SECONDS
    clients = [ask(weir, number, end, outcomes) for number in range(CLIENTS)]
    killed, *_ = await asyncio.wait_for(
        asyncio.gather(kill(weir, log, end), *clients), SECONDS + PATIENCE_S
    )
    return int(killed)


def each_request_is_answered_once_while_workers_are_killed(directory: str) -> None:
    log = directory + "/called"
    outcomes: Outcomes = {}
    worker = f"{sys.executable} {HERE}/soak_worker.py {log}"
    words = [f"-j{WORKERS}", "--http-connections", str(CLIENTS + 10), "--start-timeout", "60s"]
    with door(*words, worker=worker) as weir:
        assert weir.call("note", ["first"]).json == "first"
        before = descriptors(weir.process)
        killed = asyncio.run(soak(weir, log, outcomes))

        def is_as_before() -> bool:
            stats = weir.ask("GET", "/v1/stats").json
            quiet = stats["running"] == 0 and stats["queued"] == 0
            ready = all(worker["state"] in ("idle", "ready") for worker in stats["workers"])
            return bool(quiet and ready and descriptors(weir.process) <= before)

        await_that(is_as_before, "calls, workers or descriptors are left")
    with open(log, encoding="utf-8") as file:
        made = collections.Counter(file.read().split())
    del made["first"]
    counts = collections.Counter(outcomes.values())
    print(f"# {len(outcomes)} requests, {killed} workers killed, statuses: {dict(counts)}")
    assert killed > 0 and counts[200] > CLIENTS
    for name, status in outcomes.items():
        if status == 200:
            assert made[name] == 1, (name, made[name])
        elif status == 502:
            assert made[name] <= 1, (name, made[name])
        else:
            assert made[name] == 0, (name, status)
    assert not set(made) - set(outcomes)


run_cases([each_request_is_answered_once_while_workers_are_killed])
