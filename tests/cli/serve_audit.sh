#!/bin/sh
# weir serve --http: the records of calls, and the lines of --http-log.  See serve_audit.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_audit.py" "$builddir/weir" "$srcdir"
