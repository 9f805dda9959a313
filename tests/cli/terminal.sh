#!/bin/sh
# weir on a terminal: foreground, Ctrl-C, Ctrl-Z, progress.  See terminal.py.
exec "$PYTHON3" "$srcdir/tests/cli/terminal.py" "$builddir/weir" "$srcdir"
