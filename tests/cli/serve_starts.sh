#!/bin/sh
# How the workers of weir serve are started, and when that is given up.  See serve_starts.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_starts.py" "$builddir/weir" "$srcdir"
