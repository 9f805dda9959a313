# tap.sh - TAP for tests that are shell scripts.  Sourced:
#
#     . "$srcdir/tests/support/tap.sh"
#     plan 1
#     check "true is true" true
#
# $work is a directory of the test's own, removed at its end.  With leaves_nothing=yes a check
# fails, too, when a process below it lives on.
set -u
leaves_nothing=no
test_number=0
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-test.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Every process below this one is to carry a word: weir keeps it where an environment is cleared.
mark() {
    WEIR_JOB=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    export WEIR_JOB
}

# The living processes below this one that have executed something.
left() {
    marker=$WEIR_JOB
    (unset WEIR_JOB && grep -ls "$marker" /proc/[0-9]*/environ | tr -dc '0-9\n')
}

# Waits for the end of what is left, not for a time; what stays is reported and killed.
nothing_left() {
    [ $leaves_nothing = yes ] || return 0
    nothing_bad=0
    for pid in $(left); do
        timeout 20 env -u WEIR_JOB tail --pid="$pid" -f /dev/null || {
            echo "left behind: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
            kill -KILL "$pid"
            nothing_bad=1
        }
    done
    return $nothing_bad
}

# plan COUNT: how many checks are to come.
plan() {
    [ $leaves_nothing = no ] || mark
    echo "1..$1"
}

# check SENTENCE COMMAND...: passes when COMMAND succeeds; shows what it said when not.
check() {
    tap_sentence=$1
    shift
    test_number=$((test_number + 1))
    if "$@" >"$work/.said" 2>&1 && nothing_left >>"$work/.said" 2>&1; then
        echo "ok $test_number - $tap_sentence"
    else
        echo "not ok $test_number - $tap_sentence"
        sed 's/^/#   /' "$work/.said"
    fi
}

# check_linux FACILITY SENTENCE COMMAND...: checks what weir can do only with this facility
# of Linux; skipped where weir is built without (configure --disable-linux).
check_linux() {
    if grep -q '^#define WEIR_LINUX' "$builddir/config.h"; then
        shift
        check "$@"
    else
        test_number=$((test_number + 1))
        echo "ok $test_number - $2 # SKIP weir is built without $1"
    fi
}

# exits STATUS COMMAND...: whether COMMAND exits with just this status.
exits() {
    tap_wanted=$1
    shift
    tap_status=0
    "$@" || tap_status=$?
    [ "$tap_status" -eq "$tap_wanted" ] || {
        echo "exit status $tap_status, not $tap_wanted: $*"
        return 1
    }
}

# same WANTED GOT: whether two strings are equal.
same() {
    [ "$1" = "$2" ] || {
        printf 'wanted: %s\ngot:    %s\n' "$1" "$2"
        return 1
    }
}

# is_ready PID FILE: whether a `weir serve` whose stderr is FILE says that it is, before it ends.
is_ready() {
    for _ in $(seq 3000); do
        grep -qx ready "$2" && return
        kill -0 "$1" 2>/dev/null || break
        sleep 0.02
    done
    cat "$2"
    return 1
}

# has TEXT FILE: whether FILE contains TEXT, literally.
has() {
    grep -qF -- "$1" "$2" || {
        echo "no '$1' in:"
        cat "$2"
        return 1
    }
}

# valid_as SCHEMA FILE...: whether these documents are valid for docs/schemas/SCHEMA.schema.json.
valid_as() {
    tap_schema=$1
    shift
    "$PYTHON3" "$srcdir/tests/cli/validate.py" "$srcdir/docs/schemas/$tap_schema.schema.json" "$@"
}

# json_holds FILE EXPRESSION...: whether Python expressions hold for d, the document in FILE.
json_holds() {
    "$PYTHON3" -c '
import json, os, sys
d = json.load(open(sys.argv[1]))
for expression in sys.argv[2:]:
    if not eval("(" + expression + ")"):
        sys.exit(f"not so: {expression}\n{json.dumps(d, indent=1)[:6000]}")' "$@"
}

# json_lines_hold FILE EXPRESSION: the same for l, the list of the documents in FILE, one a line.
json_lines_hold() {
    "$PYTHON3" -c '
import json, sys
l = [json.loads(line) for line in open(sys.argv[1])]
if not eval("(" + sys.argv[2] + ")"):
    sys.exit(f"not so: {sys.argv[2]}\n{l}")' "$@"
}

# progress_holds FILE EXPRESSION: the same for the lines of --progress json, which are valid.
progress_holds() {
    json_lines_hold "$@" && rm -f "$work"/line-* && split -a 3 -l 1 "$1" "$work/line-" &&
        valid_as progress-line "$work"/line-*
}
