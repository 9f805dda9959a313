"""What one would write in Python to probe a tool: probe_contestant's peer, same lines.

Looks the tool up as probe does, runs it with a time limit, decodes, finds the version.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

argv = sys.argv[1:]


def probe():
    candidates, winner = [], None
    for directory in os.environ["PATH"].split(":"):
        path = os.path.join(directory, os.path.basename(argv[0]))
        if os.path.lexists(path):
            fine = os.access(path, os.X_OK) and os.path.isfile(path)
            candidates.append({"path": path, "real": os.path.realpath(path), "executable": fine})
            winner = winner or (path if fine else None)
    began = time.monotonic()
    process = subprocess.Popen(
        [winner, *argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    out, err = process.communicate(timeout=60)
    text = out.decode("utf-8", "replace")
    version = re.search(r"\d+(\.\d+)+", text)
    own = time.monotonic() - began
    return own * 1e9, json.dumps(
        {
            "candidates": candidates,
            "winner": winner,
            "version": version and version[0],
            "stdout": text,
            "stderr": err.decode("utf-8", "replace"),
            "code": process.returncode,
            "wall_ms": own * 1000,
        }
    ) and version


def timed(began):
    try:
        own, version = probe()
    except Exception:
        own, version = 0, None
    took = time.monotonic_ns() - began
    return took, version is None, int(took - own)


def busy_ns():
    used = 0
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/schedstat") as file:
            used += int(file.read().split()[0])
    return used


def resident_kb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


pool = concurrent.futures.ThreadPoolExecutor(200)
list(pool.map(time.sleep, [0.01] * 200))
for line in sys.stdin:
    count, at_a_time = map(int, line.split())
    before, results = busy_ns(), []
    for start in range(0, count, at_a_time):
        size = min(at_a_time, count - start)
        if size == 1:
            results.append(timed(time.monotonic_ns()))
        else:
            results += pool.map(timed, [time.monotonic_ns() for _ in range(size)])
    print(*(ns for ns, _, _ in results))
    print(*(beyond for _, _, beyond in results))
    print(sum(failed for _, failed, _ in results), busy_ns() - before, resident_kb(), flush=True)
