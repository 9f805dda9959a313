#!/bin/sh
# `make install DESTDIR=` puts just the files it ought to where a package takes them from,
# they are sound, and `make uninstall` takes them away again.
. "$srcdir/tests/support/tap.sh"
. "$srcdir/tests/support/installed.sh"

root=$work/root

# dir NAME: what make has for $(NAME), for example libdir.
dir() {
    printf 'include Makefile\nweir-tells-dir: ; @echo "$(%s)"\n' "$1" |
        own_make -s --no-print-directory -C "$builddir" -f - weir-tells-dir
}

# The files, by the directories they belong in; of headers and pages all that there are.
wanted() {
    echo "$(dir bindir)/weir"
    for header in "$srcdir"/include/weir/*.h; do echo "$(dir includedir)/weir/${header##*/}"; done
    # A static library is there when configure was asked for one.
    static=$(sed -n '/^build_old_libs=/{s/.*=yes/a/p;q;}' "$builddir/libtool")
    for end in la so so.1 so.1.0.0 $static; do echo "$(dir libdir)/libweir.$end"; done
    echo "$(dir libdir)/pkgconfig/weir.pc"
    for program in weir-probe weir-spawner; do echo "$(dir libexecdir)/weir/$program"; done
    token=
    ! grep -q '^#define WEIR_HTTP' "$builddir/config.h" || token=weir-token
    for page in weir weir-audit weir-call weir-each weir-map weir-pipe weir-probe weir-report weir-run weir-serve weir-top $token; do
        echo "$(dir mandir)/man1/$page.1"
    done
    if [ -n "$PYTHON3" ]; then
        man3=$(dir mandir)/man3
        for header in "$srcdir"/include/weir/*.h; do echo "$man3/weir_${header##*/}.3"; done |
            grep -v '/weir_weir\.h'
        nm -D --defined-only "$library" | sed -n 's/.* T \(weir_[a-z0-9_]*\)$/\1/p' |
            sed 'p; s/_sized$//' | sort -u | sed "s|.*|$man3/&.3|"
    fi
    for page in README.md CHANGELOG.md "$srcdir"/docs/*.md; do echo "$(dir docdir)/${page##*/}"; done
    for schema in "$srcdir"/docs/schemas/*; do echo "$(dir docdir)/schemas/${schema##*/}"; done
    echo "$(dir bashcompletiondir)/weir"
    echo "$(dir zshcompletiondir)/_weir"
    echo "$(dir fishcompletiondir)/weir.fish"
}

# here: what is below the root that is no directory, named as it is to be in the end.
here() { (cd "$root" && find . ! -type d | sed 's/^\.//' | sort); }

just_these_files() {
    wanted | sort >"$work/wanted"
    here >"$work/here" && diff "$work/wanted" "$work/here"
}

# Nothing may remember where it was staged.
knows_no_stage() {
    found=0
    grep -rlF "$work" "$root" || found=$?
    same 1 $found
}

# A prefix that was moved works as it is. A command that was moved alone says where it looked, and
# believes WEIR_SPAWNER.
minds_its_spawner() {
    place=$(dir libexecdir)/weir/weir-spawner
    command=$root$(dir bindir)/weir
    # shellcheck disable=SC3013  # POSIX has -ef since 2024; all shells before
    if [ "$root$place" -ef "${command%/*}/../libexec/weir/weir-spawner" ]; then
        same hi "$(env -u WEIR_SPAWNER "$command" run -- echo hi)" || return 1
    fi
    mkdir "$work/alone" && cp "$command" "$work/alone/weir" || return 1
    if [ ! -x "$place" ]; then # else another weir is installed there
        exits 125 env -u WEIR_SPAWNER "$work/alone/weir" run -- echo hi 2>"$work/err" &&
            has "tried $place (where it is installed): install weir, or set WEIR_SPAWNER" "$work/err" ||
            return 1
    fi
    same hi "$(WEIR_SPAWNER=$root$place "$work/alone/weir" run -- echo hi)"
}

# Every page, by groff with all its warnings; and there is text in it.
pages_render() {
    for page in "$root$(dir mandir)"/man1/*.1; do
        groff -man -Tutf8 -ww "$page" >"$work/page" 2>"$work/warnings" &&
            same "" "$(cat "$work/warnings")" &&
            sed "s/.$(printf '\b')//g" "$work/page" | grep -q '^EXIT STATUS' || { echo "$page"; return 1; }
    done
    [ -n "$PYTHON3" ] || return 0
    # A function's page is its header's.
    (cd "$root$(dir mandir)" && for page in man3/*.3; do
        groff -man -Tutf8 -ww -I . "$page" >"$work/page" 2>"$work/warnings" &&
            same "" "$(cat "$work/warnings")" &&
            sed "s/.$(printf '\b')//g" "$work/page" | grep -qw "$(basename "$page" .3)" || { echo "$page"; exit 1; }
    done)
}

completes() {
    bash -c '. "$1" && complete -p weir' bash "$root$(dir bashcompletiondir)/weir" &&
        grep -q '^#compdef weir' "$root$(dir zshcompletiondir)/_weir" &&
        grep -q '^complete -c weir' "$root$(dir fishcompletiondir)/weir.fish"
}

uninstalls() {
    (cd "$builddir" && own_make uninstall DESTDIR="$root") && same "" "$(here)" || return 1
    # Directories of our own go too; those of others stay.
    same "" "$(find "$root" -type d -name weir)"
}

plan 7
check "weir is installed below DESTDIR" installs
check "it is just these files" just_these_files
check "nothing in them names the stage" knows_no_stage
check "the command finds its spawner where it was moved to, and believes WEIR_SPAWNER" minds_its_spawner
check "the man pages render without a warning" pages_render
check "the completions are completions" completes
check "make uninstall leaves nothing" uninstalls
