#!/bin/sh
# Decoding gives what Python's bytes.decode() gives, byte for byte.
# SEED=n chooses other random cases.
: "${srcdir:=.}" "${builddir:=.}" "${PYTHON3=python3}"

if ! "${PYTHON3:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "1..0 # SKIP needs Python 3.9 or later"
    exit 0
fi
exec "$PYTHON3" "$srcdir/tests/cli/decode_like_python.py" "$builddir/tests/support/decode_stdin"
