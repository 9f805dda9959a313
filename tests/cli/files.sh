#!/bin/sh
# The files of a command: named twice, FIFOs without a peer, and the rights of new ones.  See files.py.
exec "$PYTHON3" "$srcdir/tests/cli/files.py" "$builddir/weir" "$srcdir"
