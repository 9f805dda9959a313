#!/bin/sh
# What this machine has, and what a venv changes: run.sh [DIRECTORY]
# With a DIRECTORY the reports stay there.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}
kept=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$kept"' EXIT

echo "A tool that weir does not know:"
PATH=$PWD:$PATH "$weir" probe --detector greeter.json --only greeter --report "$kept/greeter.json" | sed "s,$PWD/,,"

echo "Into a venv and out of it:"
python3 -m venv --without-pip "$kept/venv"
"$weir" probe --only python --timeout 60s --report "$kept/before.json" >"$kept/before.txt"
"$weir" probe --only python --timeout 60s --activate ". '$kept/venv/bin/activate'" --report "$kept/after.json" >"$kept/after.txt"
python3 tell.py "$kept/before.json" "$kept/after.json"
