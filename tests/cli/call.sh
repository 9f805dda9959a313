#!/bin/sh
# weir call, with a worker that it starts.  See call.py.
exec "$PYTHON3" "$srcdir/tests/cli/call.py" "$builddir/weir" "$srcdir"
