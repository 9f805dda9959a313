#!/bin/sh
# What docs/types.md says of values in JSON, Python, Go and C.  See value_types.py.
: "${GO:=}"
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off
GOCACHE=${WEIR_GO_CACHE:-$(cd "$builddir" && pwd)/go-cache}
export GO GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE
exec "$PYTHON3" "$srcdir/tests/cli/value_types.py" "$builddir/weir" "$srcdir"
