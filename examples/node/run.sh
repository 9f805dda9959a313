#!/bin/sh
# Serves worker.py, and calls it from JavaScript.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}
place=$(mktemp -d)
trap 'kill $server 2>/dev/null || :; wait $server 2>/dev/null || :; rm -rf "$place"' EXIT

PYTHONPATH=${PYTHONPATH:-../../sdk/python} "$weir" serve -s "$place/weir.sock" -w 'python3 worker.py' 2>"$place/said" &
server=$!
until [ -S "$place/weir.sock" ]; do
    kill -0 $server
    sleep 0.05
done
node client.js "$place/weir.sock" add 3 4
node client.js "$place/weir.sock" countdown 3
node client.js "$place/weir.sock" add 3 four 2>&1 || echo "status $?"
