#!/bin/sh
# weir serve --stdio: one client on stdin and stdout.  See serve_stdio.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_stdio.py" "$builddir/weir" "$srcdir"
