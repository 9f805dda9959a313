#!/usr/bin/env python3
"""weir report: documents as text and as pages.  Prints TAP.
report.py WEIR SRCDIR
"""

import html.parser
import json
import os
import re
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases

EVIL = "</pre><script>alert(1)</script>&\x1b[31m\u202e\"'"
VOID = {"meta", "br"}
ODD = [1e308, -1e308, "x", None, [], {}, 1, 0.5, 3]
ODD_COURSE: Any = {
    "workers": [
        None,
        {"slot": 1e300, "start_ms": 1},
        {"slot": 63, "start_ms": -1e308, "wall_ms": 1e308},
        {"slot": -1, "start_ms": 1},
        {"slot": 0.5, "start_ms": 1e308, "wall_ms": -7},
    ],
    "series": {"step_ms": 1e-300, "settled": ODD * 20, "dead": ODD, "busy": "x"},
    "latency_counts": {"bounds_ms": ODD, "counts": ODD * 60},
    "failures": [1, {}, {"line": "x", "at_ms": 1e308, "reason": None, "end": [], "stderr": 7}],
    "stopped_with": [7, "SIGTERM"],
    "stopped_at_ms": ODD,
}


def run(*words: Any, given: Any = b"") -> Any:
    return subprocess.run([WEIR, *words], input=given, capture_output=True, timeout=PATIENCE_S)


def report(*words: Any, given: Any = b"") -> str:
    ended = run("report", *words, given=given)
    assert (ended.returncode, ended.stderr) == (0, b""), ended
    return str(ended.stdout.decode())


def run_document(**changes: Any) -> Any:
    document = json.loads(run("run", "--json", "--", "sh", "-c", "echo hi; echo oops >&2").stdout)
    document.update(changes)
    return document


def put(directory: Any, name: str, document: Any) -> str:
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    return path


