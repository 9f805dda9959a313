#!/bin/sh
# The Python SDK as a wheel, in a fresh environment: with nothing but the pip that Python
# brings along, without a network, from sources that are not written to.
. "$srcdir/tests/support/tap.sh"

# PYTHONPATH and the caller's own settings of pip must not help.
unset PYTHONPATH
for name in $(env | sed -n 's/^\(PIP_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
PYTHONDONTWRITEBYTECODE=1
export PIP_CONFIG_FILE PIP_NO_INDEX PIP_NO_CACHE_DIR PIP_DISABLE_PIP_VERSION_CHECK PYTHONDONTWRITEBYTECODE
python=$work/venv/bin/python
weir=$builddir/weir

# Before Python 3.12 an environment has setuptools: it must not help either.
makes_environment() {
    "$PYTHON3" -m venv "$work/venv" && "$python" -m pip uninstall -qy setuptools &&
        ! "$python" -c 'import weir' 2>/dev/null
}

builds() {
    "$python" -m pip wheel --no-deps -w "$work/wheels" "$srcdir/sdk/python" &&
        same "weir-$(version)-py3-none-any.whl" "$(ls "$work/wheels")"
}

version() { "$weir" --version | sed -n '1s/^weir //p'; }

installs() { "$python" -m pip install "$work"/wheels/*.whl && "$python" -m pip check; }

# In the environment are the package's files, those that pip adds, and nothing else.
is_whole() {
    "$python" - "$srcdir/sdk/python" <<'END'
import importlib.metadata, os, sys
wheel = importlib.metadata.distribution("weir")
source = {f"{folder}/{name}" for folder in ("weir", "weir/_worker", "weir_worker")
          for name in os.listdir(f"{sys.argv[1]}/{folder}") if not name.startswith("__pycache__")}
files = {str(file) for file in wheel.files if "__pycache__" not in str(file)}
package = {name for name in files if not name.startswith("weir-")}
assert package == source - {"weir/_worker"} and "weir/py.typed" in source, package ^ source
for file in wheel.files:
    assert file.locate().is_file() and (file.hash is None or file.size == file.locate().stat().st_size), file
about = wheel.metadata
assert about["Name"] == "weir" and about["Requires-Python"] == ">=3.9" and not wheel.requires
assert about["License-Expression"] == "MIT" and about["Project-URL"] and about["Classifier"]
assert about.get_payload().startswith("# weir"), "the README is its description"
END
}

worker_answers() {
    awk '/^```python$/ { code = 1; next } /^```$/ && code { exit } code' "$srcdir/sdk/python/README.md" >"$work/math_worker.py"
    cd "$work" && same 7 "$("$weir" call -w "$python math_worker.py" add 3 4)" &&
        same "1
2
3" "$("$weir" call -w "$python math_worker.py" count 1 4)"
}

client_talks() {
    "$weir" serve -s "$work/socket" -w "$python $work/math_worker.py" -j1 2>"$work/serve" &
    server=$!
    is_ready $server "$work/serve" || return 1
    got=$(cd "$work" && "$python" -c '
import sys
import weir
with weir.connect(sys.argv[1]) as math:
    print(math.call("add", 3, 4), *math.stream("count", 1, 4), math.call("sum", input=range(10)))' "$work/socket")
    kill $server && wait $server && same "7 1 2 3 45" "$got"
}

# A source distribution has all that the wheel is made of.
passes_through_sdist() {
    mkdir "$work/sdist" && (cd "$srcdir/sdk/python" && "$python" -c '
import sys, wheel_backend
wheel_backend.build_sdist(sys.argv[1])' "$work/sdist") &&
        "$python" -m pip wheel --no-deps -w "$work/again" "$work"/sdist/*.tar.gz &&
        cmp "$work"/wheels/*.whl "$work"/again/*.whl
}

# shellcheck disable=SC3013  # POSIX has -ef since 2024; all shells before
is_editable() {
    "$python" -m pip uninstall -y weir && ! "$python" -c 'import weir' 2>/dev/null &&
        "$python" -m pip install -e "$srcdir/sdk/python" &&
        [ "$srcdir/sdk/python/weir/__init__.py" -ef \
            "$(cd "$work" && "$python" -c 'import weir; print(weir.__file__)')" ]
}

plan 8
check "a fresh environment knows nothing of it" makes_environment
check "pip builds the wheel, of weir's version, without network or setuptools" builds
check "pip installs it" installs
check "it has all its files, and says what it is" is_whole
check "weir call has a function of its worker answer" worker_answers
check "its client talks to weir serve" client_talks
check "a source distribution gives the same wheel" passes_through_sdist
check "an editable installation uses the sources" is_editable
