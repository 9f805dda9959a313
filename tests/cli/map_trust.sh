#!/bin/sh
# weir map: a reply is never taken for another record's.  Workers that leave records out, that
# name theirs (--key), and what is said of them.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes

weir=$builddir/weir
# shellcheck disable=SC2034  # checks in quotes use them
out=$work/out err=$work/err doc=$work/doc.json dead=$work/dead.ndjson
seq 1000 | sed 's/.*/{"id":&,"a":&}/' >"$work/in"
worker() { # worker NAME: its Python on stdin; each line is a record
    { echo 'import json, os, select, sys'; cat; } >"$work/$1.py"
}
worker left_out <<'END'
for line in sys.stdin:
    if json.loads(line)["id"] != 500:
        print(line, end="")
END
worker bad_status <<'END'
bad = 0
for line in sys.stdin:
    if json.loads(line)["id"] == 500:
        bad = 5
    else:
        print(line, end="", flush=True)
sys.exit(bad)
END
worker backwards <<'END'
lines = sys.stdin.readlines()
for line in reversed(lines):
    print(line, end="")
END
worker swaps <<'END' # answers the last record that it has first; two with one id may not meet
has, rest, at_end = [], b"", False
while not at_end:
    select.select([0], [], [])
    while len(has) < 8 and (part := os.read(0, 4096) if select.select([0], [], [], 0.05)[0] else None) is not None:
        at_end = part == b""
        *lines, rest = (rest + part).split(b"\n")
        has += lines
        if at_end:
            break
    ids = [json.loads(line)["id"] for line in has]
    if len(set(ids)) < len(ids):
        sys.exit(f"two at a time: {ids}")
    while has:
        os.write(1, has.pop() + b"\n")
END
worker twice <<'END'
for line in sys.stdin:
    print(line, end="")
    if json.loads(line)["id"] == 500:
        print(line, end="")
END
worker other <<'END'
for line in sys.stdin:
    record = json.loads(line)
    if record["id"] == 500:
        record["id"] = 5000
    print(json.dumps(record))
END
worker renamed <<'END'
for line in sys.stdin:
    print('{"n":%d}' % json.loads(line)["id"])
END
worker escapes <<'END'
for line in sys.stdin:
    print(json.dumps(json.loads(line), ensure_ascii=True), flush=True)
END
worker gives_up <<'END'
for line in sys.stdin:
    if json.loads(line)["id"] == 500:
        sys.exit("cannot do 500")
    print(line, end="", flush=True)
END
worker stays <<'END'
for line in sys.stdin:
    if json.loads(line)["id"] != 5:
        print(line, end="", flush=True)
END
worker rpc <<'END'
for line in sys.stdin:
    print('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no request"}}', flush=True)
END

# reported STATUS EXPRESSION WORD...: runs weir map over $work/in, or $in; the expression is of d, its report.
in=$work/in
reported() {
    reported_status=$1 reported_holds=$2
    shift 2
    exits "$reported_status" timeout 60 "$weir" map --report "$doc" "$@" <"$in" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
    valid_as map-report "$doc" && json_holds "$doc" \
        'd["in"]["records"] == d["answered"] + d["dropped"] + d["dead"] + d["unsettled"]' "$reported_holds"
}

# of FILE COMMAND...: the same over this file's records.
of() {
    in=$1
    shift
    "$@"
    of_status=$?
    in=$work/in
    return $of_status
}

# Each reply that was written is its record's.
trusted() { cmp "$work/in" "$out"; }
run() { echo "$PYTHON3 $work/$1.py"; }

plan 33

# --- Without a key ---

for worker in left_out bad_status; do
    check "3: a worker that leaves one out ($worker)" eval '
        reported 3 "d[\"desyncs\"] == 1 and d[\"unsettled\"] > 0" -j1 -- $(run $worker) &&
        has "999 replies to 1000 records" "$err" && has "on the output cannot be trusted" "$err" && has "--key /id" "$err"'
done
# shellcheck disable=SC2046  # several words
check "... and -j2, in any order" reported 3 'd["desyncs"] == 1' -j2 --unordered -- $(run left_out)
check "... where its output is line-buffered, too" reported 3 'd["desyncs"] == 1' -j1 -- grep --line-buffered -v '"id":500,'
check "--on-error skip and --dead-letter change nothing" eval '
    reported 3 "d[\"dead\"] == 0" -j1 --on-error skip -- $(run left_out) &&
    reported 3 "d[\"dead\"] == 0" -j1 --dead-letter "$dead" -- $(run left_out) && [ ! -s "$dead" ]'
