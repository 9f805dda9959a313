#!/usr/bin/env python3
"""Sums up what hash.go found, for a person: 80 columns, the bad news by name.

Files that differ are data, not a failure of this program: it exits 0, or with
--strict 1 when a file differs, is missing or cannot be read.  What the
administrator or dpkg.cfg allowed is reported but is never a fault.
"""

import argparse
import base64
import heapq
import io
import json
import signal
import sys
import time

LISTED = 20  # how many files of a kind are named
SLOWEST = 5
WIDTH = 80

# Each kind: the member of a Tally's counts, how the summary says it, whether --strict minds.
KINDS = {
    "ok": ("as they should be", False),
    "changed": ("changed", True),
    "missing": ("missing", True),
    "unreadable": ("unreadable", True),
    "conffile": ("configuration files changed or removed by the administrator", False),
    "excluded": ("missing (excluded by dpkg.cfg)", False),
}


def kind_of(record):
    if record["ok"]:
        return "ok"
    note, error = record.get("note"), record.get("error")
    if note == "conffile" and error in (None, "missing"):
        return "conffile"
    if error is None:
        return "changed"
    if error != "missing":
        return "unreadable"
    return "excluded" if note == "excluded by dpkg.cfg" else "missing"


class Tally:
    """What is known so far; its size does not grow with the input."""

    def __init__(self):
        self.files = 0
        self.bytes = 0
        self.packages = set()
        self.counts = dict.fromkeys(KINDS, 0)
        self.named = {kind: [] for kind, (_, minded) in KINDS.items() if minded}
        self.slowest = []

    def add(self, record):
        kind = kind_of(record)
        self.files += 1
        self.bytes += record["bytes"]
        self.packages.add(record.get("package"))
        self.counts[kind] += 1
        if kind in self.named and len(self.named[kind]) < LISTED:
            self.named[kind].append(record)
        slow = (record["ms"], -self.files, record)
        if len(self.slowest) < SLOWEST:
            heapq.heappush(self.slowest, slow)
        else:
            heapq.heappushpop(self.slowest, slow)

    def complaints(self):
        return sum(self.counts[kind] for kind in self.named)


def name_of(record):
    """The file's name, fit for a terminal: bytes and characters that are not are escaped."""
    name = record["path"]
    if "path_base64" in record:
        name = base64.b64decode(record["path_base64"]).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def shorten(name, width):
    """The name within width columns: its middle goes, its end says the most."""
    if len(name) <= width:
        return name
    head = (width - 3) // 3
    return name[:head] + "..." + name[-(width - 3 - head) :]


def size_of(count):
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            break
        count /= 1000
    else:
        unit = "TB"
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def report(tally, seconds):
    packages = len(tally.packages)
    yield f"Files    {tally.files:>9,}   in {packages:,} package{'s' if packages != 1 else ''}"
    # In less, it is the start of this program that would be measured.
    took = "in less than 0.1 s"
    if seconds >= 0.1:
        took = f"in {seconds:.1f} s, {size_of(tally.bytes / seconds)}/s"
    yield f"Hashed   {size_of(tally.bytes):>9}   {took}"
    yield ""
    for kind, (words, minded) in KINDS.items():
        if minded or tally.counts[kind] or kind == "ok":
            yield f"  {tally.counts[kind]:>9,}  {words}"
    for kind, records in tally.named.items():
        if not records:
            continue
        yield ""
        yield f"{KINDS[kind][0].capitalize()}:"
        for record in records:
            why = f": {record['error']}" if kind == "unreadable" else ""
            yield f"  {name_of(record)}{why}"  # whole, however long: it will be copied
        if tally.counts[kind] > len(records):
            yield f"  ... and {tally.counts[kind] - len(records):,} more"
    if tally.slowest:
        yield ""
        yield "Slowest:"
        for ms, _, record in sorted(tally.slowest, reverse=True):
            line = f"  {ms:>9,.1f} ms  {size_of(record['bytes']):>9}  "
            yield line + shorten(name_of(record), WIDTH - len(line))


def main():
    parser = argparse.ArgumentParser(description="Sum up the results of verify-hash.")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit 1 when a file differs, is missing or cannot be read",
    )
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a pager that exits early is not an error
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")

    start = time.monotonic()
    tally = Tally()
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            tally.add(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"summary.py: line {number} is not a result of verify-hash: {error!r}")
    for line in report(tally, time.monotonic() - start):
        print(line)
    return 1 if options.strict and tally.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
