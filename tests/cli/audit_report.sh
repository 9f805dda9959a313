#!/bin/sh
# weir audit report: the month of an audit log.  See audit_report.py.
exec "$PYTHON3" "$srcdir/tests/cli/audit_report.py" "$builddir/weir" "$srcdir"