check "--output keeps what was there" eval '
    echo before >"$work/to" && reported 3 "True" -j1 --output "$work/to" -- $(run left_out) && same before "$(cat "$work/to")"'
mkfifo "$work/live"
live() { # the input is not over
    exec 8<>"$work/live"
    seq 10 | sed 's/.*/{"id":&}/' >&8
    # shellcheck disable=SC2046  # several words
    of "$work/live" reported 3 'd["desyncs"] == 1' -j1 --record-timeout 5s --retries 0 -- $(run stays)
    live_status=$?
    exec 8>&-
    return $live_status
}
check "--record-timeout does not take a record left out for a slow one" live
check "a checkpoint of such a run is refused" eval '
    reported 3 "True" -j1 --input "$work/in" --output "$work/made" --checkpoint "$work/state" -- $(run left_out) &&
    reported 6 "True" -j1 --input "$work/in" --output "$work/made" --checkpoint "$work/state" -- $(run left_out) && has "cannot be trusted" "$err"'
check "a record that its worker had alone is known: no reply" eval '
    echo "{\"id\":500}" >"$work/one" && of "$work/one" reported 3 "d[\"dead\"] == 1 and d[\"crashes\"] == 0" -- $(run left_out) && has "line 1 is dead: no reply" "$err" && has "drop-null" "$err"'
check "a worker that fails of a record is no desync: the record is dead" eval '
    reported 1 "d[\"dead\"] == 1 and d[\"desyncs\"] == 0 and d[\"answered\"] == 999" -j1 --dead-letter "$dead" -- $(run gives_up) &&
    grep -v "\"id\":500," "$work/in" | cmp - "$out"'
worker slow_failure <<'END'
import time
for line in sys.stdin:
    if json.loads(line)["id"] == 29:
        time.sleep(0.6)
        sys.exit(1)
    print(line, end="", flush=True)
END
seq 30 | sed 's/.*/{"id":&}/' >"$work/thirty"
check_linux /proc "nor one that takes its time over it, with another record behind" eval '
    of "$work/thirty" reported 1 "d[\"dead\"] == 1 and d[\"desyncs\"] == 0 and d[\"answered\"] == 29" -j1 --retries 0 --dead-letter "$dead" -- $(run slow_failure)'
check "replies too many: from which record on is reported" eval \
    'reported 3 "d[\"desyncs\"] == 1" -j1 -- $(run twice) && has "more replies than it had records" "$err"'
check "4: a worker with functions that is not called" eval 'reported 4 "d[\"answered\"] == 0" -- $(run rpc) && has "--call NAME" "$err"'
stage() {
    cat >"$work/spec" <<'END'
{"weir": 1, "stages": [{"cmd": ["cat"], "map": {"workers": 1}},
                       {"cmd": ["grep", "-v", ":500,"], "map": {"workers": 1}}]}
END
    exits 3 timeout 60 "$weir" pipe -f "$work/spec" <"$work/in" >"$out" 2>"$err" && has "desync" "$err"
}
check "a map stage is a map: the pipeline fails with 3" stage

# --- With one ---

check "--key: replies in order" eval 'reported 0 "d[\"answered\"] == 1000 and d[\"key\"] == \"/id\"" --key /id -- cat && trusted'
check "--key: replies in any order" eval 'reported 0 "d[\"answered\"] == 1000" -j2 --key /id -- $(run backwards) && trusted'
check "--key: a record left out is dead" eval '
    reported 1 "d[\"missing\"] == 1 and d[\"dead\"] == 1" -j1 --key /id --dead-letter "$dead" -- $(run left_out) &&
    grep -v "\"id\":500," "$work/in" | cmp - "$out" && has "\"reason\":\"missing\"" "$dead" && has "\"id\":500" "$dead"'
check "--key: the first one ends the run without --on-error" eval \
    'reported 3 "d[\"dead\"] == 1" -j1 --key /id -- $(run left_out) && has "line 500 is dead: missing" "$err" && has "drop-missing" "$err"'
check "--key --drop-missing: it is dropped" eval '
    reported 0 "d[\"missing\"] == d[\"dropped\"] == 1" -j2 --key /id --drop-missing -- $(run left_out) && grep -v "\"id\":500," "$work/in" | cmp - "$out"'
