#!/bin/sh
# weir serve -f: one MCP server in front of many, and --join.  See mcp_gateway.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_gateway.py" "$builddir/weir" "$srcdir"
