#!/bin/sh
# The example in examples/scan: a code that runs one job.  See example_scan.py.
exec "$PYTHON3" "$srcdir/tests/cli/example_scan.py" "$builddir/weir" "$srcdir"
