#!/bin/sh
# Prints the changed files of a directory, found by a worker in Go: run.sh [DIRECTORY]
# Exits 0 when all are right, 1 when one is not, 2 when that cannot be said.
set -u
cd "$(dirname "$0")" || exit 2
weir=${WEIR:-weir}
failed=0

results=$("$weir" call -w ./checksig check "dir=${1:-data}") || failed=1
# A result is a line, with the names in this order. A quote inside a name has a backslash.
wrong=$(printf '%s\n' "$results" | sed -n '
    s/^{"path":"\(.*\)","ok":false,"found":"\(.*\)"}$/\1: its sum is \2/p
    s/^{"path":"\(.*\)","ok":false,"error":"\(.*\)"}$/\1: \2/p')
[ -z "$wrong" ] || printf '%s\n' "$wrong"
[ $failed = 0 ] || exit 2
[ -z "$wrong" ]
