#!/bin/sh
# The example in examples/batch does what its README says.
. "$srcdir/tests/support/tap.sh"

WEIR=$builddir/weir
PYTHONPATH=$srcdir/sdk/python
PYTHONDONTWRITEBYTECODE=1
export WEIR PYTHONPATH PYTHONDONTWRITEBYTECODE

runs() { sh "$srcdir/examples/batch/run.sh" >"$work/out"; }
fits_the_readme() {
    "$PYTHON3" - "$work/out" "$srcdir/examples/batch/README.md" <<'END'
import sys
out, readme = (open(path).read() for path in sys.argv[1:])
wanted = "".join(f"    {line}\n" for line in out.splitlines())
assert wanted and wanted in readme, f"README.md does not show:\n{wanted}"
END
}

plan 2
check "it runs" runs
check "README.md shows this output" fits_the_readme
