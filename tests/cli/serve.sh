#!/bin/sh
# weir serve, and weir call through its socket.  See serve.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve.py" "$builddir/weir" "$srcdir"
