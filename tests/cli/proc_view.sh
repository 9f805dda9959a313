#!/bin/sh
# Views of /proc, and what children make of theirs.  See proc_view.py.
exec "$PYTHON3" "$srcdir/tests/cli/proc_view.py" "$builddir/weir" "$builddir" "$srcdir"
