#!/bin/sh
# The soaks beside each other: make check-soak.  What each has said is printed when all have ended.
# all.sh SECONDS SEED SOAK...
seconds=$1 seed=$2
shift 2
: "${srcdir:=.}" "${builddir:=.}"
said=$(mktemp -d) || exit 1
trap 'rm -rf "$said"' EXIT

run() {
    case $1 in
    pool_soak) SECONDS=$seconds SEED=$seed "$builddir/tests/soak/pool_soak" ;;
    web_soak) "$PYTHON3" "$srcdir/tests/soak/web_soak.py" "$builddir/weir" "$srcdir" "$seconds" "$seed" ;;
    killed_hosts) "$PYTHON3" "$srcdir/tests/soak/killed_hosts.py" "$builddir" "$srcdir" $((seconds / 4 + 1)) ;;
    *) "$PYTHON3" "$srcdir/tests/soak/$1.py" "$builddir" "$srcdir" "$seconds" "$seed" ;;
    esac
    echo $? >"$said/$1.status"
}

for soak; do
    run "$soak" >"$said/$soak" 2>&1 </dev/null &
done
wait
status=0
for soak; do
    echo "# --- $soak"
    cat "$said/$soak"
    [ "$(cat "$said/$soak.status")" = 0 ] || status=1
done
exit $status
