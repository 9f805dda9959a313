#!/bin/sh
# What README.md says, against a real Slurm of virtual nodes. Prints TAP. WEIR: the command;
# tests/cli/example_slurm.sh runs this in a build directory.
srcdir=${srcdir:-$(dirname "$0")/../..}
# shellcheck disable=SC1091  # found when it runs
. "$srcdir/tests/support/tap.sh"
HERE=$(cd "$srcdir/examples/slurm" && pwd)
WEIR=$(realpath "${WEIR:-$(command -v weir)}")
PYTHONPATH=$(cd "$srcdir/sdk/python" && pwd)
PYTHON3=${PYTHON3:-python3}
export HERE WEIR PYTHONPATH PYTHON3 work

slurm=$work/slurm
enter=$slurm/enter
seq 1000 >"$work/in"

# up NODES: a new cluster.
up() {
    [ ! -e "$slurm" ] || "$HERE/down.sh" "$slurm"
    "$HERE/up.sh" "$1" "$slurm"
}

# until_true COMMAND...: waits until it succeeds.
until_true() {
    for _ in $(seq 1200); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    echo "never: $*"
    return 1
}

# There is one record, 500, at which a worker of these waits until the file `go` is there. `held`
# says which step and node has it, and `seen` lists all records that workers were given.
fresh() { rm -rf "$work"/held "$work"/go "$work"/seen "$work"/out* "$work"/err "$work"/report; }
cat >"$work/gate" <<'E2'
#!/bin/sh
while read -r line; do
    echo "$line" >>"$work/seen"
    if [ "$line" = 500 ] && [ ! -e "$work/go" ]; then
        echo "$SLURM_JOB_ID ${SLURM_ARRAY_TASK_ID:-$SLURM_STEP_ID} $SLURMD_NODENAME" >"$work/held.$$"
        mv "$work/held.$$" "$work/held"
        until [ -e "$work/go" ]; do sleep 0.1; done
    fi
    echo "$line"
done
E2
chmod +x "$work/gate"
held() { until_true [ -e "$work/held" ] && read -r job step node <"$work/held"; }
seen_twice() { [ "$(grep -cx 500 "$work/seen")" -ge 2 ]; }

# A map in the background, in an allocation: begin SALLOC-OPTION... -- MAP-OPTION...
begin() {
    fresh
    options=
    while [ "$1" != -- ]; do options="$options $1" && shift; done
    shift
    # shellcheck disable=SC2086
    "$enter" timeout 100 salloc -Q $options "$WEIR" map --format line --launcher "$HERE/step-launch" --launcher-stop "$HERE/step-stop" \
        --input "$work/in" --output "$work/out" --report "$work/report" "$@" -- "$work/gate" 2>"$work/err" &
    map=$!
}
ends_well() { # the output is that of the input
    wait "$map" || { echo "status $?" && cat "$work/err" && return 1; }
    cmp "$work/in" "$work/out"
}
no_steps() { ! "$enter" squeue -h -s | grep -q weir-; }

why=$("$HERE/up.sh" 3 "$slurm" 2>&1) || {
    status=$?
    echo "1..0 # SKIP $(echo "$why" | tail -n 1) (status $status)"
    exit 0
}
trap '[ ! -e "$slurm" ] || "$HERE/down.sh" "$slurm"; rm -rf "$work"' EXIT
plan 12

# Each worker waits until there is one on each of the three nodes.
nodes() {
    fresh
    mkdir "$work/nodes"
    cat >"$work/meet" <<'E2'
#!/bin/sh
: >"$work/nodes/$SLURMD_NODENAME"
until [ "$(ls "$work/nodes" | wc -l)" -eq 3 ]; do sleep 0.1; done
exec sed -u s/^/x/
E2
    chmod +x "$work/meet"
    "$enter" timeout 100 salloc -Q -N3 -n3 "$WEIR" map -j3 --format line --launcher "$HERE/step-launch" \
        --launcher-stop "$HERE/step-stop" --input "$work/in" -- "$work/meet" >"$work/out" 2>"$work/err" || { cat "$work/err" && return 1; }
    "$WEIR" map -j2 --format line --input "$work/in" -- sed -u s/^/x/ | cmp - "$work/out" && same "n1 n2 n3" "$(cd "$work/nodes" && echo *)"
}
check "a map runs on all nodes, and its output is that of a local one" nodes

cancelled_step() {
    begin -N3 -n3 -- -j3 --window 16
    held && "$enter" scancel "$job.$step" && until_true seen_twice && touch "$work/go" && ends_well &&
        again=$(($(wc -l <"$work/seen") - 1000)) && [ "$again" -ge 1 ] && [ "$again" -le 16 ] || { echo "$again records again" && return 1; }
}
check "a step is cancelled: its records go out again, at most a window of them" cancelled_step

hangs() {
    begin -N3 -n3 -- -j3 --record-timeout 2s --grace 1s
    held && until_true seen_twice && touch "$work/go" && ends_well && until_true no_steps && grep -q '"timeouts":[1-9]' "$work/report"
}
check "a worker hangs: the stop command ends its step" hangs

