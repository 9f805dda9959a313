#!/bin/sh
# weir serve --http with very many connections: make check-web tries 10,000.  See serve_crowd.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_crowd.py" "$builddir/weir" "$srcdir"
