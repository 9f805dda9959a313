#!/bin/sh
# weir run: its options, its statuses, its document, and what it says to bad input.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes

weir=$builddir/weir
# shellcheck disable=SC2034  # checks in quotes use them
out=$work/out err=$work/err doc=$work/doc.json
printf '%s\n' "from a file" >"$work/input"

# run STATUS WORD...: runs weir with its outputs in $out and $err.
run() {
    run_wanted=$1
    shift
    exits "$run_wanted" "$weir" run "$@" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
}

# json EXPRESSION [FILE]: whether it holds for d, the document (default: $out).
json() { json_holds "${2-$out}" "$1"; }

valid() { valid_as run-report "${1-$out}"; }

# reported STATUS EXPRESSION WORD...: with --json, a valid document of which it holds.
reported() {
    reported_status=$1 reported_expression=$2
    shift 2
    run "$reported_status" --json "$@" && json "$reported_expression" && valid
}

# refused TEXT WORD...: status 125, the message has TEXT, and nothing was run.
refused() {
    refused_text=$1
    shift
    rm -f "$work/ran"
    run 125 "$@" -- touch "$work/ran" && has "$refused_text" "$err" && [ ! -e "$work/ran" ]
}

plan 79

# --- Plain ---

passes_outputs() {
    run 3 -- sh -c 'echo to stdout; echo to stderr >&2; exit 3' && same "to stdout" "$(cat "$out")" \
        && same "to stderr" "$(cat "$err")"
}
passes_input() {
    same "from here" "$(echo "from here" | "$weir" run -- cat)"
}
program_owns_its_options() {
    run 0 echo --json -- --timeout && same "--json -- --timeout" "$(cat "$out")"
}
two_dashes_end_options() {
    printf '#!/bin/sh\necho "odd name"\n' >"$work/--odd" && chmod +x "$work/--odd"
    (PATH=$work:$PATH run 0 -- --odd) && same "odd name" "$(cat "$out")"
}
nothing_is_left_behind() {
    run 0 -- sh -c 'sleep 1000 & echo $!' && ! kill -0 "$(cat "$out")" 2>"$work/kill"
}
check "outputs pass through, and so does the status" passes_outputs
check "standard input passes through" passes_input
check "what follows the program is the program's" program_owns_its_options
check "-- ends the options" two_dashes_end_options
check "what the program left in the background is ended with it" nothing_is_left_behind
check "--merge-stderr: one stream" eval \
    'run 0 --merge-stderr -- sh -c "echo one; echo two >&2" && same "one
two" "$(cat "$out")"'

# --- Statuses ---

printf '#!/no/such/interpreter\n' >"$work/orphan" && chmod +x "$work/orphan"
printf 'echo hi\n' >"$work/plain-file"
check "exit 127 and exit 255 are the program's own" eval \
    'run 127 -- sh -c "exit 127" && run 255 -- sh -c "exit 255" && [ ! -s "$err" ]'
check "128+n: it died of signal n, and that is said" eval \
    'run 137 -- sh -c "kill -9 \$\$" && same "weir run: sh: killed by SIGKILL (Killed)" "$(cat "$err")"'
check "of SIGINT and SIGPIPE nothing is said" eval \
    'run 130 -- sh -c "kill -INT \$\$" && [ ! -s "$err" ] && run 141 -- sh -c "kill -PIPE \$\$" && [ ! -s "$err" ]'
check "a limit that killed it is named" eval \
    'run 152 --limit cpu=1 -- "$builddir/tests/children/eats_cpu" && has "it reached its cpu limit" "$err"'
check "127: not found" eval 'run 127 -- no-such-program && has "no-such-program" "$err"'
check "127: its interpreter was not found, and is named" eval \
    'run 127 -- "$work/orphan" && has "/no/such/interpreter" "$err"'
check "126: cannot be executed" run 126 -- "$work/plain-file"
check "125: no such directory" eval 'run 125 --cwd /no/such -- true && has "/no/such" "$err"'
check "124: timed out" eval \
    'run 124 --timeout 50ms -- sleep 1000 && has "weir run: sleep: timed out" "$err"'
check "124: put out nothing for too long, while what it did put out was passed on" eval \
    'run 124 --idle 2s -- sh -c "echo early; exec sleep 1000" && same early "$(cat "$out")"'
