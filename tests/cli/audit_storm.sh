#!/bin/sh
# The audit log with many writers, killed ones, full disks and a system log.  See audit_storm.py.
exec "$PYTHON3" "$srcdir/tests/cli/audit_storm.py" "$builddir"
