#!/bin/sh
# weir serve --warm.  See warm.py.
exec "$PYTHON3" "$srcdir/tests/cli/warm.py" "$builddir/weir" "$srcdir"
