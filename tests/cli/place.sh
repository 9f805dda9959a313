#!/bin/sh
# The directory a program starts in, and where weir finds its spawner.
. "$srcdir/tests/support/tap.sh"
plan 13

weir=$builddir/weir
worker=$builddir/tests/children/rpc_worker

# What another user runs is copied to where that user may read it: the build tree may be in /root.
mkdir "$work/bin" && cp "$weir" "$builddir/weir-spawner" "$worker" "$work/bin" && chmod 755 "$work" "$work/bin"

# Runs a command as a user who may not enter the current directory.
closed() (
    mkdir -p "$work/closed"
    cd "$work/closed" || exit 1
    if [ "$(id -u)" = 0 ]; then
        chmod 700 .
        WEIR_SPAWNER=$work/bin/weir-spawner \
            setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        chmod 000 .
        "$@"
    fi
    status=$?
    chmod 700 "$work/closed"
    exit $status
)

# What runs there is run as it is; skipped where such a user cannot run weir at all.
check_closed() {
    if closed "$work/bin/weir" --version >/dev/null 2>&1; then
        check "$@"
    else
        test_number=$((test_number + 1))
        echo "ok $test_number - $1 # SKIP another user cannot run weir here"
    fi
}

run_closed() { same hi "$(closed "$work/bin/weir" run -- echo hi 2>&1)"; }
json_closed() {
    closed "$work/bin/weir" run --json -- sh -c 'cd / && pwd' >"$work/json" && has '"text":"/\n"' "$work/json"
}
pipe_closed() { same 2 "$(closed "$work/bin/weir" pipe 'seq 2' 'wc -l' 2>&1)"; }
map_closed() { same "1" "$(echo 1 | closed "$work/bin/weir" map -j1 -- cat 2>&1)"; }
call_closed() { same "[5]" "$(closed "$work/bin/weir" call -w "$work/bin/rpc_worker" echo 5 2>&1)"; }
cwd_from_closed() { same / "$(closed "$work/bin/weir" run --cwd / -- pwd 2>&1)"; }

check_closed "run inherits a directory that its user may not enter" run_closed
check_closed "run --json too" json_closed
check_closed "pipe too" pipe_closed
check_closed "map too" map_closed
check_closed "call too" call_closed
check_closed "--cwd leads out of it" cwd_from_closed

deleted() (
    mkdir "$work/gone" && cd "$work/gone" && rmdir "$work/gone" || exit 1
    "$weir" run --json -- echo hi >"$work/json" || exit 1
    has '"cwd":""' "$work/json" && has '"text":"hi\n"' "$work/json" || exit 1
    same 1 "$("$weir" pipe 'echo a' 'wc -l')" && same / "$("$weir" run --cwd / -- pwd)"
)
check "in a directory that was removed programs run, and cwd is empty in the document" deleted

pwd_follows() {
    mkdir "$work/there" && ln -s there "$work/link" || return 1
    there=$(cd "$work/there" && pwd -P)
    same "$there" "$(cd "$work" && "$weir" run --cwd link -- printenv PWD)" &&
        same "$there" "$("$weir" run --cwd "$work/there" --env-pass PWD -- printenv PWD)" &&
        same mine "$("$weir" run --cwd "$work/there" --env PWD=mine -- printenv PWD)" &&
        exits 1 "$weir" run --cwd "$work/there" --env-clear -- printenv PWD &&
        same "$PWD" "$("$weir" run -- printenv PWD)" &&
        same "\"$there\"" "$(echo 1 | "$weir" map -j1 --cwd "$work/there" -- \
            sh -c 'read -r line; echo "\"$PWD\""; cat')"
}
check "PWD follows --cwd, unless it is given or the environment cleared" pwd_follows

# The spawner in use: a stage's parent.  On other systems than Linux nobody tells.
spawner_of() { env -u WEIR_SPAWNER "$@" run -- sh -c 'readlink /proc/$PPID/exe' 2>&1; }

beside() {
    mkdir -p "$work/b" "$work/m/bin" "$work/m/libexec/weir" "$work/l" || return 1
    cp "$weir" "$work/b/weir" && cp "$builddir/weir-spawner" "$work/b/" &&
        cp "$weir" "$work/m/bin/weir" && cp "$builddir/weir-spawner" "$work/m/libexec/weir/" &&
        ln -s ../b/weir "$work/l/weir" || return 1
    real=$(cd "$work" && pwd -P)
    same "$real/b/weir-spawner" "$(spawner_of "$work/b/weir")" &&
        same "$real/b/weir-spawner" "$(spawner_of env PATH="$work/b:$PATH" weir)" &&
        same "$real/b/weir-spawner" "$(spawner_of "$work/l/weir")" &&
        same "$real/b/weir-spawner" "$(cd "$work/b" && spawner_of ./weir)"
}
check_linux /proc "the spawner beside the command is found, by path, by PATH and through a link" beside

moved() { same "$real/m/libexec/weir/weir-spawner" "$(spawner_of "$work/m/bin/weir")"; }
check_linux /proc "and the one in the libexec of a prefix that was moved" moved

named() {
    same "$real/m/libexec/weir/weir-spawner" "$(WEIR_SPAWNER=$real/m/libexec/weir/weir-spawner \
        "$work/b/weir" run -- sh -c 'readlink /proc/$PPID/exe')" &&
        exits 125 env WEIR_SPAWNER=/no/such "$work/b/weir" run -- true
}
check_linux /proc "WEIR_SPAWNER counts more" named

planted() {
    [ "$(id -u)" = 0 ] || { echo "# not root"; return 0; }
    chown 65534 "$work/b/weir-spawner" || return 0
    ! spawner_of "$work/b/weir" | grep -qF "$real/b/"
}
check "a spawner of another user beside the command is not taken" planted

library() {
    [ -e "$builddir/.libs/libweir.so" ] && ! grep -q '^SANITIZER_FLAGS = .*sanitize' "$builddir/Makefile" || return 0
    mkdir "$work/so" && cp -L "$builddir/.libs/libweir.so" "$work/so/" &&
        cp "$builddir/weir-spawner" "$work/so/" || return 1
    env -u WEIR_SPAWNER "$PYTHON3" -c '
import ctypes, sys
weir = ctypes.CDLL(sys.argv[1])
weir.weir_open.restype = ctypes.c_void_p
weir.weir_close.argtypes = [ctypes.c_void_p]
context = weir.weir_open(None, None)
assert context, "no spawner was found"
weir.weir_close(context)' "$work/so/libweir.so"
}
check "the spawner beside the shared library is found by whoever loads it" library
