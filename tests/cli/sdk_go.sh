#!/bin/sh
# The Go SDK in sdk/go: its own tests, with the vectors of the protocol, and a program
# of another module that uses it.  Nothing is fetched.
. "$srcdir/tests/support/tap.sh"

sdk=$srcdir/sdk/go
[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off
GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache} # shared with other tests of Go
export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE

has_go() { [ -n "$GO" ] || { echo "configure found no go"; return 1; }; }

formatted() {
    gofmt=$("$GO" env GOROOT)/bin/gofmt
    [ -x "$gofmt" ] || gofmt=$(command -v gofmt) || { echo "# no gofmt here"; return 0; }
    same "" "$("$gofmt" -l "$sdk" "$srcdir/examples")"
}

vetted() {
    (cd "$sdk" && "$GO" vet ./... && GOOS=darwin "$GO" vet ./...)
}

# The race detector needs cgo, a C compiler and a machine it knows.
race=
printf 'package main\n\nfunc main() {}\n' >"$work/empty.go"
[ -n "$GO" ] && "$GO" run -race "$work/empty.go" 2>/dev/null && race=-race

tested() {
    (cd "$sdk" && "$GO" test -count=1 -timeout 500s $race ./...)
}

# --- Another module ---------------------------------------------------------

mkdir "$work/user"
cat >"$work/user/go.mod" <<END
module example.org/user

go 1.19

require weir.dev/weir v0.0.0

replace weir.dev/weir => $sdk
END
# The worker is the first program of the README.
awk '/^```go$/ { go = 1; next } /^```$/ && go { exit } go' "$sdk/README.md" >"$work/user/main.go"

builds() { (cd "$work/user" && "$GO" build -buildvcs=false -o worker .); }

answers() {
    printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"add","params":[3,4]}' |
        timeout 60 "$work/user/worker" >"$work/answer" &&
        same '{"jsonrpc":"2.0","id":1,"result":7}' "$(cat "$work/answer")"
}

# A printed line goes to stderr, and a signal does not end it.
keeps_its_stdout() {
    timeout 60 "$PYTHON3" - "$work/user/worker" <<'END'
import json, signal, subprocess, sys
worker = subprocess.Popen(sys.argv[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
def say(**message):
    worker.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    worker.stdin.flush()
def answer():
    return json.loads(worker.stdout.readline())
say(id=1, method="count", params=[1, 1000000], weir={"credit": 2})
assert [answer()["params"]["value"] for _ in range(2)] == [1, 2]
worker.send_signal(signal.SIGINT)
reply = answer()
assert reply["id"] == 1 and reply["error"]["code"] == -32800, reply
say(id=2, method="add", params={"a": 1, "b": 2})
assert answer()["result"] == 3
worker.stdin.close()
assert worker.stdout.read() == b"" and worker.wait() == 0
END
}

plan 6
check "there is a go" has_go
check "sources are formatted" formatted
check "go vet has nothing to say, for other systems too" vetted
check "its tests pass${race:+ under the race detector}" tested
check "another module builds with it" builds
check "its worker answers, and SIGINT cancels what runs" eval 'answers && keeps_its_stdout'
