#!/bin/sh
# The example in examples/math does what its README says: from a shell, C, Python and Go.
. "$srcdir/tests/support/tap.sh"
. "$srcdir/tests/support/installed.sh"

example=$work/examples/math
mkdir -p "$work/examples" && cp -r "$srcdir/examples/math" "$work/examples/" && ln -s "$srcdir/sdk" "$work/sdk"
chmod -R u+w "$work/examples"
PYTHONPATH=$srcdir/sdk/python
PYTHONDONTWRITEBYTECODE=1
WEIR=$builddir/weir
export PYTHONPATH PYTHONDONTWRITEBYTECODE WEIR
socket=$work/math.sock

# readme_has FILE: whether the README shows these lines, indented.
readme_has() {
    "$PYTHON3" - "$1" "$srcdir/examples/math/README.md" <<'END'
import sys
out, readme = (open(path).read() for path in sys.argv[1:])
wanted = "".join(f"    {line}\n" if line else "\n" for line in out.splitlines())
assert wanted and wanted in readme, f"README.md does not show:\n{wanted}"
END
}

shell() { sh "$example/run.sh" >"$work/shell" && readme_has "$work/shell"; }

c() {
    installs >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    makes "$example" && (cd "$example" && example ./caller >"$work/c") && readme_has "$work/c"
}

serves() {
    "$WEIR" serve -s "$socket" -w "$PYTHON3 $example/math_worker.py" -j2 2>"$work/serve" &
    server=$!
    for _ in $(seq 3000); do
        grep -qx ready "$work/serve" && return 0
        kill -0 $server 2>/dev/null || break
        sleep 0.02
    done
    cat "$work/serve"
    return 1
}

python() { "$PYTHON3" "$example/caller.py" "$socket" >"$work/python" && readme_has "$work/python"; }

go_says() {
    (cd "$example/go" && GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE="${WEIR_GO_CACHE:-$builddir/go-cache}" \
        "$GO" build -o "$work/go-caller" .) &&
        "$work/go-caller" "$socket" >"$work/go" && readme_has "$work/go"
}

ends() { kill $server && wait $server && [ ! -e "$socket" ]; }

plan 6
check "a shell calls the functions" shell
check "C calls them" c
check "they are served" serves
check "Python calls them" python
if [ -n "$GO" ]; then
    check "Go calls them" go_says
else
    test_number=$((test_number + 1))
    echo "ok $test_number - Go calls them # SKIP no Go"
fi
check "the server ends" ends
