#!/bin/sh
# SIGKILL of programs that use weir, at a few moments.  See killed_hosts.py.
: "${GO:=}"
export GO
exec "$PYTHON3" "$srcdir/tests/soak/killed_hosts.py" "$builddir" "$srcdir" ${KILLS:+"$KILLS"}
