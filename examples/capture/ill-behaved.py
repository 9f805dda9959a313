#!/usr/bin/env python3
"""A program with bad manners: it writes GBK, leaves a process behind that holds its
outputs open, ignores SIGTERM and never ends.  --exits makes it end, and only that."""

import os
import signal
import sys
import time

sleeper = os.fork()
if sleeper == 0:
    os.setsid()  # out of the process group: killing that is not enough
    time.sleep(3600)
    os._exit(0)

signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(2, f"sleeper {sleeper}\n".encode())
os.write(1, "温度: 21 度\n".encode("gbk"))
if "--exits" not in sys.argv:
    time.sleep(3600)
os._exit(3)
