#!/bin/sh
# The example in examples/node: functions of a Python worker, called from JavaScript.
. "$srcdir/tests/support/tap.sh"

example=$srcdir/examples/node
if ! command -v node >/dev/null; then
    echo "1..0 # SKIP there is no node"
    exit 0
fi
build=$(cd "$builddir" && pwd)
sources=$(cd "$srcdir" && pwd)
WEIR=$build/weir PYTHONPATH=$sources/sdk/python PYTHONDONTWRITEBYTECODE=1
export WEIR PYTHONPATH PYTHONDONTWRITEBYTECODE

answers() {
    timeout 120 sh "$example/run.sh" >"$work/out" || return 1
    same "$(sed -n '/^```text$/,/^```$/{/^```/d;p;}' "$example/README.md")" "$(cat "$work/out")"
}

plan 1
check "it answers as the README says" answers
