#!/bin/sh
# weir serve --mcp: resources, prompts and completions.  See mcp_offer.py.
exec "$PYTHON3" "$srcdir/tests/cli/mcp_offer.py" "$builddir/weir" "$srcdir"
