#!/bin/sh
# MCP servers behind weir serve.  See mcp_serve.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_serve.py" "$builddir/weir" "$srcdir"
