#!/bin/sh
# Paths of sockets, up to the longest.  See socket_path.py.
exec "$PYTHON3" "$srcdir/tests/cli/socket_path.py" "$builddir/weir" "$srcdir"
