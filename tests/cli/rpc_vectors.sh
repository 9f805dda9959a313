#!/bin/sh
# The vectors of the worker protocol, in C.  See rpc_vectors.py.
exec "$PYTHON3" "$srcdir/tests/cli/rpc_vectors.py" "$builddir/weir" "$builddir/tests/support/rpc_host" "$srcdir"
