#!/usr/bin/env python3
"""Requests per second of a function behind HTTP: weir serve --http beside uvicorn with FastAPI.

    make bench-http             (or: tests/bench/web.py BUILDDIR [--rounds N] [--seconds S] [--pause S])

All servers are up during the whole run; one of them gets requests from wrk, in turn: so a noisy moment
hits all alike. PYTHON, from the environment, is a Python that has FastAPI and uvicorn.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.environ.get("PYTHON", sys.executable)
PATIENCE_S = 60
LUA = """
wrk.method = "POST"
wrk.body = '{"a":3,"b":4}'
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency)
    local bad = summary.errors.connect + summary.errors.read + summary.errors.write
        + summary.errors.status + summary.errors.timeout
    io.write(string.format("%d %f %f %f %d\\n", summary.requests,
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, bad))
end
"""


def take_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def is_right(url: str) -> bool:
    request = urllib.request.Request(
        url, b'{"a":3,"b":4}', {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer) == 7
    except urllib.error.URLError:
        return False


@contextlib.contextmanager
def served(command: list[str], port: int, path: str, environment: dict[str, str]) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}{path}"
    with subprocess.Popen(
        command,
        cwd=HERE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            end = time.monotonic() + PATIENCE_S
            while not is_right(url):
                if server.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{' '.join(command)}: does not answer")
                time.sleep(0.1)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE_S)


def contestants(builddir: str, workers: int) -> "list[tuple[str, list[str], int, str]]":
    """Name, command, port, path."""
    weir = os.path.join(os.path.abspath(builddir), "weir")
    rows = []
    port = take_port()
    words = [weir, "serve", "--http", str(port), f"-j{workers}"]
    worker = f"{PYTHON} {HERE}/web_worker.py"
    rows.append(("weir", [*words, "-w", worker], port, "/v1/call/add"))
    for name, app, path in (
        ("FastAPI, async def", "web_app:app", "/v1/call/add"),
        ("FastAPI, def", "web_app:app", "/v1/call/add-sync"),
        ("uvicorn alone", "web_app:bare", "/"),
    ):
        port = take_port()
        words = [PYTHON, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
        words += ["--workers", str(workers), "--no-access-log", "--log-level", "warning"]
        rows.append((name, words, port, path))
    return rows


def measure(url: str, connections: int, seconds: int, script: str) -> "tuple[float, ...]":
    """Requests a second, P50 and P99 in ms."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    said = subprocess.run(
        [*words, "-s", script, url], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"^(\d+) (\S+) (\S+) (\S+) (\d+)$", said, re.MULTILINE)
    if not found or found[5] != "0":
        raise SystemExit(f"{url}: not all requests were answered with 200:\n{said}")
    return tuple(float(one) for one in found.groups()[1:4])


def median(rows: "list[tuple[float, ...]]", column: int) -> float:
    return statistics.median(row[column] for row in rows)


def compare(options: argparse.Namespace, workers: int, environment: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        script = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".lua"))
        script.write(LUA)
        script.flush()
        urls = {
            name: stack.enter_context(served(command, port, path, environment))
            for name, command, port, path in contestants(options.builddir, workers)
        }
        for connections in options.connections:
            rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in urls}
            for number in range(options.rounds + 1):
                for name, url in urls.items():
                    time.sleep(options.pause)
                    row = measure(url, connections, options.seconds if number else 1, script.name)
                    if number:
                        rows[name].append(row)
            print(f"{workers} worker(s), {connections} connection(s)")
            for name, found in rows.items():
                ratio = statistics.median(
                    first[0] / row[0] for first, row in zip(rows["weir"], found)
                )
                print(
                    f"  {name:<20} {median(found, 0):8,.0f} requests/s   P50 {median(found, 1):7.2f} ms"
                    f"   P99 {median(found, 2):7.2f} ms   weir has {ratio:5.2f} times as many",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("builddir")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0, help="seconds before each turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("make bench-http needs wrk (in Debian: wrk)")
    environment = {
        **os.environ,
        "PYTHONPATH": os.path.join(HERE, "../../sdk/python"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WEIR_SPAWNER": os.path.join(os.path.abspath(options.builddir), "weir-spawner"),
    }
    for workers in options.workers:
        compare(options, workers, environment)


if __name__ == "__main__":
    main()
