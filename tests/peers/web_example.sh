#!/bin/sh
# The clients of examples/web: make check-web.  See web_example.py.
exec "$PYTHON3" "$srcdir/tests/peers/web_example.py" "$builddir/weir" "$srcdir" "$builddir"
