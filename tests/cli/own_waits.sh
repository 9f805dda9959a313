#!/bin/sh
# What weir waits for itself.  See own_waits.py.
exec "$PYTHON3" "$srcdir/tests/cli/own_waits.py" "$builddir/weir" "$srcdir"