check "who puts out something now and then is not idle" \
    run 9 --idle 2s -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo; sleep 0.2; done; exit 9'
check "in time is in time" run 7 --timeout 1000 --idle 1000 -- sh -c 'exit 7'

# --- The document ---

check "--json: everything about it" reported 3 'd["argv"] == ["sh", "-c", "echo a; echo b >&2; exit 3"]
    and d["end"] == "exited" and d["why"] == "none" and d["code"] == 3 and d["signal"] is None
    and d["stdout"]["text"] == "a\n" and d["stderr"]["text"] == "b\n" and d["pid"] > 1
    and d["stopped_with"] == [] and d["holder"] is None and d["wall_ms"] > 0' \
    -- sh -c 'echo a; echo b >&2; exit 3'
check "--json: nothing of the program's goes anywhere else" eval \
    '[ ! -s "$err" ] && same 1 "$(wc -l <"$out" | tr -d " ")"'
check "--json: input is none unless given" eval \
    'echo unread | reported 0 "d[\"stdout\"][\"text\"] == \"\"" -- cat &&
     echo read | reported 0 "d[\"stdout\"][\"text\"] == \"read\\n\"" --input - -- cat'
check "--json: timed out" reported 124 'd["why"] == "timeout" and d["signal"] == "SIGTERM"
    and d["stopped_with"] == ["SIGTERM"]' --timeout 50ms -- sleep 1000
check "--json: killed after the grace" reported 124 'd["signal"] == "SIGKILL"
    and d["stopped_with"] == ["SIGTERM", "SIGKILL"] and d["wall_ms"] < 6000' \
    --timeout 1s --grace 50ms -- sh -c 'trap "" TERM; while :; do sleep 1; done'
check "--json: --stop" reported 124 'd["signal"] == "SIGKILL"
    and d["stopped_with"] == ["SIGINT", "SIGTERM", "SIGKILL"]' --timeout 50ms \
    --stop INT:50ms,TERM:50ms,KILL -- sh -c 'trap "" INT TERM; while :; do sleep 1; done'
check "--stop: the last of --stop and --grace counts" reported 124 'd["stopped_with"] == ["SIGTERM"]' \
    --timeout 50ms --stop INT:1s --grace 60s -- sleep 1000
check "--stop: refused" eval '
    refused "invalid stop sequence \"TERM\": a signal other than KILL needs the time" --stop TERM &&
    refused "unknown signal" --stop NOPE:1s && refused "KILL takes no time" --stop KILL:1s'
check "--json: not started" reported 127 'd["end"] == "not_started" and d["step"] == "exec"
    and d["errno"] == "ENOENT" and d["pid"] is None' -- no-such-program
check "--json: no such directory" reported 125 'd["step"] == "chdir" and d["errno"] == "ENOENT"' \
    --cwd /no/such -- true
check "--json: a signal by name" reported 139 'd["end"] == "signaled" and d["signal"] == "SIGSEGV"
    and d["code"] is None' -- sh -c 'ulimit -c 0; kill -SEGV $$'
check_linux /proc "--json: who holds the output beyond the drain time" reported 0 \
    'd["stdout"]["abandoned"] and "sleep" in d["holder"]["command"]' \
    --drain 50ms -- sh -c 'setsid sleep 1000 & echo'
check "--json --merge-stderr: one text" reported 0 'd["stdout"]["text"] == "a\nb\n"
    and d["stderr"]["bytes"] == 0' --merge-stderr -- sh -c 'echo a; echo b >&2'

# In a root without /proc a job is its process group.  Sanitizers have no such root.
hide_proc() {
    ! grep -q -e -fsanitize= "$builddir/config.status" &&
        unshare --mount --propagation private sh -c 'umount -l /proc && exec "$@"' sh "$@"
}
unlisted() {
    hide_proc "$weir" run --drain 50ms -- sh -c 'sleep 1000 >&- 2>&- & echo $!' >"$out" && ! kill -0 "$(cat "$out")"
}
if hide_proc true 2>/dev/null; then
    check "with no /proc what is left in the group ends with the job" unlisted
else
    test_number=$((test_number + 1))
    echo "ok $test_number - with no /proc what is left in the group ends with the job # SKIP no right to unmount, or a sanitizer"
