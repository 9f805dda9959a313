#!/bin/sh
# The page of weir serve --http in a real browser: make check-web.  See web_page.py.
exec "$PYTHON3" "$srcdir/tests/peers/web_page.py" "$builddir/weir" "$srcdir" "$builddir/web-npm"
