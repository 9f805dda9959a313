#!/bin/sh
# `make site` builds the documents as a site, with the help of PyPI: make check-site
. "$srcdir/tests/support/tap.sh"

# What mkdocs warns of, such as a page that the navigation does not have, is a fault too.
builds() {
    sh "$srcdir/scripts/site" "$builddir" >"$work/log" 2>&1 && same "" "$(cat "$work/log")" || {
        cat "$work/log"
        return 1
    }
}

links() {
    "$PYTHON3" "$srcdir/scripts/check-links" --site "$builddir/site"
}

# has_page NAME TEXT...: whether a page of the site is there and has these texts.
has_page() {
    page=$builddir/site/$1
    shift
    for text; do has "$text" "$page" || return 1; done
}

every_function() {
    sed -n 's/^[a-z].*\b\(weir_[a-z_]*\)(.*/\1/p' "$srcdir"/include/weir/*.h |
        sed 's/_sized$//' | sort -u >"$work/names"
    [ "$(wc -l <"$work/names")" -gt 80 ] || return 1
    same "" "$(while IFS= read -r name; do
        grep -rqF "id=\"$name\"" "$builddir/site/docs/reference" || echo "$name"
    done <"$work/names")"
}

plan 4
check "make site builds without a warning" builds
check "its links lead somewhere, and it loads nothing from elsewhere" links
check "each function of the library has its place" every_function
check "each option of a subcommand has its place" \
    has_page docs/cli/map.html --checkpoint --dead-letter
