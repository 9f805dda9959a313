"""Answers each line with its length, and dies of the line `poison`."""

import sys

for line in sys.stdin:
    if line == "poison\n":
        sys.exit("poison")
    print(len(line.rstrip("\n")), flush=True)
