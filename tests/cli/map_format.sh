#!/bin/sh
# weir map --format: records of any bytes up to LF or NUL, and the programs that answer them.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes
plan 16

weir=$builddir/weir
out=$work/out err=$work/err doc=$work/doc.json dead=$work/dead.ndjson
printf 'one\r\n\n {"a" 1\nk\tv\n\377\376\nlast' >"$work/lines"
printf 'a\nb\0\0c d\0\377\0last' >"$work/nuls"
python3 -c 'for n in range(20000): print(f"{n:x} " * (n % 40))' >"$work/many"

cat >"$work/each_nul.py" <<'END'
# Answers each record up to NUL with itself upside down.
import os
import sys

rest = b""
while data := os.read(0, 65536):
    *records, rest = (rest + data).split(b"\0")
    sys.stdout.buffer.write(b"".join(record[::-1] + b"\0" for record in records))
    sys.stdout.buffer.flush()
END
cat >"$work/dies.py" <<'END'
# Answers each line with itself, but dies of one that begins with x.
import os
import sys

for line in sys.stdin.buffer:
    if line.startswith(b"x"):
        os.kill(os.getpid(), 9)
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
END

# map STATUS OPTION...: what it wrote is in $out and $err, the report is in $doc.
map() {
    map_status=$1
    shift
    exits "$map_status" "$weir" map --report "$doc" --output "$out" "$@" 2>"$err" || {
        cat "$err"
        return 1
    }
}
says() { # says PYTHON: whether it holds of the report d and the dead letters l
    python3 -c 'import json, os, sys
d = json.load(open(sys.argv[1]))
l = [json.loads(line) for line in open(sys.argv[2])] if os.path.exists(sys.argv[2]) else []
assert eval(sys.argv[3]), (d, l)' "$doc" "$dead" "$1"
}

lines() {
    map 0 -j1 --format line -- cat <"$work/lines" && { cat "$work/lines" && echo; } | cmp - "$out" &&
        says 'd["in"]["records"] == d["answered"] == 6 and d["in"]["blank"] == 0 and d["format"] == "line"'
}
check "line: every byte up to LF comes back, the empty line and CR too" lines
bom() {
    printf '\357\273\277a\nb\n' >"$work/bom" && map 0 -j1 --format line -- cat <"$work/bom" && cmp "$work/bom" "$out"
}
check "line: a byte-order mark is part of the first record" bom
check "line: rev is a worker" eval 'map 0 -j2 --format line -- rev <"$work/many" && rev "$work/many" | cmp - "$out"'
check "line: cut is a worker, with --line-buffered too" eval \
    'map 0 -j2 --format line --line-buffered -- cut -c2- <"$work/many" && cut -c2- "$work/many" | cmp - "$out"'
few() {
    map 3 -j1 --format line -- grep -v 1 <"$work/many" && has "one line for each record, an empty one too" "$err" && ! has --key "$err"
}
check "line: too few replies are a desync" few
check "line: so are too many" eval \
    'map 3 -j1 --format line -- sed -u p <"$work/many" && has "more replies than it had records" "$err" && says "d[\"desyncs\"] > 0"'
letters() {
    printf 'a\nx"1\\\nx\377\nb\n' >"$work/bad" && rm -f "$dead" &&
        map 1 -j1 --format line --retries 0 --max-record 10 --dead-letter "$dead" -- python3 "$work/dies.py" <"$work/bad" &&
        printf 'a\nb\n' | cmp - "$out" &&
        says '[e["record"] for e in l if "record" in e] == ["x\"1\\"] and l[0]["reason"] == "crash"' &&
        says '[e["record_base64"] for e in l if "record_base64" in e] == ["eP8="]'
}
check "line: a dead letter has text, or base64 if it is not UTF-8" letters
digits() {
    printf 'a\n1\nx2\n' >"$work/bad" && rm -f "$dead" &&
        map 1 -j1 --format line --retries 0 --dead-letter "$dead" -- sh -c 'while read -r l; do case $l in 1) exit 3 ;; esac; echo "$l"; done' <"$work/bad" &&
        says '[e["record"] for e in l] == ["1"]'
}
check "line: a number in a dead letter is text" digits
long() {
    printf 'a\n0123456789ab\nb\n' >"$work/long" && rm -f "$dead" &&
        map 1 --format line --max-record 10 --dead-letter "$dead" -- cat <"$work/long" && printf 'a\nb\n' | cmp - "$out" &&
        says 'l[0]["reason"] == "oversize" and "record" not in l[0]'
}
check "line: an oversize record is dead" long

