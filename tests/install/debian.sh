#!/bin/sh
# The Debian packages: built by scripts/build-deb from what is committed, installed by apt,
# used, and removed.  Not part of `make check`: run by `make check-deb`, as root or with sudo.
#
# They are installed in a throwaway copy of this machine: an overlay over its root file
# system, in a mount namespace that ends with the test.  Where neither is allowed, as in
# some containers, they are installed in earnest, and purged again.
. "$srcdir/tests/support/tap.sh"

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
stage=$work/stage
version=$(sed -n 's/^AC_INIT(\[weir\], \[\(.*\)\], .*/\1/p' "$srcdir/configure.ac")
arch=$(dpkg --print-architecture)
triplet=$(dpkg-architecture -q DEB_HOST_MULTIARCH)

of_the_same_version() {
    same "$version" "$(dpkg-parsechangelog -l "$srcdir/debian/changelog" -S Version)" &&
        has "version = \"$version\"" "$srcdir/sdk/python/pyproject.toml"
}

builds() {
    env -u srcdir -u builddir -u PYTHON3 -u GO "$srcdir/scripts/build-deb" "$stage" || return 1
    rm -f "$stage"/*.log "$stage"/*-dbgsym_*.deb
    same "libweir-dev_${version}_$arch.deb
libweir1_${version}_$arch.deb
python3-weir_${version}_$arch.deb
weir_${version}.dsc
weir_${version}.tar.xz
weir_${version}_$arch.buildinfo
weir_${version}_$arch.changes
weir_${version}_$arch.deb" "$(ls "$stage")"
}

# holds PACKAGE FILE...: whether the package has these files.
holds() {
    package=$1
    shift
    dpkg-deb -c "$stage/${package}_$version"_*.deb >"$work/listed" || return 1
    for file; do grep -q " \.$file\( -> .*\)\?\$" "$work/listed" || { echo "$package has no $file"; return 1; }; done
}

is_split() {
    holds weir /usr/bin/weir /usr/libexec/weir/weir-probe /usr/libexec/weir/weir-spawner /usr/share/man/man1/weir-run.1.gz \
        /usr/share/bash-completion/completions/weir /usr/share/zsh/vendor-completions/_weir \
        /usr/share/fish/vendor_completions.d/weir.fish &&
        holds libweir1 "/usr/lib/$triplet/libweir.so.1" &&
        holds libweir-dev "/usr/lib/$triplet/libweir.so" "/usr/lib/$triplet/pkgconfig/weir.pc" \
            /usr/include/weir/weir.h &&
        holds python3-weir /usr/lib/python3/dist-packages/weir/worker.py \
            /usr/lib/python3/dist-packages/weir/_native.abi3.so
}

# The spawner is an executable of one architecture; the libraries of all share it.
names_its_spawner() {
    dpkg-deb -x "$stage/libweir1_${version}_$arch.deb" "$work/unpacked" &&
        grep -qaF /usr/libexec/weir/weir-spawner "$work/unpacked/usr/lib/$triplet/libweir.so.1"
}

# The GPL is where the spawner is, and the library does not need it.
licensed() {
    dpkg-deb -f "$stage/weir_${version}_$arch.deb" Depends >"$work/depends" && has libpipeline1 "$work/depends" &&
        ! dpkg-deb -f "$stage/libweir1_${version}_$arch.deb" Depends | grep libpipeline &&
        dpkg-deb --fsys-tarfile "$stage/weir_${version}_$arch.deb" | tar -xO ./usr/share/doc/weir/copyright >"$work/copyright" &&
        has "License: MIT" "$work/copyright" && has /usr/share/common-licenses/GPL-3 "$work/copyright"
}

# --- What is done with them ---------------------------------------------------
# Runs as root in a copy of $work/source, with the least of an environment.  Each step that went
# well is a line "ok STEP".

mkdir -p "$work/source/tests" "$work/source/examples" &&
    cp -r "$srcdir/tests/install" "$srcdir/tests/support" "$work/source/tests/" &&
    cp -r "$srcdir/examples/embed" "$work/source/examples/" &&
    mkdir "$work/source/docs" && cp "$srcdir/docs/install.md" "$work/source/docs/" || exit 99
awk '/^```python$/ { code = 1; next } /^```$/ && code { exit } code' "$srcdir/sdk/python/README.md" >"$work/source/math_worker.py"

cat >"$work/source/use.py" <<'END'
import sys, weir

with weir.Pool(sys.argv[1], workers=1) as pool:
    print(weir.run(["echo", "x"], check=True).stdout.strip(), pool.call("add", 3, 4))
END

cat >"$work/source/try.sh" <<'END'
set -u
apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null; }
step() { # step NAME COMMAND...
    name=$1
    shift
    echo "-- $name"
    "$@" && echo "ok $name"
}
ours() { dpkg-query -W -f '${Package}\n' weir libweir1 libweir-dev python3-weir python3-weir-worker 2>/dev/null; }
left() { find /usr /etc /var/lib -xdev -name '*weir*' 2>/dev/null || :; } # what others make and remove meanwhile is no matter
alone() {
    apt install ./debs/weir_*.deb && cd / && [ "$(weir run -- echo hi)" = hi ] &&
        [ "$(weir pipe 'seq 3' 'tail -1')" = 3 ]
}
libraries() {
    apt install ./debs/libweir1_*.deb ./debs/libweir-dev_*.deb &&
        srcdir=$PWD sh tests/install/installed.sh >reported && cat reported && ! grep '^not ok' reported
}
# The package of 0.1.0 had its name from the worker's half of the module.
renamed() {
    old=old/usr/lib/python3/dist-packages/weir
    mkdir -p "$old" old/DEBIAN && echo "no weir" >"$old/worker.py" &&
        printf '%s\n' 'Package: python3-weir-worker' 'Version: 0.1.0' 'Architecture: all' \
            'Maintainer: Nobody <nobody@example.org>' 'Description: the old name' >old/DEBIAN/control &&
        dpkg-deb --root-owner-group -b old old.deb && apt install ./old.deb && python &&
        [ "$(dpkg-query -W -f '${db:Status-Status}' python3-weir-worker)" != installed ]
}
python() {
    apt install ./debs/python3-weir_*.deb &&
        [ "$(weir call -w '/usr/bin/python3 math_worker.py' add 3 4)" = 7 ] &&
        [ "$(/usr/bin/python3 use.py math_worker.py)" = "x 7" ] &&
        [ "$(/usr/bin/python3 -c 'import importlib.metadata as m; print(m.version("weir"))')" = "$(weir --version | sed -n '1s/^weir //p')" ]
}
purged() { apt purge weir libweir1 libweir-dev python3-weir && [ -z "$(ours)" ] && left >after && diff before after; }

if [ -n "$(ours)" ]; then # a machine of somebody who uses them
    [ "$1" = copy ] || { echo "weir's packages are installed here already: they are not touched"; exit 1; }
    # shellcheck disable=SC2046
    apt purge $(ours)
fi
left >before
step alone eval '(alone)'
step libraries libraries
step renamed renamed
step python python
step purged purged
END

# throwaway COMMAND...: runs it in $work/source of a copy of this machine.
throwaway() {
    # shellcheck disable=SC2016
    $as_root unshare --mount --propagation private sh -c '
        scratch=$1/overlay here=$1/source
        shift
        mkdir -p "$scratch" && mount -t tmpfs tmpfs "$scratch" && cd "$scratch" && mkdir upper work root &&
            mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root &&
            mount --rbind /proc root/proc && mount --rbind /dev root/dev && cp -r "$here" root/weir &&
            cd root/weir && exec chroot .. env -C /weir "$@"' sh "$work" "$@"
}

tries() {
    mkdir "$work/source/debs" && cp "$stage"/*.deb "$work/source/debs/" || return 1
    set -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root sh try.sh
    if throwaway true; then
        throwaway "$@" copy
    else
        echo "-- no copy of this machine can be made: they are installed in earnest"
        (cd "$work/source" && $as_root "$@" machine)
    fi
}

tried() { grep -qx "ok $1" "$work/tried" || { cat "$work/tried"; return 1; }; }

plan 10
check "debian/changelog and the Python SDK have the version of configure.ac" of_the_same_version
check "scripts/build-deb builds the packages, and lintian finds no error" builds
check "the files are in the packages where they belong" is_split
check "the library knows the spawner's place, which has no architecture in it" names_its_spawner
check "only the package of the spawner needs libpipeline, and says what that means" licensed
tries >"$work/tried" 2>&1
check "apt installs the command alone, and it works" tried alone
check "a C program is built with the library's packages, and runs" tried libraries
check "the package's old name gives way to the new one" tried renamed
check "the Python module is there, runs programs and pools, and answers weir call" tried python
check "purged, they leave nothing" tried purged
