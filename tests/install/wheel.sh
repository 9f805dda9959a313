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
for name in "LICENSE", "GPL-3", "libpipeline1.copyright", "libuv1.copyright":
    assert any(one.endswith("licenses/" + name) for one in names), name
assert "GPL-3.0-or-later" in about.metadata["License-Expression"]'
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
sdist_works() {
    installs "$PYTHON3" "$work"/dist/*.tar.gz >"$work/log" 2>&1 || { tail -n 40 "$work/log"; return 1; }
    is_used && command_works
}

plan 6
check "scripts/build-wheel builds a wheel for CPython's stable ABI" builds
check "runs, pipelines, pools, maps and asyncio work in a fresh environment" wheel_works
check "the command, its helpers and a worker work there, without any environment" command_works
check "it has the man pages, the licences and notices" has_pages_and_licences
check "it works with each other CPython that is here" others_work
check "the source distribution builds and works" sdist_works
