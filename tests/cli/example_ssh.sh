#!/bin/sh
# The example in examples/ssh, against a real sshd: see its test.sh.
WEIR=$builddir/weir
export WEIR
exec sh "$srcdir/examples/ssh/test.sh"
