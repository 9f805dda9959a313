#!/bin/sh
# weir serve --http: replies that are kept for a client that asks again.  See serve_kept.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_kept.py" "$builddir/weir" "$srcdir"
