#!/bin/sh
# weir serve --breaker and --fallback.  See serve_guard.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_guard.py" "$builddir/weir" "$srcdir"
