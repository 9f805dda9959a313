#!/bin/sh
# Two programs that know nothing of each other, with weir in between.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}

echo "One program, at most 10 seconds and 128 bytes of its output:"
"$weir" run --json --timeout 10s --max-output 128 -- python3 producer.py --n 1000 |
    python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["stdout"]["text"], d["end"], d["code"])'

echo "Two programs, one verdict:"
"$weir" pipe --timeout 10s 'python3 producer.py --n 1000' 'python3 consumer.py'
