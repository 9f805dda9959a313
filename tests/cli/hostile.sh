#!/bin/sh
# Programs with bad manners under weir run and weir pipe: what is reported, which status, and
# that nothing of ours is left afterwards.
. "$srcdir/tests/support/tap.sh"

children=$builddir/tests/children
leaves_nothing=yes
doc=$work/doc.json

weir() { "$builddir/weir" "$@"; }

# reported STATUS TEXT WORD...: weir exits so, and says TEXT on stderr.
reported() {
    reported_status=$1 reported_text=$2
    shift 2
    exits "$reported_status" weir "$@" >"$work/out" 2>"$work/err" </dev/null && has "$reported_text" "$work/err"
}

# document STATUS EXPRESSION WORD...: weir run --json exits so; the expression holds for d.
document() {
    document_status=$1 document_expression=$2
    shift 2
    exits "$document_status" weir run --json "$@" >"$doc" </dev/null && holds "$document_expression"
}

# report STATUS EXPRESSION WORD...: the same for weir pipe --report.
report() {
    report_status=$1 report_expression=$2
    shift 2
    exits "$report_status" weir pipe --report "$doc" "$@" >"$work/out" 2>"$work/err" </dev/null && holds "$report_expression"
}

holds() { json_holds "$doc" "$1"; }

plan 35

# --- 2: input that nobody wants ---

head -c 10000000 /dev/zero >"$work/large"
unread() { exits 0 weir run "$@" <"$work/large" >"$work/out" && exits 0 weir run --json --input "$work/large" "$@" >"$doc"; }
unread_pipe() { head -c 10000000 /dev/zero | exits 0 weir run --json --input - "$@" >"$doc" && holds 'd["why"] == "none"'; }
check "a program that leaves its input unread is a success" unread true
check "one that reads a byte of a pipe, too" unread_pipe head -c 1
check "one that closes its stdin and goes on, too" unread_pipe "$children/closes_stdin" 1000000

# --- 3: what does not start ---

printf '#!/no/such/interpreter\n' >"$work/interpreter"
printf 'echo hello\n' >"$work/shellish"
printf '#!/bin/sh\n' >"$work/plain"
chmod +x "$work/interpreter" "$work/shellish"
e2big() {
    # The shell could not start weir with such an argument either: one of weir pipe's is split later.
    "$PYTHON3" -c 'import json; print(json.dumps({"weir": 1, "stages": [{"cmd": ["true", "a" * 131072]}]}))' >"$work/spec.json"
    report 126 'd["stages"][0]["errno"] == "E2BIG" and d["stages"][0]["end"] == "not_started"' -f "$work/spec.json"
}
check "a missing program: 127, and PATH is spoken of" reported 127 "no such program on PATH" run weir-no-such-program
check "a missing file: 127" reported 127 "/no/such/program" run /no/such/program
check "a missing directory: 125, and it is named" reported 125 "/no/such/directory" run --cwd /no/such/directory true
check "a missing interpreter: 127, and it is named" reported 127 "/no/such/interpreter" run "$work/interpreter"
check "no #! line: 126, and no shell has a go at it" reported 126 "#!" run "$work/shellish"
check "... it said nothing" same "" "$(cat "$work/out")"
check "no x bit: 126" reported 126 "$work/plain" run "$work/plain"
check "an argument over 128 KiB: E2BIG" e2big
check "the document has the step and the error" document 125 \
    '(d["end"], d["step"], d["errno"]) == ("not_started", "chdir", "ENOENT")' --cwd /no/such/directory true

# --- 4: statuses are the program's own ---

own_statuses() {
    for status in 0 1 2 124 125 126 127 128 137 255; do
        exits $status weir run sh -c "exit $status" || return 1
        document $status "d['end'] == 'exited' and d['code'] == $status and d['why'] == 'none'" sh -c "exit $status" || return 1
    done
}
check "exit 255, 127 and 124 are the program's own" own_statuses

# --- 5: TERM, KILL, STOP ---

check "TERM obeyed: 124, what it said is kept" document 124 \
    'd["stdout"]["text"] == "partial" and d["signal"] == "SIGTERM" and d["stopped_with"] == ["SIGTERM"]' \
    --timeout 1s -- "$children/says_and_stays" partial
check "TERM ignored: KILL after the grace, and reported" document 124 \
    'd["signal"] == "SIGKILL" and d["stopped_with"] == ["SIGTERM", "SIGKILL"] and d["wall_ms"] >= 490' \
    --timeout 1s --grace 200ms "$children/ignores_term"
