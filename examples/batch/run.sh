#!/bin/sh
# Many small calls in one message.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}
PYTHONPATH=${PYTHONPATH:-../../sdk/python}
export PYTHONPATH

echo "Three calls in one message:"
"$weir" call -w 'python3 points.py' weir/map method=distance 'items=[[3,4],[5,"far"],{"x":6,"y":8}]'

echo "One by one, under way together, in one message:"
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
mkfifo "$directory/ready"
"$weir" serve -s "$directory/s" -j1 --window 64 -w 'python3 points.py' 2>"$directory/ready" &
server=$!
grep -qx ready "$directory/ready"
python3 batch.py "$directory/s" "$@"
kill $server
wait $server