class Page(html.parser.HTMLParser):
    """A page, checked: every element ends, and nothing is loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open
        assert self.tags.count("script") == 1 and self.tags.count("h1") == 1

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert name not in ("src", "href", "xlink:href", "style"), (tag, name)
            assert not name.startswith("on"), (tag, name)
            assert "http:" not in (value or "") and "https:" not in (value or ""), (tag, value)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


def each_kind_of_document_is_shown(directory: Any) -> None:
    records = b"".join(b"%d\n" % i for i in range(100))
    made = {name: os.path.join(directory, f"{name}.json") for name in ("pipe", "map", "each")}
    run("pipe", "--report", made["pipe"], "echo x", "sh -c 'echo bad >&2; exit 3'")
    run("map", "-j2", "--report", made["map"], "--", "cat", given=records)
    run("each", "-j2", "--report", made["each"], "--", "test", "7", "-ne", given=records)
    made["run"] = put(directory, "run.json", run_document())
    expected = {
        "run": ["weir run: exited with 0", "stderr of sh", "  oops", "peak memory"],
        "pipe": ["weir pipe: failed: sh: exited with 3", "stderr of sh", "  bad", "stage"],
        "map": ["weir map: succeeded", "answered a second", "Records of each worker", "Latency"],
        "each": ["weir each: failed: 1 of 100 records", "slot 1", "slot 2", "dead"],
    }
    for kind, path in made.items():
        text = report(path)
        page = Page(report("--html", "-", path))
        for words in expected[kind]:
            assert words in text, (kind, words, text)
            assert words.strip().split(": ")[-1] in page.text, (kind, words, page.text)


def map_document(**changes: Any) -> Any:
    """The report of a map of ten seconds."""
    worker = {"pid": 7, "end": "exited", "why": "none", "code": 0, "wall_ms": 4000.0}
    document: Any = {"weir": 1, "kind": "map", "ok": False, "status": 1, "reason": "2 are dead"}
    document.update(
        started_at="2026-01-02T03:04:05.678Z",
        wall_ms=10000,
        answered=120,
        dead=2,
        workers=[
            {**worker, "slot": 0, "records": 100, "starts": 1, "start_ms": 0.5},
            {**worker, "slot": 0, "records": 20, "starts": 2, "start_ms": 5000, "code": 9},
        ],
        series={
            "step_ms": 1600,
            "settled": [16, 32, 0, 32, 32, 10, 0],
            "dead": [0, 0, 0, 0, 0, 2, 0],
            "busy": [1, 2, 2, 2, 2, 1, 0],
        },
        latency_counts={"bounds_ms": [1.5, 2, 3], "counts": [100, 0, 20]},
        failures=[
            {"line": 9, "at_ms": 9000, "reason": "crash", "end": "exited with 9", "stderr": EVIL},
        ],
    )
    document.update(changes)
    return document


def a_map_is_shown_over_time(directory: Any) -> None:
    path = put(directory, "m.json", map_document())
    text = report(path)
    for words in (
        "Records a second\n  answered  ",
        "mean 12/s, most 20/s",  # of 32 in 1.6 s; the last 0.4 s are part of the step before
        "Workers with records",
        "First failures",
        "crash   exited with 9  </pre>",
        "  worker 0  ####",
        "2 starts",
        "up to 1.5 ms",
    ):
        assert words in text, (words, text)
    (life,) = [line for line in text.splitlines() if "2 starts" in line]
    assert life.index("#") < life.index("!") and " " in life[life.index("#") : life.index("!")]
    page = report("--html", "-", path)
    assert "First failures" in Page(page).text
    assert page.count('class="area plain"') == 2 and page.count('class="line bad"') == 1
    assert 'data-values="10/s|20/s|0/s|20/s|20/s|4/s"' in page
    # A short run, or a document of an older weir, has no charts.
    short = put(directory, "s.json", map_document(series={"step_ms": 25, "settled": [1, 2]}))
    assert "Records a second" not in report(short) and "<figure" not in report("--html", "-", short)


def a_real_map_has_charts(directory: Any) -> None:
    path = os.path.join(directory, "m.json")
    ended = run("map", "-j2", "--report", path, "--", "sh", "-c", "sleep 0.2; cat", given=b"1\n2\n")
    assert ended.returncode == 0, ended
    with open(path, encoding="utf-8") as file:
        series = json.load(file)["series"]
    assert len(series["settled"]) >= 4 and sum(series["settled"]) == 2, series
    assert "Records a second" in report(path)


def a_stopped_run_shows_when(directory: Any) -> None:
    document = run_document(
        wall_ms=1000, end="signaled", signal="SIGKILL", code=None, why="timeout", user_ms=250
    )
    document.update(stopped_with=["SIGTERM", "SIGKILL"], stopped_at_ms=[500, 990])
    text = report(put(directory, "r.json", document))
    (term,) = [line for line in text.splitlines() if line.startswith("  SIGTERM ")]
    assert "after 500 ms" in term and "!" in term and "#" not in term, text
    assert "of one CPU" in text


def stats(seconds: float, calls: int, **changes: Any) -> str:
    """A line of weir top --json."""
    sample: Any = {
        "at": f"2026-01-02T03:{int(seconds) // 60:02}:{seconds % 60:06.3f}Z",
        "calls": calls,
        "errors": 0,
        "queued": 0,
        "running": 2,
        "restarts": 0,
        "latency_ms": {"p50": 1, "p95": 2, "p99": 3, "max": 4},
        "bounds_ms": [10, 100],
        "methods": {"add": {"calls": calls, "errors": 0, "buckets": [calls, 0, 0]}},
        "workers": [{"pid": 71, "state": "ready", "calls": 1, "rss_kb": 1024, "node": None}],
    }
    sample.update(changes)
    return json.dumps(sample) + "\n"


def a_server_is_shown_over_time(directory: Any) -> None:
    lines = [
        stats(0, 1000),
        stats(10, 1500, queued=7),
        stats(20, 1500, errors=3),
        stats(15, 1501),  # the clock was set back
        stats(30, 50),  # another server
        stats(40, 150, restarts=2),
    ]
    path = os.path.join(directory, "top.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(lines) + lines[-1][:40])  # the last is being written
    text = report(path)
    for words in (
        "weir serve: 650 calls, 3 errors",
        "calls a second  16",
        "time            40.00 s",
        "longest queue   7",
        "restarts        2",
        "Calls a second\n  calls   ",
        "mean 16/s, most 50/s",
        "Time of a call",
        "  median  ",
        "5.0 ms to 5.0 ms",
        "Memory of the workers",
        "Methods",
    ):
        assert words in text, (words, text)
    page = report("--html", "-", path)
    assert Page(page).tags.count("figure") == 6
    assert 'data-values="5.0 ms||5.0 ms|5.0 ms"' in page  # nothing was called for 10 s
    assert report("--html", "-", path) == page


def a_long_history_is_a_small_page(directory: Any) -> None:
    path = os.path.join(directory, "top.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(
            stats(second, 100 * second, queued=second == 1000) for second in range(3000)
        )
    page = report("--html", "-", path)
    assert len(page) < 100000, len(page)
    assert "mean 100/s, most 100/s" in Page(page).text and "longest queue" in page
    assert page.count("M0 ") == page.count('d="M')


def servers_within_a_step_of_a_long_history_are_added_up(directory: Any) -> None:
    path = os.path.join(directory, "top.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(  # each server has 3 s: 0, 100, 200 calls; a step has 20 s
            stats(second, 100 * (second % 3), errors=second % 3) for second in range(3600)
        )
    page = report("--html", "-", path)
    assert "240000 calls, 2400 errors" in Page(page).text
    (calls, *_) = re.findall(r'data-values="([^"]*)"', page)
    rates = [float(value.removesuffix("/s")) for value in calls.split("|")]
    assert min(rates) >= 60 and max(rates) <= 75, rates


def lines_of_others_are_refused(directory: Any) -> None:
    path = os.path.join(directory, "x.ndjson")
    for lines, words in (
        (stats(0, 1) + "{\n" + stats(1, 2), b"line 2 is not JSON"),
        (stats(0, 1) + '{"at": "x"}\n' + stats(1, 2), b"line 2 is not a line of weir top"),
        (stats(0, 1) + stats(0, 2), b"same time"),
        (
            stats(0, 1, at="2262-04-12T00:00:00.000Z") + stats(0, 2, at="2300-01-01T00:00:00.000Z"),
            b"line 1 is not a line of weir",
        ),
    ):
        with open(path, "w", encoding="utf-8") as file:
            file.write(lines)
        ended = run("report", path)
        assert ended.returncode == 2 and words in ended.stderr, ended


def charts_are_laid_over_one_another(directory: Any) -> None:
    first = put(directory, "a.json", map_document())
    times = {"bounds_ms": [1.2, 1.5, 3], "counts": [7, 50, 20]}
    second = put(directory, "b.json", map_document(wall_ms=20000, dead=0, latency_counts=times))
    text = report(first, second)
    assert "Records a second: answered\n  first   " in text and "\n  second  " in text, text
    page = report("--html", "-", first, second)
    assert page.count('class="line first"') == page.count('class="line second"') == 3
    bounds = [page.index(f">up to {bound} ms<") for bound in ("1.2", "1.5", "2.0", "3.0")]
    assert bounds == sorted(bounds) and page.count(">up to 1.5 ms<") == 1
    assert "up to 1.5 ms" not in text
    assert page.count('class="first" rx="3" y="0" height="14"') == 3
    Page(page)


def a_failed_stage_is_marked(directory: Any) -> None:
    path = os.path.join(directory, "p.json")
    run("pipe", "--report", path, "seq 3", "sh -c 'cat; exit 3'")
    (good,) = [
        line for line in report(path).splitlines() if line.startswith("  seq") and "#" in line
    ]
    (bad,) = [line for line in report(path).splitlines() if line.startswith("  sh") and "!" in line]
    assert "!" not in good and "#" not in bad
    assert 'class="bad" rx' in report("--html", "-", path)


def statistics_of_a_server_are_shown(directory: Any) -> None:
    stats = {
        "calls": 12,
        "errors": 2,
        "queued": 0,
        "running": 1,
        "restarts": 1,
        "latency_ms": {"p50": 1.5, "p95": 80, "p99": 900, "max": 61000},
        "bounds_ms": [1, 10, 100],
        "methods": {
            "add": {
                "calls": 10,
                "errors": 0,
                "latency_ms": {"p50": 1, "p99": 9},
                "buckets": [4, 6, 0, 0],
            },
            EVIL: {"calls": 2, "errors": 2, "buckets": [0, 0, 0, 2]},
        },
        "workers": [{"pid": 71, "state": "busy", "calls": 12, "rss_kb": 2048, "node": None}],
    }
    path = put(directory, "s.json", stats)
    text = report(path)
    for words in ("12 calls, 2 errors", "1 min 1 s", "2.0 MiB", "up to 10.0 ms", "over 100 ms"):
        assert words in text, text
    assert report("-", given=json.dumps(stats).encode()) == text
    page = Page(report("--html", "-", path))
    assert "1 min 1 s" in page.text


def a_comparison_of_probe_is_shown(directory: Any) -> None:
    difference = {
        "place": "/tools/go/version",
        "kind": "major",
        "weight": 100,
        "within": False,
        "allowed": None,
        "a": "1.19",
        "b": "2.0",
    }
    comparison: Any = {"weir": 1, "kind": "comparison", "ok": False, "beyond": 1, "within": 0}
    comparison.update(env=None, differences=[difference])
    text = report(put(directory, "c.json", comparison))
    assert "/tools/go/version  major" in text and '"1.19"' in text and "not allowed" in text


def two_documents_are_compared(directory: Any) -> None:
    first = put(directory, "a.json", run_document(wall_ms=100, max_rss_kb=1024))
    second = put(directory, "b.json", run_document(wall_ms=150, max_rss_kb=1024))
    lines = {
        line.split("  ")[1]: line for line in report(first, second).splitlines() if "  " in line
    }
    assert lines["time"].split() == ["time", "100", "ms", "150", "ms", "+50.0", "%"], lines
    assert lines["peak memory"].split()[-1] == "=", lines
    page = Page(report("--html", "-", first, second))
    assert "+50.0 %" in page.text
    pipe = os.path.join(directory, "p.json")
    run("pipe", "--report", pipe, "true")
    ended = run("report", first, pipe)
    assert ended.returncode == 2 and b"different kinds" in ended.stderr, ended


def text_of_others_stays_text(directory: Any) -> None:
    output = {"text": EVIL, "bytes": 3, "kept": 3}
    document = run_document(argv=["sh" + EVIL, EVIL], cwd=EVIL, stderr=output, signal=EVIL)
    path = put(directory, f"</p><b>{os.getpid()}.json".replace("/", ""), document)
    text = report(path)
    assert "\x1b" not in text and "\u202e" not in text and "\\x1b" in text
    page = Page(report("--html", "-", path))
    assert "b" not in page.tags and "</pre><script>alert(1)</script>&\\x1b[31m\\u202e" in page.text


def a_document_of_others_is_refused(directory: Any) -> None:
    for document in (
        {},
        [],
        {"weir": 1},
        {"weir": 1, "kind": "nothing"},
        {"weir": 2, "kind": "run"},
    ):
        ended = run("report", put(directory, "x.json", document))
        assert ended.returncode == 2 and b"x.json: is not a document" in ended.stderr, ended
    # What is wrong in it may look odd, but is shown.
    for kind in ("run", "pipe", "map", "each", "comparison"):
        odd: Any = {"weir": 1, "kind": kind, "stages": [1, {}], "workers": [None], "jobs": "x"}
        odd.update(differences=[{}], argv=[1], wall_ms=-5, latency_ms={"max": 1e300})
        odd.update(ODD_COURSE)
        for wall_ms in (-5, 0, 1e-300, 7, 1e300):
            path = put(directory, "x.json", {**odd, "wall_ms": wall_ms})
            Page(report("--html", "-", path))
            Page(report("--html", "-", path, put(directory, "y.json", odd)))
            report(path)
    path = os.path.join(directory, "x.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(
            stats(second, 1, errors=number, queued=number, bounds_ms=[number, {}, 1])
            for second, number in enumerate((5, -1, 1e300, "x", None, 1e-300))
        )
    Page(report("--html", "-", path))
    report(path)
    assert run("report").returncode == 2 and run("report", "a", "b", "c").returncode == 2
    assert run("report", os.path.join(directory, "is-not-there")).returncode == 2


def the_page_is_whole_or_not_there(directory: Any) -> None:
    path = put(directory, "a.json", run_document())
    page = os.path.join(directory, "no", "a.html")
    ended = run("report", "--html", page, path)
    assert ended.returncode == 125 and b"--html" in ended.stderr, ended
    ended = run("report", "--html", path, path)
    assert ended.returncode == 2, ended
    with open(path, encoding="utf-8") as file:
        json.load(file)


if __name__ == "__main__":
    run_cases(
        [
            each_kind_of_document_is_shown,
            a_map_is_shown_over_time,
            a_real_map_has_charts,
            a_stopped_run_shows_when,
            a_server_is_shown_over_time,
            a_long_history_is_a_small_page,
            servers_within_a_step_of_a_long_history_are_added_up,
            lines_of_others_are_refused,
            charts_are_laid_over_one_another,
            a_failed_stage_is_marked,
            statistics_of_a_server_are_shown,
            a_comparison_of_probe_is_shown,
            two_documents_are_compared,
            text_of_others_stays_text,
            a_document_of_others_is_refused,
            the_page_is_whole_or_not_there,
        ]
    )
