#!/bin/sh
# The English of help, man pages, documents and schemas: see words.py.
. "$srcdir/tests/support/tap.sh"

if ! "${PYTHON3:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    echo "1..0 # SKIP needs Python 3.9 or later"
    exit 0
fi
exec "$PYTHON3" "$srcdir/tests/cli/words.py"
