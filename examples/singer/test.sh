#!/bin/sh
# What README.md says, with a tap and a target of others. Prints TAP. WEIR: the command; tap-jsonl and
# target-jsonl are on the PATH. tests/engines/singer.sh runs this in a build directory.
srcdir=${srcdir:-$(dirname "$0")/../..}
# shellcheck disable=SC1091  # found when it runs
. "$srcdir/tests/support/tap.sh"
here=$(cd "$srcdir/examples/singer" && pwd)
WEIR=$(realpath "${WEIR:-$(command -v weir)}")
export WEIR

for program in tap-jsonl target-jsonl; do
    timeout 60 $program --help >/dev/null 2>&1 || {
        echo "1..0 # SKIP no $program that runs"
        exit 0
    }
done

plan 2
example() {
    timeout 200 "$here/run.sh" "$work/run" >"$work/out" || return
    sed '1,/^```text$/d; /^```$/,$d' "$here/README.md" >"$work/shown"
    cmp "$work/shown" "$work/out" || { cat "$work/out" "$work/run/messages" && return 1; }
}
check "README.md shows what run.sh prints" example

# The messages of the tap through the stage as they are through one worker without weir.
same_messages() {
    cd "$work/run" && sed -i '$d' orders/day.jsonl && tap-jsonl --config tap.json >from-tap 2>messages || { cat messages && return 1; }
    python3 enrich.py <from-tap >one && "$WEIR" map -j4 --window 2 -- python3 enrich.py <from-tap >four && cmp one four &&
        same STATE "$(tail -n 1 four | grep -o STATE)"
}
check "four workers print the messages that one prints, in the same order" same_messages
