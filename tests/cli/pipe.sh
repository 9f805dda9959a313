#!/bin/sh
# weir pipe: its options, its verdict, its report and progress, and what it says to bad input.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes

weir=$builddir/weir
out=$work/out err=$work/err doc=$work/doc.json spec=$work/spec.json
printf 'b\na\nb\n' >"$work/input"

# pipe STATUS WORD...: runs weir with its outputs in $out and $err.
pipe() {
    pipe_wanted=$1
    shift
    exits "$pipe_wanted" "$weir" pipe "$@" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
}

# json EXPRESSION [FILE]: whether it holds for d, the document (default: $doc).
json() { json_holds "${2-$doc}" "$1"; }

valid() { valid_as pipe-report "${1-$doc}"; }

# reported STATUS EXPRESSION WORD...: with --report, a valid document of which it holds.
reported() {
    reported_status=$1 reported_expression=$2
    shift 2
    rm -f "$doc"
    pipe "$reported_status" --report "$doc" "$@" && json "$reported_expression" && valid
}

# refused STATUS TEXT WORD...: the message has TEXT, and nothing was run.
refused() {
    refused_status=$1 refused_text=$2
    shift 2
    rm -f "$work/ran"
    pipe "$refused_status" "$@" "touch '$work/ran'" && has "$refused_text" "$err" && [ ! -e "$work/ran" ]
}

# lines EXPRESSION: whether it holds for l, the JSON lines on stderr, and they for their schema.
lines() { progress_holds "$err" "$1"; }

plan 54

# --- Stages and their verdict ---

check "stages are joined" eval 'pipe 0 "sort -u" "wc -l" <"$work/input" && same 2 "$(tr -d " " <"$out")"'
check "a stage is split as a shell does, and given to none" eval \
    'pipe 0 "printf %s\\\\n \"two words\" \$HOME * |" && same "two words
\$HOME
*
|" "$(cat "$out")"'
check "one stage is a pipeline" pipe 0 true
check "options stand before and behind stages" eval \
    'pipe 0 --timeout 1000 cat --input "$work/input" sort --pipefail=strict && same "a b b" "$(echo $(cat "$out"))"'
check "-- ends the options" eval 'pipe 127 -- --no-such-stage && has "no-such-stage" "$err"'
check "the deciding stage is named" eval \
    'pipe 3 "echo x" "sh -c \"cat; exit 3\"" cat && has "weir pipe: sh: exited with 3" "$err"'
check "the rightmost failure decides" eval \
    'pipe 4 "sh -c \"exit 3\"" "sh -c \"cat; exit 4\"" && has "sh#2" "$err"'
check "smart: who died because its reader had enough is forgiven" reported 0 \
    'd["ok"] and d["decided_by"] is None and d["stages"][0]["signal"] == "SIGPIPE" and d["stages"][0]["forgiven"]' \
    yes 'head -1'
check "strict: it is not" reported 141 'd["decided_by"]["stage"] == "yes"' --pipefail strict yes 'head -1'
check "last: only the last one counts" pipe 0 --pipefail last 'sh -c "exit 3"' cat
check "a crash is 128+n" eval 'pipe 139 "sh -c \"ulimit -c 0; kill -SEGV \\\$\\\$\"" cat && has SIGSEGV "$err"'
check "127: a stage that is not found; nothing keeps running" eval \
    'pipe 127 "sleep 1000" no-such-stage "sleep 1000" && has "no-such-stage" "$err"'
check "126: a stage that cannot be executed" pipe 126 true "$work/input"
check "124: the time was up" reported 124 'd["why"] == "timeout"' --timeout 100ms 'sleep 1000' cat
check "124: killed after the grace" reported 124 'd["stages"][0]["signal"] == "SIGKILL" and d["wall_ms"] < 6000' \
    --timeout 1s --grace 50ms "sh -c 'trap \"\" TERM; while :; do sleep 1; done'"
check "stages' standard error goes on, as it is where there is no terminal" eval \
    'pipe 0 "sh -c \"echo complaint >&2\"" && same complaint "$(cat "$err")"'

# --- Input and output ---

check "--input: a file that is not there" eval 'pipe 125 --input no/such cat && has "no/such" "$err"'
check "--output: there when all went well" eval \
    'pipe 0 --input "$work/input" --output "$work/to" sort && same "a b b" "$(echo $(cat "$work/to"))"'
