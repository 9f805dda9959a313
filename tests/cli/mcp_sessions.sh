#!/bin/sh
# Recorded sessions of MCP servers, replayed as workers, and the official schemas.  They are
# looked for in $MCP_DATA.  See mcp_sessions.py.
: "${srcdir:=.}" "${builddir:=.}"

data=${MCP_DATA:-$srcdir/../shared/data/mcp}
if ! test -d "$data/sessions"; then
    echo "1..1"
    echo "ok 1 # SKIP there are no recorded sessions at $data: MCP_DATA says where they are"
    exit 0
fi
exec "$PYTHON3" "$srcdir/tests/cli/mcp_sessions.py" "$builddir/weir" "$srcdir" "$builddir" "$data"
