#!/bin/sh
# Records through workers behind ssh: run.sh [DIRECTORY], for the sshd that it starts and its files.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
WEIR=${WEIR:-weir}
work=${1:-$(mktemp -d)}
"$here/up.sh" "$work/sshd"
trap '"$here/down.sh" "$work/sshd"' EXIT
SSH="ssh -F $work/sshd/config"
export SSH

options="$work/the team's options.json"
echo '{"unit": "bytes"}' >"$options"
for id in 1 2 3 4; do echo "{\"id\":$id,\"text\":\"record $id\",\"hangs\":$([ $id = 3 ] && echo true || echo false)}"; done >"$work/in"
: >"$work/hang"

echo "Two workers behind ssh; the first to get record 3 hangs, and is ended there:"
"$WEIR" map -j2 --launcher "$here/far-launch node1" --launcher-shell --launcher-stop "$here/far-stop node1" \
    --record-timeout 10s --grace 20s --report "$work/report.json" --output "$work/out" --input "$work/in" -- \
    python3 "$here/measure.py" "$options" "$work/hang" 2>"$work/messages" || { cat "$work/messages"; exit 1; }
cat "$work/out"
python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
print(report["answered"], "answered,", report["timeouts"], "timed out,", report["dead"], "dead")' "$work/report.json"
$SSH node1 "pgrep -xf 'sleep 1000' >/dev/null && echo something is left || echo nothing is left"
