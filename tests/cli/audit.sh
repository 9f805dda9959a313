#!/bin/sh
# --audit, and weir audit: what is recorded, what is refused, and that verify names what
# has been done to a log.  The storms are in audit_storm.py.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
log=$work/log err=$work/err out=$work/out
key=$work/key
unset WEIR_AUDIT WEIR_AUDIT_KEY_FILE WEIR_AUDIT_FSYNC WEIR_AUDIT_MAX_SIZE WEIR_AUDIT_SYSLOG TRACEPARENT

# audited WORD...: a subcommand with a record of it.
audited() {
    audited_subcommand=$1
    shift
    "$weir" "$audited_subcommand" --audit "$log" --audit-fsync never "$@"
}

# of N EXPRESSION: what record N of the log says, by Python: of 2 'r["outcome"]'.
of() {
    "$PYTHON3" -c 'import json, sys
r = json.loads(open(sys.argv[1]).readlines()[int(sys.argv[2]) - 1])
print(eval(sys.argv[3]))' "$log" "$1" "$2"
}

# reported N EVENT OUTCOME CODE: whether record N says so.
reported() {
    same "$2 $3 $4" "$(of "$1" 'r["event"], r["outcome"], (r["status"] or {}).get("code")' | tr -d "(),'")"
}

# ends_as OUTCOME CODE WORD...: whether a subcommand exits with CODE and its records say so.
ends_as() {
    ends_outcome=$1 ends_code=$2
    shift 2
    rm -f "$log"
    exits "$ends_code" audited "$@" >"$out" 2>"$err" </dev/null && reported 1 started None None &&
        reported 2 "ended" "$ends_outcome" "$ends_code" && sound
}

sound() {
    exits 0 "$weir" audit verify "$log" >"$out" 2>&1 && has "OK: " "$out" || { cat "$out"; return 1; }
}

# fresh COUNT: a log of COUNT commands that ran, two records each.
fresh() {
    rm -f "$log"
    for fresh_number in $(seq "$1"); do
        audited run -- echo "$fresh_number" >/dev/null || return 1
    done
    cp "$log" "$work/good"
}

# found KIND LINE: whether verify finds that, there.
found() {
    exits 1 "$weir" audit verify "$log" >"$out" 2>"$err" && has "$log:$2: $1: " "$out"
}

refused() {
    rm -f "$work/ran"
    exits 125 "$@" 2>"$err" || return 1
    [ ! -e "$work/ran" ] && has "nothing was started" "$err"
}

valid() {
    "$PYTHON3" - "$srcdir/tests/cli" "$srcdir/docs/schemas/audit-record.schema.json" "$log" <<'END'
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import validate
validator = validate.Draft202012Validator(validate.load(sys.argv[2]))
for line in open(sys.argv[3]):
    for error in validator.iter_errors(json.loads(line, object_pairs_hook=validate.unique)):
        sys.exit(f"{line}: {error.message}")
END
}

plan 53

# --- What is recorded
check "a program that does well" ends_as ok 0 run -- true
check "one that fails" ends_as failed 3 run -- sh -c 'exit 3'
check "one that is killed" ends_as signaled 137 run -- sh -c 'kill -KILL $$'
check "one that is not there" ends_as not_started 127 run -- "$work/no-such"
check "one that takes too long" ends_as timed_out 124 run --timeout 0.1 -- sleep 60
check "the signals it took are in the record" same "timeout SIGTERM" \
    "$(of 2 '" ".join(e.get("what") or e["signal"] for e in r["events"])')"
check "a failure is a problem with type and title" same \
    "https://example.org/weir/problems/timed-out its time limit ran out" \
    "$(of 2 'r["status"]["type"] + " " + r["status"]["title"]')"
check "one that is silent too long" ends_as idle 124 run --idle 0.1 -- sleep 60
# asked_to_end WORD...: a command that weir is to end by SIGTERM once it is up.
asked_to_end() {
    rm -f "$log" "$work/up"
    mkfifo "$work/up"
    reported_subcommand=$1
    shift
    "$weir" "$reported_subcommand" --audit "$log" "$@" >"$out" 2>"$err" & # itself, not a shell around it
    reported_pid=$!
    timeout 60 head -n1 "$work/up"
    kill -TERM $reported_pid
    exits 143 wait $reported_pid && reported 2 ended cancelled 143 && sound
}
check "one that weir is asked to end" asked_to_end run -- sh -c 'echo up >"$0"; exec sleep 60' "$work/up"
check "a pipeline that weir is asked to end" asked_to_end pipe "sh -c 'echo up >$work/up; exec sleep 60'" cat
check "a pipeline that does well" ends_as ok 0 pipe 'echo x' cat
check "a pipeline's target is its stages" same "echo | cat" "$(of 1 'r["target"]')"
check "a pipeline that fails" ends_as failed 4 pipe 'echo x' "sh -c 'cat; exit 4'"
check "a pipeline that takes too long" ends_as timed_out 124 pipe --timeout 0.1 'sleep 60' cat
check "a map" eval 'echo 1 >"$work/in"; ends_as ok 0 map --input "$work/in" -- cat'
check "a map that cannot run" ends_as failed 4 map --input "$work/in" -- false
check "a report that cannot be written" eval \
    'ends_as error 125 run --report /dev/full -- true; has "No space" "$err"'
