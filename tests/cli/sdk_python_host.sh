#!/bin/sh
# The Python package `weir` on its engine: runs, pipelines, maps and pools inside a Python program.
: "${srcdir:=.}" "${builddir:=.}" "${PYTHON3=python3}"

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

[ -e "$builddir/python/weir/_native.abi3.so" ] ||
    skip "the engine was not built: Python's headers are missing (Debian: python3-dev)"
# The interpreter has no sanitizer in it: the module's comes first.
if nm -D "$builddir/python/weir/_native.abi3.so" | grep -q __asan_init; then
    LD_PRELOAD=$(gcc -print-file-name=libasan.so)
    ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
    export LD_PRELOAD ASAN_OPTIONS
elif nm -D "$builddir/python/weir/_native.abi3.so" | grep -q __tsan_init; then
    skip "the interpreter has no ThreadSanitizer"
fi
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$builddir/python
export PYTHONDONTWRITEBYTECODE PYTHONPATH
exec "$PYTHON3" "$srcdir/sdk/python/tests/tap.py" host "$@"
