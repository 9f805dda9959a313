#!/bin/sh
# weir map --call with MCP servers.  See mcp_map.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_map.py" "$builddir/weir" "$srcdir"