check "stopped: killed in time" document 124 'd["why"] == "timeout" and d["stdout"]["text"] == "stopping\n"' \
    --timeout 1s --grace 100ms "$children/stops_itself"

# --- 6: who holds the pipe ---

check "a background process does not hold up the deadline" document 0 \
    'd["stdout"]["abandoned"] and not os.path.exists("/proc/%d" % int(d["stdout"]["text"]))' --timeout 2s --drain 1h "$children/leaves_behind" background
holder() {
    document 0 'd["stdout"]["abandoned"] and not os.path.exists("/proc/%d" % int(d["stdout"]["text"])) and d["holder"]["pid"] == int(d["stdout"]["text"]) and "leaves_behind" in d["holder"]["command"]' \
        --drain 100ms "$children/leaves_behind" "$1"
}
check_linux /proc "a holder in a session of its own is named and ended" holder session
check_linux /proc "... a daemon" holder daemon
check_linux /proc "... a daemon without environment" holder bare
passes_on() {
    # Without --json the daemon has weir's own stdout: whoever reads that gets its end all the same.
    weir run "$children/leaves_behind" daemon </dev/null | cat >"$work/out" && [ -s "$work/out" ] && [ ! -e "/proc/$(cat "$work/out")" ]
}
check_linux /proc "without a capture it is ended, too" passes_on

# --- 15: weir is killed ---

killed() {
    "$builddir/weir" run --grace 300ms "$@" >"$work/out" 2>&1 </dev/null &
    victim=$!
    killed_tries=0
    until grep -q '[0-9a-z]' "$work/out"; do
        killed_tries=$((killed_tries + 1))
        [ $killed_tries -lt 20000 ] || return 1
    done
    kill -KILL $victim
    wait $victim
    # A cleared environment hides it from others, not from the spawner.
    case $(head -n1 "$work/out") in
    [0-9]*) timeout 20 tail --pid="$(head -n1 "$work/out")" -f /dev/null ;;
    esac
}
check "weir is killed: its child ends" killed "$children/says_and_stays" ready
check "... one that ignores TERM" killed "$children/ignores_term"
killed_behind() { killed sh -c "'$children/leaves_behind' $1 stubborn; sleep 1000"; }
check "... what a child left in the background" killed_behind background
check_linux /proc "... in a session of its own" killed_behind session
check_linux /proc "... as a daemon" killed_behind daemon
check_linux /proc "... as a daemon without environment" killed_behind bare

# --- 19: readers that have had enough ---

check "yes | head -1 is ok, and SIGPIPE is seen" report 0 \
    'd["ok"] and d["stages"][0]["signal"] == "SIGPIPE" and d["stages"][0]["forgiven"]' yes 'head -1'
cat >"$work/python.json" <<END
{"weir": 1, "stages": [
  {"cmd": ["$PYTHON3", "-c", "while True: print('line')"]},
  {"cmd": ["head", "-1"]}]}
END
sed 's/"]},$/"], "early_close": "ok"},/' "$work/python.json" >"$work/forgiving.json"
check "a Python producer into head fails by itself" report 1 'd["decided_by"]["stage"].startswith("python")' -f "$work/python.json"
check "early_close forgives it, and its code is seen" report 0 \
    'd["ok"] and d["stages"][0]["forgiven"] and d["stages"][0]["code"] == 1' -f "$work/forgiving.json"

# --- 20, 23: failures behind good output, and output files ---

check "a stage that fails after it has written everything is the verdict" report 3 \
    'd["decided_by"] == {"stage": "sh", "reason": "exited with 3"}' "sh -c 'echo all; exit 3'" cat
check "... and its output went through" same all "$(cat "$work/out")"
echo old >"$work/to"
keeps_old() {
    report "$@" && same old "$(cat "$work/to")" && same "" "$(find "$work" -name '*.part')"
}
check "a failure leaves the old output file" keeps_old 1 'not d["ok"]' --output "$work/to" 'echo new' "sh -c 'cat; exit 1'"
full() {
    # Files of 100 KB at most: the writer sees EFBIG where a full disk says ENOSPC.
    (ulimit -f 100 && trap '' XFSZ && keeps_old 1 'not d["ok"]' --output "$work/to" "sh -c \"trap '' XFSZ; head -c 1000000 /dev/zero\"")
}
check "a disk that is full is a failure, never a short file" full
full_stdout() { exits 125 weir run --json echo x >/dev/full 2>"$work/err"; }
check "a document that finds no room: 125" full_stdout
