#!/bin/sh
# Sandboxes that refuse a system call.  See sandbox.py.
exec "$PYTHON3" "$srcdir/tests/cli/sandbox.py" "$builddir/weir" "$builddir" "$srcdir"
