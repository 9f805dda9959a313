#!/usr/bin/env python3
"""A worker that knows nothing of weir: a JSON line in, the same record with a sum out."""

import json
import sys


def work(line):
    record = json.loads(line)
    record["sum"] = record["a"] + record["b"]
    return json.dumps(record, separators=(",", ":"))


def main():
    for line in sys.stdin:
        sys.stdout.write(work(line) + "\n")


if __name__ == "__main__":
    main()
