#!/bin/sh
# weir serve --mcp: functions as the tools of an MCP server.  See serve_mcp.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_mcp.py" "$builddir/weir" "$srcdir"
