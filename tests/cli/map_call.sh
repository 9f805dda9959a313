#!/bin/sh
# weir map --call: records as calls, with workers that the Python and Go packages make.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
doc=$work/doc.json out=$work/out err=$work/err dead=$work/dead
letters=$srcdir/docs/schemas/dead-letter.schema.json
reports=$srcdir/docs/schemas/map-report.schema.json
PYTHONPATH=$srcdir/sdk/python
export PYTHONPATH PYTHONDONTWRITEBYTECODE=1

cat >"$work/worker.py" <<'END'
from weir_worker import function, run

@function
def add(a: int, b: int) -> int:
    return a + b

@function
def upto(n: int):
    yield from range(n)

@function
def same(x):
    return x

print("ready, or so")
run()
END

# map STATUS NAME WORD...: calls NAME of the Python worker with what is on standard input.
map() {
    map_wanted=$1 map_name=$2
    shift 2
    exits "$map_wanted" "$weir" map -j 2 --call "$map_name" --report "$doc" "$@" -- \
        "$PYTHON3" "$work/worker.py" >"$out" 2>"$err" || { cat "$err"; return 1; }
}

parameters() {
    printf '[1,2]\n{"b":5,"a":4}\n[ 10 , 20 ]\n' | map 0 add && same "3
9
30" "$(cat "$out")"
}

flat() {
    printf '3\n0\n[2]\n{"n":1}\n' | map 0 upto && same "0 1 2 0 1 0 " "$(tr '\n' ' ' <"$out")" &&
        "$PYTHON3" -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["out"]["records"] == 6 and d["answered"] == 4, d
assert any(worker["node"] for worker in d["workers"]), d' "$doc"
}

dead() {
    printf '[1,2]\n[1,"x"]\n{"c":1}\n[3,4]\n' | map 1 add --dead-letter "$dead" --retries 1 &&
        same "3 7 " "$(tr '\n' ' ' <"$out")" && same 2 "$(wc -l <"$dead" | tr -d ' ')" &&
        "$PYTHON3" "$srcdir/tests/cli/validate.py" "$reports" "$doc" &&
        "$PYTHON3" -c '
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    assert d["reason"] == "error" and d["attempts"] == 1 and d["error"]["code"] == -32602, d
    json.dump(d, open(sys.argv[2], "w"))' "$dead" "$work/letter.json" &&
        "$PYTHON3" "$srcdir/tests/cli/validate.py" "$letters" "$work/letter.json"
}

no_such() {
    echo 1 | map 4 nope && has 'no function "nope"; it has: add, upto, same' "$err"
}

misused() {
    echo 1 | map 2 add --check none && echo 1 | map 2 add --encoding raw &&
        echo 1 | map 2 rpc.discover
}

# What a record's lines are is never torn by a kill, nor are they there twice.
resumed() {
    seq 400 | sed 's/.*/7/' >"$work/in"
    seq 0 6 >"$work/once"
    for _ in $(seq 400); do cat "$work/once"; done >"$work/wanted"
    rm -f "$work/state" "$work/result"
    for ms in 100 200 300 400; do
        timeout -s KILL "0.$ms" "$weir" map -j 2 --call upto --input "$work/in" --output "$work/result" \
            --checkpoint "$work/state" -- "$PYTHON3" "$work/worker.py" 2>/dev/null
    done
    "$weir" map -j 2 --call upto --input "$work/in" --output "$work/result" --checkpoint "$work/state" -- \
        "$PYTHON3" "$work/worker.py" 2>"$err" && cmp "$work/wanted" "$work/result"
}

piped() {
    cat >"$work/pipe.json" <<END
{"weir": 1, "stages": [
  {"cmd": ["seq", "3"]},
  {"cmd": ["$PYTHON3", "$work/worker.py"], "map": {"workers": 2, "call": "upto"}},
  {"cmd": ["wc", "-l"]}]}
END
    same 6 "$(exits 0 "$weir" pipe -f "$work/pipe.json" | tr -d ' ')" &&
        sed 's/"upto"/"rpc.x"/' "$work/pipe.json" >"$work/wrong.json" &&
        exits 2 "$weir" pipe -f "$work/wrong.json" 2>"$err" &&
        has "/stages/1/map/call" "$err"
}

# The worker is the first program of the package's README.
in_go() {
    if [ -z "$GO" ]; then
        echo "configure found no go"
        return 1
    fi
    sdk=$(cd "$srcdir/sdk/go" && pwd)
    [ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
    GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off
    GOCACHE=$builddir/go-cache
    export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE
    mkdir -p "$work/user"
    printf 'module example.org/user\n\ngo 1.19\n\nrequire weir.dev/weir v0.0.0\n\nreplace weir.dev/weir => %s\n' \
        "$sdk" >"$work/user/go.mod"
    awk '/^```go$/ { go = 1; next } /^```$/ && go { exit } go' "$sdk/README.md" >"$work/user/main.go"
    (cd "$work/user" && "$GO" build -buildvcs=false -o worker .) || return 1
    seq 2000 | sed 's/.*/[&,1]/' >"$work/numbers"
    exits 0 "$weir" map -j 2 --call add -- "$work/user/worker" <"$work/numbers" >"$out" &&
        same "$(seq 2 2001 | cksum)" "$(cksum <"$out")" &&
        echo '[1,201]' | "$weir" map --call count -- "$work/user/worker" >"$out" &&
        same "$(seq 200 | cksum)" "$(cksum <"$out")"
}

plan 8
check "an array is parameters by position, an object by name, anything else the one" parameters
check "each value of a stream is a line" flat
check "an error is in the dead letter" dead
check "a function that is not there is named, with those that are" no_such
check "what cannot be a call is refused" misused
check "the values of a record are written together, once, however often weir is killed" resumed
check "a map stage of a pipeline calls" piped
check "a worker in Go is called" in_go
