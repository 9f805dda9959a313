#!/bin/sh
# Dead letters of several maps in one file, in a FIFO, and how many are a success.  See dead_letters.py.
exec "$PYTHON3" "$srcdir/tests/cli/dead_letters.py" "$builddir/weir" "$srcdir"
