#!/bin/sh
# What README.md says, against a real sshd. Prints TAP. WEIR: the command; tests/cli/example_ssh.sh
# runs this in a build directory.
srcdir=${srcdir:-$(dirname "$0")/../..}
# shellcheck disable=SC1091  # found when it runs
. "$srcdir/tests/support/tap.sh"
here=$(cd "$srcdir/examples/ssh" && pwd)
WEIR=$(realpath "${WEIR:-$(command -v weir)}")
export WEIR

# Says for each case that it is skipped.
skip_all() { # skip_all COUNT REASON
    for number in $(seq "$1"); do echo "ok $number - # SKIP $2"; done
    exit 0
}

plan 6
status=0
"$here/up.sh" "$work/sshd" >"$work/up" 2>&1 || status=$?
[ $status -eq 0 ] || skip_all 6 "$(tail -n 1 "$work/up")"
trap '"$here/down.sh" "$work/sshd"; rm -rf "$work"' EXIT
SSH="ssh -F $work/sshd/config"
export SSH

check "a real server starts" [ $status -eq 0 ]

example() {
    "$here/run.sh" "$work/run" >"$work/out" || return
    sed -n '/^```text$/,/^```$/p' "$here/README.md" | sed '1d;$d' >"$work/shown"
    cmp "$work/shown" "$work/out"
}
check "README.md shows what run.sh prints" example

quoting() {
    cat >"$work/words" <<'END'
#!/bin/sh
while read -r line; do
    printf '%s|' "$line" "$@"
    echo
done
END
    chmod +x "$work/words"
    # shellcheck disable=SC2016,SC1003
    echo 1 | "$WEIR" map -j1 --format line --launcher "$SSH node" --launcher-shell -- "$work/words" 'a b' '' "it's" '$HOME' '*' ';' '"' '\' >"$work/out" 2>"$work/err" &&
        same "1|a b||it's|\$HOME|*|;|\"|\\|" "$(cat "$work/out")"
}
check "words reach a worker there unchanged" quoting

startups() {
    cat >"$work/worker" <<'END'
#!/bin/sh
while read -r line; do
    id=${line#*\"id\":}; id=${id%%[,\}]*}
    case $line in
    *weir/*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}" ;;
    *) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":7}" ;;
    esac
done
END
    chmod +x "$work/worker"
    timeout 200 "$WEIR" serve -s "$work/socket" -j30 --min-ready 30 --start-timeout 60s \
        --launcher "$SSH node" --launcher-shell -w "$work/worker" 2>"$work/err" &
    server=$!
    is_ready $server "$work/err" && same 7 "$("$WEIR" call -s "$work/socket" any)"
    startups_status=$?
    kill $server
    wait $server
    return $startups_status
}
check "30 workers start against the default MaxStartups" startups

cut() { # the session of sshd is killed in the middle, once
    cat >"$work/cuts" <<END
#!/bin/sh
while read -r line; do
    [ "\$line" != 50 ] || ! mkdir "$work/cut" 2>/dev/null || kill -9 \$PPID
    echo "\$line"
done
END
    chmod +x "$work/cuts"
    seq 100 >"$work/in"
    "$WEIR" map -j2 --launcher "$SSH node" --launcher-shell --report "$work/report" -- "$work/cuts" <"$work/in" >"$work/out" 2>"$work/err" &&
        cmp "$work/in" "$work/out" && [ -d "$work/cut" ] && grep -q '"crashes":[1-9]' "$work/report"
}
check "a connection that is cut loses no record" cut

warning() {
    echo 1 | "$WEIR" map -j1 --launcher "$SSH node" -- cat >"$work/out" 2>"$work/err" && same 1 "$(cat "$work/out")" &&
        has "add --launcher-shell" "$work/err"
}
check "ssh without --launcher-shell is warned of" warning
