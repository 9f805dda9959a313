#!/bin/sh
# weir map --launcher: a worker out of reach behind a program that behaves as ssh does, and
# behind ssh itself where there is an sshd to start.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
# shellcheck disable=SC2034  # checks in quotes use them
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
    rm -f "$doc"
    : >"$log"
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

# As `json`, of the same map as a stage of a pipeline.
staged() {
    : >"$log"
    rm -f "$doc.pipe" "$work/lost"
    "$PYTHON3" -c '
import json, shlex, sys
launcher, stop = map(shlex.split, sys.argv[1:])
print(json.dumps({"weir": 1, "stages": [{"cmd": ["cat"], "map": {
    "workers": 1, "launcher": launcher, "launcher_stop": stop, "start_timeout_s": 60}}]}))' \
        "$far --lose $work/lost node7" "$stop" >"$work/spec.json" &&
        exits 0 "$weir" pipe -f "$work/spec.json" --report "$doc.pipe" <"$work/ten" >"$out" 2>"$err" &&
        cmp "$work/ten" "$out" &&
        "$PYTHON3" -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["stages"][0]["map"]))' \
            "$doc.pipe" >"$doc" && json "$1"
}

plan 19

check "its noise is stderr, nothing else" eval \
    'map 0 -j2 --launcher "$far node7" -- cat && cmp "$work/ten" "$out" && has "added '\''node7'\''" "$err" && json "not stops and remotes_are_gone"'
