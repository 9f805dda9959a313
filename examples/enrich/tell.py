#!/usr/bin/env python3
"""Prints a summary of a map: tell.py REPORT DEAD-LETTERS"""

import json
import sys

with open(sys.argv[1]) as file:
    report = json.load(file)
print(
    f"{report['in']['records']} records = {report['answered']} answered + {report['dropped']} dropped"
    f" + {report['dead']} dead + {report['unsettled']} unsettled; status {report['status']}"
)
with open(sys.argv[2]) as file:
    letters = [json.loads(line) for line in file]
for letter in letters:
    print(
        f"  dead: {letter['record']['zone']} (line {letter['line']}), {letter['reason']},"
        f" {letter['attempts']} times alone{', ' + letter['signal'] if letter['signal'] else ''}"
    )
