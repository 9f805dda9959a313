#!/bin/sh
# weir where it was installed to, used as somebody does who has nothing else of it.
# Not part of `make check`: run by `make installcheck`, with $bindir and $pkgconfigdir,
# and by tests/install/debian.sh, which has it where the system looks.
. "$srcdir/tests/support/tap.sh"

unset WEIR_SPAWNER
PATH=${bindir:+$bindir:}$PATH
PKG_CONFIG_PATH=${pkgconfigdir-}
export PATH PKG_CONFIG_PATH
# The program needs a path to the library where the loader does not look by itself.
libdir=$(pkg-config --variable=libdir weir)
LD_LIBRARY_PATH=${pkgconfigdir:+$libdir}
# A library that was built with a sanitizer needs it in the program.
flags=$(sed -n 's/^SANITIZER_FLAGS = //p' "${builddir:-.}/Makefile" 2>/dev/null)

is_the_one_installed() {
    same "${bindir:-/usr/bin}/weir" "$(command -v weir)" &&
        same "weir $(pkg-config --modversion weir)" "$(weir --version | head -n 1)"
}

runs() { (cd "$work" && same hi "$(weir run -- echo hi)"); }

# The program that docs/install.md shows, built as it says.
page_builds() {
    awk '/^```c$/ { c = 1; next } /^```$/ { c = 0 } c' "$srcdir/docs/install.md" >"$work/tool.c"
    [ -s "$work/tool.c" ] || { echo "no C in docs/install.md"; return 1; }
    # shellcheck disable=SC2046,SC2086
    (cd "$work" && cc -Wall -Wextra -Werror $flags -o tool tool.c $(pkg-config --cflags --libs weir))
}

page_runs() {
    same '0: apple
pear' "$(LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$work/tool")"
}

# With the static library, where configure was asked for one; it brings all that it needs.
page_runs_static() {
    # shellcheck disable=SC2046,SC2086
    (cd "$work" && cc $flags -o static tool.c $(pkg-config --cflags weir) \
        $(pkg-config --libs --static weir | sed "s,-lweir\>,$libdir/libweir.a,")) &&
        same '0: apple
pear' "$("$work/static")"
}

embed_builds() {
    cp -r "$srcdir/examples/embed" "$work/embed" && chmod -R u+w "$work/embed" && rm -f "$work/embed/embed" &&
        env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -C "$work/embed" CFLAGS="-Wall -Wextra -Werror $flags"
}

embed_runs() {
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$work/embed/embed" >"$work/out" &&
        has "1. sort exited with 0 and wrote:" "$work/out" && has "status 3: sh exited with 3" "$work/out" &&
        has "sleep: timed out, then killed by SIGTERM (Terminated)" "$work/out"
}

static='' tests=6
[ ! -e "$libdir/libweir.a" ] || static=yes tests=7
plan "$tests"
check "the weir on the PATH is the one installed, and weir.pc is of its version" is_the_one_installed
check "it runs a program, and finds its spawner by itself" runs
check "the program in docs/install.md is built as it says" page_builds
check "and does what it should" page_runs
[ -z "$static" ] || check "so does one with the static library inside" page_runs_static
check "examples/embed is built by its Makefile" embed_builds
check "and does what it should" embed_runs
