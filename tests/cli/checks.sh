#!/bin/sh
# scripts/check-floors and check-exports: what they find is their exit status too.
. "$srcdir/tests/support/tap.sh"

plan 11

floors=$(cd "$srcdir" && pwd)/scripts/check-floors
exports=$(cd "$srcdir" && pwd)/scripts/check-exports

# tree NAME: a small source tree that both checks pass.
tree() {
    mkdir -p "$work/$1/src/base" "$work/$1/src/cli" "$work/$1/include/weir" "$work/$1/.libs" \
        "$work/$1/sdk/python/native" "$work/$1/sdk/python/weir"
    echo 'static int three(void) { return 3; }' >"$work/$1/sdk/python/native/c.c"
    echo 'import json' >"$work/$1/sdk/python/weir/d.py"
    echo '#include "base/b.h"' >"$work/$1/src/cli/a.c"
    echo '/* b */' >"$work/$1/src/base/b.h"
    printf '#ifndef A\n#define A\n#ifdef __cplusplus\nextern "C"\n#endif\nint weir_answer(void);\n#endif\n' \
        >"$work/$1/include/weir/a.h"
}

floors_of() { srcdir=$work/$1 "$floors" >"$work/said"; }

a_good_tree() { tree good && exits 0 floors_of good && ! grep '^not ok' "$work/said"; }
a_wrong_floor() {
    tree wrong && echo '#include "cli/a.h"' >"$work/wrong/src/base/b.c" && exits 1 floors_of wrong &&
        has "not ok" "$work/said" && has "src/base/b.c: base may not include cli" "$work/said"
}
a_stranger() {
    tree stranger && echo '#include <uv.h>' >"$work/stranger/src/cli/b.c" && exits 1 floors_of stranger &&
        has "not ok" "$work/said" && has "cli/b.c" "$work/said"
}
an_unknown_floor() { tree unknown && mkdir "$work/unknown/src/attic" && exits 1 floors_of unknown; }
a_circle() {
    tree circle && mkdir "$work/circle/src/loop" && cd "$work/circle/src/loop" &&
        printf 'int weir__one(int n)\n{\n    return n > 0 ? weir__two(n - 1) : 0;\n}\n' >one.c &&
        printf 'int weir__two(int n)\n{\n    return weir__one(n);\n}\n' >two.c && cd - >/dev/null &&
        exits 1 floors_of circle && has "not ok" "$work/said" && has "circle: loop/one loop/two" "$work/said"
}
no_circle() {
    tree chain && mkdir "$work/chain/src/loop" && cd "$work/chain/src/loop" &&
        printf 'int weir__one(int n)\n{\n    return weir__two(n - 1);\n}\n' >one.c &&
        printf 'int weir__two(int n)\n{\n    return n;\n}\n' >two.c && cd - >/dev/null && exits 0 floors_of chain
}
by_hand() { # from wherever one stands
    (unset srcdir builddir && cd / && exits 0 "$floors") >"$work/said" || { cat "$work/said"; return 1; }
}
check "the floors of a good tree are 0" a_good_tree
check "a file that includes from a higher floor is 1" a_wrong_floor
check "a library away from its home is 1" a_stranger
check "an unknown floor is 1" an_unknown_floor
check "files that use each other in a circle are 1" a_circle
check "files that use each other in one direction are 0" no_circle
check "the floors can be looked at by hand, from anywhere" by_hand

exports_of() { srcdir=$work/$1 builddir=$work/$1 "$exports" >"$work/said"; }
# library NAME TEXT: makes the tree's library.
library() { echo "$2" | ${CC:-cc} -shared -fPIC -x c -o "$work/$1/.libs/libweir.so" - 2>/dev/null; }

good_exports() { tree e0 && library e0 'int weir_answer(void) { return 1; }' && exits 0 exports_of e0; }
undeclared() {
    tree e1 && library e1 'int weir_answer(void) { return 1; } int weir_more(void) { return 1; }' &&
        exits 1 exports_of e1 && has "weir_more" "$work/said"
}
missing() { tree e2 && library e2 'int weir_other(void) { return 1; }' && exits 1 exports_of e2; }
a_bad_header() {
    tree e3 && library e3 'int weir_answer(void) { return 1; }' &&
        echo 'size_t weir_count;' >"$work/e3/include/weir/z.h" && exits 1 exports_of e3 &&
        has "not ok" "$work/said"
}
if tree try && library try 'int weir_answer(void) { return 1; }' && nm -D "$work/try/.libs/libweir.so" >/dev/null 2>&1; then
    check "exports that are declared are 0" good_exports
    check "an export that is not declared is 1" undeclared
    check "a declared function that is missing is 1" missing
    check "a header that is not enough by itself is 1" a_bad_header
else
    for sentence in "exports that are declared are 0" "an export that is not declared is 1" \
        "a declared function that is missing is 1" "a header that is not enough by itself is 1"; do
        test_number=$((test_number + 1))
        echo "ok $test_number - $sentence # SKIP no compiler or no nm for shared libraries"
    done
fi
