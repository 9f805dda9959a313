#!/bin/sh
# Descriptors above 2.  See descriptors.py.
exec "$PYTHON3" "$srcdir/tests/cli/descriptors.py" "$builddir/weir" "$builddir" "$srcdir"
