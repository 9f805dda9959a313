#!/bin/sh
# The example in examples/pyrun runs programs, and says what went wrong.
. "$srcdir/tests/support/tap.sh"

if [ ! -e "$builddir/python/weir/_native.abi3.so" ] || nm -D "$builddir/python/weir/_native.abi3.so" | grep -q '__[at]san_init'; then
    echo "1..0 # SKIP needs the engine of the Python package, without sanitizers"
    exit 0
fi
PYTHONPATH=$builddir/python PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

runs() { sh "$srcdir/examples/pyrun/run.sh" >"$work/out"; }
output() { has "output: as text, in UTF-8" "$work/out" && has "output: the daemon runs" "$work/out"; }
failure() { has "exited with 1: no such table: users" "$work/out" && has "NotFound: cannot execute no-such-program" "$work/out"; }
timeout() { has "TimeoutExpired: sh" "$work/out" && has "killed by SIGKILL" "$work/out"; }
nothing() { has "left behind: nothing" "$work/out"; }

plan 5
check "it runs to its end" runs
check "output is text" output
check "failures have the reason, with the program's own words" failure
check "what ignores SIGTERM is timed out and killed" timeout
check "no process is left behind" nothing
