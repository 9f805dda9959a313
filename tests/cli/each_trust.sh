#!/bin/sh
# weir each under random programs and kills, with many files, a full disk and Ctrl-C.  See
# each_trust.py.
exec "$PYTHON3" "$srcdir/tests/cli/each_trust.py" "$builddir/weir" "$srcdir"
