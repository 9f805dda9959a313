#!/bin/sh
# 500 clients of weir serve --http while workers are killed: make check-web.  See web_soak.py.
exec "$PYTHON3" "$srcdir/tests/soak/web_soak.py" "$builddir/weir" "$srcdir" "${SECONDS_OF_SOAK:-8}"
