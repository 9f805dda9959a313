#!/bin/sh
# weir map --checkpoint: killed, refused, with full disks, and gone on with.  See map_resume.py.
exec "$PYTHON3" "$srcdir/tests/cli/map_resume.py" "$builddir" "$srcdir"
