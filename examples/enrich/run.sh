#!/bin/sh
# Time zones through a worker that fails now and then: run.sh [TABLE [DIRECTORY]]
# TABLE is a zone1970.tab; without one the system's, or else the part of it that is here.
# With a DIRECTORY the files stay there.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}
table=${1:-/usr/share/zoneinfo/zone1970.tab}
[ -r "$table" ] || table=zones.tab
files=${2:-$(mktemp -d)}
[ $# -gt 1 ] || trap 'rm -rf "$files"' EXIT

# enrich NAME OPTION...: becomes weir, which puts the records through two workers into NAME.ndjson.
enrich() {
    name=$1
    shift
    exec "$weir" map -j2 --input "$files/in.ndjson" --output "$files/$name.ndjson" \
        --dead-letter "$files/$name.dead" --report "$files/$name.json" \
        --start-timeout 10s --record-timeout 1s --retries 1 --grace 100ms --limit core=0 "$@" \
        -- python3 enrich.py 2>>"$files/$name.err"
}

python3 records.py <"$table" >"$files/in.ndjson"

# 1 says that there are dead records: this example continues.
echo "One run:"
(enrich whole) || [ $? -eq 1 ]
python3 tell.py "$files/whole.json" "$files/whole.dead"

echo "Killed by SIGKILL after a checkpoint, then run again:"
export ENRICH_PAUSE_S=0.02
enrich resumed --checkpoint "$files/state" &
running=$!
until grep -qs '"records_out":[1-9]' "$files/state" || ! kill -0 "$running"; do sleep 0.01; done
kill -KILL "$running"
wait "$running" 2>/dev/null || :
(enrich resumed --checkpoint "$files/state") || [ $? -eq 1 ]
python3 tell.py "$files/resumed.json" "$files/resumed.dead"
cmp "$files/whole.ndjson" "$files/resumed.ndjson" && echo "  the output is the same, byte for byte"
