#!/bin/sh
# fuzz.sh SECONDS [TARGET...]: fuzzes every target in turn, in a tree that was configured
# with --enable-fuzzing.  What a target learns stays in fuzz/TARGET of the build tree, what
# breaks it in fuzz/TARGET.found, what it said in fuzz/TARGET.log.
: "${srcdir:=.}" "${builddir:=.}"
seconds=${1:-60}
[ $# -eq 0 ] || shift

cd "$builddir" || exit 1
if ! grep -q 'enable-fuzzing' config.log 2>/dev/null; then
    echo "fuzz.sh: this tree has no fuzzers: configure it with --enable-fuzzing CC=clang" >&2
    exit 2
fi
# shellcheck disable=SC2046  # a word a target
[ $# -gt 0 ] || set -- $(cd "$srcdir/tests/fuzz/corpus" && ls)

# Addresses spread too widely make old sanitizers fail at start.
fixed=
setarch "$(uname -m)" -R true 2>/dev/null && fixed="setarch $(uname -m) -R"
broken=
for name; do
    mkdir -p "fuzz/$name" "fuzz/$name.found"
    # shellcheck disable=SC2086
    if $fixed "tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 \
        -print_final_stats=1 -artifact_prefix="fuzz/$name.found/" \
        "fuzz/$name" "$srcdir/tests/fuzz/corpus/$name" >"fuzz/$name.log" 2>&1; then
        verdict=held
    else
        verdict=BROKEN broken="$broken $name"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "fuzz/$name.log")
    found=$(find "fuzz/$name.found" -type f | wc -l)
    echo "$name: $verdict in ${runs:-?} runs, $(find "fuzz/$name" -type f | wc -l) inputs kept, $found found"
done
[ -z "$broken" ] || { echo "broken:$broken: see fuzz/*.log"; exit 1; }
