#!/bin/sh
# weir serve --http: /v1/live.  See serve_live.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_live.py" "$builddir/weir" "$srcdir"