check "the log may come from the environment" eval \
    'rm -f "$log"; WEIR_AUDIT=$log WEIR_AUDIT_FSYNC=never "$weir" run -- true && reported 2 ended ok 0'
check "what the environment says wrongly is refused" eval \
    'WEIR_AUDIT=$log WEIR_AUDIT_MAX_SIZE=much exits 125 "$weir" run -- true 2>"$err"; has WEIR_AUDIT_MAX_SIZE "$err"'
check "an option that has no log to apply to is refused" exits 125 "$weir" run --audit-fsync never -- true
check "who, where and the trace" eval 'rm -f "$log"
    TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
    export TRACEPARENT; audited run -- true; unset TRACEPARENT
    same "$(id -u) $(pwd -P) 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 True" \
        "$(of 2 "r[\"who\"][\"uid\"], r[\"cwd\"], r[\"traceparent\"], r[\"job\"] == json.loads(open(sys.argv[1]).readline())[\"job\"]" | tr -d "(),'"'"'")"'
check "secrets are taken out, and their program gets them" eval 'rm -f "$log"
    same "--password=hunter2 -H Authorization: Bearer hunter2" \
        "$(audited run -- echo --password=hunter2 -H "Authorization: Bearer hunter2")" &&
        ! grep hunter2 "$log" && has "--password=***" "$log"'
check "what is not UTF-8 is kept" eval 'rm -f "$log"
    audited run -- printf "$(printf "\377\376")" >"$out" && same "{'"'base64': '//4='"'}" "$(of 1 "r[\"what\"][\"argv\"][-1]")"'
check "every record is as the schema says" eval 'fresh 2; valid && ends_as timed_out 124 run --timeout 0.1 -- sleep 60 && valid'
check "the log is for its owner alone" same 600 "$(stat -c %a "$log")"

# --- What is refused
check "a log that cannot be written" refused "$weir" run --audit /dev/full -- touch "$work/ran"
check "a log in no directory" refused "$weir" run --audit "$work/no/log" -- touch "$work/ran"
printf '0123456789abcdef0123456789abcdef' >"$key"
chmod 640 "$key"
check "a key that the group may read" eval 'rm -f "$log"; WEIR_AUDIT_KEY_FILE=$key refused audited run -- touch "$work/ran" &&
    has "chmod 600" "$err" && [ ! -e "$log" ]'
check "a key that is not there" eval 'WEIR_AUDIT_KEY_FILE=$work/no-key refused audited run -- touch "$work/ran"'
check "a system log that is not there" eval 'rm -f "$log"; refused audited run --audit-syslog "$work/none" -- touch "$work/ran"'

# --- Keys
chmod 600 "$key"
check "under a key" eval 'rm -f "$log"; export WEIR_AUDIT_KEY_FILE=$key; audited run -- true && audited run -- true; sound && valid &&
    has hmac-sha256 "$out"; keyed=$?; unset WEIR_AUDIT_KEY_FILE; [ $keyed = 0 ]'
check "without the key it cannot be verified" eval 'exits 2 "$weir" audit verify "$log" 2>"$err"; has "made with a key" "$err"'
check "with it by option" exits 0 "$weir" audit verify --key-file "$key" "$log"
check "a log under a key takes no record without one" eval 'refused audited run -- touch "$work/ran"; has "does not belong to this chain" "$err"'
printf 'another key, and long enough' >"$key.other"
chmod 600 "$key.other"
check "under another key nothing holds" eval 'exits 1 "$weir" audit verify --key-file "$key.other" "$log" >"$out"; has "$log:1: changed" "$out"'
chmod 644 "$key.other"
check "verify takes no key that is open to others" exits 2 "$weir" audit verify --key-file "$key.other" "$log"

# --- What verify finds
check "a log of ten records" eval 'fresh 5 && sound && has "10 records: 5 started, 5 ended, 0 unfinished" "$out"'
check "a changed line" eval 'sed "4s/\"echo\"/\"ecno\"/" "$work/good" >"$log" && found changed 4'
check "a missing line" eval 'sed 4d "$work/good" >"$log" && found missing 4'
check "a missing first line" eval 'sed 1d "$work/good" >"$log" && found missing 1'
check "a doubled line" eval 'sed 4p "$work/good" >"$log" && found doubled 5'
check "reordered lines" eval 'sed -n "4{h;d};5{p;x};p" "$work/good" >"$log" && found reordered 4'
check "a line cut in the middle" eval 'sed "4s/.\{40\}\$//" "$work/good" >"$log" && found cut 4'
check "a tail cut off whole: only --expect-last finds it" eval 'last=$("$weir" audit verify "$work/good" | sed -n "s/^last: //p")
    exits 0 "$weir" audit verify --expect-last "$last" "$work/good" >"$out" && sed "9,\$d" "$work/good" >"$log" && sound &&
        exits 1 "$weir" audit verify --expect-last "$last" "$log" >"$out" && has "cut: " "$out"'

# Torn at many places, as a killed writer would leave it.
torn_tails() {
    size=$(stat -c %s "$work/good")
    whole=$(sed '$d' "$work/good" | wc -c)
    for step in $(seq 1 12); do
        at=$((whole + 1 + (size - whole - 2) * step / 12))
        head -c $at "$work/good" >"$log"
        found cut 10 && refused audited run -- touch "$work/ran" && has "--repair-tail" "$err" || return 1
        head -c $at "$work/good" | cmp - "$log" || return 1 # nothing was written behind it
        exits 0 "$weir" audit verify --repair-tail "$log" >"$out" && has "cut $((at - whole)) bytes behind record 9" "$out" || return 1
        same "$whole" "$(stat -c %s "$log")" && audited run -- true && sound || return 1
    done
}
check "a torn tail: refused, named, repaired, gone on with" torn_tails
check "--repair-tail cuts nothing where more is wrong" eval '{ sed 3d "$work/good"; printf "{\"alg"; } >"$log"; cp "$log" "$work/before"
    exits 1 "$weir" audit verify --repair-tail "$log" >"$out" && cmp "$log" "$work/before"'

# A file-size limit is a full disk: at each size there is room for so much of a record.
full_disk() {
    fresh 1
    size=$(stat -c %s "$log")
    for over in 0 1 100 400; do
        rm -f "$work/ran"
        "$PYTHON3" -c 'import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])' $((size + over)) "$weir" run --audit "$log" -- touch "$work/ran" 2>"$err"
        same 125 $? && [ ! -e "$work/ran" ] && cmp "$log" "$work/good" && sound || return 1
    done
}
check "a full disk: nothing starts, the log is as it was" full_disk

# --- Rotation
check "rotation carries the chain over" eval 'rm -f "$log"*; for i in 1 2 3 4; do audited run --audit-max-size 1500 -- true; done
    [ -e "$log.000003" ] && sound && has "8 records in 4 files" "$out" &&
    exits 0 "$weir" audit verify "$log.000001" "$log.000002" "$log.000003" "$log" &&
    exits 1 "$weir" audit verify "$log.000002" "$log.000001" "$log.000003" "$log" &&
    rm "$log.000002" && exits 1 "$weir" audit verify "$log" >"$out" && has "records 3 to 4 are missing" "$out"'
check "older files kept elsewhere" eval 'hash=$("$weir" audit verify "$log.000001" | sed -n "s/^last: //p"); rm "$log.000001"
    before=$(sed -n "1s/.*\"prev\":\"\([0-9a-f]*\)\".*/\1/p" "$log.000003")
    exits 0 "$weir" audit verify --after "$before" "$log" && exits 1 "$weir" audit verify --after "$hash" "$log"'

# --- show
rm -f "$log"*
audited run -- true
audited run -- sh -c 'exit 3' "it's $(printf '\033[31m')red"
audited pipe 'echo x' cat >/dev/null
check "show: who did what, and the outcome" eval '"$weir" audit show "$log" >"$out" && same 6 "$(wc -l <"$out")" &&
    has "failed 3 " "$out" && has "\\x1b[31mred" "$out" && has "# exited with 3" "$out"'
check "show: a subcommand that is none is not looked for" eval \
    'exits 2 "$weir" audit show --subcommand piep "$log" 2>"$err" && has "unknown subcommand piep" "$err"'
check "show: by outcome, subcommand and time; --json passes lines" eval '
    "$weir" audit show --json --outcome failed "$log" >"$out" && same "$(sed -n 4p "$log")" "$(cat "$out")" &&
    same 2 "$("$weir" audit show --subcommand pipe "$log" | wc -l)" &&
    same 6 "$("$weir" audit show --since 1h "$log" | wc -l)" && same 0 "$("$weir" audit show --until 1h "$log" | wc -l)" &&
    same 0 "$("$weir" audit show --since 9999-01-01 "$log" | wc -l)" && exits 2 "$weir" audit show --since yesterday "$log" &&
    exits 2 "$weir" audit show --outcome good "$log" && exits 2 "$weir" audit show --key-file x "$log" && exits 2 "$weir" audit show'
check "weir killed: its end is missing, and that shows" eval 'rm -f "$log"; mkfifo "$work/fifo"
    "$weir" run --audit "$log" -- sh -c "echo up >\"$work/fifo\"; sleep 60" & pid=$!; timeout 60 head -n1 "$work/fifo"; kill -KILL $pid; wait $pid
    sound && has "1 started, 0 ended, 1 unfinished" "$out" &&
    same 1 "$("$weir" audit show --outcome unfinished "$log" | wc -l)" &&
    audited run -- true && same 1 "$("$weir" audit show --outcome unfinished "$log" | wc -l)"'
