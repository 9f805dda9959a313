#!/bin/sh
# Signals to weir itself, and descriptors it was started without.  See signals.py.
exec "$PYTHON3" "$srcdir/tests/cli/signals.py" "$builddir/weir" "$srcdir"
