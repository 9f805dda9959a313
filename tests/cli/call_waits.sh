#!/bin/sh
# Whatever weir call waits for: its reader, a server.  See call_waits.py.
exec "$PYTHON3" "$srcdir/tests/cli/call_waits.py" "$builddir/weir" "$srcdir"
