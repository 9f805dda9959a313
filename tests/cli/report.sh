#!/bin/sh
# weir report: documents as text and as pages.  See report.py.
exec "$PYTHON3" "$srcdir/tests/cli/report.py" "$builddir/weir" "$srcdir"
