# common.sh - what scripts/demo and scripts/check share.  Sourced, in the repository's root.
#
# Steps are announced in one line; what they print goes to a log that is shown when they fail.

say() { echo "== $*"; }

processors() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2; }

# quietly LOG COMMAND...: runs COMMAND with its output in LOG; when it fails, shows the end of it.
quietly() {
    quiet_log=$1
    shift
    "$@" >"$quiet_log" 2>&1 </dev/null && return
    quiet_status=$?
    echo "-- the end of $quiet_log:" >&2
    tail -n 40 "$quiet_log" >&2
    echo "-- failed with status $quiet_status: $*" >&2
    return $quiet_status
}

# bootstrapped: makes ./configure unless it is there; make renews it when its sources change.
bootstrapped() {
    [ -x configure ] && [ -f Makefile.in ] && [ -f build-aux/tap-driver.sh ] && return
    say "making configure"
    mkdir -p build
    quietly build/bootstrap.log scripts/bootstrap
}

# configured TREE OPTION...: a build tree configured with just these options.  One that has
# others is made anew: its objects would not know of the change.
configured() {
    tree=$1
    shift
    [ "$(cat "$tree/options" 2>/dev/null)" = "$*" ] || rm -rf "$tree"
    [ -f "$tree/Makefile" ] && return
    mkdir -p "$tree"
    (cd "$tree" && quietly configure.log ../configure "$@") || return
    echo "$*" >"$tree/options"
}
