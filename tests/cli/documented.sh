#!/bin/sh
# What README, docs, SDKs, examples and help show is run, as somebody would who has installed weir.
. "$srcdir/tests/support/tap.sh"
. "$srcdir/tests/support/installed.sh"

if ! "${PYTHON3:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || [ -z "$GO" ]; then
    echo "1..0 # SKIP needs Python 3.9 or later, and Go"
    exit 0
fi
installs >"$work/log" 2>&1 || { cat "$work/log"; echo "Bail out! it cannot be installed"; exit 99; }

# Programs as they are called there: weir, python3 and go as configure found them, and a compiler
# that knows of the sanitizers that libweir was built with.
mkdir "$work/bin"
mkdir -p "$work/home/.config/go/telemetry" && echo off >"$work/home/.config/go/telemetry/mode"
ln -s "$("$PYTHON3" -c 'import sys; print(sys.executable)')" "$work/bin/python3"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$(command -v cc)" "$flags" >"$work/bin/cc"
chmod +x "$work/bin/cc"
weir=$(find "$work/root" -path '*/bin/weir')
PATH=$work/bin:${weir%/*}:${GO%/*}:$PATH HOME=$work/home
PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$work/root
LD_LIBRARY_PATH=${library%/*} WEIR_SPAWNER=$spawner PYTHONDONTWRITEBYTECODE=1
GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE=${WEIR_GO_CACHE:-$builddir/go-cache}
export PATH HOME PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH WEIR_SPAWNER \
    PYTHONDONTWRITEBYTECODE GOFLAGS GOPROXY GOTOOLCHAIN GOCACHE
unset MAKEFLAGS MAKELEVEL MFLAGS PYTHONPATH VIRTUAL_ENV
# The Python package with its engine, as if it were installed.
if [ -e "$builddir/python/weir/_native.abi3.so" ] && ! nm -D "$builddir/python/weir/_native.abi3.so" | grep -q '__[at]san_init'; then
    PYTHONPATH=$builddir/python
    export PYTHONPATH
fi
"$PYTHON3" "$srcdir/tests/cli/documented.py" "$srcdir" "$work"
