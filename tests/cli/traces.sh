#!/bin/sh
# Traces: the option --trace.  See traces.py.
exec "$PYTHON3" "$srcdir/tests/cli/traces.py" "$builddir/weir" "$srcdir"
