#!/usr/bin/env python3
"""A gateway to an MCP server: weir beside supergateway and mcp-proxy, the same server and steps.

    make bench-mcp              (or: tests/bench/mcp.py BUILDDIR [--part time] [--rounds N])
    taskset -c 0 make bench-mcp

The others are installed from npm and PyPI in BUILDDIR/mcp-peers, in the versions below; what cannot
be installed is left out.  weir listens at a Unix socket, the others speak Streamable HTTP.  In
each round each contestant, in turn, makes some calls: a noisy moment hits all alike.
"""

import argparse
import contextlib
import glob
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
from mcp_clients import Failed, HttpClient, PipeClient, SocketClient
from mcp_packages import install_npm, install_pypi
from tap_cases import Skip

SERVER = [sys.executable, os.path.join(HERE, "mcp_stubborn_server.py")]
SUPERGATEWAY, MCP_PROXY = "supergateway@4.0.0", "mcp-proxy==0.13.0"
START_S = 60
ORPHANED_S = 10
CLIENTS = 50


class Gateway:
    """A gateway that runs. Every process below it has a mark in its environment."""

    def __init__(self, name, words, client, is_up, path=None):
        self.name, self.client, self.path = name, client, path
        self.mark = f"MCP_BENCH={uuid.uuid4()}"
        key, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, key: value},
        )
        until = time.monotonic() + START_S
        while not is_up():
            if self.process.poll() is not None or time.monotonic() > until:
                self.close()
                sys.exit(f"mcp.py: {name} does not start")
            time.sleep(0.05)

    def processes(self):
        """The pids of the servers, and those of the gateway itself."""
        servers, own = [], []
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    if self.mark.encode() not in file.read().split(b"\0"):
                        continue
                with open(os.path.join(os.path.dirname(path), "cmdline"), "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            pid = int(path.split("/")[2])
            is_server = words[:2] == [word.encode() for word in SERVER]
            (servers if is_server else own).append(pid)
        return servers, own

    def resident_mib(self):
        total = 0
        for pid in self.processes()[1]:
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return total / 1024

    def close(self):
        self.process.kill()
        self.process.wait()
        time.sleep(0.2)
        servers, own = self.processes()
        for pid in servers + own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def makers(build, directory, place):
    """For each gateway its name and a function that starts one."""
    weir = os.path.join(build, "weir")
    server = shlex.join(SERVER)

    def start_weir():
        path = os.path.join(tempfile.mkdtemp(dir=directory), "socket")
        words = [weir, "serve", "-s", path, "--server", f"stubborn={server}"]
        return Gateway(
            "weir", words, lambda: SocketClient(path), lambda: os.path.exists(path), path
        )

    def over_http(name, make_words):
        def start():
            port = free_port()
            return Gateway(name, make_words(port), lambda: HttpClient(port), lambda: accepts(port))

        return start

    found = [("weir", start_weir)]
    try:
        bin_npm = install_npm(os.path.join(place, "npm-supergateway"), SUPERGATEWAY)
        words = [f"{bin_npm}/supergateway", "--stdio", server, "--stateful"]
        words += ["--outputTransport", "streamableHttp", "--logLevel", "none", "--port"]
        found.append((SUPERGATEWAY, over_http(SUPERGATEWAY, lambda port: [*words, str(port)])))
    except Skip as reason:
        print(f"{SUPERGATEWAY} is left out: {reason}")
    try:
        python = install_pypi(place, MCP_PROXY)
        program = os.path.join(os.path.dirname(python), "mcp-proxy")
        options = [program, "--pass-environment", "--log-level", "ERROR", "--port"]
        found.append(
            (MCP_PROXY, over_http(MCP_PROXY, lambda port: [*options, str(port), "--", *SERVER]))
        )
    except Skip as reason:
        print(f"{MCP_PROXY} is left out: {reason}")
    return found


def attempt(ask):
    """What a call comes to, and in how many milliseconds."""
    began = time.perf_counter()
    try:
        ask()
        words = "answered"
    except (Failed, OSError) as reason:
        words = str(reason)
    return f"{words}, {(time.perf_counter() - began) * 1000:.0f} ms"


def killed_in_a_call(gateway):
    """What the client hears whose server is killed in a call, and what the next calls come to."""
    client = gateway.client().start()
    server = int(client.call("pid"))
    assert server in gateway.processes()[0]
    client.last += 1
    params = {"name": "nap", "arguments": {"s": 60}}
    client.send({"jsonrpc": "2.0", "id": client.last, "method": "tools/call", "params": params})
    time.sleep(0.3)
    began = time.perf_counter()
    os.kill(server, signal.SIGKILL)
    try:
        client.result(client.receive(client.last))
        heard = "answered"
    except (Failed, OSError) as reason:
        heard = str(reason)
    heard += f", {(time.perf_counter() - began) * 1000:.0f} ms"
    following = attempt(lambda: client.call("pid"))
    client.close()

    def new_client():
        other = gateway.client().start()
        try:
            other.call("pid")
        finally:
            other.close()

    return heard, following, attempt(new_client)


def left_by_clients(gateway, count):
    """How many servers there are for two clients, and how many when some came and went."""
    two = [gateway.client().start() for _ in range(2)]
    for client in two:
        client.call("pid")
    during = len(gateway.processes()[0])
    for client in two:
        client.close()
    for _ in range(count):
        client = gateway.client().start()
        client.call("pid")
        client.close()
    time.sleep(3)
    return during, len(gateway.processes()[0])


def orphans(gateway):
    """How many servers outlive the gateway, which is killed, and how long."""
    client = gateway.client().start()
    client.call("pid")
    gateway.process.kill()
    gateway.process.wait()
    began = time.monotonic()
    while (left := len(gateway.processes()[0])) > 0 and time.monotonic() - began < ORPHANED_S:
        time.sleep(0.05)
    client.close()
    return f"{left}, after {time.monotonic() - began:.0f} s"


def show_behaviour(field):
    rows = {}
    for name, start in field:
        row = rows[name] = {}
        gateway = start()
        try:
            outcome = killed_in_a_call(gateway)
        finally:
            gateway.close()
        row["server killed in a call"], row["the next call"], row["a new client"] = outcome
        gateway = start()
        try:
            during, after = left_by_clients(gateway, 5)
            row["servers for 2 clients"] = str(during)
            row["servers after 7 clients are gone"] = str(after)
        finally:
            gateway.close()
        gateway = start()
        try:
            row["left when the gateway is killed"] = orphans(gateway)
        finally:
            gateway.close()
    print(f"{'':34}" + "".join(f"{name:28}" for name in rows))
    for what in rows["weir"]:
        print(f"{what:34}" + "".join(f"{row[what]:28}" for row in rows.values()))
    print()


def show_memory(field):
    print(f"memory of the gateway in MiB, its servers not counted; {CLIENTS} clients")
    print(f"{'':34}{'before':>10}{'with them':>10}{'servers':>10}")
    for name, start in field:
        gateway, clients = start(), []
        try:
            before = gateway.resident_mib()
            for _ in range(CLIENTS):
                clients.append(gateway.client().start())
            for client in clients:
                client.time_calls(10)
            after, servers = gateway.resident_mib(), len(gateway.processes()[0])
            print(f"{name:34}{before:10.1f}{after:10.1f}{servers:10}", flush=True)
        finally:
            for client in clients:
                client.close()
            gateway.close()
    print()


def show_time(build, field, rounds, count):
    weir = os.path.join(build, "weir")
    gateways = [start() for _, start in field]
    server = shlex.join(SERVER)
    ways = {
        "the server itself, on pipes": PipeClient(SERVER, None),
        "weir serve --mcp, on pipes": PipeClient(
            [weir, "serve", "--mcp", "--server", f"stubborn={server}"], None
        ),
        "weir serve -s, its socket": gateways[0].client(),
        "weir serve --mcp --join": PipeClient(
            [weir, "serve", "--mcp", "--join", gateways[0].path], None
        ),
    }
    ways.update({f"{one.name}, HTTP": one.client() for one in gateways[1:]})
    try:
        names = list(ways)
        times = {name: [] for name in names}
        for client in ways.values():
            client.start().time_calls(count)
        for number in range(rounds):
            at = number % len(names)
            for name in names[at:] + names[:at]:
                times[name].append(ways[name].time_calls(count))
    finally:
        for client in ways.values():
            client.close()
        for gateway in gateways:
            gateway.close()
    middle = {name: [statistics.median(each) for each in times[name]] for name in names}
    print(f"one client, {rounds} rounds of {count} calls; microseconds for a call")
    print(f"{'':34}{'P50':>10}{'P99':>10}{'adds, P50':>11}")
    for name in names:
        added = statistics.median(
            there - bare for there, bare in zip(middle[name], middle[names[0]])
        )
        high = statistics.median(statistics.quantiles(each, n=100)[98] for each in times[name])
        print(f"{name:34}{statistics.median(middle[name]):10.1f}{high:10.1f}{added:11.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build directory")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=400, help="calls a round")
    parts = ("behaviour", "memory", "time")
    parser.add_argument("--part", choices=parts, action="append", help="only this; again for more")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    os.environ["WEIR_SPAWNER"] = os.path.join(build, "weir-spawner")
    place = os.path.join(build, "mcp-peers")
    os.makedirs(place, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        field = makers(build, directory, place)
        print(
            f"Python {sys.version.split()[0]}, {len(os.sched_getaffinity(0))} processors, "
            f"load {os.getloadavg()[0]:.1f}\n"
        )
        wanted = args.part or parts
        if "behaviour" in wanted:
            show_behaviour(field)
        if "memory" in wanted:
            show_memory(field)
        if "time" in wanted:
            show_time(build, field, args.rounds, args.count)


if __name__ == "__main__":
    main()
