#!/usr/bin/env python3
"""The rows of a zone1970.tab as records: one JSON object a line.  records.py <TABLE"""

import json
import sys

for line in sys.stdin:
    if not line.startswith("#"):
        countries, place, zone, *comment = line.rstrip("\n").split("\t")
        print(json.dumps({"zone": zone, "countries": countries.split(","), "place": place}))
