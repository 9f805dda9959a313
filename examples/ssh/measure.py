"""Answers each record with the size of its text. The unit is in a file that the command line names:
a name with spaces and a quote, which a shell would split. A record that hangs starts a program
that never ends, the first time."""

import json
import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    unit = json.load(file)["unit"]
for line in sys.stdin:
    record = json.loads(line)
    if record.get("hangs") and os.path.exists(sys.argv[2]):
        os.unlink(sys.argv[2])  # the next try succeeds
        os.system("sleep 1000")
    size = len(record["text"].encode())
    print(json.dumps({"id": record["id"], unit: size}), flush=True)
