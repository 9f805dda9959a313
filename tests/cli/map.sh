#!/bin/sh
# weir map: its options, statuses, report, dead letters and progress, and what it says to
# bad input.  In every run that gives a report the records add up.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes

weir=$builddir/weir
out=$work/out err=$work/err doc=$work/doc.json dead=$work/dead.ndjson
seq 10 >"$work/ten"
seq 500000 >"$work/many"

# Workers.  Each answers a line with a line; a record's number decides what else it does.
worker() { # worker NAME: its code on stdin
    { echo '#!/bin/sh'; cat; } >"$work/$1"
    chmod +x "$work/$1"
}
worker dies <<'END' # of the numbers in $DEADLY
while read -r line; do
    case " $DEADLY " in *" $line "*) echo "cannot do $line" >&2; kill -9 $$ ;; esac
    echo "$line"
done
END
worker dies_once <<'END'
while read -r line; do
    [ "$line" != 7 ] || mkdir "$ONCE" 2>/dev/null && [ "$line" = 7 ] && kill -9 $$
    echo "$line"
done
END
worker sleeps <<'END' # over the number 3
while read -r line; do
    [ "$line" != 3 ] || exec sleep 1000
    echo "$line"
done
END
worker waits <<'END' # at the number 1, until somebody opens the gate
while read -r line; do
    [ "$line" != 1 ] || read -r go <"$GATE"
    echo "$line"
done
END
worker noisy <<'END' # says what is not JSON instead of an answer to 4
while read -r line; do
    [ "$line" != 4 ] || line="debug: four"
    echo "$line"
done
END

# map STATUS WORD...: runs weir map over stdin, with its outputs in $out and $err.
map() {
    map_wanted=$1
    shift
    exits "$map_wanted" "$weir" map "$@" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
    case $map_wanted in
    0 | 141) ! grep '^weir map: ' "$err" ;;
    *) grep -q '^weir map: ' "$err" || grep -q '"kind":"message"' "$err" || { echo "no reason was said"; return 1; } ;;
    esac
}

# json EXPRESSION [FILE]: whether it holds for d, the report.
json() { json_holds "${2-$doc}" "$1"; }

adds_up() {
    json 'd["in"]["records"] == d["answered"] + d["dropped"] + d["dead"] + d["unsettled"]
        and d["out"]["records"] <= d["answered"]
        and (d["status"] not in (0, 1) or d["out"]["records"] == d["answered"])
        and (d["checkpoint"] or sum(w["records"] for w in d["workers"]) == d["answered"] + d["dropped"])
        and (d["checkpoint"] or sum(d["series"]["settled"]) == d["answered"] + d["dropped"] + d["dead"])
        and (d["checkpoint"] or sum(d["series"]["dead"]) == d["dead"])
        and (d["checkpoint"] or len(d["failures"]) == min(d["dead"], 10))
        and len({len(d["series"][k]) for k in ("settled", "dead", "busy")}) == 1
        and len(d["series"]["busy"]) - 1 <= d["wall_ms"] / d["series"]["step_ms"]
        and all(w["start_ms"] <= d["wall_ms"] for w in d["workers"])'
}

# reported STATUS EXPRESSION WORD...: with --report, a valid document that adds up, and EXPRESSION holds.
reported() {
    reported_status=$1 reported_expression=$2
    shift 2
    rm -f "$doc"
    map "$reported_status" --report "$doc" "$@" && valid_as map-report "$doc" && adds_up && json "$reported_expression"
}

# letters EXPRESSION: whether every dead letter is valid, and it holds for l, the list of them.
letters() {
    while read -r letter; do
        printf '%s\n' "$letter" >"$work/letter.json" && valid_as dead-letter "$work/letter.json" || return 1
    done <"$dead"
    json_lines_hold "$dead" "$1" && rm -f "$dead"
}

# lines EXPRESSION: whether it holds for l, the JSON lines on stderr, and they for their schema.
lines() { progress_holds "$err" "$1"; }

# refused TEXT WORD...: status 2, the message has TEXT, and nothing was started.
refused() {
    refused_text=$1
    shift
    rm -f "$work/ran"
    map 2 "$@" -- touch "$work/ran" <"$work/ten" && has "$refused_text" "$err" && [ ! -e "$work/ran" ]
}

plan 75

