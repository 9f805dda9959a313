#!/bin/sh
# The example in examples/embed, built against an installed weir as somebody else would,
# and the memory of it.
. "$srcdir/tests/support/tap.sh"

. "$srcdir/tests/support/installed.sh"

unset WEIR_SPAWNER

builds() {
    cp -r "$srcdir/examples/embed" "$work/embed" && chmod -R u+w "$work/embed" && rm -f "$work/embed/embed" &&
        makes "$work/embed"
}

runs() {
    example "$work/embed/embed" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    same "" "$(cat "$work/err")"
}

order() {
    # What was missing is reported first, then who exited, then whose time was up.
    same "no-such-program sh sleep" "$(sed -n 's/^   \(no-such-program\|sh\|sleep\): .*/\1/p' "$work/out" |
        tail -3 | tr '\n' ' ' | sed 's/ $//')"
}

is_clean() {
    example valgrind -q --error-exitcode=9 --leak-check=full --track-fds=yes "$work/embed/embed" \
        >"$work/out" 2>"$work/valgrind" || { cat "$work/valgrind"; return 1; }
}

plan 5
check "weir is installed" installs
check "the example is built with what pkg-config says" builds
check "it runs, and says nothing on stderr" runs
check "its programs end in their order" order
if ! command -v valgrind >/dev/null || [ -n "$flags" ]; then
    echo "ok 5 - its memory is clean # SKIP no valgrind, or a sanitizer"
else
    check "its memory is clean" is_clean
fi
