#!/bin/sh
# weir serve --http: MCP over HTTP.  See serve_mcp_http.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_mcp_http.py" "$builddir/weir" "$srcdir"