fi

# --- Surroundings ---

check "--input FILE" eval 'run 0 --input "$work/input" -- cat && same "from a file" "$(cat "$out")"'
check "--input none" eval 'echo unread | run 0 --input none -- cat && [ ! -s "$out" ]'
check "--input: a file that is not there" refused "no/such/input" --input no/such/input
mkdir "$work/dir" && printf '#!/bin/sh\npwd -P\n' >"$work/dir/tool" && chmod +x "$work/dir/tool"
check "--cwd: a relative program is found from there" eval \
    'run 0 --cwd "$work/dir" -- ./tool && same "$(cd "$work/dir" && pwd -P)" "$(cat "$out")"'
check "--env, the last one counts" eval \
    'run 0 --env A=1 --env A=2 --env=B=x=y -- sh -c "echo \$A \$B" && same "2 x=y" "$(cat "$out")"'
check "--env-clear" eval \
    'SECRET=s run 0 --env-clear -- /usr/bin/env && ! grep -q SECRET "$out"'
check "--env-pass: only these" eval \
    'ONE=1 TWO=2 run 0 --env-pass ONE --env-pass PATH --env THREE=3 -- env && has ONE=1 "$out" &&
     has THREE=3 "$out" && ! grep -q "TWO\|HOME" "$out"'
check "--limit" eval 'run 0 --limit files=40 --limit core=0 -- sh -c "ulimit -n; ulimit -c" &&
    same "40 0" "$(echo $(cat "$out"))"'
check "--limit: a limit that ended it is named" reported 153 'd["limits_hit"] == ["file-size"]' \
    --limit file-size=64K -- dd if=/dev/zero of="$work/large" bs=1024 count=128

# --- Text ---

check "--encoding NAME" reported 0 'd["stdout"]["text"] == "\u4e2d" and d["stdout"]["charset"] == "gb18030"' \
    --encoding gb18030 -- printf '\326\320'
check "--encoding auto" reported 0 'd["stdout"]["text"] == "h\u00e9" and d["stdout"]["charset"] == "utf-16le"' \
    --encoding auto -- printf '\377\376h\0\351\0'
check "--encoding binary" reported 0 'd["stdout"]["base64"] == "/wA=" and "text" not in d["stdout"]' \
    --encoding binary -- printf '\377\000'
check "what does not fit is replaced and counted" reported 0 \
    'd["stdout"]["text"] == "a\ufffdb" and d["stdout"]["replaced"] == 1' -- printf 'a\377b'
check "--on-error backslashreplace" reported 0 'd["stdout"]["text"] == "a\\xffb"' \
    --on-error backslashreplace -- printf 'a\377b'
check "--on-error strict: the bytes, where, and the program's own status" reported 5 \
    'd["stdout"]["invalid_at"] == 1 and d["stdout"]["base64"] == "Yf9i"' \
    --on-error strict -- sh -c 'printf "a\377b"; exit 5'
check "--max-output: head, what was left out, tail" reported 0 'd["stdout"]["truncated"]
    and d["stdout"]["bytes"] == 3893 and d["stdout"]["kept"] == 1024
    and "[... 2869 bytes left out ...]" in d["stdout"]["text"]' --max-output 1K -- seq 1000
check "--overflow stop" reported 125 'd["why"] == "overflow"' --max-output 1K --overflow stop -- yes
check "--overflow spool: all of it in a file" eval \
    'TMPDIR=$work reported 0 "d[\"stdout\"][\"kept\"] == 1024" --max-output 1K --overflow spool -- seq 1000 &&
     json "open(d[\"stdout\"][\"spooled\"]).read().split() == [str(n) for n in range(1, 1001)]"'

# --- Reports ---

check "--report: the outputs pass through, the document is valid" eval \
    'run 3 --report "$doc" -- sh -c "echo live; exit 3" && same live "$(cat "$out")" && valid "$doc" &&
     json "d[\"code\"] == 3 and d[\"stdout\"][\"text\"] == \"\"" "$doc"'
check "--report with --json: the same document twice" eval \
    'run 0 --json --report "$doc" -- echo && cmp "$out" "$doc"'
