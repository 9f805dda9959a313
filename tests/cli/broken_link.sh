#!/bin/sh
# A spawner that says what cannot be read, or refuses what it does not name.  See broken_link.py.
exec "$PYTHON3" "$srcdir/tests/cli/broken_link.py" "$builddir/weir" "$srcdir"
