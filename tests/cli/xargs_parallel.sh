#!/bin/sh
# The commands of docs/xargs-parallel.md, side by side.  See xargs_parallel.py.
exec "$PYTHON3" "$srcdir/tests/cli/xargs_parallel.py" "$builddir/weir" "$srcdir"