check "--json --report -: once" eval 'run 0 --json --report - -- echo && valid'
check "--report -: refused where standard output is the program's" refused "use a file" --report -
check "--report: a place that cannot be is found before anything starts" refused "/no/such/place" \
    --report /no/such/place
check "--report: a full disk is an error" eval \
    'run 125 --report /dev/full -- true && has "No space left" "$err"'
check "--json: a full disk is an error" eval \
    '"$weir" run --json -- true >/dev/full 2>"$err"; same 125 $? && has "No space left" "$err"'
check "--report leaves nothing beside its place" eval \
    'mkdir "$work/reports" && run 0 --report "$work/reports/r" -- true && same r "$(ls -A "$work/reports")"'

# --- --pty: a terminal of its own ---

# shellcheck disable=SC2034  # in the text that is evaluated
three='[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo out && echo err >&2 && echo tty >/dev/tty && stty size'
check "--pty: all three are a terminal, the controlling one" eval \
    'run 0 --pty -- sh -c "$three" && same "out
err
tty
24 80" "$(cat "$out")" && same "" "$(cat "$err")"'
check "--pty: input is typed, without an echo, and ends" eval \
    'printf "one\ntwo" | run 3 --pty -- sh -c "cat; exit 3" && same "one
two" "$(cat "$out")"'
check "--pty: a file, and none" eval \
    'run 0 --pty --input "$work/input" -- cat && same "from a file" "$(cat "$out")" &&
     run 0 --pty --input none -- cat && same "" "$(cat "$out")"'
check "--pty --json: what it printed, and that it had a terminal" \
    reported 7 'd["pty"] is True and d["stdout"]["text"] == "out\nerr\n" and d["stderr"]["bytes"] == 0' \
    --pty -- sh -c '[ -t 1 ] && echo out; echo err >&2; exit 7'
check "--json: no word of a terminal without one" reported 0 '"pty" not in d' -- true
check "--pty: a program that is not there" reported 127 'd["end"] == "not_started"' --pty -- no-such-program
check "--pty: time limits" eval \
    'run 124 --pty --idle 1s -- sh -c "echo begin; exec sleep 1000" && has begin "$out" &&
     run 124 --pty --timeout 200ms -- sleep 1000'
# idle_pty: after the program weir waits for what still holds the terminal, and its own input has ended.
idle_pty() {
    "$PYTHON3" - "$weir" <<'E2'
import resource, subprocess, sys
words = ["run", "--pty", "--drain", "3s", "--", "sh", "-c", "trap '' HUP; sleep 3.5 & echo hi"]
run = subprocess.Popen(sys.argv[1:] + words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert b"hi" in run.stdout.readline()
run.stdin.close()
run.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.exit(used.ru_utime + used.ru_stime > 1)
E2
}
check "--pty: waits without processor time when its input has ended" idle_pty
check "--pty: a program that died of a signal" run 137 --pty -- sh -c 'kill -9 $$'

# --- Bad input: named, with what is accepted; 125, since 2 is the program's ---

check "no program" eval 'run 125 && has "usage: weir run" "$err"'
check "an unknown option, and the one that was meant" eval \
    'refused "did you mean --timeout?" --timout 5 && has "usage: weir run" "$err"'
check "an option without its value" eval \
    'run 125 --timeout && has "--timeout requires a value: --timeout D" "$err"'
check "a flag with a value" refused "--json takes no value" --json=yes
check "a bad duration" eval 'refused "250ms" --timeout 5x && refused "more than 0" --idle 0'
check "a bad size" refused "64K" --json --max-output lots
check "a bad character set" refused "iconv -l" --json --encoding klingon
check "a bad limit" eval 'refused "file-size" --limit disk=1 && refused "for memory: use a number" --limit memory=x'
check "a bad choice" eval 'refused "replace, backslashreplace or strict" --json --on-error ignore'
check "a bad variable" eval 'refused "NAME=VALUE" --env NOVALUE && refused "HOME" --env-pass A=1'
check "captured text is asked for, but nothing is captured" eval \
    'refused "--encoding requires --json" --encoding latin1 &&
     refused "--max-output requires --json" --max-output 1K'
check "a spawner that is not there: the path that was tried" eval \
    'WEIR_SPAWNER=/no/such/spawner refused "/no/such/spawner"'