worker sees_terminal <<'END' # answers whether its output is a terminal, and with a CR that stays
while read -r line; do
    if [ -t 1 ]; then printf '"terminal\\r %s"\n' "$line"; else echo '"pipe"'; fi
done
END
on_a_terminal() {
    seq 1 3 | map 0 -j1 --pty-output -- "$work/sees_terminal" &&
        same '"terminal\r 1" "terminal\r 2" "terminal\r 3"' "$(tr '\n' ' ' <"$out" | sed 's/ $//')" &&
        echo 1 | map 0 -j1 -- "$work/sees_terminal" && same '"pipe"' "$(cat "$out")" &&
        seq 1 20000 | map 0 -j2 --pty-output -- cat && seq 1 20000 | cmp - "$out" &&
        exits 2 "$weir" map --pty-output --launcher env -- cat </dev/null 2>"$err" &&
        has "remove --pty-output" "$err"
}
check "--pty-output: the worker writes to a terminal, and every byte arrives" on_a_terminal

# --- Records and replies ---

check "a record, a reply, in order" eval 'map 0 -- cat <"$work/ten" && cmp "$work/ten" "$out"'
check "four workers: in order all the same" eval \
    'reported 0 "d[\"in\"][\"records\"] == 500000 and 1 <= len(d[\"workers\"]) <= 4" -j4 -- cat <"$work/many" && cmp "$work/many" "$out"'
check "-j1: one worker" eval 'reported 0 "len(d[\"workers\"]) == 1" -j 1 -- cat <"$work/many" && cmp "$work/many" "$out"'
check "--unordered: all the same, in any order" eval \
    'map 0 -j4 --unordered -- cat <"$work/many" && sort -n "$out" | cmp - "$work/many"'

# held ORDERED: the first record waits until the others' replies are there; prints the output.
held() {
    rm -f "$work/gate" "$work/replies" && mkfifo "$work/gate" "$work/replies" || return 1
    exec 5<>"$work/gate" # never waits for a reader that does not come
    GATE=$work/gate "$weir" map -j2 --window 1 "$@" -- "$work/waits" <"$work/ten" >"$work/replies" 5<&- &
    exec 4<"$work/replies"
    case $* in *--unordered*) for _ in 2 3 4; do read -r line <&4 && echo "$line"; done ;; esac
    echo go >&5
    cat <&4
    exec 4<&- 5<&-
    wait $!
}
check "--unordered: a slow record delays no other" eval \
    'held --unordered >"$work/held" && same "2 3 4" "$(echo $(head -3 "$work/held"))" && sort -n "$work/held" | cmp - "$work/ten"'
check "in order: the others wait for a slow one" eval 'held >"$work/held" && cmp "$work/held" "$work/ten"'
check "bytes pass as they are" eval '
    printf "%s\n" 18446744073709551615 1e400 0.1 "\"\\ud800\"" "{\"a\":1, \"a\" :2}" " [ 1 ] " >"$work/odd"
    map 0 -- cat <"$work/odd" && cmp "$work/odd" "$out"'
check "CRLF, blank lines, a byte-order mark, no final newline" eval '
    printf "\357\273\2771\r\n\n\r\n2\n3" >"$work/odd"
    reported 0 "d[\"in\"][\"records\"] == 3 and d[\"in\"][\"blank\"] == 2" -- cat <"$work/odd" && same "1 2 3" "$(echo $(cat "$out"))"'
check "a worker that keeps its output back in a buffer" eval \
    'map 0 -- sed "s/^/-/" <"$work/ten" && same "-1 -10" "$(echo $(sed -n "1p;10p" "$out"))"'
check "--drop-null: null drops the record" eval \
    'reported 0 "d[\"dropped\"] == 9 and d[\"answered\"] == 1" --drop-null -- sed "s/[1-9]$/null/" <"$work/ten" && same 10 "$(cat "$out")"'
check "without it null is a reply" eval 'map 0 -- sed "s/.*/null/" <"$work/ten" && same 10 "$(grep -c null "$out")"'
check "empty input, empty output" eval 'reported 0 "d[\"in\"][\"records\"] == 0" -- cat </dev/null && [ ! -s "$out" ]'
bare() { env -i WEIR_SPAWNER="$WEIR_SPAWNER" "$weir" map "$@"; }
check "an empty environment and empty input" eval 'exits 0 bare -- cat </dev/null'
check "an empty environment" eval 'exits 0 bare -- cat <"$work/ten" >"$out" && cmp "$work/ten" "$out"'
check "--input and --output" eval \
    'map 0 --input "$work/ten" --output "$work/to" -- cat </dev/null && cmp "$work/ten" "$work/to" && [ ! -s "$out" ]'