check_linux /proc "a worker that is given up: only the launcher is signalled, after the stop command" eval '
    map 1 -j1 --start-timeout 60s --record-timeout 2s --retries 0 --grace 1s --dead-letter "$dead" --launcher "$far node7" --launcher-stop "$stop" -- "$work/sleeps" &&
    json "d[\"dead\"] == 1 and d[\"timeouts\"] >= 1 and remotes_are_gone and stops and set(stops) <= set(jobs)
        and [\"helper\", \"term\"] not in log and log.index([\"term\"]) > log.index([\"stop\", stops[0]])"'
check_linux /proc "... and without one, too" eval '
    map 1 -j1 --start-timeout 60s --record-timeout 2s --retries 0 --grace 1s --dead-letter "$dead" --launcher "$far node7" -- "$work/sleeps" &&
    json "d[\"dead\"] == 1 and remotes_are_gone and [\"term\"] in log and [\"helper\", \"term\"] not in log"'
check "a link that is lost: 255 is a crash, the records go out again, the stop command is run" eval '
    map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "$stop" -- cat && cmp "$work/ten" "$out" &&
    json "d[\"crashes\"] == 1 and d[\"dead\"] == 0 and stops == jobs[:1] and [w[\"node\"] for w in d[\"workers\"]] == [None, None]"'
check "... and of a map stage" staged 'd["crashes"] == 1 and d["dead"] == 0 and stops == jobs[:1]'
check "a worker that ends well needs no stop command" eval \
    'map 0 -j1 --launcher "$far node7" --launcher-stop "$stop" -- cat && json "not stops"'
check "a status that is not 0 after the last reply is no crash" eval \
    'map 0 --launcher "$far node7" -- sh -c "cat; exit 255" && json "d[\"crashes\"] == 0"'
check "a stop command that fails is reported among what the worker says" eval '
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "no-such-program x" -- cat &&
    has "stop command no-such-program: exec: No such file" "$err" &&
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "false" -- cat && has "exited with 1" "$err"'
check "what a stop command says on stderr is shown, whether it fails or not" eval '
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "sh -c \"echo no such job >&2; exit 3\"" -- cat &&
    cmp "$work/ten" "$out" && has "stop command sh: exited with 3; stderr: no such job" "$err" &&
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "sh -c \"echo job ended >&2\"" -- cat &&
    cmp "$work/ten" "$out" && has "stop command sh: stderr: job ended" "$err"'
check "a stop command may say much" eval '
    rm -f "$work/lost" && map 0 -j1 --launcher "$far --lose $work/lost node7" --launcher-stop "sh -c \"yes no | head -c 300000 >&2; echo the end >&2; exit 4\"" -- cat &&
    cmp "$work/ten" "$out" && has "stop command sh: exited with 4; stderr: " "$err" && has "\\nthe end" "$err"'
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
    'exits 2 "$weir" map --launcher-stop true -- cat </dev/null 2>"$err" && has "requires --launcher" "$err"'

# --- A real sshd, on loopback, of whoever runs this ---

sshd=$(command -v sshd || { [ -x /usr/sbin/sshd ] && echo /usr/sbin/sshd; }) || :
if [ -z "$sshd" ] || ! command -v ssh >/dev/null || ! command -v ssh-keygen >/dev/null; then
    for sentence in "ssh: a real server starts" "ssh: records go through workers behind it" \
        "ssh: a worker that dies there is a crash" "ssh: one that is given up there is ended by the stop command"; do
        test_number=$((test_number + 1))
        echo "ok $test_number - $sentence # SKIP no sshd, ssh or ssh-keygen"
    done
    exit 0
fi

# shellcheck disable=SC2086  # several words
ssh_works() { ssh $ssh_options true; }

starts_sshd() {
    ssh-keygen -q -t ed25519 -N "" -f "$work/host" && ssh-keygen -q -t ed25519 -N "" -f "$work/key" || return 1
    chmod 700 "$work"
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    for port in $(seq $((20000 + $$ % 20000)) 7 $((20000 + $$ % 20000 + 100))); do
        cat >"$work/sshd_config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $work/host
PidFile none
AuthorizedKeysFile $work/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
END
        "$sshd" -D -e -f "$work/sshd_config" 2>"$work/sshd.log" &
        server=$!
        trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
        ssh_options="-F none -p $port -i $work/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR 127.0.0.1"
        for _ in $(seq 200); do
            ssh_works 2>"$err" && return 0
            kill -0 $server 2>/dev/null || break # the port is taken
            sleep 0.05
        done
        kill $server 2>/dev/null
    done
    cat "$work/sshd.log" "$err"
    return 1
}

# At 3 it kills itself the first time; at 7 it says where it is, and stays.
cat >"$work/far" <<'END'
#!/bin/sh
while read -r line; do
    [ "$line" != 3 ] || [ ! -e "$1/kill" ] || { rm "$1/kill"; kill -9 $$; }
    [ "$line" != 7 ] || [ ! -e "$1/stay" ] || { rm "$1/stay"; echo $$ >"$1/pid"; exec sleep 1000; }
    echo "$line"
done
END
cat >"$work/stop" <<END
#!/bin/sh
exec ssh \$1 "kill \$(cat "$work/pid") && echo stopped >$work/stopped"
END
chmod +x "$work/far" "$work/stop"

check "ssh: a real server starts" starts_sshd
check "ssh: records go through workers behind it" eval \
    'map 0 -j2 --launcher "ssh $ssh_options" -- cat && cmp "$work/ten" "$out" && json "d[\"answered\"] == 10 and d[\"crashes\"] == 0"'
check "ssh: a worker that dies there is a crash" eval '
    : >"$work/kill" && map 0 -j1 --launcher "ssh $ssh_options" -- "$work/far" "$work" && cmp "$work/ten" "$out" &&
    json "d[\"crashes\"] >= 1 and d[\"dead\"] == 0"'
check "ssh: one that is given up there is ended by the stop command" eval '
    : >"$work/stay" && map 0 -j1 --start-timeout 60s --record-timeout 8s --grace 10s --launcher "ssh $ssh_options" \
        --launcher-stop "$work/stop '"'"'$ssh_options'"'"'" -- "$work/far" "$work" && cmp "$work/ten" "$out" &&
    json "d[\"timeouts\"] == 1" && same stopped "$(cat "$work/stopped")" && ! kill -0 "$(cat "$work/pid")" 2>/dev/null'
