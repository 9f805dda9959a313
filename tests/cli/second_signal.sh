#!/bin/sh
# A second signal leaves at once, whatever the programs do.  See second_signal.py.
exec "$PYTHON3" "$srcdir/tests/cli/second_signal.py" "$builddir/weir" "$srcdir"
