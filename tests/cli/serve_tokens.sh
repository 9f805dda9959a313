#!/bin/sh
# weir serve --http-tokens: bearer tokens and one-time tokens.  See serve_tokens.py.
exec "$PYTHON3" "$srcdir/tests/cli/serve_tokens.py" "$builddir/weir" "$srcdir"
