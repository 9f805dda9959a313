"""Says what an activation did, from two reports of weir probe."""

import json
import sys

with open(sys.argv[1]) as first, open(sys.argv[2]) as second:
    before, after = json.load(first), json.load(second)
print(
    "changed:",
    *sorted(
        c["name"] for c in after["activation"]["changed"] if c["name"] in ("PATH", "VIRTUAL_ENV")
    ),
)
print(
    "a Python child sees VIRTUAL_ENV:",
    "VIRTUAL_ENV" in after["activation"]["children"]["python"]["environment"],
)
print("kind of python:", after["tools"]["python"]["kind"])
print("same version:", before["tools"]["python"]["version"] == after["tools"]["python"]["version"])
print("same fingerprint:", before["fingerprint"] == after["fingerprint"])
