#!/bin/sh
# The example in examples/slurm, against a real Slurm: see its test.sh.
WEIR=$builddir/weir
export WEIR
exec sh "$srcdir/examples/slurm/test.sh"
