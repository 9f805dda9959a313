#!/bin/sh
# The example in examples/gopool: a web service in Go with a Python model behind it.
. "$srcdir/tests/support/tap.sh"

example=$srcdir/examples/gopool
[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache}
export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE
build=$(cd "$builddir" && pwd)
sources=$(cd "$srcdir" && pwd)
WEIR=$build/weir PYTHONPATH=$sources/sdk/python PYTHONDONTWRITEBYTECODE=1
export WEIR PYTHONPATH PYTHONDONTWRITEBYTECODE

builds() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    (cd "$example" && "$GO" vet . && "$GO" build -buildvcs=false -o "$work/gopool" .)
}
answers() {
    timeout 120 sh "$example/run.sh" "$work/gopool" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    same "$(sed -n '/run.sh$/,/^$/{/run.sh$/d;/^$/d;s/^    //;p;}' "$example/README.md")" "$(cat "$work/out")"
}
leaves_nothing() { ! pgrep -f "$work/gopool|$example/model.py" >/dev/null; }

plan 3
check "it builds" builds
check "it answers as the README says, also after a worker was killed" answers
check "nothing is left" leaves_nothing
