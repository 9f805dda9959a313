#!/bin/sh
# The schema validator agrees with the public suite of JSON Schema (github.com/
# json-schema-org/JSON-Schema-Test-Suite), looked for in $JSON_SCHEMA_TEST_SUITE: every
# test of draft 2020-12 comes out right, or its schema is refused for a reason that
# docs/contract.md tells.
: "${srcdir:=.}" "${builddir:=.}"

suite=${JSON_SCHEMA_TEST_SUITE:-$srcdir/../shared/data/json-schema-test-suite}/tests/draft2020-12
if ! test -d "$suite"; then
    echo "1..1"
    echo "ok 1 # SKIP the JSON Schema test suite is not at $suite: JSON_SCHEMA_TEST_SUITE says where it is"
    exit 0
fi
. "$srcdir/tests/support/tap.sh"

# What may be refused: a file, and what weir says of the schema.
excluded='
anchor.json          only the root schema may have an [$]id
content.json         the keyword content.* is not supported
defs.json            is in another document
dynamicRef.json      \(the keyword [$]dynamic\|the keyword unevaluated\|is in another document\|only the root schema may have an [$]id\)
not.json             the keyword unevaluatedProperties is not supported
ref.json             \(only the root schema may have an [$]id\|is in another document\|the keyword unevaluated\)
refRemote.json       \(is in another document\|only the root schema may have an [$]id\)
unevaluatedItems.json       the keyword \([$]dynamicAnchor\|unevaluatedItems\) is not supported
unevaluatedProperties.json  the keyword \([$]dynamicAnchor\|unevaluatedProperties\) is not supported
vocabulary.json      but weir supports only
bignum.json          too big integer
cross-draft.json     is in another document
dependencies-compatibility.json  the keyword dependencies is not supported
format-assertion.json  but weir supports only
id.json              only the root schema may have an [$]id
refOfUnknownKeyword.json  \(unknown keyword\|does not refer to a schema\)
unknownKeyword.json  unknown keyword
'

# run NAME FILE...: the outcome of these files, in $work/NAME.
run() {
    name=$1
    shift
    "$builddir/tests/support/json_schema" "$@" >"$work/$name" && test -s "$work/$name"
}

none_wrong() {
    ! grep '	\(wrong\|failed\)	' "$work/$1"
}

refused_for_a_reason() {
    grep '	refused	' "$work/$1" >"$work/refused"
    echo "$excluded" | while read -r file reason; do
        test -n "$file" && echo "^$file	refused	.*$reason"
    done >"$work/allowed"
    ! grep -v -f "$work/allowed" "$work/refused"
}

plan 6
check "the required tests run" run required "$suite"/*.json
check "none of them comes out wrong" none_wrong required
check "what is refused is not claimed" refused_for_a_reason required
check "the optional tests run" run optional "$suite"/optional/*.json
check "none of them comes out wrong" none_wrong optional
check "what is refused is not claimed" refused_for_a_reason optional
for name in required optional; do
    printf '# %s: %s right, %s schemas refused\n' "$name" "$(grep -c '	right	' "$work/$name")" \
        "$(grep -c '	refused	' "$work/$name")"
done
