#!/bin/sh
# Every fuzz target holds for every seed of its corpus.
: "${srcdir:=.}" "${builddir:=.}"

targets=
count=0
for target in "$builddir"/tests/fuzz/fuzz_*; do
    case ${target##*/} in
    *.*) continue ;;
    esac
    test -f "$target" && test -x "$target" || continue
    targets="$targets ${target##*/}"
    count=$((count + 1))
done
if test "$count" -eq 0; then
    echo "1..1"
    echo "not ok 1 - fuzz targets are built"
    exit 1
fi

failed=0
number=0
echo "1..$count"
for target in $targets; do
    number=$((number + 1))
    seeds=$srcdir/tests/fuzz/corpus/${target#fuzz_}
    # Files, not the directory: a target that is a fuzzer would start to fuzz.
    set -- "$seeds"/*
    if ! test -e "$1"; then
        echo "not ok $number - $target has seeds in $seeds"
        failed=1
    elif reported=$("$builddir/tests/fuzz/$target" "$@" 2>&1); then
        echo "ok $number - $target holds for $# seeds"
    else
        echo "not ok $number - $target holds for $# seeds"
        printf '%s\n' "$reported" | tail -n 40 | sed 's/^/# /'
        failed=1
    fi
done
exit $failed
