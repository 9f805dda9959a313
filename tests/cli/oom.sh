#!/bin/sh
# One allocation fails, in weir or in weir-spawner.  See oom.py.
exec "$PYTHON3" "$srcdir/tests/cli/oom.py" "$builddir/weir" "$srcdir"
