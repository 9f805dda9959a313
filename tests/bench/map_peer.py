#!/usr/bin/env python3
"""What people write without weir: map_peer.py CHUNKSIZE <in >out, by multiprocessing.Pool.imap."""

import multiprocessing
import sys

from map_worker import work

if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        for line in pool.imap(work, sys.stdin, int(sys.argv[1])):
            sys.stdout.write(line + "\n")
