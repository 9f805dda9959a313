#!/bin/sh
# weir each --hosts: programs on several machines. The ssh here is a script that does as ssh does.
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes
plan 10

weir=$builddir/weir
out=$work/out err=$work/err doc=$work/doc.json
mkdir "$work/bin"
cat >"$work/bin/ssh" <<'END'
#!/bin/sh
# Joins its words, as ssh does, and has a shell split them. The machine "gone" cannot be reached.
while [ "$1" = -q ] || [ "$1" = -o ] || [ "$1" = BatchMode=yes ]; do shift; done
host=$1
shift
[ "$host" != gone ] || { echo "ssh: connect to host gone: No route to host" >&2; exit 255; }
HOST=$host exec sh -c "$*"
END
chmod +x "$work/bin/ssh"
PATH=$work/bin:$PATH
printf '%s\n' '# our machines' 'one 2' '' 'two 1' ': 1' >"$work/hosts"

# each STATUS OPTION...: what it wrote is in $out and $err, the report in $doc.
each() {
    each_status=$1
    shift
    exits "$each_status" "$weir" each --report "$doc" --output "$out" "$@" 2>"$err" || {
        cat "$err"
        return 1
    }
}
says() { # says PYTHON: whether it holds of the report d and the output o
    "$PYTHON3" -c 'import json, sys
d, o = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
assert eval(sys.argv[3]), (d, o)' "$doc" "$out" "$1"
}

slots() {
    # shellcheck disable=SC2016
    seq 40 | each 0 --hosts "$work/hosts" -- sh -c 'echo "$WEIR_SLOT $1 ${HOST-here}"' x "{%}" &&
        says 'set(o.splitlines()) <= {"0 1 one", "1 2 one", "2 3 two", "3 4 here"} and o.count("\n") == 40' &&
        says '[j["node"] for j in d["jobs"]] == ["one", "one", "two", None] and sum(j["jobs"] for j in d["jobs"]) == 40'
}
check "each slot has its machine, and says which" slots
quoting() {
    # shellcheck disable=SC2016
    printf '%s\n' 'a  b' "it's" '$HOME' '*' '`id`' '"' >"$work/nasty" &&
        each 0 --hosts "$work/hosts" -- printf '%s\n' <"$work/nasty" && cmp "$work/nasty" "$out"
}
check "records reach the programs there unchanged" quoting
launcher() {
    echo x | each 0 --hosts "$work/hosts" --launcher 'ssh -q' --launcher-shell -- echo 'a  b' && [ "$(cat "$out")" = 'a  b x' ] &&
        printf 'one 1\n' >"$work/few" && echo x | each 0 --hosts "$work/few" --launcher 'echo launched' -- echo 'a  b' &&
        [ "$(cat "$out")" = 'launched one echo a  b x' ]
}
check "--launcher: the name is its last word" launcher
dry() {
    printf 'one 1\n' >"$work/few" && printf 'a b\n' | each 0 --hosts "$work/few" --dry-run -- echo &&
        printf "%s\n" "ssh -o BatchMode=yes one 'echo '\\''a b'\\'''" | cmp - "$out"
}
check "--dry-run shows the whole command" dry
unreachable() {
    printf 'gone 2\ntwo 1\n' >"$work/some" &&
        seq 30 | each 0 --hosts "$work/some" --retries 30 -- echo && seq 30 | cmp - "$out" &&
        says 'sum(j["jobs"] for j in d["jobs"] if j["node"] == "gone") < 30'
}
check "a machine that cannot be reached takes few records, which others do" unreachable
nowhere() {
    printf 'gone 1\n' >"$work/few" && seq 2 | each 1 --hosts "$work/few" --dead-letter "$work/dead" -- echo &&
        says 'd["dead"] == 2' && grep -q '"exit":255' "$work/dead" && grep -q 'No route to host' "$work/dead"
}
check "1: no machine can be reached" nowhere
stopped() {
    cat >"$work/stop" <<'END'
#!/bin/sh
echo "$WEIR_WORKER_NODE $WEIR_WORKER_SLOT" >>"$1"
END
    chmod +x "$work/stop" && printf 'one 1\n' >"$work/few" &&
        echo 1000 | each 1 --hosts "$work/few" --launcher ssh --launcher-shell --launcher-stop "$work/stop $work/stopped" \
            --record-timeout 300ms -- sleep && [ "$(cat "$work/stopped")" = 'one 0' ]
}
check "a stop command knows the machine and the slot" stopped
locally() {
    printf ': 3\n' >"$work/few" && seq 9 | each 0 --hosts "$work/few" -- echo && seq 9 | cmp - "$out" &&
        says 'len(d["jobs"]) == 3'
}
check ": is this machine, without a launcher" locally
in_a_spec() {
    cat >"$work/spec.json" <<END
{"weir": 1, "stages": [{"cmd": ["seq", "20"]},
 {"cmd": ["sh", "-c", "echo \$1 \${HOST-here}", "x", "{}"], "each": {"hosts": "$work/hosts", "launcher_stop": ["true"]}}]}
END
    exits 0 "$weir" pipe -f "$work/spec.json" >"$out" 2>"$err" && cut -d" " -f1 "$out" | cmp - "$work/twenty" &&
        [ "$(cut -d" " -f2 "$out" | sort -u | tr "\n" " ")" = 'here one two ' ]
}
seq 20 >"$work/twenty"
check "hosts in a pipeline's spec" in_a_spec
refused() {
    for line in 'one' 'one x' 'one 0' '-oProxyCommand=x' 'one 2 3' 'one -1' '# nothing'; do
        echo "$line" >"$work/few"
        exits 2 "$weir" each --hosts "$work/few" -- echo </dev/null 2>"$err" && has "$work/few" "$err" || return 1
    done
    printf 'one 1\n\0two 1\n' >"$work/few"
    exits 2 "$weir" each --hosts "$work/few" -- echo </dev/null 2>"$err" && has "contains NUL" "$err" &&
        exits 5 "$weir" each --hosts "$work/none" -- echo </dev/null 2>"$err" && has "$work/none" "$err"
}
check "2: a file of hosts that makes no sense" refused
