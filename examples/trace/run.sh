#!/bin/sh
# Asks a Go service that calls a Python function, and sends their spans to a collector:
# run.sh [BINARY [DIRECTORY]]
set -eu
cd "$(dirname "$0")"
binary=${1:-./trace}
out=${2:-$(mktemp -d)}
pool='' service='' collector=''
stop() {
    for pid in $service $pool $collector; do kill "$pid" 2>/dev/null || :; done
    wait
}
trap stop EXIT

# await FILE: what follows "listening on" there.
await() {
    until sed -n 's/^listening on //p' "$1" 2>/dev/null | grep .; do # it may not be there yet
        kill -0 "$2" || exit 1
        sleep 0.05
    done
}

PYTHONPATH=${PYTHONPATH:-../../sdk/python} "${WEIR:-weir}" serve -s "$out/socket" -j1 \
    --trace "$out/pool.otlp.json" -w 'python3 model.py' 2>"$out/pool.errors" &
pool=$!
until grep -qs ready "$out/pool.errors"; do
    kill -0 $pool
    sleep 0.05
done
"$binary" "$out/socket" "$out/service.otlp.json" >"$out/service.out" &
service=$!
python3 ask.py "http://$(await "$out/service.out" $service)/price?area=60"

# Both write their files when they end.
kill $service && wait $service && service=''
kill $pool && wait $pool && pool=''
python3 collector.py "$out/trace.otlp.json" >"$out/collector.out" &
collector=$!
python3 send.py "$(await "$out/collector.out" $collector)" "$out/service.otlp.json" "$out/pool.otlp.json"
wait $collector && collector=''
sed 1d "$out/collector.out"
