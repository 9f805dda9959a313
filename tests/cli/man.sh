#!/bin/sh
# The man pages and the completions say what the option tables say.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
subcommands=$("$weir" --help | sed -n '/^Examples/q; s/^  \([a-z][a-z]*\)  *.*/\1/p')
pages=$(echo "$subcommands" | grep -v help)

# page NAME: the built page, or the copy of the tarball.
page() {
    [ -f "$builddir/docs/man/$1.1" ] && echo "$builddir/docs/man/$1.1" || echo "$srcdir/docs/man/$1.1"
}

options_of() {
    "$weir" "$1" --help | sed -n 's/^  ....--\([a-z-]*\).*/\1/p'
}

page_has_options() {
    for option in $(options_of "$1"); do
        has "\\-\\-$(echo "$option" | sed 's/-/\\-/g')\\fR" "$(page "weir-$1")" || return 1
    done
}

page_has_sections() {
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS "EXIT STATUS" EXAMPLES; do
        has ".SH $section" "$(page "$1")" || return 1
    done
}

# By mandoc where there is one; that pages have no date is on purpose.
clean() {
    command -v mandoc >/dev/null || return 0
    mandoc -Tlint -W warning "$(page "$1")" >"$work/lint"
    same "" "$(grep -v 'missing date' "$work/lint")"
}

# By man where there is one: the words come out as they were meant.
renders() {
    command -v mandoc >/dev/null || command -v man >/dev/null || return 0
    if command -v mandoc >/dev/null; then mandoc -Tutf8 "$(page "$1")"; else man -l "$(page "$1")"; fi |
        sed "s/.$(printf '\b')//g" | tr -s ' \n' '  ' >"$work/text" && has "$2" "$work/text"
}

# completed WORD...: what bash offers for the last word.
completed() {
    bash -c '
        source "$1" || exit 1
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _weir && printf "%s\n" "${COMPREPLY[@]}"' bash "$work/weir.bash" "$@"
}

# offers WANTED WORD...: whether WANTED is a line of what is offered.
offers() {
    offers_wanted=$1
    shift
    completed "$@" >"$work/offered" && grep -qxF -- "$offers_wanted" "$work/offered" || {
        echo "$offers_wanted is not offered:"
        cat "$work/offered"
        return 1
    }
}

bash_offers_options() {
    for subcommand in $subcommands; do
        for option in $(options_of "$subcommand"); do
            offers "--$option" weir "$subcommand" -- || return 1
        done
    done
}

# fish_offers WANTED LINE: whether fish offers it; without fish, only the script is looked at.
fish_offers() {
    command -v fish >/dev/null || return 0
    HOME=$work fish -c 'source $argv[1]; complete --do-complete=$argv[2]' "$work/weir.fish" "$2" |
        cut -f1 >"$work/offered" && grep -qxF -- "$1" "$work/offered" || {
        echo "$1 is not offered:"
        cat "$work/offered"
        return 1
    }
}

fish_has_options() {
    "$weir" help --completion fish >"$work/weir.fish"
    for subcommand in $subcommands; do
        grep "^complete -c weir -n '__weir_[a-z]* $subcommand'" "$work/weir.fish" >"$work/part"
        for option in $(options_of "$subcommand"); do
            grep -q -- " -l $option " "$work/part" || { echo "$subcommand --$option"; return 1; }
        done
    done
    ! command -v fish >/dev/null || HOME=$work fish --no-execute "$work/weir.fish"
}

zsh_has_options() {
    "$weir" help --completion zsh >"$work/weir.zsh"
    for subcommand in $subcommands; do
        sed -n "/^        $subcommand)/,/;;/p" "$work/weir.zsh" >"$work/part"
        for option in $(options_of "$subcommand"); do
            grep -q -- "--${option}[=[]" "$work/part" || { echo "$subcommand --$option"; return 1; }
        done
    done
    ! command -v zsh >/dev/null || zsh -n "$work/weir.zsh"
}

plan $((15 + 3 * $(echo "$pages" | wc -l)))

for name in $pages; do
    check "weir-$name(1) has every option of weir $name" page_has_options "$name"
done
for name in weir $(echo "$pages" | sed 's/^/weir-/'); do
    check "$name(1) has its sections" page_has_sections "$name"
    check "$name(1) is clean" clean "$name"
done
check "what is special to roff comes out as it is" renders weir-pipe '|, $ and * have no special meaning'
check "an apostrophe does too" renders weir "A program's own exit status"

"$weir" help --completion bash >"$work/weir.bash"
if command -v bash >/dev/null; then
    check "bash offers every option" bash_offers_options
    check "bash offers subcommands" offers pipe weir p
    check "bash offers the values of a choice, behind a space and behind =" eval \
        'offers strict weir pipe --pipefail s && offers strict weir pipe --pipefail = s'
    check "bash offers limits" offers memory= weir run --limit m
    check "bash leaves what is behind the program to the program" eval \
        'cd "$work" && offers weir.bash weir run --timeout 5 cat weir.b'
    check "bash offers the words of audit, then files" eval \
        'offers report weir audit r && cd "$work" && offers weir.bash weir audit show weir.b'
    check "bash offers no program where there is none" eval \
        '[ -z "$(completed weir serve c)" ] && [ -z "$(completed weir call c)" ]'
else
    for _ in 1 2 3 4 5 6 7; do
        test_number=$((test_number + 1))
        echo "ok $test_number # SKIP no bash"
    done
fi
check "zsh has every option" zsh_has_options
check "fish has every option" fish_has_options
check "fish offers the words of audit" fish_offers report "weir audit r"
check "fish leaves what is behind the program to the program" eval \
    'cd "$work" && fish_offers weir.fish "weir run --timeout 5 cat weir.f"'
