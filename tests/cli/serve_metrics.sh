#!/bin/sh
# weir serve --http: /metrics, and the figures of methods in weir/stats.  See serve_metrics.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_metrics.py" "$builddir/weir" "$srcdir"
