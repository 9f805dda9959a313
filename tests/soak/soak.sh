#!/bin/sh
# The soak, for as long as a test may take.  See soak.py.
exec "$PYTHON3" "$srcdir/tests/soak/soak.py" "$builddir" "$srcdir"
