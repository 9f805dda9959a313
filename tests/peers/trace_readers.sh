#!/bin/sh
# Traces as others read them: make check-peers.  See trace_readers.py.
exec "$PYTHON3" "$srcdir/tests/peers/trace_readers.py" "$builddir" "$srcdir"
