#!/bin/sh
# A tap, a map stage and a target, and the same with a record that cannot be enriched: run.sh
# [DIRECTORY], a new one for its files. tap-jsonl and target-jsonl are on the PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
WEIR=${WEIR:-weir}
work=${1:-$(mktemp -du)}
mkdir -p "$work/orders"
cd "$work"
cp "$here/enrich.py" "$here/pipeline.json" .
echo '{"path": "orders/*.jsonl", "stream_name": "orders", "primary_keys": ["id"]}' >tap.json
echo '{"destination_path": "out", "do_timestamp_file": false}' >target.json

state() { [ -s state ] && echo "a state" || echo "no state"; }

seq 1000 | sed 's|.*|{"id":&,"price":&,"count":3}|' >orders/day.jsonl
"$WEIR" pipe -f pipeline.json >state 2>messages || { cat messages; exit 1; }
# Without the columns of the tap.
python3 -c 'import json
lines = list(open("out/orders.jsonl"))
last = json.loads(lines[-1])
print(len(lines), "records, the last is", {name: last[name] for name in last if name[0] != "_"})'
state

echo "With a record that has no price:"
echo '{"id":1001,"count":1}' >>orders/day.jsonl
status=0
"$WEIR" pipe -f pipeline.json >state 2>messages || status=$?
echo "status $status"
state
