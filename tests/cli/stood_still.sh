#!/bin/sh
# weir stands still while programs end and limits pass: see stood_still.py.
exec "$PYTHON3" "$srcdir/tests/cli/stood_still.py" "$builddir/weir" "$srcdir"
