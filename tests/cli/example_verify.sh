#!/bin/sh
# The example in examples/verify, on a small dpkg database of its own: each program
# by itself, then all three under weir.
. "$srcdir/tests/support/tap.sh"

example=$srcdir/examples/verify
list() { "$PYTHON3" "$example/list.py" --admindir "$work/dpkg" --confdir "$work/conf" "$@"; }
hash() { timeout 60 "$work/verify-hash" "$@"; }
summary() { "$PYTHON3" "$example/summary.py" "$@"; }

# --- A machine with two packages ------------------------------------------

files=$work/files
odd=$(printf 'na\357ve \351\n.txt' | tr -d '\n') # a Latin-1 name: no valid UTF-8
mkdir -p "$files" "$work/dpkg/info" "$work/conf/dpkg.cfg.d"
echo right >"$files/right"
echo right >"$files/changed"
echo right >"$files/conf"
echo right >"$files/$odd"
echo theirs >"$files/taken"
echo right >"$files/aside.distrib"
echo mine >"$files/aside"
chmod 644 "$files"/*

sum=$(echo right | md5sum | cut -d' ' -f1)
entry() { printf '%s  %s\n' "$sum" "${files#/}/$1"; }
for name in right changed missing conf excluded taken aside "$odd"; do entry "$name"; done >"$work/dpkg/info/one.md5sums"
# one has lost "taken" to two.
for name in right changed missing conf excluded aside "$odd"; do printf '%s\n' "$files/$name"; done >"$work/dpkg/info/one.list"
printf '%s  %s' "$(echo theirs | md5sum | cut -d' ' -f1)" "${files#/}/taken" >"$work/dpkg/info/two:amd64.md5sums"
printf '%s\n' "$files/taken" >"$work/dpkg/info/two:amd64.list"
printf '%s\n%s\n%s\n' "$files/aside" "$files/aside.distrib" two >"$work/dpkg/diversions"
printf 'Package: one\nConffiles:\n %s %s\nStatus: install ok installed\n' "$files/conf" "$sum" >"$work/dpkg/status"
printf '# a comment\npath-exclude=%s/ex*\npath-exclude "%s/right"\n--path-include = %s/r?ght\n' \
    "$files" "$files" "$files" >"$work/conf/dpkg.cfg.d/slim"
printf 'path-exclude=%s/missing\n' "$files" >"$work/conf/dpkg.cfg.d/slim.dpkg-old" # dpkg does not read it
echo wrong >"$files/changed"
echo edited >"$files/conf"

# --- The programs ---------------------------------------------------------

# column KEY...: the members of each line, "-" where there is none.
column() {
    "$PYTHON3" -c '
import json, os, sys
for line in sys.stdin.buffer:
    record = json.loads(line)
    record["path"] = os.path.basename(record["path"])
    print(*(json.dumps(record[key], ensure_ascii=True).strip("\"") if key in record else "-" for key in sys.argv[1:]))' "$@"
}

lists_them() {
    list >"$work/listed" || return 1
    column path package note <"$work/listed" >"$work/columns" || return 1
    same 'right one -
changed one -
missing one -
conf one conffile
excluded one excluded by dpkg.cfg
aside.distrib one -
na\ufffdve \ufffd.txt one -
taken two -' "$(cat "$work/columns")"
}

keeps_the_bytes_of_a_name() {
    "$PYTHON3" -c '
import base64, json, sys
names = [base64.b64decode(r["path_base64"]) for r in map(json.loads, open(sys.argv[1])) if "path_base64" in r]
assert names == [sys.argv[2].encode(errors="surrogateescape")], names' "$work/listed" "$files/$odd"
}

dies_of_sigpipe() {
    # A FIFO whose reader has gone: the first flush finds nobody.
    "$PYTHON3" - "$PYTHON3" "$example/list.py" --admindir "$work/dpkg" <<'END'
import os, signal, subprocess, sys
reader, writer = os.pipe()
child = subprocess.Popen(sys.argv[1:], stdout=writer, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(reader))
os.close(reader)
os.close(writer)
said = child.communicate()[1]
assert child.returncode == -signal.SIGPIPE, child.returncode
assert said == b"", said
END
}

lists_a_tree() {
    mkdir -p "$work/tree/sub" "$work/tree/.git" "$work/tree/build-x" "$work/tree/sub/build"
    for name in b .git/no build-x/no sub/a sub/build/yes; do echo right >"$work/tree/$name"; done
    ln -s b "$work/tree/link"
    "$PYTHON3" "$example/list.py" --tree "$work/tree" >"$work/listed-tree" || return 1
    same "$sum b
$sum a
$sum yes" "$(column md5 path <"$work/listed-tree")" &&
        (cd "$work" && hash <"$work/listed-tree" >hashed-tree) &&
        same "true true true" "$(column ok <"$work/hashed-tree" | tr '\n' ' ' | sed 's/ $//')"
}

falls_back_to_the_repository() {
    mkdir "$work/empty"
    sed "s,/var/lib/dpkg,$work/empty,g" "$example/list.py" >"$work/list-without-dpkg.py"
    mkdir -p "$work/repository/examples/verify"
    mv "$work/list-without-dpkg.py" "$work/repository/examples/verify/list.py"
    "$PYTHON3" "$work/repository/examples/verify/list.py" >"$work/fallback" 2>"$work/fallback.err" &&
        same "list.py" "$(column path <"$work/fallback")" && has "listing $work/repository instead" "$work/fallback.err"
}

refuses_an_empty_database() {
    mkdir -p "$work/nothing"
    exits 2 "$PYTHON3" "$example/list.py" --admindir "$work/nothing"
}

builds() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    [ -n "${HOME:-}" ] || { HOME=$work; export HOME; }
    (cd "$example" && GOFLAGS='' GO111MODULE=on "$GO" build -buildvcs=false -o "$work/verify-hash" .)
}

hashes_them() {
    hash <"$work/listed" >"$work/hashed" || return 1
    wrong=$(echo wrong | md5sum | cut -d' ' -f1)
    edited=$(echo edited | md5sum | cut -d' ' -f1)
    same "right true 6 - -
changed false 6 $wrong -
missing false 0 - missing
conf false 7 $edited -
excluded false 0 - missing
aside.distrib true 6 - -
na\\ufffdve \\ufffd.txt true 6 - -
taken true 7 - -" "$(column path ok bytes found error <"$work/hashed")"
}

keeps_the_order() {
    for i in $(seq 2000); do
        echo "{\"path\":\"$files/right\",\"md5\":\"$sum\",\"package\":\"$i\"}"
    done >"$work/many"
    # A big file first: the others are done long before it.
    head -c 30000000 /dev/zero >"$work/big"
    { echo "{\"path\":\"$work/big\",\"md5\":\"$sum\",\"package\":\"0\"}"; cat "$work/many"; } |
        hash | column package >"$work/order" && seq 0 2000 | cmp - "$work/order"
}

answers_while_input_is_open() {
    timeout 60 "$PYTHON3" - "$work/verify-hash" "$work/listed" <<'END'
import subprocess, sys
child = subprocess.Popen(sys.argv[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in open(sys.argv[2], "rb"):
    child.stdin.write(line)
    child.stdin.flush()
    assert child.stdout.readline().endswith(b"}\n")  # or the timeout ends this
child.stdin.close()
assert child.wait() == 0
END
}

# bad_line LINE WORD: refused as line 2, after line 1 was answered.
bad_line() {
    { head -n 1 "$work/listed"; printf '%s\n' "$1"; } >"$work/bad"
    exits 1 hash <"$work/bad" >"$work/bad.out" 2>"$work/bad.err" &&
        has "line 2: " "$work/bad.err" && has "$2" "$work/bad.err" &&
        same right "$(column path <"$work/bad.out")"
}
names_a_bad_line() {
    bad_line '{"path":"/x"' 'unexpected end' && bad_line '{"md5":"'"$sum"'"}' 'no "path"' &&
        bad_line '{"path":"/x","md5":"abc"}' '32 hexadecimal' && bad_line '[]' 'array' &&
        bad_line "$(head -c 1100000 /dev/zero | tr '\0' x)" 'longer than 1048576'
}

# A directory, a FIFO and a loop of links where files ought to be.
cannot_read() {
    mkdir "$work/directory" && mkfifo "$work/fifo" && ln -s loop "$work/loop" || return 1
    for name in directory fifo loop files/right/below; do
        echo "{\"path\":\"$work/$name\",\"md5\":\"$sum\",\"package\":\"p\"}"
    done | hash >"$work/unreadable" &&
        same 'directory not a regular file
fifo not a regular file
loop too many levels of symbolic links
below missing' "$(column path error <"$work/unreadable")"
}

sums_up() {
    summary <"$work/hashed" >"$work/summary" || return 1
    head -n 1 "$work/summary" | grep -Eq '^Files +8 +in 2 packages$' || { cat "$work/summary"; return 1; }
    has "4  as they should be" "$work/summary" && has "1  changed" "$work/summary" &&
        has "1  missing" "$work/summary" && has "0  unreadable" "$work/summary" &&
        has "1  configuration files" "$work/summary" && has "1  missing (excluded by dpkg.cfg)" "$work/summary" &&
        has "  $files/changed" "$work/summary" && has "  $files/missing" "$work/summary" && has "Slowest:" "$work/summary"
}

strict_minds() {
    exits 1 summary --strict <"$work/hashed" && exits 0 summary --strict <"$work/hashed-tree" &&
        grep -E '"path":"[^"]*/(right|conf|excluded)"' "$work/hashed" >"$work/allowed" &&
        same 3 "$(wc -l <"$work/allowed" | tr -d ' ')" && exits 0 summary --strict <"$work/allowed"
}

