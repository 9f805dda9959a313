#!/bin/sh
# The vectors of weir as an MCP server, tests/data/mcp.  See mcp_vectors.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_vectors.py" "$builddir/weir" "$srcdir"
