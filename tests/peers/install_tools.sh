#!/bin/sh
# The set of tools of examples/install, from the Go module proxy and PyPI: make check-peers.
leaves_nothing=yes
. "$srcdir/tests/support/tap.sh"

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

example=$srcdir/examples/install
[ -n "$GO" ] || skip "needs Go"
command -v flock >/dev/null || skip "needs flock"
mkdir "$work/bin"
build=$(cd "$builddir" && pwd)
[ -x "$build/peers-venv/bin/python3" ] || skip "there is no Python with pip: make check-peers"
ln -s "$build/peers-venv/bin/python3" "$work/bin/python3"
WEIR=$build/weir PATH=$work/bin:$PATH PYTHONDONTWRITEBYTECODE=1 TMPDIR=$work
GOCACHE=${WEIR_GO_CACHE:-$build/go-cache} GOPATH=$work/go GOFLAGS=-modcacherw GO111MODULE=on GOWORK=off
export WEIR PATH PYTHONDONTWRITEBYTECODE TMPDIR GOCACHE GOPATH GOFLAGS GO111MODULE GOWORK
unset PYTHONPATH VIRTUAL_ENV GOBIN

timeout 100 "$GO" mod download mvdan.cc/sh/v3@v3.7.0 >"$work/log" 2>&1 || skip "the Go module proxy cannot be reached"
timeout 100 python3 -m pip download -q --no-deps -d "$work/wheels" pyflakes==3.2.0 >"$work/log" 2>&1 ||
    skip "PyPI cannot be reached"

prefix=$work/tools
is_installed() {
    timeout 300 sh "$example/install.sh" "$prefix" >"$work/log" 2>&1 && sh "$example/install.sh" --check "$prefix" &&
        same v3.7.0 "$("$prefix/bin/shfmt" --version)" &&
        PYTHONPATH=$prefix/python python3 -m pyflakes --version | grep -q '^3\.2\.0 ' ||
        { cat "$work/log"; return 1; }
}
is_refused() {
    mkdir "$work/set" && cp "$example"/*.json "$work/set" &&
        sed -n '/^wheel/s/84b5/84b6/p' "$example/tools.txt" >"$work/set/tools.txt" &&
        ! timeout 300 sh "$example/install.sh" "$prefix" "$work/set" >"$work/log" 2>&1 &&
        grep -q 84b6 "$work/log" && sh "$example/install.sh" --check "$prefix" || { cat "$work/log"; return 1; }
}
is_logged() { "$WEIR" audit verify "$prefix.d/audit.log" >"$work/log" 2>&1; }

plan 3
check "the tools of tools.txt are installed, and are what the contract says" is_installed
check "with another hash nothing is changed" is_refused
check "the log of all steps verifies" is_logged
