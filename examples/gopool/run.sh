#!/bin/sh
# Starts the service, asks it for prices while a worker is killed, and stops it: run.sh [BINARY]
set -eu
cd "$(dirname "$0")"
binary=${1:-./gopool}
said=$(mktemp)
trap 'status=$?; kill $service 2>/dev/null || :; [ $status = 0 ] || cat "$said.errors"; rm -f "$said" "$said.errors"' EXIT

PYTHONPATH=${PYTHONPATH:-../../sdk/python} "$binary" 127.0.0.1:0 model.py >"$said" 2>"$said.errors" &
service=$!
until address=$(sed -n 's/^listening on //p' "$said") && [ -n "$address" ]; do
    kill -0 $service
    sleep 0.05
done
ask() { python3 ask.py "http://$address/$1"; }
price() { ask "predict?area=$1&rooms=$2" | sed 's/,"worker":[0-9]*//'; }

ask health
price 60 2
price 95 4
price -3 1
price large 1
ask metrics | grep -E '^gopool_(calls|errors)_total'
worker=$(ask 'predict?area=60&rooms=2' | sed 's/.*"worker":\([0-9]*\).*/\1/')
kill -KILL "$worker"
echo "a worker was killed"
price 60 2
price 95 4
kill -TERM $service
wait $service
echo "stopped"
