#!/bin/sh
# Programs captured whole and in time, whatever their manners: run.sh [DIRECTORY]
# With a DIRECTORY the JSON documents stay there.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}
kept=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$kept"' EXIT

# capture NAME OPTION... -- PROGRAM...: one run, its document in NAME.json, and the gist of it.
# weir's exit status is the program's own, or 124 after a timeout: here that is not a reason to stop.
capture() {
    document=$kept/$1.json
    shift
    status=0
    "$weir" run --json "$@" >"$document" || status=$?
    python3 gist.py "$status" <"$document"
}

capture go --timeout 10s -- go version
capture python --timeout 10s -- python3 -VV
capture right-charset --timeout 2s --grace 500ms --encoding gbk -- python3 ill-behaved.py
capture wrong-charset --timeout 10s --drain 500ms -- python3 ill-behaved.py --exits
capture no-charset --timeout 10s --drain 500ms --encoding binary -- python3 ill-behaved.py --exits
