#!/bin/sh
# Makes clients in Python and Go from the OpenAPI document of the server, and calls it with both.
# clients.sh URL [DIRECTORY]
#
# The generators come from PyPI and the Go module proxy, once for each DIRECTORY, unless
# openapi-python-client is on the PATH.
set -eu
url=$1 made=${2-clients}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$made/go"
made=$(cd "$made" && pwd)
curl -sS -o "$made/openapi.json" "$url/openapi.json"

generator=$(command -v openapi-python-client) || generator=$made/venv/bin/openapi-python-client
[ -x "$generator" ] || {
    python3 -m venv "$made/venv"
    "$made/venv/bin/pip" install -q openapi-python-client==0.29.1
}
"$generator" generate --path "$made/openapi.json" --meta none --overwrite \
    --output-path "$made/language_client" >"$made/generator.log"
echo Python:
PYTHONPATH=$made "${generator%/*}/python3" "$here/client.py" "$url" 'guten Morgen' 'how are you?' ''

[ -x "$made/oapi-codegen" ] ||
    GOBIN=$made go install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2
"$made/oapi-codegen" -generate types,client -package main "$made/openapi.json" >"$made/go/made.go"
cp "$here/client.go" "$made/go/"
printf 'module client\n\ngo 1.25\n\nrequire github.com/oapi-codegen/runtime v1.9.0\n' >"$made/go/go.mod"
(cd "$made/go" && GOFLAGS=-mod=mod go build -buildvcs=false -o ../client .)
echo Go:
"$made/client" "$url" 'guten Morgen' 'how are you?' ''