check "--output: as it was when not" eval \
    'pipe 3 --output "$work/to" "echo x" "sh -c \"cat; exit 3\"" && same "a b b" "$(echo $(cat "$work/to"))"'
check "--output: nothing is left beside it" eval 'same "" "$(ls -A "$work" | grep "^\.to\|part")"'
check "--output: a place that cannot be" refused 125 "/no/such/place" --output /no/such/place

# --- The report ---

check "--report: each stage" reported 0 'd["kind"] == "pipe" and d["status"] == 0
    and [s["name"] for s in d["stages"]] == ["cat", "sort", "sort#2"]
    and d["stages"][0]["argv"] == ["cat", "/dev/null"] and d["stages"][1]["bytes_out"] is None' \
    'cat /dev/null' sort 'sort -u'
check "--report: what was decided, and by whom" reported 3 \
    'd["decided_by"] == {"stage": "sh", "reason": "exited with 3"} and d["stages"][0]["stderr"]["text"] == "why\n"' \
    "sh -c 'echo why >&2; exit 3'"
check "--meter: bytes of each stage" reported 0 '[s["bytes_out"] for s in d["stages"]] == [6, 4]' \
    --meter --input "$work/input" cat 'sort -u'
check "--report -: with --output" eval \
    'pipe 0 --report - --output "$work/to" true && valid "$out" && json "d[\"ok\"]" "$out"'
check "--report -: refused where standard output has the data" refused 2 "--output" --report -
check "--report: a place that cannot be is found before anything starts" refused 125 "/no/such/place" \
    --report /no/such/place
check "--report: a full disk is an error" eval \
    'pipe 125 --report /dev/full true && has "No space left" "$err"'
check "--report - and a full disk" eval \
    '"$weir" pipe --report - --output "$work/to" true >/dev/full 2>"$err"; same 125 $? && has "No space" "$err"'

# --- Specs ---

cat >"$spec" <<END
{"weir": 1,
 "in": {"path": "$work/input"},
 "stages": [{"name": "tap", "cmd": ["cat"]},
            {"name": "clean", "cmd": "sort -u", "ok_exit": [0, 5]}],
 "out": {"path": "$work/spec-out"},
 "report": "$work/spec-report"}
END
check "-f: a pipeline from a spec, with its output and report" eval \
    'pipe 0 -f "$spec" && same "a b" "$(echo $(cat "$work/spec-out"))" && valid "$work/spec-report" &&
     json "[s[\"name\"] for s in d[\"stages\"]] == [\"tap\", \"clean\"]" "$work/spec-report"'
check "options count more than the spec" eval \
    'pipe 0 -f "$spec" --output - --report "$doc" && same "a b" "$(echo $(cat "$out"))" && valid'
check "-f -: a spec from standard input" eval \
    'rm -f "$work/spec-out" && pipe 0 -f - <"$spec" && [ -s "$work/spec-out" ]'
check "--check: nothing to say, nothing started" eval \
    'rm -f "$work/spec-out" && pipe 0 --check -f "$spec" && [ ! -s "$err" ] && [ ! -e "$work/spec-out" ]'
cat >"$work/bad.json" <<END
{"weir": 1,
 "stages": [{"name": "ran", "cmd": ["touch", "$work/ran"]},
            {"cmd": [], "timeout_s": -1}],
 "pipefial": "smart"}
END
faults_are_reported() {
    rm -f "$work/ran"
    pipe 2 "$@" -f "$work/bad.json" && has "bad.json:3:21: /stages/1/cmd:" "$err" \
        && has "bad.json:3:38: /stages/1/timeout_s:" "$err" && has "bad.json:4:2: /pipefial:" "$err" \
        && has "3 errors" "$err" && same 4 "$(wc -l <"$err" | tr -d ' ')" && [ ! -e "$work/ran" ]
}
check "every fault of a spec is reported with its place, and nothing is started" faults_are_reported
check "--check: the same" faults_are_reported --check

wrong_bytes_are_named() {
    printf '\357\273\277{"weir":1,"stages":[{"cmd":["echo","caf\351"]}]}' >"$work/latin.json"
    pipe 2 -f "$work/latin.json" && has "latin.json:1:" "$err" \
        && has "not UTF-8: byte 0xE9 at offset 42: save the file in UTF-8" "$err"
}
check "a byte of a spec that is not UTF-8 is named with its offset" wrong_bytes_are_named

