#!/usr/bin/env python3
"""weir audit report: what a log shows of a month, by the controls of a standard.  Prints TAP.
audit_report.py WEIR SRCDIR
"""

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, run_cases

EVIL = "<script>|`\x1b[31m"


def report(*words: Any, status: int = 0, **environment: str) -> Any:
    ended = subprocess.run(
        [WEIR, "audit", "report", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )
    assert ended.returncode == status, ended
    return ended.stdout if status == 0 else ended


class Log:
    """A log as weir writes it, with times of one's own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.prev = "0" * 64

    def add(
        self,
        time: str,
        job: int,
        outcome: Any = None,
        user: str = "ann",
        uid: int = 7,
        event: str = "",
    ) -> None:
        record: Any = {
            "weir": 1,
            "kind": "audit",
            "event": event or ("started" if outcome is None else "ended"),
            "time": time,
            "seq": len(self.lines) + 1,
            "prev": self.prev,
            "alg": "sha256",
            "job": f"{job:032x}",
            "who": {"uid": uid, "user": user, "host": "mill", "pid": 1},
            "what": {"subcommand": "run", "argv": ["run", "true"]},
            "cwd": "/",
            "target": "true",
            "outcome": outcome,
            "status": None,
            "traceparent": None,
        }
        if outcome is not None:
            record.update(wall_ms=1, events=[], status={"code": 0, "detail": None})
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.prev = record["hash"] = hashlib.sha256(text.encode()).hexdigest()
        self.lines.append(
            json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        )

    def write(self, directory: Any, name: str = "audit.log") -> str:
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(self.lines)
        return path


def november() -> Log:
    log = Log()
    log.add("2026-10-31T23:59:59.000Z", 1)
    log.add("2026-11-01T00:00:00.000Z", 1, "ok")
    log.add("2026-11-02T10:00:00.000Z", 2)
    log.add("2026-11-02T10:00:01.000Z", 2, "failed")
    log.add("2026-11-03T10:00:00.000Z", 3, user="root", uid=0)
    log.add("2026-11-03T09:00:00.000Z", 3, "timed_out", user="root", uid=0)
    log.add("2026-11-30T23:59:59.999Z", 4)
    return log


def a_month_is_counted(directory: Any) -> None:
    log = november()
    last_hash = log.prev
    log.add("2026-12-01T00:00:00.000Z", 4, "ok")
    path = log.write(directory)
    month = json.loads(report("--month", "2026-11", "--json", path))
    counts = month["counts"]
    expected = {"records": 6, "started": 3, "ended": 3, "unfinished": 1, "ok": 1, "failed": 1}
    expected.update(timed_out=1, as_root=1, users=2, hosts=1, steps_back=1, faults=0)
    expected.update(days_with_records=4, days_without_records=26, unsigned=6, signed=0)
    assert {name: counts[name] for name in expected} == expected, counts
    assert (month["first_seq"], month["last_seq"], month["last_hash"]) == (2, 7, last_hash), month
    assert month["verified"] and month["fault"] is None
    assert month["users"] == {"ann": 2, "root": 1}
    assert month["days_without_records"][0] == "2026-11-04"
    (logging,) = (one for one in month["controls"] if one["id"] == "A.8.15")
    assert [(one["name"], one["count"]) for one in logging["gaps"]] == [
        ("days_without_records", 26)
    ]
    leap = json.loads(report("--month", "2028-02", "--json", path))
    assert len(leap["days_without_records"]) == 29 and leap["first_seq"] == 0


def calls_are_no_commands(directory: Any) -> None:
    log = november()
    log.add("2026-11-30T23:59:59.999Z", 4, "ok", event="call")
    log.add("2026-11-30T23:59:59.999Z", 4, "status_lost", event="call")
    counts = json.loads(report("--month", "2026-11", "--json", log.write(directory)))["counts"]
    expected = {"records": 8, "started": 3, "ended": 3, "ok": 1, "status_lost": 0}
    expected.update(calls=2, calls_failed=1)
    assert {name: counts[name] for name in expected} == expected, counts


def the_same_log_gives_the_same_bytes(directory: Any) -> None:
    log = november()
    path = log.write(directory)
    os.mkdir(os.path.join(directory, "elsewhere"))
    for form in ([], ["--json"], ["--markdown"], ["--html"]):
        first = report("--month", "2026-11", *form, path)
        log.add("2026-12-24T00:00:00.000Z", 9)
        copy = log.write(os.path.join(directory, "elsewhere"), "copy")
        again = report("--month", "2026-11", *form, copy, TZ="Asia/Tokyo", LC_ALL="C")
        assert first == again and first, form


def a_changed_line_is_named(directory: Any) -> None:
    log = november()
    log.lines[3] = log.lines[3].replace('"failed"', '"ok"')
    path = log.write(directory)
    ended = report("--month", "2026-11", path, status=1)
    assert ended.stdout == b"" and b"audit.log:4: changed" in ended.stderr, ended
    for form in ([], ["--markdown"]):
        ended = report("--month", "2026-11", "--unverified", *form, path, status=1)
        assert b"DOES NOT VERIFY" in ended.stdout.splitlines()[0], ended
    ended = report("--month", "2026-11", "--unverified", "--json", path, status=1)
    fault = json.loads(ended.stdout)["fault"]
    assert (fault["kind"], fault["line"]) == ("changed", 4), fault


def another_standard_is_another_file(directory: Any) -> None:
    path = november().write(directory)
    control: Any = {"id": "R1", "title": "One | two", "shows": ["ok"], "zero": ["failed"]}
    table: Any = {"weir": 1, "kind": "standard", "name": "Our rules", "controls": [control]}
    standard = os.path.join(directory, "standard.json")

    def put() -> None:
        with open(standard, "w", encoding="utf-8") as file:
            json.dump(table, file)

    put()
    words = ("--month", "2026-11", "--standard", standard)
    month = json.loads(report(*words, "--json", path))
    assert month["standard"] == "Our rules" and month["controls"][0]["gaps"][0]["count"] == 1
    assert b"| R1 | One \\| two |" in report(*words, "--markdown", path)
    assert b"R1" in report(*words, path)
    control["zero"] = ["no_such_figure"]
    put()
    assert b"no_such_figure" in report(*words, path, status=2).stderr
    del control["title"]
    put()
    assert b"not a table of controls" in report(*words, path, status=2).stderr


def names_of_others_stay_text(directory: Any) -> None:
    log = november()
    log.add("2026-11-30T23:59:59.999Z", 5, user=EVIL)
    path = log.write(directory)
    page = report("--month", "2026-11", "--html", path)
    assert b"&lt;script&gt;|" in page and page.count(b"<script>") == 1 and b"\x1b" not in page
    text = report("--month", "2026-11", "--markdown", path)
    assert b"\\<script\\>\\|\\`\\\\x1b" in text, text
    assert b"\x1b" not in report("--month", "2026-11", path)


def what_makes_no_sense_is_refused(directory: Any) -> None:
    path = november().write(directory)
    for words in (
        [path],
        ["--month", "2026-13", path],
        ["--month", "november", path],
        ["--month", "2026-11"],
        ["--month", "2026-11", "--html", "--json", path],
        ["--month", "2026-11", "--outcome", "ok", path],
        ["--month", "2026-11", "--repair-tail", path],
        ["--month", "2026-11", os.path.join(directory, "is-not-there")],
    ):
        assert report(*words, status=2).stderr, words


if __name__ == "__main__":
    run_cases(
        [
            a_month_is_counted,
            calls_are_no_commands,
            the_same_log_gives_the_same_bytes,
            a_changed_line_is_named,
            another_standard_is_another_file,
            names_of_others_stay_text,
            what_makes_no_sense_is_refused,
        ]
    )
