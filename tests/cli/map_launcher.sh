#!/bin/sh
# weir map --launcher: a worker out of reach behind a program that behaves as ssh does, and
# behind ssh itself where there is an sshd to start.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
doc=$work/doc.json log=$work/log out=$work/out err=$work/err dead=$work/dead
far="$PYTHON3 $srcdir/tests/children/like_ssh.py --log $log"
stop="sh -c 'echo stop \$WEIR_WORKER_JOB \$WEIR_WORKER_PID >>$log'"
seq 10 >"$work/ten"
cat >"$work/sleeps" <<'END'
#!/bin/sh
while read -r line; do
    [ "$line" != 3 ] || exec sleep 1000
    echo "$line"
done
END
chmod +x "$work/sleeps"

# map STATUS WORD...: runs weir map over ten records, with a report and an empty log.
map() {
    map_wanted=$1
    shift
    rm -f "$log" "$doc"
    exits "$map_wanted" "$weir" map --report "$doc" "$@" <"$work/ten" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
}

# json EXPRESSION: whether it holds for d, the report, and log, its lines.
json() {
    "$PYTHON3" -c '
import json, os, sys
d = json.load(open(sys.argv[2]))
log = [line.split() for line in open(sys.argv[3])]
jobs = [words[1] for words in log if words[0] == "job"]
stops = [words[1] for words in log if words[0] == "stop"]
def gone(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
remotes_are_gone = all(gone(words[1]) for words in log if words[0] == "remote")
assert eval("(" + sys.argv[1] + ")"), (json.dumps(d), log)' "$1" "$doc" "$log"
}

plan 12

check "its noise is stderr, nothing else" eval \
    'map 0 -j2 --launcher "$far node7" -- cat && cmp "$work/ten" "$out" && has "added '\''node7'\''" "$err" && json "not stops and remotes_are_gone"'
check "a worker that is given up: only the launcher is signalled, after the stop command" eval '
    map 1 -j1 --start-timeout 60s --record-timeout 500ms --retries 0 --grace 1s --dead-letter "$dead" --launcher "$far node7" --launcher-stop "$stop" -- "$work/sleeps" &&
    json "d[\"dead\"] == 1 and d[\"timeouts\"] >= 1 and remotes_are_gone and stops and set(stops) <= set(jobs)
        and [\"helper\", \"term\"] not in log and log.index([\"term\"]) > log.index([\"stop\", stops[0]])"'
check "... and without one, too" eval '
    map 1 -j1 --start-timeout 60s --record-timeout 500ms --retries 0 --grace 1s --dead-letter "$dead" --launcher "$far node7" -- "$work/sleeps" &&
    json "d[\"dead\"] == 1 and remotes_are_gone and [\"term\"] in log and [\"helper\", \"term\"] not in log"'
check "a link that is lost: 255 is a crash, the records go out again, the stop command is run" eval '
    map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "$stop" -- cat && cmp "$work/ten" "$out" &&
    json "d[\"crashes\"] == 1 and d[\"dead\"] == 0 and stops == jobs[:1] and [w[\"node\"] for w in d[\"workers\"]] == [None, None]"'
check "a worker that ends well needs no stop command" eval \
    'map 0 --launcher "$far node7" --launcher-stop "$stop" -- cat && json "not stops"'
check "a status that is not 0 after the last reply is no crash" eval \
    'map 0 --launcher "$far node7" -- sh -c "cat; exit 255" && json "d[\"crashes\"] == 0"'
check "a stop command that fails is told among what the worker says" eval '
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "no-such-program x" -- cat &&
    has "stop command no-such-program: exec: No such file" "$err" &&
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "false" -- cat && has "exited with 1" "$err"'
check "one that does not end has as long as the grace" eval '
    rm -f "$work/lost" && map 0 -j1 --grace 300ms --launcher "$far --lose $work/lost node7" --launcher-stop "sleep 1000" -- cat &&
    cmp "$work/ten" "$out" && has "it took too long" "$err"'
check "--start-timeout: one that does not begin is given up, and no record is to blame" eval '
    map 0 -j1 --start-timeout 2s --retries 0 --grace 1s --launcher "$far --never $work/never node7" --launcher-stop "$stop" -- cat && cmp "$work/ten" "$out" &&
    json "d[\"timeouts\"] == 1 and d[\"dead\"] == 0 and stops == jobs[:1]"'
check "--start-timeout: none that begins is status 4" eval \
    'map 4 -j1 --start-timeout 100ms --grace 100ms --launcher "sh -c '\''sleep 1000'\''" -- cat && has "did not start in time" "$err"'
check "--record-timeout begins when the worker has" eval '
    map 0 -j1 --start-timeout 60s --record-timeout 2s --launcher "$far --late 2.5 node7" -- cat && cmp "$work/ten" "$out" && json "d[\"timeouts\"] == 0"'
check "2: --launcher-stop without a launcher" eval \
    'exits 2 "$weir" map --launcher-stop true -- cat </dev/null 2>"$err" && has "give --launcher, too" "$err"'
