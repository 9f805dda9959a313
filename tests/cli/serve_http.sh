#!/bin/sh
# weir serve --http: the web door.  See serve_http.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_http.py" "$builddir/weir" "$srcdir"
