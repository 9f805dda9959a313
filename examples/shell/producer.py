#!/usr/bin/env python3
"""Writes readings of three weather stations, one JSON object a line."""

import argparse
import json
import signal

signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when the reader leaves
parser = argparse.ArgumentParser()
parser.add_argument("--n", type=int, default=10, help="how many readings")
for number in range(parser.parse_args().n):
    station = ("harbour", "hill", "mill")[number % 3]
    print(json.dumps({"station": station, "celsius": 10 + number * 7 % 13}))
