#!/bin/sh
# The example in examples/singer, with a tap and a target in singer-venv/ of the build directory: see
# its test.sh.
WEIR=$builddir/weir
PATH=$(realpath "$builddir")/singer-venv/tap/bin:$(realpath "$builddir")/singer-venv/target/bin:$PATH
export WEIR PATH
exec sh "$srcdir/examples/singer/test.sh"