check "--input - and --output -: weir's own" eval 'map 0 --input - --output - -- cat <"$work/ten" && cmp "$work/ten" "$out"'
check "--window, --window-bytes, --reorder-bytes: small ones" eval \
    'map 0 -j3 --window 2 --window-bytes 1 --reorder-bytes 1 -- cat <"$work/ten" && cmp "$work/ten" "$out"'
check "-- ends the options; what is behind is the program's" eval \
    'map 0 -- cat -u <"$work/ten" && map 0 cat -u <"$work/ten" && cmp "$work/ten" "$out"'

# --- Records that cannot be ---

printf '1\nno\n3\n' >"$work/invalid"
check "3: a record that is not JSON ends the run" eval \
    'reported 3 "d[\"in\"][\"invalid\"] == 1 and d[\"dead\"] == 1" -- cat <"$work/invalid" && has "the record in line 2 is dead" "$err"'
check "1: --on-error skip goes on" eval \
    'reported 1 "d[\"answered\"] == 2" --on-error skip -- cat <"$work/invalid" && same "1 3" "$(echo $(cat "$out"))"'
check "1: --dead-letter keeps it, and says where" eval \
    'map 1 --dead-letter "$dead" -- cat <"$work/invalid" && has "$dead" "$err" &&
     letters "[(d[\"seq\"], d[\"line\"], d[\"offset\"], d[\"reason\"], d[\"record_base64\"]) for d in l] == [(1, 2, 2, \"invalid\", \"bm8=\")]"'
check "--check none: a worker sees it" eval \
    'map 0 --check none -- sed "s/.*/\"&\"/" <"$work/invalid" && same "\"no\"" "$(sed -n 2p "$out")"'
check "--max-record: what is longer is dead, and not kept" eval '
    printf "1\n%0100d\n3\n" 0 >"$work/long"
    reported 1 "d[\"in\"][\"oversize\"] == 1" --max-record 64 --dead-letter "$dead" -- cat <"$work/long" &&
    letters "l[0][\"reason\"] == \"oversize\" and \"record\" not in l[0]"'
printf '"a\377b"\n' >"$work/bytes"
check "--encoding strict: what is not UTF-8 is dead" eval 'reported 3 "d[\"in\"][\"invalid\"] == 1" -- cat <"$work/bytes"'
check "--encoding replace" eval 'map 0 --encoding replace -- cat <"$work/bytes" && same "\"a$(printf "\357\277\275")b\"" "$(cat "$out")"'
check "--encoding raw" eval 'map 0 --encoding raw -- cat <"$work/bytes" && cmp "$out" "$work/bytes"'

# --- Workers that fail ---

