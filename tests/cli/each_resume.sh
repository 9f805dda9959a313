#!/bin/sh
# weir each: killed and resumed, a full disk, Ctrl-C, make's job server.  See each_resume.py.
exec "$PYTHON3" "$srcdir/tests/cli/each_resume.py" "$builddir" "$srcdir"
