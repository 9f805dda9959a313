#!/bin/sh
# What the clients of a weir serve may cost it, and what happens beyond.  See serve_limits.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_limits.py" "$builddir/weir" "$srcdir"
