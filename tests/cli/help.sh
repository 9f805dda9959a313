#!/bin/sh
# weir help: screens that teach, in time and in size, and what leads nowhere.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
out=$work/out err=$work/err

# says STATUS WORD...: runs weir with its outputs in $out and $err.
says() {
    says_wanted=$1
    shift
    exits "$says_wanted" "$weir" "$@" >"$out" 2>"$err"
}

narrow() {
    awk 'length($0) > 80 { print; bad = 1 } END { exit bad }' "$1"
}

one_screen() {
    says 0 --help && narrow "$out" && [ "$(wc -l <"$out")" -le 24 ] && has "weir run" "$out"
}

# teaches SUBCOMMAND: --help has usage, examples, options and statuses; help and -h say the same.
teaches() {
    says 0 "$1" --help && narrow "$out" && has "usage: weir $1" "$out" && has "Examples:" "$out" \
        && has "Exit status:" "$out" && has "--help" "$out" && [ ! -s "$err" ] || return 1
    [ -z "$(grep "^[A-Z].*:\$" "$out" | sort | uniq -d)" ] || { echo "a heading stands twice"; return 1; }
    cp "$out" "$work/first"
    says 0 help "$1" && cmp "$out" "$work/first" && says 0 "$1" -h && cmp "$out" "$work/first"
}

# Each option of the help stands in the parser: a value of no use is refused by name.
options_are_known() {
    for option in $("$weir" "$1" --help | sed -n 's/^  ....--\([a-z-]*\).*/\1/p'); do
        case $option in
        help | version) says 0 "$1" "--$option" ;;
        *) says "$2" "$1" "--$option="; has "--$option" "$err" ;;
        esac || { echo "$option"; return 1; }
        ! grep -q 'unknown option' "$err" || return 1
    done
}

subcommands=$("$weir" --help | sed -n '/^Examples/q; s/^  \([a-z][a-z]*\)  *.*/\1/p' | grep -v help)
plan $((15 + 2 * $(echo "$subcommands" | wc -l)))

check "weir --help fits one screen" one_screen
for subcommand in $subcommands; do
    check "weir $subcommand --help teaches" teaches "$subcommand"
    usage=2
    [ "$subcommand" != run ] || usage=125
    check "weir $subcommand's options are all known" options_are_known "$subcommand" $usage
done
check "weir help is weir --help" eval \
    'says 0 --help && cp "$out" "$work/first" && says 0 help && cmp "$out" "$work/first"'
check "weir each --help has its placeholders, and what D and SIZE are" eval \
    'says 0 each --help && has "  {//} " "$out" && has "  D  " "$out" && has "  SIZE  " "$out"'
check "weir alone: help on stderr, 2" eval 'says 2 && [ ! -s "$out" ] && has "usage: weir" "$err"'
check "--version" eval 'says 0 --version && grep -q "^weir [0-9]" "$out" && says 0 run --version'
check "--version --licenses" eval 'says 0 --version --licenses && grep -q "^weir [0-9]" "$out" &&
    has "GPL-3.0-or-later" "$out" && has "PCRE2" "$out"'
check "help asked for is no error, after other options too" says 0 run --timeout 5 --help
check "a mistyped subcommand: the one that was meant" eval \
    'says 2 pipr && has "did you mean weir pipe?" "$err"'
check "two letters swapped" eval 'says 2 rnu && has "did you mean weir run?" "$err"'
check "a program where a subcommand should be" eval 'says 2 ls-al && has "weir run -- ls-al" "$err"'
check "an option where a subcommand should be" eval 'says 2 --jsno && has "unknown option" "$err"'
check "the beginning of an option is not the option" eval \
    'says 125 run --time 5 -- true && has "did you mean --timeout?" "$err"'
check "help about nothing" eval 'says 2 help rum && has "did you mean run?" "$err"'
check "help that cannot be written is an error" eval \
    '"$weir" --help >/dev/full 2>"$err"; same 125 $? && has "No space left" "$err"'
check "the same of a subcommand" eval '"$weir" run --help >/dev/full 2>"$err"; same 125 $?'