killed() {
    begin -N1 -n2 -- -j2
    held && pkill -9 -xf "$WEIR map .*$work/in .*" || return
    began=$(date +%s%N)
    until_true no_steps && until_true eval '! pgrep -f "$work/gate" >/dev/null' || return
    echo "gone after $((($(date +%s%N) - began) / 1000000)) ms"
    wait $map || :
}
check "weir is killed: no worker and no step stays" killed

more_than_slots() {
    fresh
    "$enter" timeout 100 salloc -Q -N1 -n2 "$WEIR" map -j6 --format line --launcher "$HERE/step-launch" --launcher-stop "$HERE/step-stop" \
        --grace 1s --input "$work/hundred" -- "$work/large" >"$work/out" 2>"$work/err" || { cat "$work/err" && return 1; }
    same "104857600 $(seq 100 | cksum)" "$(wc -c <"$work/out") $(cut -d' ' -f1 <"$work/out" | cksum)"
}
seq 100 >"$work/hundred"
cat >"$work/large" <<'E2'
#!/usr/bin/env python3
import sys
for line in sys.stdin:
    print(line.strip().ljust(2**20 - 1), flush=True)
E2
chmod +x "$work/large"
check "more workers than slots, and more replies than may wait" more_than_slots

resumed() {
    fresh
    first=$("$enter" sbatch --parsable --output="$work/err" "$HERE/map.sbatch" "$work/in" "$work/out" --format line --window 16 -- "$work/gate")
    held && "$enter" scancel "$first" && until_true eval '[ -z "$("$enter" squeue -h)" ]' || return
    ! cmp -s "$work/in" "$work/out" && touch "$work/go" &&
        "$enter" sbatch -Q --wait --output="$work/err" "$HERE/map.sbatch" "$work/in" "$work/out" --format line --window 16 -- "$work/gate" &&
        cmp "$work/in" "$work/out" && [ "$(wc -l <"$work/seen")" -lt 2000 ]
}
check "a job is cancelled: submitted again, it goes on, and the output is the same" resumed

requeued() {
    fresh
    "$enter" sbatch -Q --wait --output="$work/err.%a" "$HERE/array.sbatch" "$work/in" "$work/out" --format line --window 16 -- "$work/gate" &
    map=$!
    held && "$enter" scontrol requeue "$job" && until_true eval '"$enter" squeue -h -j "$job" -o %T | grep -q PENDING' || return
    touch "$work/go"
    # A task that is still completing cannot be changed yet. What became of the first run may be sbatch's status.
    until_true "$enter" scontrol update "JobId=$job" StartTime=now
    wait $map || echo "sbatch --wait: $?"
    until_true eval '[ -z "$("$enter" squeue -h)" ]' && cat "$work"/out.[0-3] | cmp - "$work/in" || { cat "$work"/err.*; return 1; }
}
check "a task of an array is requeued: it goes on, and the output is the same" requeued

lost_node() { # lost_node HOW
    up 3 || return
    began=$(date +%s)
    begin -N3 -n3 --no-kill -- -j3 --record-timeout 1s --grace 2s
    held && "$HERE/node.sh" "$slurm" "$node" "$1" && until_true seen_twice && touch "$work/go" && ends_well || return
    echo "$(($(date +%s) - began)) s"
}
check "a node is killed: no record is lost" lost_node kill
check "a node answers no more: no record is lost" lost_node freeze

cut() {
    up 2 || return
    cat >"$work/where.py" <<'E2'
import os

from weir_worker import function, run


@function(idempotent=True)
def node() -> str:
    return os.environ["SLURMD_NODENAME"]


run()
E2
    # shellcheck disable=SC2016  # for the shell in the allocation
    "$enter" timeout 100 salloc -Q -N2 -n2 --no-kill "$WEIR" serve -s "$work/socket" -j2 --min-ready 2 --grace 1s --launcher "$HERE/step-launch" \
        --launcher-stop "$HERE/step-stop" -w "$PYTHON3 $work/where.py" 2>"$work/err" &
    server=$!
    is_ready $server "$work/err" && node=$("$WEIR" call -s "$work/socket" node | tr -d '"') && "$HERE/node.sh" "$slurm" "$node" freeze &&
        until_true eval '[ "$("$WEIR" call --timeout 2s -s "$work/socket" node 2>/dev/null)" = "\"n$((3 - ${node#n}))\"" ]'
    cut_status=$?
    [ $cut_status -eq 0 ] || cat "$work/err"
    pkill -xf "$WEIR serve .*$work/socket .*" # salloc would wait for it
    wait $server
    return $cut_status
}
check "serve: a node answers no more: calls go to the other" cut

down() {
    "$HERE/down.sh" "$slurm" && ! [ -e "$slurm" ] && ! pgrep -f "$slurm"
}
check "down.sh leaves no process and no file" down

example() {
    "$HERE/run.sh" "$work/run" >"$work/out" || return
    sed -n '/^```text$/,/^```$/p' "$HERE/README.md" | sed '1d;$d' >"$work/shown"
    cmp "$work/shown" "$work/out" && [ ! -e "$work/run/slurm" ]
}
check "README.md shows what run.sh prints" example
