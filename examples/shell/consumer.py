#!/usr/bin/env python3
"""Reads the readings and prints each station's number of them and their mean."""

import collections
import json
import sys

readings = collections.defaultdict(list)
for line in sys.stdin:
    reading = json.loads(line)
    readings[reading["station"]].append(reading["celsius"])
for station, values in sorted(readings.items()):
    print(f"{station:8} {len(values):6} {sum(values) / len(values):6.2f}")
