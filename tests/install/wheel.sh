#!/bin/sh
# The wheel with the engine and the source distribution, as scripts/build-wheel makes them, in
# fresh environments that have nothing else of weir. For make check-wheel; needs PyPI.
. "$srcdir/tests/support/tap.sh"

unset PYTHONPATH WEIR_SPAWNER
PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export PYTHONDONTWRITEBYTECODE PIP_DISABLE_PIP_VERSION_CHECK
venv=$work/venv
# Where weir is not installed, so that nothing of another one is found.
PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin

builds() {
    "$srcdir/scripts/build-wheel" "$work/dist" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; return 1; }
    set -- "$work"/dist/*.whl
    [ $# = 1 ] && case $1 in *-cp39-abi3-manylinux_*.whl) ;; *) echo "$1"; return 1 ;; esac
}

cat >"$work/worker.py" <<'END'
from weir.worker import function, serve

@function
def add(a: int, b: int) -> int:
    return a + b

serve()
END
cat >"$work/use.py" <<'END'
import asyncio, sys, weir

assert weir.run(["echo", "x"], check=True).stdout == "x\n"
assert weir.pipe(["seq 3", "tail -1"]).stdout == "3\n"
with weir.Pool(sys.argv[1], workers=2) as pool:
    assert pool.call("add", 3, 4) == 7
assert list(weir.map([(n, 1) for n in range(9)], sys.argv[1], call="add")) == list(range(1, 10))
assert asyncio.run(weir.arun(["echo", "y"])).stdout == "y\n"
print("used", weir.__file__)
END

cat >"$work/use.c" <<'END'
#include <stdio.h>
#include <weir/weir.h>

int main(void)
{
    struct weir_error error = {0};
    struct weir_result result;
    weir_t *weir = weir_open(NULL, &error);
    const char *argv[] = {"echo", "x", NULL};
    struct weir_command command;

    weir_command_init(&command);
    command.argv = argv;
    if (weir == NULL || weir_run(weir, &command, NULL, &result, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%s", result.out.text);
    weir_result_clear(&result);
    weir_close(weir);
    return 0;
}
END

installs() { # installs PYTHON ARCHIVE
    rm -rf "$venv"
    "$1" -m venv "$venv" && "$venv/bin/python" -m pip install -q --no-index "$2"
}
is_used() {
    (cd "$work" && "$venv/bin/python" use.py worker.py) | grep "^used $venv/"
}
command_works() {
    same "x" "$(env -i PATH="$PATH" "$venv/bin/weir" run -- echo x)" &&
        same 7 "$(cd "$work" && env -i PATH="$PATH" "$venv/bin/weir" call -w "$venv/bin/python worker.py" add 3 4)" &&
        env -i PATH="$PATH" HOME="$work" "$venv/bin/weir" probe --json >/dev/null
}
has_pages_and_licences() {
    [ -s "$venv/share/man/man1/weir-run.1" ] &&
        "$venv/bin/python" -c '
import importlib.metadata
about = importlib.metadata.distribution("weir")
names = [str(name) for name in about.files]
for name in "LICENSE", "GPL-3", "SOURCES", "libpipeline1.copyright", "libuv1.copyright":
    assert any(one.endswith("licenses/" + name) for one in names), name
assert "GPL-3.0-or-later" in about.metadata["License-Expression"]' &&
        "$venv/bin/weir" --version --licenses >"$work/out" && has LGPL-3.0-or-later "$work/out"
}
library_works() {
    # shellcheck disable=SC2046
    ${CC:-cc} "$work/use.c" -o "$work/use" \
        $(PKG_CONFIG_PATH=$venv/lib/pkgconfig pkg-config --cflags --libs weir) &&
        ldd "$work/use" | grep "libweir.so.1 => $venv/lib/" && same x "$(env -i PATH="$PATH" "$work/use")"
}
wheel_works() { installs "$PYTHON3" "$work"/dist/*.whl && is_used; }
others_work() {
    for other in python3.9 python3.10 python3.11 python3.12 python3.13 python3.14; do
        if ! found=$(command -v "$other"); then
            set -- "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"${other#python}".*/bin/python
            found=$1
        fi
        [ -x "$found" ] || continue
        installs "$found" "$work"/dist/*.whl && is_used || { echo "not with $found"; return 1; }
    done
}
# Without PyPI but for uv itself, which is installed in an environment of its own.
uv_works() {
    "$PYTHON3" -m venv "$work/uv" && "$work/uv/bin/python" -m pip install -q 'uv==0.13.9' || return 1
    export UV_CACHE_DIR="$work/uv-cache" UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never
    rm -rf "$venv"
    "$work/uv/bin/uv" venv -q --python "$PYTHON3" "$venv" &&
        "$work/uv/bin/uv" pip install -q --no-index --python "$venv/bin/python" "$work"/dist/*.whl &&
        is_used && command_works
    uv_status=$?
    "$work/uv/bin/uv" run -q --no-project --no-index --python "$PYTHON3" --with "$work"/dist/*.whl \
        python "$work/use.py" "$work/worker.py" | grep '^used ' && return $uv_status
}
stubs_match() {
    "$PYTHON3" -m venv "$work/mypy" && "$work/mypy/bin/python" -m pip install -q 'mypy==1.19.1' &&
        "$work/mypy/bin/python" -m pip install -q --no-index "$work"/dist/*.whl &&
        (cd "$work" && "$work/mypy/bin/stubtest" weir._native)
}

# bare FOLDER: makes a root file system that has the environment, its Python, a few programs and
# the libraries of these: of libraries that weir uses only the C library's.
bare() {
    root=$1
    mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root$venv" &&
        cp -a "$venv/." "$root$venv/" && cp "$work/use.py" "$work/worker.py" "$root$work/" || return 1
    real=$("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
    library=$("$venv/bin/python" -c 'import os; print(os.path.dirname(os.__file__))')
    mkdir -p "$root$library" &&
        (cd "$library" && tar -c --exclude=test --exclude=*-packages --exclude=__pycache__ .) | tar -x -C "$root$library" || return 1
    for program in /usr/bin/sh /usr/bin/echo /usr/bin/seq /usr/bin/tail /usr/bin/env "$real"; do
        copied "$program" || return 1
    done
    # What the modules of Python need.
    find "$library/lib-dynload" -name '*.so' -exec ldd {} + 2>/dev/null |
        sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u >"$work/needed"
    while IFS= read -r place; do copied "$place" || return 1; done <"$work/needed"
    ln -sfn "$real" "$root$venv/bin/python"
}
copied() { # copied FILE: with the libraries that it needs, each at its place
    for one in "$1" $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
        [ -e "$root$one" ] || { mkdir -p "$root${one%/*}" && cp -L "$one" "$root$one"; } || return 1
    done
}
bare_works() {
    installs /usr/bin/python3 "$work"/dist/*.whl && bare "$work/root" || return 1
    find "$work/root" -name 'libuv*' -o -name 'libjansson*' -o -name 'libpipeline*' -o -name 'libnettle*' |
        grep -v "^$work/root$venv/" && return 1
    # shellcheck disable=SC2016
    inside sh -c 'cd "$1" && "$2/bin/python" use.py worker.py && "$2/bin/weir" run -- echo x &&
        "$2/bin/weir" pipe "seq 3" "tail -1" && "$2/bin/weir" probe --json >/dev/null' sh "$work" "$venv" >"$work/said" || {
        cat "$work/said"
        return 1
    }
    same "used $venv" "$(sed -n 's|\(used .*\)/lib/.*|\1|p' "$work/said")" && has x "$work/said" && has 3 "$work/said"
}
# inside COMMAND...: runs it with $work/root as its root.
inside() {
    # shellcheck disable=SC2016
    unshare --map-root-user --mount --propagation private sh -c '
        root=$1
        shift
        mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" &&
            exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/tmp "$@"' sh "$work/root" "$@"
}
# A container may allow no namespaces.
no_root() { ! unshare --map-root-user --mount true 2>/dev/null; }

sdist_works() {
    installs "$PYTHON3" "$work"/dist/*.tar.gz >"$work/log" 2>&1 || { tail -n 40 "$work/log"; return 1; }
    is_used && command_works
}

plan 10
check "scripts/build-wheel builds a wheel for CPython's stable ABI" builds
check "runs, pipelines, pools, maps and asyncio work in a fresh environment" wheel_works
check "the command, its helpers and a worker work there, without any environment" command_works
check "it has the man pages, the licences and notices" has_pages_and_licences
check "a C program is built with its library and headers" library_works
check "it works with each other CPython that is here" others_work
check "uv installs and runs it" uv_works
check "the stubs of the engine are what it has (stubtest)" stubs_match
if no_root; then
    test_number=$((test_number + 1))
    echo "ok $test_number - a root without weir's libraries # SKIP no namespaces are allowed here"
else
    check "it works in a root without weir's libraries" bare_works
fi
check "the source distribution builds and works" sdist_works
