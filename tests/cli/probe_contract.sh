#!/bin/sh
# weir probe --contract and --compare: what is held, what differs, and what is reported.
: "${srcdir:=.}" "${builddir:=.}"
. "$srcdir/tests/support/tap.sh"

weir=$(cd "$builddir" && pwd)/weir

# A tool of our own, so that nothing depends on what this machine has.
mkdir "$work/bin"
fake() { # fake VERSION: what the tool says it is
    printf '#!/bin/sh\necho "frob version %s"\n' "$1" >"$work/bin/frob"
    chmod +x "$work/bin/frob"
}
fake 1.22.3
cat >"$work/frob.json" <<'END'
{"name": "frob", "argv": ["frob", "--version"]}
END
PATH=$work/bin:$PATH
probe() { "$weir" probe --detector "$work/frob.json" --only frob --json "$@"; }

contract() { # contract NAME RANGE [MEMBER]: a contract for frob
    cat >"$work/$1.json" <<END
{"\$schema": "https://json-schema.org/draft/2020-12/schema",
 "properties": {"tools": {"required": ["frob"], "properties": {"frob": {"properties": {
   "version": {"type": "string", "x-version": "$2", "x-env-diff": {"dev": "minor", "prod": "exact"}}}}}},
   "wall_ms": {"x-env-diff": {"slow": "±0%"}}}${3-}}
END
}
contract good ">=1.22 <2"
contract bad ">=1.23"
contract misspelt ">=1.22" ', "requird": []'
contract range "new"
echo '{"a": 1, "a": 2}' >"$work/twice.json"

says() { # says WORDS: whether the last command said them
    grep -qF -- "$1" "$work/out" "$work/err" || {
        echo "nowhere: $1"
        cat "$work/out" "$work/err"
        return 1
    }
}
run() { # run STATUS COMMAND...: its output is in out and err
    status=$1
    shift
    exits "$status" "$@" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err"; return 1; }
}
member() { json_holds "$work/out" "$1"; } # member EXPRESSION: whether it holds of the document d

plan 27
holds() { run 0 probe --contract "$work/good.json" && member 'd["contract"]["ok"] and d["contract"]["count"] == 0'; }
check "a contract that holds" holds
broken() {
    run 1 probe --contract "$work/bad.json" &&
        member 'd["contract"]["findings"] == [{"instance": "/tools/frob/version",
            "schema": "/properties/tools/properties/frob/properties/version/x-version",
            "text": "is version 1.22.3 but must be in >=1.23"}] and not d["contract"]["ok"]'
}
check "one that is broken is 1, and says where and why" broken
unusable() { run 2 probe --contract "$work/$1" && says "$2" && ! test -s "$work/out"; }
check "a misspelt keyword is 2, by its place" unusable misspelt.json '/requird: unknown keyword'
check "a range that is none is 2" unusable range.json 'x-version: invalid version condition "new"'
check "a key twice is 2" unusable twice.json 'twice.json'
check "no file is 2" unusable none.json 'none.json'

printf abc >"$work/libx.so"
hash=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
contract libs ">=1.22" ", \"libs\": [{\"path\": \"$work/libx.so\", \"sha256\": \"$hash\"}]"
contract named ">=1.22" ", \"libs\": [{\"path\": \"$work/libx.so\"}]"
library() {
    run 0 probe --contract "$work/libs.json" &&
        member 'd["libs"][0]["sha256"] == "'$hash'" and d["libs"][0]["error"] is None' &&
        cp "$work/out" "$work/lib-a.json"
}
check "a library that is as the contract says" library
other_library() {
    printf abd >"$work/libx.so"
    run 1 probe --contract "$work/libs.json" && says 'is a different file: its SHA-256 is a52d159f' || return 1
    run 0 probe --contract "$work/named.json" && cp "$work/out" "$work/lib-b.json"
}
check "another copy of it is found" other_library
gone_library() {
    rm "$work/libx.so"
    run 1 probe --contract "$work/libs.json" && says 'could not be read: ENOENT'
}
check "a missing one is found" gone_library
unequal() { run 1 "$weir" probe --compare --json "$work/lib-a.json" "$work/lib-b.json" && member 'len(d["differences"]) == 1 and d["differences"][0]["place"].endswith("libx.so/sha256")'; }
check "two reports with unequal copies differ" unequal
fingerprints() {
    "$PYTHON3" -c 'import json, sys
sys.exit(len({json.load(open(f))["fingerprint"] for f in sys.argv[1:]}) != 2)' "$work/lib-a.json" "$work/lib-b.json"
}
check "and so do their fingerprints" fingerprints

