#!/bin/sh
# The example in examples/probe does what its README says.
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
fits_the_readme() {
    sed 's/sha256:[0-9a-f]*/sha256:.../' "$work/out" >"$work/general"
    "$PYTHON3" - "$work/general" "$example/README.md" <<'END'
import sys
out, readme = (open(path).read() for path in sys.argv[1:])
wanted = "".join(f"    {line}\n" if line else "\n" for line in out.splitlines())
assert wanted in readme, f"README.md does not show:\n{wanted}"
END
}
reports_hold() {
    for report in greeter before after; do
        "$PYTHON3" "$srcdir/tests/cli/validate.py" "$srcdir/docs/schemas/probe-report.schema.json" "$work/kept/$report.json" || return 1
    done
}

plan 3
check "it runs to its end" runs
check "README.md shows this output" fits_the_readme
check "the reports hold against the schema" reports_hold
