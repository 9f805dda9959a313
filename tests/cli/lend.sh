#!/bin/sh
# weir/lend: workers of weir serve --stdio that the client calls itself.  See lend.py.
exec "$PYTHON3" "$srcdir/tests/cli/lend.py" "$builddir/weir" "$srcdir"
