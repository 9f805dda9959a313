#!/bin/sh
# Shows that install.sh is all or nothing, with packages that are made here: test.sh [ROUNDS]
# It needs Go and pip, and no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:-5}
work=$(mktemp -d)
cleanup() {
    chmod -R u+w "$work"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Two versions of a tool in Go and of a module of Python, that belong together.
python3 "$here/packages.py" "$work"
GOPROXY=file://$work/goproxy GONOSUMDB='*' GOFLAGS='-mod=mod -modcacherw' GOPATH=$work/go GOTOOLCHAIN=local GOWORK=off GO111MODULE=on
PIP_NO_INDEX=1 PIP_FIND_LINKS=$work/wheels PIP_DISABLE_PIP_VERSION_CHECK=1
export GOPROXY GONOSUMDB GOFLAGS GOPATH GOTOOLCHAIN GOWORK GO111MODULE PIP_NO_INDEX PIP_FIND_LINKS PIP_DISABLE_PIP_VERSION_CHECK
unset GOBIN PYTHONPATH
prefix=$work/tools

install() { sh "$here/install.sh" "$prefix" "$work/$1"; }

# Prints the set's version; fails if it is none, or a mixture.
version() {
    sh "$here/install.sh" --check "$prefix" || return 1
    go_one=$("$prefix/bin/hello") || return 1
    python_one=$(PYTHONPATH=$prefix/python PYTHONDONTWRITEBYTECODE=1 python3 -m greet) || return 1
    [ "${go_one#hello }" = "${python_one#greet }" ] || { echo "a mixture: $go_one, $python_one" >&2; return 1; }
    echo "${go_one#hello }"
}
is_at() {
    found=$(version) && [ "$found" = "$1" ] || { echo "test.sh: expected $1, but it is ${found:-nothing}" >&2; exit 1; }
    echo "$2: $1"
}

install set1
is_at 1.0.0 "a new prefix"
began=$(date +%s)
install set2
takes=$(($(date +%s) - began + 1))
is_at 1.1.0 "the next set"
sh "$here/install.sh" --back "$prefix"
is_at 1.0.0 "back"
for broken in hash contract; do
    if install "$broken" 2>"$work/said"; then
        echo "test.sh: the set with a wrong $broken was installed" >&2
        exit 1
    fi
    is_at 1.0.0 "a wrong $broken changes nothing"
done

# A round is killed, without a warning, somewhere in the time that one takes.
python3 "$here/interrupt.py" "$rounds" "$takes" "$prefix" "$here/install.sh" "$work/set1" "$work/set2"
echo "killed $rounds times at random: old or new, never a mixture"
install set2
is_at 1.1.0 "and then"
"${WEIR:-weir}" audit verify "$prefix.d/audit.log" >/dev/null
echo "the log of all steps verifies"
