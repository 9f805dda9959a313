#!/usr/bin/env python3
"""A worker with the bugs that workers have: a place in, degrees and solar time out.

It knows nothing of weir, and does not even flush its output.  On purpose:

    Antarctica/Casey   it crashes, as a bug in a C extension does
    Asia/Kathmandu     it never answers
    Atlantic/Azores    it prints something else first
    the 40th record    it gives up, whichever that is, as a worker that leaks memory would
"""

import json
import os
import re
import signal
import sys
import time

PLACE = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?([+-])(\d\d\d)(\d\d)(\d\d)?")
PAUSE_S = float(os.environ.get("ENRICH_PAUSE_S", "0"))


def degrees(sign, whole, minutes, seconds):
    value = int(whole) + int(minutes) / 60 + int(seconds or 0) / 3600
    return round(-value if sign == "-" else value, 3)


def misbehave(zone):
    if zone == "Antarctica/Casey":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif zone == "Asia/Kathmandu":
        time.sleep(3600)
    elif zone == "Atlantic/Azores":
        print("DEBUG: islands ahead")


for number, line in enumerate(sys.stdin, 1):
    record = json.loads(line)
    misbehave(record["zone"])
    time.sleep(PAUSE_S)
    match = PLACE.fullmatch(record["place"]).groups()
    record["latitude"], record["longitude"] = degrees(*match[:4]), degrees(*match[4:])
    record["solar_hours"] = round(record["longitude"] / 15, 2)
    print(json.dumps(record))
    if number == 40:
        sys.exit("out of memory")
