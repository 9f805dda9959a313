#!/bin/sh
# Schemathesis tests the API of weir serve --http from its OpenAPI document: make check-web.  See
# web_api.py.
exec "$PYTHON3" "$srcdir/tests/peers/web_api.py" "$builddir/weir" "$srcdir"