probe >"$work/a.json"
probe >"$work/a2.json"
fake 1.23.0
probe >"$work/b.json"
fake 2.0
probe >"$work/c.json"
compare() { "$weir" probe --json --compare "$@"; }
same_reports() { run 0 compare "$work/a.json" "$work/a2.json" && member 'd["ok"] and d["differences"] == []'; }
check "two runs on one machine are the same" same_reports
differ() {
    run 1 compare "$work/a.json" "$work/b.json" &&
        member '[x["place"] for x in d["differences"] if x["kind"] == "minor"] == ["/tools/frob/version"] and not d["ok"]'
}
check "another version is a difference, 1" differ
env() { # env STATUS NAME B
    run "$1" compare "$work/a.json" "$work/$3.json" --contract "$work/good.json" --env "$2"
}
check "which the contract may allow" env 0 dev b
check "but not everywhere" env 1 prod b
check "nor a major one" env 1 dev c
timed() { env 1 slow a2 && member '[x["place"] for x in d["differences"]] == ["/wall_ms"]'; }
check "what does not count is compared where the contract speaks of it" timed
usage() { words=$1; shift; run 2 "$@" && says "$words"; }
check "an environment that no contract speaks of is 2" usage '"deb"' compare "$work/a.json" "$work/b.json" --contract "$work/good.json" --env deb
check "--env without a contract is 2" usage '--contract' compare "$work/a.json" "$work/b.json" --env dev
check "--env without --compare is 2" usage '--compare' probe --contract "$work/good.json" --env dev
check "one report is 2" usage 'two reports' compare "$work/a.json"
check "what is no report is 2" usage 'is not a report of weir probe' compare "$work/a.json" "$work/good.json"
check "a document that is broken is 2" usage 'broken.json' sh -c 'echo "{" >"$1/broken.json"; exec "$2" probe --compare "$1/a.json" "$1/broken.json"' sh "$work" "$weir"

# The schema of comparisons, by a validator that knows nothing of weir.
in_shape() {
    valid_as probe-comparison "$work"/differ-?.json
}
compare "$work/a.json" "$work/c.json" >"$work/differ-1.json"
compare "$work/a.json" "$work/b.json" --contract "$work/good.json" --env dev >"$work/differ-2.json"
compare "$work/lib-a.json" "$work/c.json" >"$work/differ-3.json"
check "comparisons are as their schema says" in_shape

reports_in_shape() {
    valid_as probe-report "$work"/lib-?.json "$work/broken-report.json"
}
probe --contract "$work/bad.json" >"$work/broken-report.json"
check "and reports with a contract are as theirs says" reports_in_shape
own_schema() {
    run 0 probe --contract "$srcdir/docs/schemas/probe-report.schema.json" && member 'd["contract"]["ok"]'
}
check "that schema is itself a contract, which a report holds" own_schema

documented() {
    missing=0
    # shellcheck disable=SC2013  # a word a line
    for keyword in $(sed -n 's/^    {"\([^"]*\)", .*/\1/p' "$srcdir/src/schema/schema_keywords.c" | sort -u); do
        case $keyword in null | boolean | integer | number | string | array | object) continue ;; esac
        grep -qF "\`$keyword\`" "$srcdir/docs/contract.md" || {
            echo "docs/contract.md has no $keyword"
            missing=1
        }
    done
    return $missing
}
check "the manual has every keyword" documented
