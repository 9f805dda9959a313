#!/bin/sh
# The Go SDK as another module has it: required, and replaced by the source tree.  Nothing
# is fetched.  The worker is the one of sdk/go/README.md.
. "$srcdir/tests/support/tap.sh"

[ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
GOFLAGS='-mod=mod' GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on GOWORK=off
GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache} # shared with other tests of Go
export GOFLAGS GOPROXY GOTOOLCHAIN GO111MODULE GOWORK GOCACHE
weir=$builddir/weir

mkdir -p "$work/user/worker" "$work/user/client"
cat >"$work/user/go.mod" <<END
module example.org/user

go 1.19

require weir.dev/weir v0.0.0

replace weir.dev/weir => $srcdir/sdk/go
END
awk '/^```go$/ { go = 1; next } /^```$/ && go { exit } go' "$srcdir/sdk/go/README.md" >"$work/user/worker/main.go"
cat >"$work/user/client/main.go" <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"weir.dev/weir"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := weir.Dial(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	seven, err := weir.Call[int](ctx, client, "add", 3, 4)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("add", seven)
	values, err := weir.Stream[int](ctx, client, "count", 1, 4)
	if err != nil {
		log.Fatal(err)
	}
	for values.Next() {
		fmt.Println("count", values.Value())
	}
	values.Close()
	total, err := weir.Call[int](ctx, client, "sum", weir.InputValues(1, 2, 3))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sum", total)
	_, err = weir.Call[int](ctx, client, "no-such-function")
	fmt.Println("no such method:", errors.Is(err, weir.ErrNoMethod))
}
END

builds() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    (cd "$work/user" && "$GO" vet ./... && "$GO" build -buildvcs=false -o "$work/bin/" ./...)
}

worker_answers() {
    same 7 "$("$weir" call -w "$work/bin/worker" add 3 4)" && same "1
2
3" "$("$weir" call -w "$work/bin/worker" count 1 4)"
}

# A line by hand does too.
answers_by_hand() {
    printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"add","params":[3,4]}' |
        timeout 60 "$work/bin/worker" >"$work/answer" &&
        same '{"jsonrpc":"2.0","id":1,"result":7}' "$(cat "$work/answer")"
}

# A printed line goes to stderr, and a signal does not end it.
keeps_its_stdout() {
    timeout 60 "$PYTHON3" - "$work/bin/worker" <<'END'
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

client_talks() {
    "$weir" serve -s "$work/socket" -w "$work/bin/worker" -j1 2>"$work/serve" &
    server=$!
    is_ready $server "$work/serve" || return 1
    got=$("$work/bin/client" "$work/socket") && kill $server && wait $server && same "add 7
count 1
count 2
count 3
sum 6
no such method: true" "$got"
}

plan 5
check "another module builds with it" builds
check "weir call has a function of its worker answer" worker_answers
check "so does a line typed by hand" answers_by_hand
check "SIGINT cancels what runs, and the worker goes on" keeps_its_stdout
check "its client talks to weir serve" client_talks
