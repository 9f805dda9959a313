#!/bin/sh
# weir as the host of MCP servers of others: make check-mcp-peers.  See mcp_servers.py.
exec "$PYTHON3" "$srcdir/tests/peers/mcp_servers.py" "$builddir/weir" "$srcdir" "$builddir/mcp-peers"
