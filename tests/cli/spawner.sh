#!/bin/sh
# The spawner and what children may do to it and to each other.  See spawner.py.
exec "$PYTHON3" "$srcdir/tests/cli/spawner.py" "$builddir/weir" "$srcdir"