is_bounded() {
    "$PYTHON3" -c '
import json
for i in range(50):
    print(json.dumps({"path": "/" + "long/" * 10 + f"changed-{i:02}", "md5": "", "ok": False, "bytes": i, "ms": i, "package": "p"}))
print(json.dumps({"path": "/" + "very-" * 30 + "long\x1b[31m", "md5": "", "ok": True, "bytes": 5e9, "ms": 99999.9, "package": "p"}))
' | summary >"$work/long" || return 1
    has "... and 30 more" "$work/long" && has "changed-19" "$work/long" && ! grep -q 'changed-20' "$work/long" || return 1
    awk 'length > 80 { print; bad = 1 } END { exit bad }' "$work/long" || return 1
    same 5 "$(sed '1,/^Slowest/d' "$work/long" | wc -l | tr -d ' ')" && ! grep -q "$(printf '\033')" "$work/long"
}

summary_names_a_bad_line() {
    { head -n 1 "$work/hashed"; echo '{"path":"/x"}'; } >"$work/bad"
    exits 1 summary <"$work/bad" 2>"$work/bad.err" && has "line 2" "$work/bad.err"
}

# --- All three under weir -------------------------------------------------

under_weir() { # under_weir SPEC
    "$PYTHON3" - "$PYTHON3" "$example" "$work" "$1" >"$work/spec.json" <<'END' || return 1
import json, sys
python, example, work, name = sys.argv[1:]
spec = json.load(open(f"{example}/{name}.json"))
spec["stages"][0]["cmd"] = [python, f"{example}/list.py", "--admindir", f"{work}/dpkg", "--confdir", f"{work}/conf"]
spec["stages"][1]["cmd"] = [f"{work}/verify-hash"]
spec["stages"][2]["cmd"] = [python, f"{example}/summary.py"]
json.dump(spec, sys.stdout)
END
    rm -f "$work/report.json"
    "$builddir/weir" pipe -f "$work/spec.json" --report "$work/report.json" >"$work/piped" || return 1
    grep -v -e '^Hashed' -e ' ms ' "$work/summary" >"$work/wanted"
    grep -v -e '^Hashed' -e ' ms ' "$work/piped" | diff "$work/wanted" -
}