nul() {
    map 0 -j1 --format nul -- python3 "$work/each_nul.py" <"$work/nuls" &&
        printf 'b\na\0\0d c\0\377\0tsal\0' | cmp - "$out" && says 'd["answered"] == 5 and d["format"] == "nul"'
}
check "nul: records and replies end with NUL" nul
coreutils() { # of those that have -z
    tr '\n' '\0' <"$work/many" >"$work/many0"
    map 0 -j2 --format nul --line-buffered -- sed -z s/1/2/ <"$work/many0" && sed -z s/1/2/ "$work/many0" | cmp - "$out"
}
check "nul: sed -z is a worker" coreutils
check "nul: a worker that ends its replies with LF is out of step, and gets the reason" eval \
    'map 3 -j1 --format nul -- rev <"$work/nuls" && has "NUL" "$err"'

echoes='while read -r l; do echo "$l"; done'
resumes() {
    cp "$work/many" "$work/in" && rm -f "$work/state" "$out" || return
    "$weir" map -j2 --format line --input "$work/in" --output "$out" --checkpoint "$work/state" -- sh -c "$echoes" 2>"$err" &
    pid=$!
    for _ in $(seq 1200); do
        [ -s "$work/state" ] && grep -q '"seq":[1-9]' "$work/state" && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.02
    done
    kill -9 $pid
    wait $pid
    exits 6 "$weir" map -j2 --input "$work/in" --output "$out" --checkpoint "$work/state" -- sh -c "$echoes" 2>"$err" &&
        has "the command or its options have changed" "$err" &&
        exits 0 "$weir" map -j2 --format line --input "$work/in" --output "$out" --checkpoint "$work/state" -- sh -c "$echoes" 2>"$err" &&
        sed 's/ $//' "$work/many" | cmp - "$out"
}
check "line: a killed run resumes, byte for byte, and not in another format" resumes

spec() {
    cat >"$work/spec" <<END
{"weir": 1, "stages": [{"cmd": ["cat"], "map": {"workers": 2, "format": "line", "dead_letter": "$dead"}},
                       {"cmd": ["rev"], "map": {"workers": 2, "format": "line"}}]}
END
    exits 0 "$weir" pipe -f "$work/spec" --input "$work/many" --output "$out" && rev "$work/many" | cmp - "$out" || return 1
    echo '{"weir": 1, "stages": [{"cmd": ["cat"], "map": {"format": "nul", "key": "/id"}}]}' >"$work/spec" &&
        exits 2 "$weir" pipe -f "$work/spec" </dev/null 2>"$err" && has /stages/0/map "$err" && has "has key" "$err"
}
check "a map stage of a specification has a format" spec
keyed() { # the members of a stage's map that weir pipe did not pass on
    echo '{"weir": 1, "stages": [{"cmd": ["grep", "2"], "map": {"key": "/id", "drop_missing": true}}]}' >"$work/spec" &&
        seq 30 | sed 's/.*/{"id":&}/' >"$work/ids" &&
        exits 0 "$weir" pipe -f "$work/spec" --input "$work/ids" --output "$out" && grep 2 "$work/ids" | cmp - "$out"
}
check "a map stage of a specification has a key, too" keyed

refused() {
    for words in '--key /id' '--drop-null' '--call f' '--check syntax' '--encoding replace' '--encoding strict'; do
        for format in line nul; do
            # shellcheck disable=SC2086  # several words
            exits 2 "$weir" map --format $format $words -- cat </dev/null 2>"$err" &&
                has "${words%% *}" "$err" && has "--format $format" "$err" || return 1
        done
    done
    exits 2 "$weir" map --format csv -- cat </dev/null 2>"$err" && has ndjson "$err" &&
        exits 0 "$weir" map --format line --check none --encoding raw -- cat </dev/null
}
check "2: what requires JSON" refused
