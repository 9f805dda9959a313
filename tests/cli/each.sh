#!/bin/sh
# weir each: a program for each record.
# shellcheck disable=SC1083  # braces are placeholders
. "$srcdir/tests/support/tap.sh"
leaves_nothing=yes
plan 42

weir=$builddir/weir
out=$work/out err=$work/err doc=$work/doc.json dead=$work/dead.ndjson

# each STATUS OPTION...: what it wrote is in $out and $err, the report in $doc.
each() {
    each_status=$1
    shift
    rm -f "$dead"
    exits "$each_status" "$weir" each --report "$doc" "$@" >"$out" 2>"$err" || {
        cat "$err"
        return 1
    }
}
says() { # says PYTHON: whether it holds of the report d, the dead letters l and the output o
    python3 -c 'import json, os, sys
d = json.load(open(sys.argv[1]))
l = [json.loads(line) for line in open(sys.argv[2])] if os.path.exists(sys.argv[2]) else []
o = open(sys.argv[3], "rb").read()
assert d["in"]["records"] == d["answered"] + d["dead"] + d["unsettled"], d
assert eval(sys.argv[4]), (d, l, o)' "$doc" "$dead" "$out" "$1"
}
last_argument() {
    printf 'a b\n\n-x\n' | each 0 -j2 -- printf '<%s>\n' && printf '<a b>\n<>\n<-x>\n' | cmp - "$out"
}
check "without a placeholder the record is the last argument, an empty one too" last_argument
placeholders() {
    printf 'a/b.tar.gz\nbare\n/x\nd.d/.rc\na/b/\n' |
        each 0 -j1 -- printf '%s|' {} {.} {/} {//} {/.} {#} {%} '-{}-' {x} '{ }' '\n' || return 1
    printf '%s\n' 'a/b.tar.gz|a/b.tar|b.tar.gz|a|b.tar|1|1|-a/b.tar.gz-|{x}|{ }|\n|' \
        'bare|bare|bare|.|bare|2|1|-bare-|{x}|{ }|\n|' '/x|/x|x|/|x|3|1|-/x-|{x}|{ }|\n|' \
        'd.d/.rc|d.d/.rc|.rc|d.d|.rc|4|1|-d.d/.rc-|{x}|{ }|\n|' \
        'a/b/|a/b/|b|a|b|5|1|-a/b/-|{x}|{ }|\n|' | tr -d '\n' | cmp - "$out"
}
check "placeholders; other text in braces stays" placeholders
replaced() {
    echo r | each 0 --replace @@ -- echo '@@.@@' {} {#} && echo 'r.r {} 1' | cmp - "$out"
}
check "--replace names another placeholder for the record" replaced
members() {
    printf '%s\n' '{"a":{"b":"x\ty"},"n":[1, 2]}' '{"n":1}' '' 'no' '{"a":{"b":"\u0000"},"n":0}' |
        each 1 --format ndjson --dead-letter "$dead" -- printf '%s;' {@/a/b} {@/n} &&
        printf 'x\ty;[1, 2];' | cmp - "$out" &&
        says '[x["reason"] for x in l] == ["member", "invalid", "invalid"] and d["dead"] == 3' &&
        grep -q 'line 2: there is no /a/b' "$err" &&
        head -n 1 "$dead" >"$work/letter" && valid_as dead-letter "$work/letter"
}
check "members of JSON records; a record that lacks one is dead, and named" members
bad_placeholders() {
    exits 2 "$weir" each -- echo {@/a} </dev/null 2>"$err" && grep -q -- 'format ndjson' "$err" &&
        exits 2 "$weir" each --format ndjson -- echo {@a} </dev/null 2>"$err" &&
        grep -q '{@a}' "$err" &&
        exits 2 "$weir" each --replace '' -- echo </dev/null
}
check "2: bad placeholders are named" bad_placeholders
empty_command() {
    exits 2 "$weir" each </dev/null 2>"$err" && grep -q 'no program' "$err" &&
        exits 2 "$weir" each -- '' </dev/null 2>"$err" && grep -q 'empty' "$err" &&
        exits 2 "$weir" each --shell ' ' </dev/null 2>"$err" && grep -q 'empty' "$err"
}
check "2: an empty command" empty_command
stdin() {
    printf 'a\nb' | each 0 -j1 --stdin -- sh -c 'cat; echo "$#"' {#} && printf 'a\n0\nb\n0\n' | cmp - "$out" &&
        printf 'a\n\0b' | each 0 -j1 --stdin --format nul -- od -An -c && printf '   a  \\n\n   b\n' | cmp - "$out" &&
        echo x | each 0 -- sh -c cat && [ ! -s "$out" ]
}
check "--stdin gives the record; without it standard input is empty" stdin
shell() {
    # shellcheck disable=SC2016
    printf '%s\n' 'a $(id) '"'"'"`id` \ *' -e '{}' >"$work/nasty"
    # shellcheck disable=SC2016
    each 0 -j1 --shell 'printf "%s\n" {} "{}" '"'{}'"' -{}-; x={}; printf "%s\n" "$x"' <"$work/nasty" &&
        sed 'p;p;p;h;s/.*/-&-/p;x' "$work/nasty" | cmp - "$out" &&
        each 0 -j1 --shell 'printf "%s\n"' <"$work/nasty" && cmp "$work/nasty" "$out"
}
check "--shell quotes values, bare and between quotes" shell
unsafe() {
    # shellcheck disable=SC2016
    for text in 'echo `echo {}`' 'echo "$(echo {})"' 'echo ${x:-{}}' 'cat <<E
{}
E' 'echo # {}' "echo \$'{}'" 'echo "`echo {}`"' 'echo $(( {} + 1 ))' 'echo "$(( {} + 1 ))"' \
        'echo $(( (1) + {} ))' 'echo $[ {} ]' '(( {} ))' '[[ {} -eq 1 ]]' 'echo ${x:-"a}b {} c"}' \
        'echo "${x:-"a}b {}"}"' 'echo `echo \`` {}' 'echo $\
(( {} ))' 'cat <\
<E
{}
E' 'echo $(true)#'"'"'
{}'"'" 'echo \
# {}'; do
        exits 2 "$weir" each --shell "$text" </dev/null 2>"$err" && grep -q 'cannot be quoted' "$err" || return 1
    done
    # shellcheck disable=SC2016
    for text in 'echo # x' 'echo "a' "echo 'a" 'cat <<E
x' 'echo $(( 1 +' 'echo `'; do
        exits 2 "$weir" each --shell "$text" </dev/null 2>"$err" && grep -q 'cannot be quoted' "$err" || return 1
    done
    # shellcheck disable=SC2016
    exits 2 "$weir" each --replace X --shell 'echo $X' </dev/null 2>"$err" && grep -q 'cannot be quoted' "$err" &&
        exits 2 "$weir" each --shell 'echo' echo </dev/null
}
check "2: --shell refuses a placeholder where no quoting is safe" unsafe
safe() {
    # shellcheck disable=SC2016
    printf '$(touch %s/run)\n' "$work" >"$work/run.in"
    # shellcheck disable=SC2016
    for text in 'echo $(echo {})' 'x=1; echo "${x}" {}' 'echo ${x%.*} {}' 'echo $((1 + 2)) {}' 'echo `echo a` {}' \
        'echo $$ {}' 'echo a#{}' 'case x in {}) ;; *) echo {} ;; esac' '# x
echo {}'; do
        each 0 --shell "$text" <"$work/run.in" && grep -q '(touch' "$out" && [ ! -e "$work/run" ] || return 1
    done
}
check "--shell takes a placeholder behind what is safe" safe
words() {
    printf '2\n' | each 0 --shell 'echo {}>"'"$work"'/2.out"; echo {#}>>"'"$work"'/2.out"' &&
        printf '2\n1\n' | cmp - "$work/2.out" &&
        printf 'PATH=/nowhere\n' | each 1 --shell '{} true' && printf 'if\n' | each 1 --shell '{}' &&
        printf 'X\n' | each 0 --shell 'x=1; echo $x{}' && echo 1X | cmp - "$out"
}
check "--shell takes a value for no number of a descriptor, no assignment and no keyword" words
names() {
    mkdir "$work/files"
    python3 - "$work/files" "$work/names" <<'END'
import os
import sys

names = [b"plain", b"a b", b"new\nline", b"'", b'"', b"-rf", b"--", b"\xff\xfe", b"$(id)", b"\\", b"*", b"{}", b"\r"]
for name in names:
    with open(os.path.join(os.fsencode(sys.argv[1]), name), "wb") as file:
        file.write(name)
with open(sys.argv[2], "wb") as file:
    file.write(b"".join(os.path.join(os.fsencode(sys.argv[1]), name) + b"\0" for name in names))
END
    each 0 --format nul -- cat <"$work/names" &&
        printf "plaina bnew\nline'\"-rf--\377\376\$(id)\\\\*{}\r" | cmp - "$out" &&
        each 0 --format nul --shell 'cat {}' <"$work/names" &&
        printf "plaina bnew\nline'\"-rf--\377\376\$(id)\\\\*{}\r" | cmp - "$out"
}
check "names with newlines, quotes, dashes, invalid UTF-8" names
nul_byte() {
    printf 'a\0b\nc\n' | each 1 --dead-letter "$dead" -- echo && echo c | cmp - "$out" &&
        says 'l[0]["reason"] == "invalid" and l[0]["record"] == "a\0b"'
}
check "a record with a NUL byte cannot be an argument: it is dead" nul_byte

# prog N OUT ERR STATUS: ends in an order that is not that of the records.
cat >"$work/late" <<'END'
#!/bin/sh
# The first waits until the last has ended.
if [ "$1" = 1 ]; then
    timeout 20 sh -c "until [ -e '$2' ]; do :; done"
fi
[ "$1" != 4 ] || : >"$2"
echo "out $1"
echo "err $1" >&2
END
chmod +x "$work/late"
ordered() {
    seq 4 | each 0 -j4 -- "$work/late" {} "$work/ended" && printf 'out %d\n' 1 2 3 4 | cmp - "$out" &&
        printf 'err %d\n' 1 2 3 4 | cmp - "$err"
}
check "outputs are whole and in input order, on standard error too" ordered
unordered() {
    # The first ends only once the output of the second has come out.
    # shellcheck disable=SC2016
    seq 2 | each 0 -j2 --unordered -- timeout 20 sh -c '[ "$2" = 2 ] || until grep -q 2 "$1"; do :; done; echo "$2"' x "$out" &&
        printf '2\n1\n' | cmp - "$out"
}
check "--unordered writes them as programs end" unordered
large() {
    seq 6 | each 0 -j3 -- sh -c 'head -c $((300000 * $1)) /dev/zero | tr "\0" "$1"' x {} &&
        python3 -c 'import sys
assert open(sys.argv[1]).read() == "".join(str(n) * (300000 * n) for n in range(1, 7))' "$out" &&
        seq 6 | each 0 -j3 --unordered -- sh -c 'head -c 300000 /dev/zero | tr "\0" "$1"' x {} &&
        python3 -c 'import sys
text = open(sys.argv[1]).read()
parts = [text[at : at + 300000] for at in range(0, len(text), 300000)]
assert sorted(parts) == [str(n) * 300000 for n in range(1, 7)]' "$out"
}
check "outputs of megabytes come whole, in order and unordered" large
live() {
    printf 'a\nb\n' | each 0 -j2 --live -- sh -c 'printf "one\ntwo"; echo e >&2' &&
        [ "$(sort "$out")" = "$(printf '1: one\n1: two\n2: one\n2: two\n')" ] &&
        [ "$(sort "$err")" = "$(printf '1: e\n2: e\n')" ] &&
        echo a/b | each 0 --live --tag '<{/}{%}> ' -- echo x && echo '<b1> x a/b' | cmp - "$out"
}
check "--live writes each line with a tag" live
at_once() {
    # The program ends only once its first line has come out.
    mkfifo "$work/fifo" && (echo r | "$weir" each --live -- sh -c 'echo first; read -r _ <"$1"; echo "$_"' x "$work/fifo" |
        { read -r line && echo seen >"$work/fifo" && cat && echo "$line"; }) >"$out" &&
        printf '1: seen\n1: first\n' | cmp - "$out"
}
check "--live writes it at once" at_once

failing() {
    seq 5 | each 1 -j1 -- sh -c 'echo "$1"; exit $(($1 % 2))' x && seq 5 | cmp - "$out" &&
        says 'd["dead"] == 3 and d["kind"] == "each" and d["status"] == 1' &&
        grep -q '3 of 5 records are dead; the first failure: line 1: exited with 1' "$err" &&
        valid_as map-report "$doc"
}
check "1: some failed, and what they printed is written" failing
reasons() {
    printf 'exit 3\nkill -9 $$\nsleep 100\n:\n' |
        each 1 --record-timeout 500ms --dead-letter "$dead" -- sh -c 'echo e >&2; eval "$1"' x &&
        says '[x["reason"] for x in l] == ["exit", "signal", "timeout"] and l[0]["exit"] == 3' &&
        says 'all(x["attempts"] == 1 and x["stderr_tail"] == "e\n" for x in l) and d["timeouts"] == 1' &&
        while read -r letter; do printf "%s\n" "$letter" >"$work/letter" && valid_as dead-letter "$work/letter" || return 1; done <"$dead" &&
        printf '/nowhere/x\n' | each 1 --dead-letter "$dead" -- {} && says 'l[0]["reason"] == "start"' &&
        grep -q '/nowhere/x' "$err"
}
check "dead letters say how it failed" reasons
late() {
    echo r | each 1 --record-timeout 500ms -- sh -c 'echo before; sleep 100' && echo before | cmp - "$out"
}
check "--record-timeout: what a program printed before is written" late
ok_exit() {
    seq 4 | each 1 --ok-exit 0,2-3 -- sh -c 'exit "$1"' x && says 'd["answered"] == 2 and d["dead"] == 2' &&
        exits 2 "$weir" each --ok-exit 1- true </dev/null && exits 2 "$weir" each --ok-exit 256 true </dev/null
}
check "--ok-exit" ok_exit
failed() {
    seq 9 | each 3 -j1 --on-error fail -- sh -c 'echo "$1"; [ "$1" != 3 ]' x && seq 3 | cmp - "$out" &&
        says 'd["answered"] == 2 and d["dead"] == 1 and d["status"] == 3' &&
        grep -q 'line 3' "$err"
}
check "3: --on-error fail ends the run, and shows what failed" failed
max_dead() {
    seq 3 | each 0 --max-dead 3 -- false && seq 3 | each 1 --max-dead 2 -- false
}
check "--max-dead" max_dead
retried() {
    seq 3 | each 0 -j2 --retries 2 -- sh -c 'echo "try $1" | tee -a "$2/tries$1"; [ "$(wc -l <"$2/tries$1")" = 3 ]' x {} "$work" &&
        printf 'try %d\n' 1 2 3 | cmp - "$out" && says 'd["retries"] == 6 and d["answered"] == 3' &&
        seq 1 | each 1 --retries 2 --dead-letter "$dead" -- false && says 'l[0]["attempts"] == 3'
}
check "--retries runs it again; only the last output is written" retried
delayed() {
    seq 2 | each 1 -j2 --retries 2 --retry-delay 200ms -- false &&
        says 'd["wall_ms"] >= 600 and d["retries"] == 4'
}
check "--retry-delay waits at least so long, doubled" delayed

documents() {
    printf 'a\n\377\n' | each 1 --json -- sh -c 'echo out; echo err >&2; test "$1" = a' x &&
        while read -r line; do printf "%s\n" "$line" >"$work/line" && valid_as run-report "$work/line" || return 1; done <"$out" &&
        says '[json.loads(x)["stdout"]["text"] for x in o.splitlines()] == ["out\n"] * 2' &&
        says 'json.loads(o.splitlines()[0])["record"] == "a" and json.loads(o.splitlines()[1])["record_base64"] == "/w=="' &&
        says '[(json.loads(x)["seq"], json.loads(x)["attempts"], json.loads(x)["code"]) for x in o.splitlines()] == [(0, 1, 0), (1, 1, 1)]' &&
        ! grep -q err "$err"
}
check "--json: a document for each record" documents
kept() {
    echo 100000 | each 0 --json --max-output 1000 -- seq && says 'json.loads(o)["stdout"]["kept"] <= 1000' &&
        says 'json.loads(o)["stdout"]["text"].startswith("1\n2\n") and json.loads(o)["stdout"]["text"].endswith("99999\n100000\n")'
}
check "--max-output keeps head and tail" kept
held_back() {
    # shellcheck disable=SC2016  # for sh
    seq 9 | each 0 -j2 --reorder-bytes 1K -- timeout 60 sh -c \
        'seq 3000; [ "$2" != 1 ] || until grep -q "record in line 1 holds back" "$1"; do sleep 0.05; done' x "$err" &&
        ! grep pid "$err"
}
check "a program that holds back the outputs of others for a second is named" held_back
results() {
    printf 'a\nb\n' | each 1 --results "$work/results" -- sh -c 'echo "$1"; echo err >&2; [ "$1" = a ]' x &&
        [ ! -s "$out" ] && [ "$(cat "$work/results/1/stdout" "$work/results/2/stderr")" = "$(printf 'a\nerr')" ] &&
        valid_as run-report "$work/results/2/result.json" && grep -q '"record":"b"' "$work/results/2/result.json" &&
        : >"$work/file" && exits 5 "$weir" each --results "$work/file" -- true </dev/null 2>"$err" && grep -q "$work/file" "$err"
}
check "--results: a directory for each record; 5 if it cannot be one" results
results_in_fifos() {
    for name in stdout stderr result.json; do
        mkdir -p "$work/fifos/1" && mkfifo "$work/fifos/1/$name" || return 1
        echo x | exits 5 timeout -s KILL 60 "$weir" each --results "$work/fifos" -- echo 2>"$err" || return 1
        rm -r "$work/fifos"
    done
}
check "--results: a FIFO in place of a file is refused, and not waited for" results_in_fifos
exclude() {
    for options in '--json --live' '--json --results x' '--tag x' '--max-output 3' '--live --checkpoint x'; do
        # shellcheck disable=SC2086
        exits 2 "$weir" each $options -- true </dev/null || return 1
    done
}
check "2: outputs that exclude each other" exclude
dry() {
    printf 'a b\nc\n' | each 0 --dry-run -- rm -- {} "it's" && printf "rm -- 'a b' 'it'\\\\''s'\nrm -- c 'it'\\\\''s'\n" | cmp - "$out"
}
check "--dry-run prints the commands for a shell, and starts nothing" dry
environment() {
    # shellcheck disable=SC2016
    printf 'a\nb\n' | each 0 -j1 --env-clear --env X=y -- sh -c 'echo "$WEIR_SEQ $WEIR_SLOT ${WEIR_JOB:+job} $X"' &&
        printf '0 0 job y\n1 0 job y\n' | cmp - "$out"
}
check "WEIR_SEQ, WEIR_SLOT and WEIR_JOB reach the program, also with --env-clear" environment
children() {
    printf 'a\n' | each 0 -- sh -c 'sleep 1000 & echo x' && echo x | cmp - "$out"
}
check "what a program leaves behind is stopped, and holds nothing up" children
launched() {
    # shellcheck disable=SC2016
    printf 'a b\n' | each 0 --launcher "sh -c 'echo launched; exec \"\$@\"' sh" -- printf '%s\n' {} &&
        printf 'launched\na b\n' | cmp - "$out"
}
check "--launcher stands before the command" launched
by_shell() {
    # shellcheck disable=SC2016
    printf '%s\n' 'a $(id)  b' "it's" >"$work/nasty2" && each 0 -j1 --launcher 'sh -c' --launcher-shell -- printf '%s\n' {} <"$work/nasty2" &&
        cmp "$work/nasty2" "$out" && exits 2 "$weir" each --launcher-shell -- true </dev/null
}
check "--launcher-shell quotes the command" by_shell
files() {
    seq 100 >"$work/in" && each 0 --input "$work/in" --output "$work/file" -- echo && cmp "$work/in" "$work/file" &&
        exits 2 "$weir" each --input "$work/in" --output "$work/in" -- echo
}
check "--input and --output" files
stage() {
    cat >"$work/spec.json" <<'END'
{"weir": 1, "stages": [
  {"name": "list", "cmd": ["seq", "5"]},
  {"name": "show", "cmd": ["sh", "-c", "echo \"<$1>\"; [ $1 != 4 ]", "x", "{}"], "ok_exit": [0, 1],
   "each": {"workers": 2, "retries": 1, "rate": 1000, "ok_exit": [0]}},
  {"name": "sort", "cmd": ["sort", "-r"]}]}
END
    exits 0 "$weir" pipe -f "$work/spec.json" --report "$doc" >"$out" &&
        printf '<%d>\n' 5 4 3 2 1 | cmp - "$out" &&
        python3 -c 'import json, sys
stage = json.load(open(sys.argv[1]))["stages"][1]
assert stage["code"] == 1 and stage["map"]["kind"] == "each" and stage["map"]["retries"] == 1, stage' "$doc" &&
        valid_as pipe-spec "$work/spec.json" && valid_as pipe-report "$doc"
}
check "a stage of a pipeline may be an each" stage
wrong_stage() {
    for each in '{"map": {}, "each": {}}' '{"each": {"workers": 0}}' '{"each": {"tag": "x"}}' '{"each": {"output": "files"}}' \
        '{"each": {"rate": 0}}' '{"each": {"key": "/a"}}' '{"each": {"on_error": "dead-letter"}}'; do
        echo "{\"weir\": 1, \"stages\": [{\"cmd\": [\"true\"], ${each#?}]}" >"$work/spec.json"
        exits 2 "$weir" pipe --check -f "$work/spec.json" 2>"$err" || return 1
    done
}
check "2: a stage's each that cannot be" wrong_stage
hosts() {
    mkdir "$work/bin" && printf '#!/bin/sh\nshift 2\necho "on $1"\nshift\nexec sh -c "$*"\n' >"$work/bin/ssh" && chmod +x "$work/bin/ssh" &&
        printf '# two machines\nnode1 1\n\n: 1\n' >"$work/hosts" && printf "a b\nit's\n" >"$work/nasty3" &&
        each 0 --env "PATH=$work/bin:$PATH" --hosts "$work/hosts" --dry-run -j1 -- echo {} {%} <"$work/nasty3" &&
        head -n 1 "$out" | grep -qx "ssh -o BatchMode=yes node1 'echo '.*a b.*' 1'" &&
        PATH=$work/bin:$PATH each 0 --hosts "$work/hosts" -j1 -- printf '%s\n' {} <"$work/nasty3" &&
        printf "on node1\na b\non node1\nit's\n" | cmp - "$out" && says '[s["node"] for s in d["jobs"]] == ["node1"]' &&
        PATH=$work/bin:$PATH each 0 --hosts "$work/hosts" --report "$doc" -- sleep 0.2 <<END && says '[s["node"] for s in d["jobs"]] == ["node1", None]' || return 1
1
1
1
1
END
    for line in 'node1' 'node1 0' 'node1 2 3' '-x 2' '#'; do
        echo "$line" >"$work/hosts" && exits 2 "$weir" each --hosts "$work/hosts" -- true </dev/null || return 1
    done
    exits 5 "$weir" each --hosts "$work/nowhere" -- true </dev/null
}
check "--hosts: a host and its slots a line" hosts
on_a_terminal() {
    seq 3 | each 0 --pty-output -- sh -c '[ -t 1 ] && printf "%s\r\n" "$1"; [ ! -t 2 ]' x {} &&
        printf '%s\r\n' 1 2 3 | cmp - "$out" &&
        seq 3 | each 0 --pty-output --live -- sh -c '[ -t 1 ] && seq 2000' x &&
        same 6000 "$(wc -l <"$out" | tr -d ' ')" &&
        exits 2 "$weir" each --pty-output --launcher env -- true </dev/null 2>"$err" && has "remove --pty-output" "$err" &&
        exits 2 "$weir" each --pty-output --results "$work/r" -- true </dev/null 2>"$err" && has "remove --pty-output" "$err"
}
check "--pty-output: programs write to a terminal, and every byte arrives" on_a_terminal
