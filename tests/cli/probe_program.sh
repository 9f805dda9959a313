#!/bin/sh
# weir probe executes weir-probe, a program of its own: where it is found, and what that leaves to
# weir.
. "$srcdir/tests/support/tap.sh"
plan 8

weir=$builddir/weir
unset WEIR_PROBE

# A program that reports how it was executed.
cat >"$work/stand-in" <<'EOF'
#!/bin/sh
printf '%s' "$$:"
printf ' [%s]' "$@"
cat
exit 42
EOF
chmod 755 "$work/stand-in"

replaces_weir() {
    echo input | WEIR_PROBE=$work/stand-in sh -c 'echo $$; exec "$0" probe --only "a b" ""' "$weir" >"$work/out"
    status=$?
    same 42 $status && same "$(head -1 "$work/out"): [--only] [a b] []input" "$(tail -n +2 "$work/out")"
}
check "it takes weir's place: same process, words, standard input and exit status" replaces_weir

beside() {
    mkdir -p "$work/b" "$work/m/bin" "$work/m/libexec/weir" &&
        cp "$weir" "$builddir/weir-probe" "$work/b/" && cp "$weir" "$work/m/bin/" &&
        cp "$builddir/weir-probe" "$work/m/libexec/weir/" || return 1
    same "$("$weir" probe --list)" "$("$work/b/weir" probe --list)" &&
        same "$("$weir" probe --list)" "$("$work/m/bin/weir" probe --list)"
}
check "it is found beside weir, and in the libexec of a prefix that was moved" beside

missing() {
    mkdir "$work/alone" && cp "$weir" "$work/alone/" || return 1
    exits 125 env WEIR_PROBE=/no/such "$work/alone/weir" probe --list 2>"$work/err" &&
        has 'weir probe: cannot execute /no/such (from WEIR_PROBE): No such file' "$work/err" &&
        same 1 "$(wc -l <"$work/err" | tr -d ' ')"
}
check "without it weir says what is missing, and exits with 125" missing

help_stays() {
    WEIR_PROBE=/no/such "$weir" help probe >"$work/help" && "$weir" probe --help >"$work/own" &&
        cmp "$work/help" "$work/own" && has 'usage: weir probe ' "$work/help" &&
        same "$("$weir" --version)" "$("$weir" probe --version)"
}
check "help and version are those of weir" help_stays

usage() {
    exits 2 "$weir" probe --no-such 2>"$work/err" && has 'weir probe: ' "$work/err"
}
check "a wrong command line is a usage error of weir probe" usage

audited() {
    "$weir" probe --only make --json --audit "$work/log" >"$work/json" &&
        "$weir" audit verify "$work/log" && has '"argv":["probe","--only","make"' "$work/log"
}
check "the audit log has the words of the command line" audited

dies() {
    printf '#!/bin/sh\nkill -9 $$\n' >"$work/dying" && chmod 755 "$work/dying" &&
        exits 137 env WEIR_PROBE="$work/dying" "$weir" probe
}
check "a signal that ends it ends weir" dies

# As a library, or with its code in it.
needs() { nm "$1" | grep -q ' pcre2_compile'; }
pcre2_at_home() {
    command -v nm >/dev/null || return 0
    needs "$builddir/weir-probe" || return 1
    for file in "$weir" "$builddir/weir-spawner" "$builddir/.libs/libweir.so"; do
        [ ! -e "$file" ] || ! needs "$file" || { echo "$file needs pcre2"; return 1; }
    done
}
check "it alone needs pcre2" pcre2_at_home
