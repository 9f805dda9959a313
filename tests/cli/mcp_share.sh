#!/bin/sh
# weir serve --mcp --join with -f.  See mcp_share.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_share.py" "$builddir/weir" "$srcdir"
