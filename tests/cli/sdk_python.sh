#!/bin/sh
# The Python SDK: its functions, the vectors of the protocol, the hostile cases, its client, its README.
: "${srcdir:=.}" "${builddir:=.}" "${PYTHON3=python3}"

if ! "${PYTHON3:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "1..0 # SKIP needs Python 3.9 or later"
    exit 0
fi
PYTHONDONTWRITEBYTECODE=1 WEIR_VECTORS="$srcdir/tests/data/rpc"
export PYTHONDONTWRITEBYTECODE WEIR_VECTORS
exec "$PYTHON3" "$srcdir/sdk/python/tests/tap.py"
