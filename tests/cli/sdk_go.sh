#!/bin/sh
# The Go SDK in sdk/go: its own tests, with the vectors of the protocol.  Nothing is fetched.
. "$srcdir/tests/support/tap.sh"

sdk=$srcdir/sdk/go
[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off
GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache} # shared with other tests of Go
export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE

WEIR=$(cd "$builddir" && pwd)/weir # for the tests of pools
export WEIR

has_go() { [ -n "$GO" ] || { echo "configure found no go"; return 1; }; }

formatted() {
    gofmt=$("$GO" env GOROOT)/bin/gofmt
    [ -x "$gofmt" ] || gofmt=$(command -v gofmt) || { echo "# no gofmt here"; return 0; }
    same "" "$("$gofmt" -l "$sdk" "$srcdir/examples")"
}

vetted() {
    (cd "$sdk" && "$GO" vet ./... && GOOS=darwin "$GO" vet ./... && GOOS=windows "$GO" vet ./...)
}

# The race detector needs cgo, a C compiler and a machine it knows.
race=
printf 'package main\n\nfunc main() {}\n' >"$work/empty.go"
[ -n "$GO" ] && "$GO" run -race "$work/empty.go" 2>/dev/null && race=-race

tested() {
    (cd "$sdk" && "$GO" test -count=1 -timeout 500s $race ./...)
}

plan 4
check "there is a go" has_go
check "sources are formatted" formatted
check "go vet has nothing to say, for other systems too" vetted
check "its tests pass${race:+ under the race detector}" tested
