#!/bin/sh
# The example in examples/trace: one trace through a Go service, a pool and a Python function.
. "$srcdir/tests/support/tap.sh"

example=$srcdir/examples/trace
[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache}
export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE
build=$(cd "$builddir" && pwd)
sources=$(cd "$srcdir" && pwd)
WEIR=$build/weir PYTHONPATH=$sources/sdk/python PYTHONDONTWRITEBYTECODE=1
export WEIR PYTHONPATH PYTHONDONTWRITEBYTECODE
unset TRACEPARENT

builds() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    (cd "$example" && "$GO" vet . && "$GO" build -buildvcs=false -o "$work/trace" .)
}
is_one_trace() {
    mkdir "$work/run" &&
        timeout 120 sh "$example/run.sh" "$work/trace" "$work/run" >"$work/out" 2>"$work/err" ||
        { cat "$work/err" "$work/run/pool.errors"; return 1; }
    same "$(sed -n '/run.sh$/,/^$/{/run.sh$/d;/^$/d;s/^    //;p;}' "$example/README.md")" "$(cat "$work/out")"
}
is_in_one_file() { [ "$(grep -o '"resource"' "$work/run/trace.otlp.json" | wc -l)" = 2 ]; }
leaves_nothing() { ! pgrep -f "$work/trace|$work/run" >/dev/null; }

plan 4
check "it builds" builds
check "the spans of all three are one trace, as the README says" is_one_trace
check "both files are one" is_in_one_file
check "nothing is left" leaves_nothing