reported() {
    valid_as pipe-report "$work/report.json" &&
        "$PYTHON3" - "$work/report.json" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["ok"] and report["status"] == 0, report
assert [stage["name"] for stage in report["stages"]] == ["list", "hash", "summary"], report
assert all(stage["end"] == "exited" and stage["code"] == 0 for stage in report["stages"]), report
END
}

mapped() {
    reported && "$PYTHON3" - "$work/report.json" "$(wc -l <"$work/listed")" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))["stages"][1]["map"]
assert report["answered"] == report["in"]["records"] == int(sys.argv[2]) > 0, report
assert sum(worker["records"] for worker in report["workers"]) == report["answered"], report
END
}

plan 22
check "list.py lists what dpkg would verify, with notes" lists_them
check "list.py keeps the bytes of a name that is not UTF-8" keeps_the_bytes_of_a_name
check "list.py dies quietly of SIGPIPE when its reader has gone" dies_of_sigpipe
check "list.py falls back to the repository's own tree without dpkg" falls_back_to_the_repository
check "list.py refuses a database without packages when asked for it" refuses_an_empty_database
check "hash.go builds" builds
check "list.py makes a manifest of a tree that hash.go confirms" lists_a_tree
check "hash.go finds right, changed and missing files, and odd names" hashes_them
check "hash.go answers in the order of its input" keeps_the_order
check "hash.go answers a line while its input stays open" answers_while_input_is_open
check "hash.go names a bad line after answering the ones before" names_a_bad_line
check "hash.go reports what it cannot read and goes on" cannot_read
check "summary.py counts and names them" sums_up
check "summary.py --strict fails only for what nobody allowed" strict_minds
check "summary.py stays within 80 columns and twenty names" is_bounded
check "summary.py names a bad line" summary_names_a_bad_line
check "the pipeline gives the same summary under weir" under_weir pipeline
check "the report holds against its schema and names three good stages" reported
check "the example's own spec is accepted" "$builddir/weir" pipe --check -f "$example/pipeline.json"
check "the spec with a map of hash.go is accepted" "$builddir/weir" pipe --check -f "$example/pipeline-map.json"
check "it gives the same summary" under_weir pipeline-map
check "its report holds, and the workers of the map answered every line" mapped