DEADLY=
export DEADLY
check "a record that kills its worker every time: it alone is dead" eval '
    DEADLY=7 && reported 1 "d[\"dead\"] == 1 and d[\"answered\"] == 9 and d[\"crashes\"] >= 3" -j2 --dead-letter "$dead" -- "$work/dies" <"$work/ten" &&
    same "1 2 3 4 5 6 8 9 10" "$(echo $(cat "$out"))" &&
    letters "len(l) == 1 and l[0][\"record\"] == 7 and l[0][\"attempts\"] == 3 and l[0][\"reason\"] == \"crash\"
        and l[0][\"signal\"] == \"SIGKILL\" and \"cannot do 7\" in l[0][\"stderr_tail\"]"'
check "two of them side by side: exactly two" eval '
    DEADLY="7 8" && reported 1 "d[\"dead\"] == 2" -j3 --dead-letter "$dead" -- "$work/dies" <"$work/ten" &&
    letters "[d[\"record\"] for d in l] == [7, 8]"'
check "3: the first one ends the run without --on-error" eval \
    'DEADLY=7 && reported 3 "d[\"dead\"] == 1" -- "$work/dies" <"$work/ten" && has "the record in line 7 is dead: crash" "$err"'
check "--retries 0: one failure is enough" eval \
    'DEADLY=7 && map 1 --retries 0 --dead-letter "$dead" -- "$work/dies" <"$work/ten" && letters "l[0][\"attempts\"] == 1"'
check "one that does it only once is answered" eval '
    ONCE=$work/once && export ONCE && reported 0 "d[\"crashes\"] == 1 and d[\"redelivered\"] >= 1" -- "$work/dies_once" <"$work/ten" && cmp "$out" "$work/ten"'
check "--record-timeout: one that takes too long" eval '
    reported 1 "d[\"timeouts\"] >= 1 and d[\"dead\"] == 1" --record-timeout 2s --retries 0 --dead-letter "$dead" -- "$work/sleeps" <"$work/ten" &&
    letters "l[0][\"record\"] == 3 and l[0][\"reason\"] == \"timeout\"" && same 9 "$(wc -l <"$out" | tr -d " ")"'
check "a line that is not JSON is not a reply" eval '
    reported 1 "d[\"desyncs\"] >= 1 and d[\"dead\"] == 1" --dead-letter "$dead" -- "$work/noisy" <"$work/ten" &&
    letters "l[0][\"record\"] == 4 and l[0][\"reason\"] == \"desync\"" && same 9 "$(wc -l <"$out" | tr -d " ")"'
check "4: a program that is not there" eval \
    'reported 4 "d[\"unsettled\"] == d[\"in\"][\"records\"] > 0" -- no-such-program <"$work/ten" && has "no-such-program" "$err"'
check "4: a worker that ends at once, and what it said" eval \
    'reported 4 "d[\"dead\"] == 0" -- sh -c "echo no licence >&2; exit 9" <"$work/ten" && grep -q "^weir map: .*exited with 9.*no licence" "$err"'
check "4: what it said may be any bytes" eval \
    'reported 4 "d[\"reason\"]" -- sh -c "printf \"\\377\\n\\033\\n\" >&2; exit 9" <"$work/ten"'
odd_names() { # a name need not be UTF-8: in a document it is a string all the same
    odd=$(printf 'x\377y')
    "$weir" run --json -- printf '%s' "$odd" >"$doc" && valid_as run-report "$doc" && json 'd["argv"][2] == "x\ufffdy"' &&
        "$weir" pipe --report "$doc" true "printf %s $odd" >/dev/null && valid_as pipe-report "$doc" && json 'd["stages"][1]["argv"][2] == "x\ufffdy"' &&
        map 0 --output "$work/to" --input "$work/ten" --checkpoint "$work/$odd" --report "$doc" -- cat && valid_as map-report "$doc" &&
        json 'd["checkpoint"].endswith("/x\ufffdy")'
}
check "names that are not UTF-8 are strings in every document" odd_names
check "4: a directory that is not there" eval 'reported 4 "not d[\"workers\"]" --cwd /no/such -- cat <"$work/ten" && has "/no/such" "$err"'

# --- What a worker gets ---

check "--env, --env-pass" eval '
    HIDDEN=1 PASSED=2 && export HIDDEN PASSED
    map 0 --env SET=3 --env-pass PASSED -- sh -c "while read -r line; do echo \"\\\"\$HIDDEN \$PASSED \$SET\\\"\"; done" <"$work/ten" &&
    same "\" 2 3\"" "$(head -1 "$out")"'
check "--env-clear" eval \
    'map 0 --env-clear -- sh -c "while read -r line; do echo \"\\\"\$HIDDEN\\\"\"; done" <"$work/ten" && same "\"\"" "$(head -1 "$out")"'
check "--cwd" eval 'mkdir -p "$work/there" && map 0 --cwd "$work/there" -- sh -c "pwd | sed \"s/.*/\\\"&\\\"/\"; read -r line; cat" <"$work/ten" &&
    has "$work/there" "$out"'
check "--limit" eval 'map 0 --limit files=33 -- sh -c "while read -r line; do ulimit -n; done" <"$work/ten" && same 33 "$(head -1 "$out")"'
check "its standard error goes on" eval 'map 0 -j1 -- sh -c "echo hello >&2; exec cat" <"$work/ten" && same hello "$(cat "$err")"'

# --- A launcher in front ---

# As ssh does: noise, a worker that is no child of weir's and has no group of it, 255 where it is lost.
worker far <<'END'
echo "Warning: added '$1' to the list of known hosts." >&2
shift
exec 3<&0
setsid "$@" <&3 3<&- &
exec 3<&- </dev/null
wait $!
status=$?
[ $status -le 128 ] || { echo "Connection closed by remote host." >&2; exit 255; }
exit $status
END
# As srun may: it says 0 whatever happened.
worker careless <<'END'
exec 3<&0
setsid "$@" <&3 3<&- &
exec 3<&- </dev/null
wait $!
exit 0
END
check "--launcher: words in front" eval \
    'map 0 -j2 --launcher "$work/far '\''node 7'\''" -- cat <"$work/ten" && cmp "$work/ten" "$out" && has "added '\''node 7'\''" "$err"'
check "--launcher: a lost worker's records go out again" eval '
    rm -rf "$work/once" && reported 0 "d[\"crashes\"] == 1" --launcher "$work/far node7" -- "$work/dies_once" <"$work/ten" && cmp "$out" "$work/ten"'
check "--launcher: a status of 0 is not trusted" eval '
    rm -rf "$work/once" && reported 0 "d[\"crashes\"] == 1" --launcher "$work/careless" -- "$work/dies_once" <"$work/ten" && cmp "$out" "$work/ten"'
check "--launcher: the record that does it is found" eval '
    DEADLY=7 && reported 1 "d[\"dead\"] == 1" --launcher "$work/far node7" --dead-letter "$dead" -- "$work/dies" <"$work/ten" &&
    letters "len(l) == 1 and l[0][\"record\"] == 7 and l[0][\"exit\"] in (255, None)"'
check "--launcher: one that cannot be" eval 'reported 4 "True" --launcher "$work/no-such" -- cat <"$work/ten"'

# --- Ends that come early ---

check "124: the time was up" eval 'reported 124 "d[\"why\"] == \"timeout\" and d[\"wall_ms\"] < 60000" --timeout 300ms -- "$work/sleeps" <"$work/ten"'
ends_early() {
    "$PYTHON3" - "$weir" "$work" "$@" <<'END'
import json, os, signal, subprocess, sys, time
weir, work, case = sys.argv[1:]

def start(*words, worker, stdin=subprocess.PIPE, **how):
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.Popen([weir, "map", *words, "--report", f"{work}/doc.json", "--", *worker], stdin=stdin, **how)

def wait(process):
    try:
        return process.wait(60)
    finally:
        process.kill()

def unread():
    """A pipe's writing end whose reader never reads."""
    global kept
    kept, writer = os.pipe()
    return writer

def until_gone(process):
    """Signals until it has ended: two that come at once are one."""
    deadline = time.monotonic() + 60
    while process.poll() is None:
        process.terminate()
        assert time.monotonic() < deadline, "it stays"
        time.sleep(0.01)
    return process.returncode

def many():
    return open(f"{work}/many")

if case == "signal":
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        weir_map = start(worker=["cat"])
        weir_map.stdin.write(b"1\n")
        weir_map.stdin.flush()
        assert weir_map.stdout.readline() == b"1\n"
        weir_map.send_signal(number)
        assert wait(weir_map) == 128 + number, weir_map.returncode
elif case == "drain":
    os.mkfifo(f"{work}/open")
    gate = os.open(f"{work}/open", os.O_RDWR)  # never waits for a reader that does not come
    weir_map = start(worker=["sh", "-c", f"read -r line; echo got >&2; read -r go <'{work}/open'; echo $line; cat"])
    weir_map.stdin.write(b"1\n")
    weir_map.stdin.flush()
    assert weir_map.stderr.readline() == b"got\n"
    weir_map.terminate()
    os.write(gate, b"go\n")
    assert weir_map.stdout.read() == b"1\n"
    assert wait(weir_map) == 143
elif case == "again":
    weir_map = start("--grace", "1000", worker=["sh", "-c", "trap '' TERM; echo got >&2; while :; do sleep 0.1; done"])
    weir_map.stdin.write(b"1\n")
    weir_map.stdin.flush()
    assert weir_map.stderr.readline() == b"got\n"
    assert until_gone(weir_map) == 143
elif case == "unread":
    weir_map = start("--timeout", "300ms", "--grace", "100ms", worker=["cat"], stdin=many(), stdout=unread())
    assert wait(weir_map) == 124
    weir_map = start("--grace", "1000", worker=["sh", "-c", "echo got >&2; exec cat"], stdin=many(), stdout=unread())
    assert weir_map.stderr.readline() == b"got\n"
    assert until_gone(weir_map) == 143
    weir_map = start("--timeout", "300ms", "--grace", "100ms", worker=["sh", "-c", "yes >&2"], stdin=many(), stderr=unread())
    assert wait(weir_map) == 124
elif case == "slow reader":
    weir_map = start("--record-timeout", "1s", worker=["cat"], stdin=many())
    time.sleep(2.5)  # many times what a record may take, if it were the workers' time
    assert weir_map.stdout.read() == open(f"{work}/many", "rb").read()
    assert wait(weir_map) == 0
    assert json.load(open(f"{work}/doc.json"))["timeouts"] == 0
END
}
check "143, 130, 129: a signal, and no more is taken" eval 'ends_early signal && adds_up'
check "143: replies under way are waited for" eval 'ends_early drain && adds_up && json "d[\"answered\"] == 1 and d[\"why\"] == \"cancelled\""'
check "a second signal leaves at once" ends_early again
check "whoever does not read our output or stderr cannot hold us" ends_early unread
check "a slow reader of ours makes no record late" eval 'ends_early "slow reader" && adds_up'
gone() {
    { "$weir" map -j1 -- sh -c 'echo $$ >"$0"; exec cat' "$work/pid" <"$work/many" 2>"$err"; echo $? >"$work/status"; } | head -n 1 >"$out"
    same 141 "$(cat "$work/status")" && same 1 "$(cat "$out")" && same "" "$(cat "$err")" && ! kill -0 "$(cat "$work/pid")"
}
check "141: the reader went away, and no worker is left" gone

# --- Files of ours ---

check "5: a full disk under the output" eval \
    'exits 5 "$weir" map --report "$doc" -- cat <"$work/ten" >/dev/full 2>"$err" && has "No space left" "$err" && valid_as map-report "$doc" && adds_up'
check "5: a full disk under the dead letters" eval 'reported 5 "True" --dead-letter /dev/full -- cat <"$work/invalid" && has "No space left" "$err"'
check "5: a full disk under the report" eval 'map 5 --report /dev/full -- cat <"$work/ten" && has "No space left" "$err"'
check "5: an input that is not there" eval 'map 5 --input /no/such -- cat && has "/no/such" "$err"'
check "5: a place that cannot be, before anything starts" eval '
    for option in --output --dead-letter --report; do
        rm -f "$work/ran" && map 5 $option /no/such/place -- touch "$work/ran" <"$work/ten" && has "/no/such/place" "$err" && [ ! -e "$work/ran" ] || return 1
    done'
check "--output: as it was when the run failed, new when only records did" eval '
    echo old >"$work/to"
    map 3 --output "$work/to" -- cat <"$work/invalid" && same old "$(cat "$work/to")" &&
    map 1 --output "$work/to" --on-error skip -- cat <"$work/invalid" && same "1 3" "$(echo $(cat "$work/to"))" &&
    same "" "$(ls -A "$work" | grep part)"'

# On a disk that is too small, then larger: needs root.
small_disk() {
    mkdir -p "$work/disk" && mount -t tmpfs -o size=256k none "$work/disk" 2>/dev/null || return 77
    small_status=0
    set -- --input "$work/many" --output "$work/disk/to" --checkpoint "$work/state" -- cat
    map 5 "$@" && has "No space left" "$err" && mount -o remount,size=8m "$work/disk" && map 0 "$@" &&
        cmp "$work/many" "$work/disk/to" || small_status=1
    umount "$work/disk"
    return $small_status
}
if [ "$(id -u)" = 0 ] && mkdir -p "$work/probe" && mount -t tmpfs none "$work/probe" 2>/dev/null; then
    umount "$work/probe"
    check "5: a disk that fills up; with room the same command goes on" small_disk
else
    test_number=$((test_number + 1))
    echo "ok $test_number - a disk that fills up # SKIP cannot mount one"
fi

# --- A checkpoint ---

check "--checkpoint: a finished run gives its status again, and leaves the files alone" eval '
    rm -f "$work/state" && map 1 --input "$work/invalid" --output "$work/to" --dead-letter "$dead" --checkpoint "$work/state" -- cat &&
    cp "$work/to" "$work/before" && cp "$dead" "$work/dead-before" &&
    reported 1 "d[\"checkpoint\"]" --input "$work/invalid" --output "$work/to" --dead-letter "$dead" --checkpoint "$work/state" -- cat &&
    cmp "$work/to" "$work/before" && cmp "$dead" "$work/dead-before"'
check "6: another command, another input; the files are as they were" eval '
    map 6 --input "$work/invalid" --output "$work/to" --dead-letter "$dead" --checkpoint "$work/state" -- cat -u && cmp "$work/to" "$work/before" &&
    map 6 --input "$work/ten" --output "$work/to" --dead-letter "$dead" --checkpoint "$work/state" -- cat && cmp "$work/to" "$work/before"'
check "2: a checkpoint and a pipe" eval 'cat "$work/ten" | map 2 --output "$work/to" --checkpoint "$work/other" -- cat'

# --- What is reported ---

check "--report -: with --output" eval \
    'map 0 --report - --output "$work/to" -- cat <"$work/ten" && valid_as map-report "$out" && json "d[\"ok\"]" "$out"'
check "--report -: refused where standard output has the data" refused "--output" --report -
check "--progress json: every line, the workers' too" eval '
    map 1 --progress json --on-error skip -- sh -c "echo hello >&2; exec cat" <"$work/invalid" &&
    lines "{\"hello\"} == {d[\"text\"] for d in l if d[\"kind\"] == \"stderr\"}
        and [(d[\"line\"], d[\"reason\"][:7]) for d in l if d[\"kind\"] == \"record_failed\"] == [(2, \"invalid\")]
        and l[-1][\"kind\"] == \"end\" and l[-1][\"status\"] == 1 and l[-1][\"answered\"] == 2
        and \"dead\" in l[-2][\"text\"]"'
# Two workers: one has answered nine records, the other has one in hand until that was seen;
# the input has no end before, so neither leaves.
shares() {
    rm -f "$work/gate" && mkfifo "$work/gate" || return 1
    exec 5<>"$work/gate"
    : >"$err"
    # shellcheck disable=SC2094  # the input waits for what is reported of it
    {
        cat "$work/ten"
        for _ in $(seq 1200); do
            grep -q '"records":9,"in_flight":0' "$err" && grep -q '"records":0,"in_flight":1' "$err" && break
            sleep 0.05
        done
        echo go >&5
    } | GATE=$work/gate "$weir" map -j2 --window 1 --progress json -- "$work/waits" >"$out" 2>"$err" 5<&-
    shares_status=$?
    exec 5<&-
    same 0 $shares_status && cmp "$work/ten" "$out" &&
        lines 'any(sorted((w["records"], w["in_flight"]) for w in d["workers"]) == [(0, 1), (9, 0)] for d in l if d["kind"] == "progress")'
}
check "--progress json: the share of each worker" shares
check "--progress json: also where nothing was started" eval 'map 2 --progress json --report - -- cat </dev/null && lines "l[-1][\"status\"] == 2"'
check "--progress tty: a line, with a share where the size is known" eval \
    'map 0 --progress tty -- sh -c "echo hello >&2; exec cat" <"$work/ten" && has "10 records" "$err" && has " 0 dead" "$err" && has "%" "$err" && has hello "$err"'
check "--progress auto: nothing where there is no terminal" eval 'map 0 -- cat <"$work/ten" && [ ! -s "$err" ]'
counted() {
    map 1 --hadoop-counters --on-error skip -- cat <"$work/invalid" || return 1
    same "2 answered
1 dead
3 records" "$(sed -n 's/^reporter:counter:weir,\(.*\),\([0-9]*\)$/\2 \1/p' "$err" | awk '{ sum[$2] += $1 } END { for (name in sum) print sum[name], name }' |
        sort -k 2 | grep -v '^0')"
}
check "--hadoop-counters: they add up to the totals" counted

# --- What cannot be meant ---

bad_usage() {
    map 2 </dev/null && has "no program given" "$err" &&
        refused "--dead-letter FILE" --on-error dead-letter && refused "remove it or" --on-error skip --dead-letter "$dead" &&
        refused "from 1 to" -j 0 && refused "from 1 to" --window 0 && refused "from 0 to" --retries -1 && refused "from 1 to" --workers 1K &&
        refused "is empty" --launcher " " && refused "--launcher" --launcher "'ssh" && refused "remove one" --hadoop-counters --progress json &&
        refused "skip" --on-error ignore && refused "replace" --encoding latin1 && refused "invalid duration" --record-timeout soon &&
        refused "unchecked or raw" --call f --check none &&
        refused "is not a function name" --call weir/hello
}
check "2: options that make no sense, each reported" bad_usage
