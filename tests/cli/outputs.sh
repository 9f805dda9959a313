#!/bin/sh
# weir's own output: closed, non-blocking, or read by no process.  See outputs.py.
exec "$PYTHON3" "$srcdir/tests/cli/outputs.py" "$builddir/weir" "$srcdir"
