#!/bin/sh
# The example in examples/capture captures what programs of bad manners do.
. "$srcdir/tests/support/tap.sh"

WEIR=$builddir/weir
export WEIR

runs() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    PATH=${GO%/*}:$PATH sh "$srcdir/examples/capture/run.sh" "$work" >"$work/out"
}

# holds NAME EXPRESSION: whether a Python expression about document d holds.
holds() {
    "$PYTHON3" -c 'import json, sys
d = json.load(open(sys.argv[1]))
o = d["stdout"]
if not eval(sys.argv[2]): sys.exit(f"not so: {sys.argv[2]}\n{json.dumps(d, indent=1)}")' "$work/$1.json" "$2"
}

all_hold() {
    valid_as run-report \
        "$work/go.json" "$work/python.json" "$work/right-charset.json" "$work/wrong-charset.json" "$work/no-charset.json"
}
go_version() { holds go '(d["end"], d["code"]) == ("exited", 0) and o["text"].startswith("go version go1.")'; }
python_version() { holds python '(d["end"], d["code"]) == ("exited", 0) and o["text"].startswith("Python 3.")'; }
timed_out() {
    holds right-charset '(d["end"], d["signal"], d["why"]) == ("signaled", "SIGKILL", "timeout")' &&
        holds right-charset 'd["stopped_with"] == ["SIGTERM", "SIGKILL"] and 2000 <= d["wall_ms"] < 60000' &&
        has "killed by SIGKILL, why: timeout, status of weir: 124" "$work/out"
}
right_text() { holds right-charset '(o["text"], o["replaced"], o["bytes"]) == ("温度: 21 度\n", 0, 12)'; }
wrong_text() {
    holds wrong-charset 'o["text"] == "温度: 21 度\n".encode("gbk").decode("utf-8", "replace")' &&
        holds wrong-charset 'o["replaced"] == o["text"].count("\ufffd") > 0 and o["bytes"] == 12'
}
bytes_are_there() { holds no-charset '__import__("base64").b64decode(o["base64"]) == "温度: 21 度\n".encode("gbk")'; }
holder_named() {
    holds wrong-charset '(d["end"], d["code"], d["why"]) == ("exited", 3, "none") and o["abandoned"]' &&
        holds wrong-charset '"ill-behaved.py" in d["holder"]["command"] and "sleeper %d\n" % d["holder"]["pid"] == d["stderr"]["text"]' &&
        has "held open by another process" "$work/out"
}
sleepers_gone() {
    "$PYTHON3" - "$work"/*-charset.json <<'END'
import base64, json, os, sys
for path in sys.argv[1:]:
    err = json.load(open(path))["stderr"]
    said = err["text"] if "text" in err else base64.b64decode(err["base64"]).decode()
    try:
        os.kill(int(said.split()[1]), 0)
    except ProcessLookupError:
        continue
    sys.exit(f"{path}: {said} still lives")
END
}

plan 10
check "it runs to its end" runs
check "all documents hold against the schema" all_hold
check "go version is captured" go_version
check "python3 -VV is captured" python_version
check "what never ends and ignores SIGTERM is timed out and killed" timed_out
check "text in a charset that was named is right" right_text
check "text in another charset is readable, and counted as damaged" wrong_text
check "bytes without a charset are whole" bytes_are_there
check_linux /proc "who held the output open is named, and the program's own status kept" holder_named
check_linux /proc "no process is left behind" sleepers_gone