check "--drop-missing: a filter that finds nothing" eval \
    'reported 0 "d[\"dropped\"] == 1000" -j2 --key /id --drop-missing -- grep nothing && [ ! -s "$out" ]'
check "--drop-missing: a worker that fails is not believed" eval '
    reported 1 "d[\"dropped\"] == 0 and d[\"dead\"] == 1" -j1 --key /id --drop-missing --on-error skip -- $(run bad_status) && grep -v "\"id\":500," "$work/in" | cmp - "$out"'
for worker in twice other renamed; do
    check "3: --key: a reply that is no record's ($worker)" eval \
        'reported 3 "d[\"desyncs\"] == 1" --key /id --on-error skip -- $(run $worker) && has "desync: a reply has" "$err"'
done
check "--key: strings are compared by their characters, other values byte for byte" eval '
    printf "{\"k\":\"a\303\251\\\\u002f\"}\n{\"k\":\"/\"}\n{\"k\":null}\n{\"k\":12345678901234567890123}\n" >"$work/odd" &&
    of "$work/odd" reported 0 "d[\"answered\"] == 4" --key /k -- $(run escapes)'
check "--key: a pointer into arrays, with ~1 and ~0" eval '
    echo "{\"a/b\":[0,{\"c~\":7}]}" >"$work/odd" && of "$work/odd" reported 0 "d[\"answered\"] == 1" --key "/a~1b/1/c~0" -- cat'
check "--key: a record without one is dead, and no worker sees it" eval '
    printf "{\"id\":1}\n{\"x\":2}\n3\n{\"id\":4}\n" >"$work/odd" &&
    of "$work/odd" reported 1 "d[\"answered\"] == 2 and d[\"dead\"] == 2" --key /id --dead-letter "$dead" -- cat && same 2 "$(grep -c "\"reason\":\"key\"" "$dead")"'
check "--key: of two with one value the older is answered first" eval '
    printf "{\"id\":1,\"n\":1}\n{\"id\":1,\"n\":2}\n" >"$work/odd" && of "$work/odd" reported 0 "d[\"answered\"] == 2" -j1 --key /id -- cat && cmp "$work/odd" "$out"'
# shellcheck disable=SC2046  # several words
alike() { # ids come two to four times each, next to each other and not
    seq 300 | sed 's/.*/{"id":&,"n":1}/; p; s/1}$/2}/' >"$work/alike" &&
        "$PYTHON3" -c 'for n in range(200): print("{\"id\":%d,\"n\":%d}" % (n % 7 + 1, n))' >>"$work/alike" &&
        of "$work/alike" reported 0 'd["answered"] == 800 and d["crashes"] == 0' "$@" --key /id -- $(run swaps) &&
        cmp "$work/alike" "$out"
}
check "--key: two records with one value are not at a worker together (-j1)" alike -j1
check "--key: ... nor with several workers (-j3)" alike -j3
check "--key: a worker that keeps its replies until its input ends gets equal records one by one" eval '
    printf "{\"id\":1,\"n\":1}\n{\"id\":1,\"n\":2}\n{\"id\":1,\"n\":3}\n" >"$work/odd" &&
    of "$work/odd" reported 0 "d[\"answered\"] == 3" -j1 --key /id -- $(run backwards) && cmp "$work/odd" "$out"'
many() { # a filter that keeps one of a thousand, of 200,000: bounded, and not slow
    seq 200000 | sed 's/.*/{"id":&}/' >"$work/many" &&
        of "$work/many" reported 0 'd["dropped"] == 199800' -j2 --key /id --drop-missing -- grep '000}' &&
        grep '000}' "$work/many" | cmp - "$out"
}
check "--drop-missing: a filter that keeps few" many
refused() {
    for words in '--key id' '--key /a~2' '--key /id --call f' '--key /id --check none' '--key /id --drop-null' --drop-missing; do
        # shellcheck disable=SC2086  # several words
        exits 2 "$weir" map $words -- cat </dev/null 2>"$err" && grep -q '^weir map: .*--key' "$err" || return 1
    done
    exits 2 "$weir" map --key '' -- cat </dev/null 2>"$err" && has "requires a non-empty POINTER" "$err" &&
        echo '{"weir":1,"stages":[{"cmd":["cat"],"map":{"key":"id"}}]}' >"$work/spec" &&
        exits 2 "$weir" pipe -f "$work/spec" </dev/null 2>"$err" && has "/stages/0/map/key" "$err"
}
check "2: a key that cannot be" refused
