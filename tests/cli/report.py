#!/usr/bin/env python3
"""weir report: documents as text and as pages.  Prints TAP.
report.py WEIR SRCDIR
"""

import html.parser
import json
import os
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases

EVIL = "</pre><script>alert(1)</script>&\x1b[31m\u202e\"'"
VOID = {"meta", "br"}


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


def a_failed_stage_is_marked(directory: Any) -> None:
    path = os.path.join(directory, "p.json")
    run("pipe", "--report", path, "seq 3", "sh -c 'cat; exit 3'")
    (good,) = [
        line for line in report(path).splitlines() if line.startswith("  seq") and "#" in line
    ]
    (bad,) = [line for line in report(path).splitlines() if line.startswith("  sh") and "!" in line]
    assert "!" not in good and "#" not in bad
    assert 'class="bad" height' in report("--html", "-", path)


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
        Page(report("--html", "-", put(directory, "x.json", odd)))
        report(put(directory, "x.json", odd))
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
            a_failed_stage_is_marked,
            statistics_of_a_server_are_shown,
            a_comparison_of_probe_is_shown,
            two_documents_are_compared,
            text_of_others_stays_text,
            a_document_of_others_is_refused,
            the_page_is_whole_or_not_there,
        ]
    )
