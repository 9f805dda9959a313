#!/bin/sh
# weir as the host of MCP servers.  See mcp_host.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_host.py" "$builddir/weir" "$srcdir"
