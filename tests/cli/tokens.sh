#!/bin/sh
# weir token: keys, bearer tokens, one-time tokens, links and QR codes.  See tokens.py.
exec "$PYTHON3" "$srcdir/tests/cli/tokens.py" "$builddir/weir" "$srcdir"
