#!/bin/sh
# weir each under random programs and kills, with many files and a full $TMPDIR.  See each_trust.py.
exec "$PYTHON3" "$srcdir/tests/cli/each_trust.py" "$builddir/weir" "$srcdir"
