#!/bin/sh
# The example in examples/client, built against an installed weir as somebody else would, and
# connected to a server.
. "$srcdir/tests/support/tap.sh"

. "$srcdir/tests/support/installed.sh"

socket=$work/s

builds() {
    cp -r "$srcdir/examples/client" "$work/client" && chmod -R u+w "$work/client" &&
        rm -f "$work/client/client" && makes "$work/client"
}

# The socket is there once the server has said that it is ready.
serves() {
    mkfifo "$work/said" || return 1
    PYTHONPATH=$srcdir/sdk/python "$builddir/weir" serve -s "$socket" -j2 \
        -w "$PYTHON3 $srcdir/examples/math/math_worker.py" 2>"$work/said" &
    server=$!
    timeout 60 grep -m1 -q ready "$work/said"
}

runs() {
    example timeout 60 "$work/client/client" "$socket" >"$work/out" 2>"$work/err" ||
        { cat "$work/err"; return 1; }
    same "" "$(cat "$work/err")" && same "1. add returned 7
2. count sent 1 2 3 4
3. 100 calls returned, together 5050" "$(cat "$work/out")"
}

without_a_server() {
    kill "$server" && wait "$server"
    example timeout 60 "$work/client/client" "$socket" >"$work/out" 2>"$work/err" && return 1
    has "is weir serve running there?" "$work/err"
}

plan 5
check "weir is installed" installs
check "the example is built with what pkg-config says" builds
check "a server is there" serves
check "it calls, reads a stream, and calls many at once" runs
check "without a server it says so" without_a_server
