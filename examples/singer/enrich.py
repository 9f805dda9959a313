"""A stage between a Singer tap and a target: each record gets its total, the schema says so, and
all other messages pass as they are."""

import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "RECORD":
        record = message["record"]
        record["total"] = record["price"] * record["count"]
    elif message["type"] == "SCHEMA":
        message["schema"]["properties"]["total"] = {"type": ["null", "number"]}
    print(json.dumps(message), flush=True)
