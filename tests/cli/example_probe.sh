#!/bin/sh
# The example in examples/probe makes reports that hold.
. "$srcdir/tests/support/tap.sh"

WEIR=$builddir/weir
export WEIR
example=$srcdir/examples/probe
unset VIRTUAL_ENV

# Run from a copy: greeter must be executable, whatever unpacked the sources.
runs() {
    mkdir "$work/example" "$work/kept" && cp "$example"/* "$work/example" && chmod 755 "$work/example/greeter" &&
        mkdir "$work/bin" && ln -s "$("$PYTHON3" -c 'import sys; print(sys.executable)')" "$work/bin/python3" &&
        PATH=$work/bin:/usr/local/bin:/usr/bin:/bin HOME=$work sh "$work/example/run.sh" "$work/kept" >"$work/out"
}
reports_hold() {
    for report in greeter before after; do
        valid_as probe-report "$work/kept/$report.json" || return 1
    done
}

plan 2
check "it runs to its end" runs
check "the reports hold against the schema" reports_hold
