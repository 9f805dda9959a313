"""The pages of weir report that report_pages.mjs looks at."""

import json
import math
import os
import subprocess
from typing import Any

LONG = "/usr/lib/x86_64-linux-gnu/a-program-whose-name-is-longer-than-a-phone-is-wide-2.0"
MADE_S = 60

# Answers in 2 to 6 ms; dies of one record in fifty.
WORKER = """
while read -r line; do
    [ $((line % 50)) != 49 ] || { echo "cannot do $line: no such record" >&2; exit 3; }
    sleep 0.00$((line % 5 + 2))
    echo "$line"
done
"""


def lines_of_top() -> str:
    """A morning: more and more calls, a restart of the server, a queue at the end."""
    text, calls, errors, restarts = "", 0, 0, 0
    buckets = [0, 0, 0, 0, 0]
    for minute in range(240):
        more = int(600 + 500 * math.sin(minute / 40) + 40 * math.sin(minute))
        if minute == 120:
            calls, errors, restarts, buckets = 0, 0, 0, [0, 0, 0, 0, 0]
        calls += more
        errors += more // 50 if minute % 60 > 50 else 0
        restarts += minute % 45 == 44
        slow = more // 10 if minute > 200 else more // 100
        for place, count in enumerate((more // 2, more - more // 2 - slow, slow // 2, 0, 0)):
            buckets[place] += count
        buckets[3] += slow - slow // 2
        sample: Any = {
            "at": f"2026-01-02T{8 + minute // 60:02}:{minute % 60:02}:00.000Z",
            "calls": calls,
            "errors": errors,
            "queued": max(0, minute - 200),
            "running": more // 150,
            "restarts": restarts,
            "latency_ms": {"p50": 4.5, "p95": 9.1, "p99": 80, "max": 230},
            "bounds_ms": [5, 10, 100, 250],
            "methods": {
                "resize": {
                    "calls": calls,
                    "errors": errors,
                    "latency_ms": {"p50": 4.5, "p99": 80},
                    "buckets": list(buckets),
                }
            },
            "workers": [
                {
                    "pid": 4000 + slot,
                    "state": "ready",
                    "calls": calls // 4,
                    "rss_kb": 40000 + 100 * minute,
                    "node": None,
                }
                for slot in range(4)
            ],
        }
        text += json.dumps(sample) + "\n"
    return text


def comparison() -> Any:
    differences: Any = [
        {
            "place": place,
            "kind": kind,
            "weight": 100,
            "within": within,
            "allowed": None,
            "a": first,
            "b": second,
        }
        for place, kind, within, first, second in (
            ("/tools/go/version", "major", False, "1.19", "2.0"),
            ("/tools/go/path", "value", True, "/usr/bin/go", LONG),
            ("/env/PATH", "value", True, f"{LONG}:/usr/bin:/bin", "/usr/bin:/bin"),
        )
    ]
    return {
        "weir": 1,
        "kind": "comparison",
        "ok": False,
        "beyond": 1,
        "within": 2,
        "env": None,
        "differences": differences,
    }


def make(weir: str, directory: str) -> None:
    """Puts NAME.html there for each."""

    def path(name: str) -> str:
        return os.path.join(directory, name)

    def run(*words: str, given: str = "") -> None:
        subprocess.run(
            [weir, *words], input=given.encode(), capture_output=True, timeout=MADE_S, check=False
        )

    def show(name: str, *documents: str) -> None:
        words = [weir, "report", "--html", path(f"{name}.html"), *documents]
        subprocess.run(words, timeout=MADE_S, check=True)

    os.makedirs(directory, exist_ok=True)
    numbers = "".join(f"{i}\n" for i in range(400))
    stubborn = "trap '' TERM; echo begun; echo 'I do not stop' >&2; sleep 0.4; sleep 60"
    limits = ["--timeout", "300ms", "--grace", "200ms"]
    ended = subprocess.run(
        [weir, "run", "--json", *limits, "--", "sh", "-c", stubborn],
        capture_output=True,
        timeout=MADE_S,
        check=False,
    )
    with open(path("run.json"), "wb") as output:
        output.write(ended.stdout)
    complain = "sh -c 'sleep 0.1; echo oops: the third line is wrong >&2; head -c 2000; exit 3'"
    run("pipe", "--report", path("pipe.json"), "seq 100000", "sort -rn", complain, "tail -3")
    run("pipe", "--report", path("pipe2.json"), "seq 9000", "sort -rn", "tail -3")
    worker = ["--on-error", "skip", "--retries", "0", "--", "sh", "-c", WORKER]
    run("map", "-j4", "--report", path("map.json"), *worker, given=numbers)
    run("map", "-j2", "--report", path("map2.json"), *worker, given=numbers)
    program = "sleep 0.0$(($0 % 5)); [ $(($0 % 20)) != 7 ] || { echo bad $0 >&2; exit 2; }"
    each = ["--report", path("each.json"), "-j3", "--", "sh", "-c", program, "{}"]
    run("each", *each, given="".join(f"{i}\n" for i in range(60)))
    with open(path("top.ndjson"), "w", encoding="utf-8") as file:
        file.write(lines_of_top())
    with open(path("probe.json"), "w", encoding="utf-8") as file:
        json.dump(comparison(), file)
    for name in ("run", "pipe", "map", "each", "probe"):
        show(name, path(f"{name}.json"))
    show("serve", path("top.ndjson"))
    show("two-maps", path("map.json"), path("map2.json"))
    show("two-pipes", path("pipe.json"), path("pipe2.json"))
