#!/bin/sh
# The example in examples/enrich loses no record.
. "$srcdir/tests/support/tap.sh"

WEIR=$builddir/weir
export WEIR
example=$srcdir/examples/enrich

runs() { sh "$example/run.sh" zones.tab "$work" >"$work/out"; }
letters_are_valid() {
    split -l 1 "$work/whole.dead" "$work/letter-" && same 3 "$(find "$work" -name "letter-*" | wc -l | tr -d ' ')" &&
        valid_as dead-letter "$work"/letter-*
}
# Each record is in the output or among the dead letters, once, and in order.
each_is_there_once() {
    "$PYTHON3" - "$work/in.ndjson" "$work/$1.ndjson" "$work/$1.dead" <<'PYTHON'
import json, sys
records, replies, letters = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
dead = [letter["record"]["zone"] for letter in letters]
assert dead == ["Antarctica/Casey", "Asia/Kathmandu", "Atlantic/Azores"], dead
assert [r["zone"] for r in replies] == [r["zone"] for r in records if r["zone"] not in dead]
assert all(-90 <= r["latitude"] <= 90 and -12 <= r["solar_hours"] <= 12 for r in replies)
PYTHON
}
was_killed() {
    "$PYTHON3" - "$work/resumed.json" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
assert 0 < sum(worker["records"] for worker in report["workers"]) < report["answered"], report
PYTHON
}
systems_table() {
    [ -r /usr/share/zoneinfo/zone1970.tab ] || return 0
    "$PYTHON3" "$example/records.py" </usr/share/zoneinfo/zone1970.tab >"$work/all.ndjson" && [ "$(wc -l <"$work/all.ndjson")" -gt 200 ]
}

plan 7
check "it runs" runs
check "its reports are valid" valid_as map-report "$work/whole.json" "$work/resumed.json"
check "its dead letters are valid" letters_are_valid
check "each record is there once after a whole run" each_is_there_once whole
check "each record is there once after a killed and a resumed run" each_is_there_once resumed
check "the second run was really killed in the middle" was_killed
check "the system's table makes records too" systems_table
