#!/usr/bin/env python3
"""Files of a directory that are not what they were: caller.py SOCKET DIRECTORY

Asks the worker behind `weir serve`.  Exits 0 when all are right, 1 when one is not, 2 when that
cannot be said.
"""

import os
import sys

from weir_worker.client import CallError, connect

status = 0
try:
    with connect(sys.argv[1]) as weir:
        # The worker may run elsewhere than we do.
        for file in weir.stream("check", os.path.abspath(sys.argv[2])):
            if not file["ok"]:
                status = 1
                print(file["path"], file.get("error") or f"its sum is {file['found']}", sep=": ")
except (CallError, OSError) as error:
    print(f"caller: {error}", file=sys.stderr)
    status = 2
sys.exit(status)
