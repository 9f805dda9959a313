#!/bin/sh
# Programs built with older and newer headers run with the library of today, and the ABI is the
# recorded one (docs/abi.md).
#
# By hand, in a build directory: tests/abi/abi.sh --record writes the record anew; --freeze also
# takes today's headers for those of the ABI.
if [ -z "${srcdir-}" ]; then
    srcdir=$(cd "$(dirname "$0")/../.." && pwd) builddir=$(pwd) PYTHON3=${PYTHON3-python3}
fi
. "$srcdir/tests/support/tap.sh"

here=$srcdir/tests/abi
library=$builddir/.libs/libweir.so
setting() { sed -n "s/^$1 = *//p" "$builddir/Makefile"; }
cc=$(setting CC) flags=$(setting SANITIZER_FLAGS)

symbols() { nm -D --defined-only "$library" | sed -n 's/.* \(weir_[a-z0-9_]*\)$/\1/p' | LC_ALL=C sort; }
layout() {
    "$PYTHON3" "$here/headers.py" layout "$cc" "$srcdir/include" >"$work/layout.c" &&
        $cc -I"$srcdir/include" -o "$work/lay_out" "$work/layout.c" && "$work/lay_out"
}

if [ $# -gt 0 ]; then
    case $1 in --record | --freeze) ;; *) sed -n '5,6s/^# //p' "$0" >&2; exit 2 ;; esac
    layout >"$work/new" && cp "$work/new" "$here/layout" && symbols >"$here/symbols" || exit
    [ "$1" = --record ] || { mkdir -p "$here/old/weir" && cp "$srcdir"/include/weir/*.h "$here/old/weir/"; }
    exit
fi

plan 6

# build NAME INCLUDE FLAG...: the caller with these headers.
build() {
    name=$1 include=$2
    shift 2
    # shellcheck disable=SC2086
    $cc -std=c11 -Wall -Wextra -Werror $flags "$@" -I"$include" -o "$work/$name" "$here/caller.c" \
        "$library" -Wl,-rpath,"$builddir/.libs"
}

runs() {
    build "$@" && printf '{"n":1}\n{"n":2}\n' >"$work/in" && rm -f "$work/out" &&
        "$work/$1" "$work/in" "$work/out" "$builddir/tests/children/rpc_worker" &&
        cmp "$work/in" "$work/out"
}
older() { "$PYTHON3" "$here/headers.py" older "$srcdir/include" "$work/older" && runs older_caller "$work/older"; }
newer() { "$PYTHON3" "$here/headers.py" newer "$srcdir/include" "$work/newer" && runs newer_caller "$work/newer" -DNEWER; }

# same_as_recorded WHAT: a difference is shown.
same_as_recorded() {
    "$1" >"$work/$1" && diff "$here/$1" "$work/$1" ||
        { echo "if this is meant, see docs/abi.md, then run tests/abi/abi.sh --record"; return 1; }
}

check_shared() {
    if [ -e "$library" ]; then
        check "$@"
    else
        test_number=$((test_number + 1))
        echo "ok $test_number - $1 # SKIP there is no shared library"
    fi
}

check_shared "a program built with today's headers runs" runs today "$srcdir/include"
check_shared "a program built with the headers of ABI 1 runs" runs first "$here/old"
check_shared "a program whose structs lack their last member runs, and is not written over" older
check_shared "a program whose structs have a member more runs while that is 0, and is refused else" newer
check_shared "the library exports the recorded functions" same_as_recorded symbols
if [ "$(getconf LONG_BIT)" = 64 ]; then
    check "structs and enums are laid out as recorded" same_as_recorded layout
else
    echo "ok 6 - structs and enums are laid out as recorded # SKIP recorded for 64 bits"
fi
