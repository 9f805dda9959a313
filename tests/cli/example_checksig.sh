#!/bin/sh
# The example in examples/checksig: a worker in Go that checks a directory, and its callers.
. "$srcdir/tests/support/tap.sh"
. "$srcdir/tests/support/installed.sh"

example=$srcdir/examples/checksig
[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache}
export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE

builds() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    (cd "$example" && "$GO" vet . && "$GO" build -buildvcs=false -o "$work/checksig" .)
}

# call METHOD PARAMS: one call's lines, with credit to spare.
call() {
    printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":%s,"weir":{"credit":1000}}\n' "$1" "$2" |
        timeout 60 "$work/checksig"
}

# checks DIR: "path ok" or "path differs" or "path: why", for each result.
checks() {
    call check "[\"$1\"]" | "$PYTHON3" -c '
import json, sys
for message in map(json.loads, sys.stdin):
    if "method" in message:
        r = message["params"]["value"]
        print(r["path"] + (": " + r["error"] if "error" in r else " ok" if r["ok"] else " differs"))
    elif "error" in message:
        print("error %d: %s" % (message["error"]["code"], message["error"]["message"]))'
}

finds_the_wrong_one() {
    same 'changed.txt differs
empty ok
notes/inner.txt ok
poem.txt ok
table.csv ok' "$(checks "$example/data")"
}

agrees_with_sha1sum() {
    command -v sha1sum >/dev/null || return 0
    (cd "$example/data" && sha1sum -c sha1sum.txt 2>/dev/null) |
        sed 's/: OK/ ok/; s/: FAILED/ differs/' >"$work/theirs"
    same "$(cat "$work/theirs")" "$(checks "$example/data")"
}

reports_what_it_cannot_read() {
    mkdir "$work/odd" "$work/odd/dir" && mkfifo "$work/odd/fifo" && cp "$example/data/poem.txt" "$work/odd/a\\b
c" || return 1
    sum=$(grep poem "$example/data/sha1sum.txt" | cut -d' ' -f1)
    printf '%s  %s\n' "$sum" missing "$sum" dir "$sum" fifo "\\$sum" 'a\\b\nc' >"$work/odd/sha1sum.txt"
    same 'missing: no such file or directory
dir: not a regular file
fifo: not a regular file
a\b
c ok' "$(checks "$work/odd")"
}

names_a_bad_line() {
    mkdir "$work/bad" && cp "$example/data/empty" "$work/bad" && grep empty "$example/data/sha1sum.txt" >"$work/bad/sha1sum.txt" &&
        echo "no sum  empty" >>"$work/bad/sha1sum.txt"
    same 'empty ok
error 1002: sha1sum.txt, line 2: wants a sum, two spaces and a name' "$(checks "$work/bad")" &&
        checks "$work/nowhere" >"$work/said" && has "error 1001: " "$work/said"
}

verifies_one() {
    sum=$(grep poem "$example/data/sha1sum.txt" | cut -d' ' -f1)
    call verify "{\"path\":\"$example/data/poem.txt\",\"sha1\":\"$sum\"}" >"$work/said" && has '"ok":true' "$work/said" &&
        call verify "[\"$example/data/table.csv\",\"$sum\"]" >"$work/said" && has '"ok":false,"found":"' "$work/said" &&
        call verify "[\"$example/data/table.csv\",\"abc\"]" >"$work/said" && has '-32602' "$work/said"
}

# A large sparse file: the call is cancelled while it is hashed, and the next one answered.
is_cancelled() {
    mkdir "$work/large" && truncate -s 16G "$work/large/file" &&
        echo "da39a3ee5e6b4b0d3255bfef95601890afd80709  file" >"$work/large/sha1sum.txt" || return 1
    call_and_cancel='{"jsonrpc":"2.0","id":1,"method":"check","params":["'$work/large'"],"weir":{"credit":9}}
{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":1}}'
    echo "$call_and_cancel" | timeout 60 "$work/checksig" >"$work/said" && has '"code":-32800' "$work/said"
}

# --- Its callers: from a shell, Python and C ---------------------------------

callers=$work/examples/checksig
socket=$work/checksig.sock
WEIR=$builddir/weir
PYTHONPATH=$srcdir/sdk/python
PYTHONDONTWRITEBYTECODE=1
export WEIR PYTHONPATH PYTHONDONTWRITEBYTECODE

# data is as it comes, right is without the file that is wrong, odd has what cannot be read.
has_callers() {
    mkdir "$work/examples" && cp -r "$example" "$work/examples/" && chmod -R u+w "$callers" &&
        cp "$work/checksig" "$callers/" && cp -r "$callers/data" "$callers/right" &&
        sed -i '/changed/d' "$callers/right/sha1sum.txt" && cp -r "$callers/right" "$callers/odd" &&
        rm "$callers/odd/poem.txt" && mv "$callers/odd/empty" "$callers/odd/say \"hi\"" &&
        sed -i 's/  empty$/  say "hi"/; s/^[0-9a-f]\{4\}\(.*hi"\)/0000\1/' "$callers/odd/sha1sum.txt"
}

# tells QUOTE COMMAND...: COMMAND DIRECTORY is right about each; QUOTE as it prints one in a name.
tells() {
    quote=$1
    shift
    cd "$callers" || return 1
    exits 1 "$@" data >"$work/out" && has "changed.txt: its sum is" "$work/out" &&
        exits 0 "$@" right >"$work/out" && same "" "$(cat "$work/out")" &&
        exits 1 "$@" odd >"$work/out" && same "say ${quote}hi$quote: its sum is $(printf '' | sha1sum | cut -d' ' -f1)
poem.txt: no such file or directory" "$(cat "$work/out")" &&
        exits 2 "$@" nowhere >"$work/out" 2>"$work/err" && same "" "$(cat "$work/out")" &&
        has "sha1sum.txt: no such file" "$work/err"
}

shell_tells() { (tells '\"' sh ./run.sh); }

serves() {
    (cd "$callers" && exec "$WEIR" serve -s "$socket" -w ./checksig -j1 2>"$work/serve") &
    server=$!
    is_ready $server "$work/serve"
}

python_tells() { (tells '"' "$PYTHON3" caller.py "$socket"); }

ends() { kill "$server" && wait "$server" && [ ! -e "$socket" ]; }

c_tells() {
    installs >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    makes "$callers" && (tells '"' example ./caller)
}

plan 13
check "the worker builds" builds
check "check finds the one that was changed" finds_the_wrong_one
check "it agrees with sha1sum" agrees_with_sha1sum
check "what cannot be read is reported, and odd names are read" reports_what_it_cannot_read
check "a line that is none is named after the results before it" names_a_bad_line
check "verify checks one file" verifies_one
check "cancelling stops it" is_cancelled
check "there is a directory to call from" has_callers
check "a shell tells the wrong file" shell_tells
check "it is served" serves
check "Python tells the wrong file" python_tells
check "the server ends" ends
check "C tells the wrong file" c_tells
