#!/bin/sh
# What workers know of themselves, and the launchers of map, call and serve.  See launchers.py.
exec "$PYTHON3" "$srcdir/tests/cli/launchers.py" "$builddir/weir" "$srcdir"