wrong_encodings_are_shown() {
    printf '{"weir":1,"stages":[{"cmd":["echo"],"encoding":"caf\303\251\\u001b"}]}' >"$work/charset.json"
    pipe 2 -f "$work/charset.json" && has "no character set named \"$(printf 'caf\303\251')" "$err" \
        && has '\x1b": give utf-8' "$err"
}
check "a character set that does not exist is shown as it was given, escaped" wrong_encodings_are_shown
echo '{"weir": 1,' >"$work/torn.json"
check "a spec that is no JSON: line and column" eval 'pipe 2 -f "$work/torn.json" && has "torn.json:2:" "$err"'
check "a spec that is not there" eval 'pipe 2 -f no/such.json && has "no/such.json" "$err"'
check "no pipeline at all" eval 'pipe 2 && has "usage: weir pipe" "$err"'
check "either a spec or stages" eval 'pipe 2 -f "$spec" cat && has "not both" "$err"'
check "--check needs a spec" eval 'pipe 2 --check cat && has "-f" "$err"'

cat >"$work/pty.json" <<'END'
{"weir": 1, "stages": [
 {"cmd": ["sh", "-c", "[ -t 1 ] && [ ! -t 0 ] && [ ! -t 2 ] && printf 'a\\r\\n' && seq 20000"], "pty_output": true},
 {"cmd": ["sh", "-c", "[ ! -t 0 ] && [ ! -t 1 ] && exec cat"]}]}
END
check "pty_output: a stage writes to a terminal, and every byte arrives" eval \
    'pipe 0 -f "$work/pty.json" </dev/null && { printf "a\r\n"; seq 20000; } | cmp - "$out" &&
     valid_as pipe-spec "$work/pty.json" && printf "%s" "{\"weir\": 1, \"stages\": [{\"cmd\": \"cat\", \"pty_output\": true, \"map\": {}}]}" >"$work/pty2.json" &&
     pipe 2 -f "$work/pty2.json"'

# --- Bad input ---

check "an unknown option, and the one that was meant" eval \
    'refused 2 "did you mean --pipefail?" --pipefial last && has "usage: weir pipe" "$err"'
check "a bad duration" refused 2 "250ms" --timeout soon
check "a bad choice" refused 2 "smart, strict or last" --pipefail never
check "a stage with a word for a shell fails: why is said" eval \
    'pipe 1 "cat | sort" </dev/null && has "| was passed to the program as an argument" "$err"'
check "a quote that is not closed" refused 2 "stage 1" "echo 'open"

# --- Progress ---

check "--progress json: every line is JSON, stages' lines too, the end is last" eval \
    'pipe 3 --progress json --meter "echo x" "sh -c \"cat; echo complaint >&2; exit 3\"" &&
     lines "{\"kind\": \"stderr\", \"stage\": \"sh\", \"text\": \"complaint\"}.items() <= [e for e in l if e[\"kind\"] == \"stderr\"][0].items()" &&
     lines "[e[\"stage\"] for e in l if e[\"kind\"] == \"started\"] == [\"echo\", \"sh\"]" &&
     lines "[e[\"code\"] for e in l if e.get(\"stage\") == \"sh\" and e[\"kind\"] == \"exited\"] == [3]" &&
     lines "[e[\"text\"] for e in l if e[\"kind\"] == \"message\"] == [\"sh: exited with 3\"]" &&
     lines "l[-1][\"kind\"] == \"end\" and l[-1][\"status\"] == 3 and l[-1][\"stages\"][0][\"bytes\"] == 2"'
printf '%s\n' "printf '\\377' >&2" >"$work/odd.sh"
check "--progress json: bytes that are no UTF-8" eval \
    'pipe 0 --progress json "sh $work/odd.sh" && lines "\"\\ufffd\" in [e.get(\"text\") for e in l]"'
check "--progress json: faults of a spec are JSON" eval \
    'pipe 2 --progress json -f "$work/bad.json" && lines "len([e for e in l if e[\"kind\"] == \"fault\"]) == 3"'
check "--progress json: a full disk is reported in JSON" eval \
    'pipe 125 --progress json --report /dev/full true && lines "l[-1][\"status\"] == 125"'
check "--drain: who holds the outputs may go on so long" eval \
    'pipe 0 --drain 1m "sh -c \"(sleep 1.5; echo late >&2) & echo early\"" && same early "$(cat "$out")" && same late "$(cat "$err")"'
check "without a terminal there is no progress unless asked" eval 'pipe 0 "sleep 0.01" && [ ! -s "$err" ]'
