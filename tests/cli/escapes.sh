#!/bin/sh
# Text of others in what weir says.  See escapes.py.
exec "$PYTHON3" "$srcdir/tests/cli/escapes.py" "$builddir/weir" "$srcdir"
