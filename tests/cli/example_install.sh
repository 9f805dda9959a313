#!/bin/sh
# The example in examples/install: all or nothing, whenever it is killed.
leaves_nothing=yes
. "$srcdir/tests/support/tap.sh"

example=$srcdir/examples/install
[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
if [ -z "$GO" ] || ! "${PYTHON3:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    echo "1..0 # SKIP needs Go, and Python 3.9 or later"
    exit 0
fi
mkdir "$work/bin"
ln -s "$("$PYTHON3" -c 'import sys; print(sys.executable)')" "$work/bin/python3"
if ! "$PYTHON3" -m pip --version >/dev/null 2>&1; then
    rm "$work/bin/python3"
    "$PYTHON3" -m venv "$work/venv" >"$work/log" 2>&1 && ln -s "$work/venv/bin/python3" "$work/bin/python3" ||
        { echo "1..0 # SKIP needs pip"; exit 0; }
fi
command -v flock >/dev/null || { echo "1..0 # SKIP needs flock"; exit 0; }
build=$(cd "$builddir" && pwd)
WEIR=$build/weir PATH=$work/bin:$PATH PYTHONDONTWRITEBYTECODE=1 GOCACHE=${WEIR_GO_CACHE:-$build/go-cache} TMPDIR=$work
export WEIR PATH PYTHONDONTWRITEBYTECODE GOCACHE TMPDIR
unset PYTHONPATH VIRTUAL_ENV

is_all_or_nothing() {
    timeout 600 sh "$example/test.sh" 3 >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err"; return 1; }
    same "$(sed -n '/ \.\/test.sh$/,$ { /test.sh$/d; s/^    //; s/killed 5/killed 3/; p; }' "$example/README.md")" "$(cat "$work/out")"
}

plan 1
check "what is installed is the old set or the new one, whenever it is killed" is_all_or_nothing
