#!/bin/sh
# Requests over HTTP, as src/http/ reads them.  See http_vectors.py.
exec "$PYTHON3" "$srcdir/tests/cli/http_vectors.py" "$builddir/tests/support/http_reader" "$srcdir"
