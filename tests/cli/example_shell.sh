#!/bin/sh
# The example in examples/shell is bounded, and tells who failed.
. "$srcdir/tests/support/tap.sh"

WEIR=$builddir/weir
export WEIR
example=$srcdir/examples/shell

runs() { sh "$example/run.sh" >"$work/out"; }
is_bounded() { sed -n 2,10p "$work/out" | grep -Eq '^\[\.\.\. [0-9]+ bytes left out \.\.\.\]$'; }
ends_well() { grep -qx ' exited 0' "$work/out"; }
sums_up() {
    same "Two programs, one verdict:
harbour     334  16.00
hill        333  15.99
mill        333  16.01" "$(sed -n '/^Two/,$p' "$work/out")"
}
fails_with_the_stage() {
    mkdir "$work/broken" && cp "$example"/* "$work/broken" && rm -f "$work/broken/consumer.py" &&
        echo "raise SystemExit(3)" >"$work/broken/consumer.py" &&
        exits 3 sh "$work/broken/run.sh"
}

plan 5
check "it runs" runs
check "the capture is bounded and says what was left out" is_bounded
check "the program went on to its end all the same" ends_well
check "the consumer saw all that the producer wrote" sums_up
check "a failing stage is the status of the pipeline" fails_with_the_stage
