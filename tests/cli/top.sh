#!/bin/sh
# weir top: a server watched on a terminal, once, and as JSON.  See top.py.
exec "$PYTHON3" "$srcdir/tests/cli/top.py" "$builddir/weir" "$srcdir"
