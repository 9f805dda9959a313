#!/bin/sh
# The syntax check agrees with the public JSON test suite (github.com/nst/JSONTestSuite),
# looked for in $JSON_TEST_SUITE: y_*.json is good, n_*.json is not, i_*.json is either.
: "${srcdir:=.}" "${builddir:=.}"

suite=${JSON_TEST_SUITE:-$srcdir/../shared/data/json-test-suite}
if ! test -d "$suite"; then
    echo "1..1"
    echo "ok 1 # SKIP the JSON test suite is not at $suite: JSON_TEST_SUITE says where it is"
    exit 0
fi
. "$srcdir/tests/support/tap.sh"

json_syntax=$builddir/tests/support/json_syntax

# judged KIND VERDICT [-r]: whether there are files of that kind, and each gets that verdict.
judged() {
    kind=$1 verdict=$2
    shift 2
    set -- "$@" "$suite"/test_parsing/"$kind"_*.json
    "$json_syntax" "$@" >"$work/verdicts" || {
        echo "exit status $? from $json_syntax"
        return 1
    }
    test -s "$work/verdicts" || return 1
    ! grep -v "	$verdict" "$work/verdicts"
}

plan 6
check "what is valid is good" judged y good
check "what is valid is good where any bytes pass" judged y good -r
check "what is not valid is a fault" judged n fault
check "what is not valid is a fault where any bytes pass" judged n fault -r
check "what may be either gets a verdict" judged i '\(good\|fault\)'
sed 's/^/# /' "$work/verdicts"
check "what may be either gets a verdict where any bytes pass" judged i '\(good\|fault\)' -r
