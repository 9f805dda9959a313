#!/bin/sh
# The SDKs of MCP as servers and clients: make check-mcp-peers.  See mcp_peers.py.
exec "$PYTHON3" "$srcdir/tests/peers/mcp_peers.py" "$builddir/weir" "$srcdir" "$builddir/mcp-peers"
