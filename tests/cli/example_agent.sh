#!/bin/sh
# The example in examples/agent: its checks hang, crash and leak, and it goes on.
. "$srcdir/tests/support/tap.sh"
. "$srcdir/tests/support/installed.sh"

PYTHONPATH=$srcdir/sdk/python
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
cp -r "$srcdir/examples/agent" "$work/agent" && chmod -R u+w "$work/agent"
checks=$work/agent/checks

builds() { installs && makes "$work/agent"; }

# until_said PATTERN COUNT: waits until so many lines of what it printed match.
until_said() {
    for _ in $(seq 6000); do
        [ "$(grep -c -- "$1" "$work/out")" -ge "$2" ] && return 0
        kill -0 "$agent" 2>/dev/null || break
        sleep 0.02
    done
    echo "the agent did not say $1 $2 times:"
    cat "$work/out" "$work/err"
    return 1
}

starts() {
    # Its own process is asked to end below: no launcher in between.
    LD_LIBRARY_PATH="${library%/*}" WEIR_SPAWNER="$spawner" "$work/agent/agent" "$checks" 0.3 \
        >"$work/out" 2>"$work/err" &
    agent=$!
    until_said '^load  *{"load"' 3 && until_said '^disk  *{"free_percent"' 3
}

adds() {
    printf 'from weir_worker import function\n\n@function\ndef check() -> str:\n    return "%s"\n' one >"$checks/.new" &&
        mv "$checks/.new" "$checks/added.py" && until_said '^added  *"one"' 2
}

edits() {
    sed 's/one/another/' "$checks/added.py" >"$checks/.new" && touch -d '2020-01-01' "$checks/.new" &&
        mv "$checks/.new" "$checks/added.py" && until_said '^added  *"another"' 2
}

removes() { rm "$checks/added.py" && until_said '^added  *unloaded: {"calls"' 1; }

leaves_nothing() {
    kill "$agent"
    wait "$agent"
    for _ in $(seq 3000); do
        # shellcheck disable=SC2009
        ps -eo args | grep -v grep | grep -q "weir_worker $checks/" || return 0
        sleep 0.02
    done
    # shellcheck disable=SC2009  # pgrep is not everywhere
    ps -eo pid,args | grep "weir_worker $checks/"
    return 1
}

plan 9
check "it is built with what pkg-config says" builds
check "its checks are called again and again" starts
check "one that hangs is stopped at its deadline" until_said '^hangs  *deadline' 2
check "one that crashes costs its own call" until_said '^crashes  *outcome_unknown.*SIGSEGV' 2
check "one that leaks is replaced" until_said '^leaks  *{"leaked":1}' 2
check "one that is added is called" adds
check "one that was edited is loaded anew" edits
check "one that was removed is not called any more" removes
check "a killed agent leaves no check running" leaves_nothing
