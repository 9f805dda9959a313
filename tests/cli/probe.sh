#!/bin/sh
# weir probe: what it finds on a PATH made up here, of the Go and Python of this machine,
# and of tools with bad manners.
. "$srcdir/tests/support/tap.sh"

weir=$builddir/weir
tools=$work/tools # a PATH with nothing but what a test puts there
mkdir "$tools"
for tool in sh cat sed head yes sleep printf env mkdir rm; do
    ln -s "$(command -v $tool)" "$tools/" 2>/dev/null || :
done

# probe NAME OPTION...: one report in NAME.json, in the environment of MANNERS and EXTRA.
probe() {
    name=$1
    shift
    # shellcheck disable=SC2086  # EXTRA is NAME=VALUE or nothing
    timeout 120 env -u PYENV_ROOT -u VIRTUAL_ENV -u CONDA_PREFIX PATH="${path:-$tools}" HOME="${home:-$work}" MANNERS="${manners:-good}" ${EXTRA:-NOTHING=} \
        "$weir" probe --report "$work/$name.json" "$@" >"$work/$name.table" 2>"$work/$name.err" || {
        echo "exit status $?"
        cat "$work/$name.err"
        return 1
    }
    valid_as probe-report "$work/$name.json"
}

# holds NAME EXPRESSION...: whether Python expressions about document d hold; t is its tools.
holds() {
    "$PYTHON3" -c 'import json, sys
d = json.load(open(sys.argv[1]))
t = d["tools"]
for expression in sys.argv[2:]:
    if not eval(expression): sys.exit(f"not so: {expression}\n{json.dumps(d, indent=1)[:6000]}")' "$work/$name.json" "$@"
}

# program DIRECTORY NAME: puts a program there, whose text is standard input.
program() {
    mkdir -p "$1" && cat >"$1/$2" && chmod 755 "$1/$2"
}

# --- Go and Python of this machine ---------------------------------------------

python_here() {
    mkdir -p "$work/py" && ln -sf "$("$PYTHON3" -c 'import sys; print(sys.executable)')" "$work/py/python3" &&
        path=$work/py:$tools probe python --only python &&
        holds 't["python"]["state"] == "ok"' \
            't["python"]["winner"].endswith("/py/python3")' \
            't["python"]["version"].split("-")[0].startswith(".".join(map(str, sys.version_info[:2])))' \
            't["python"]["facts"]["base_prefix"] == sys.base_prefix' \
            't["python"]["facts"]["encoding"]["default"] == "utf-8"' 't["python"]["facts"]["venv"] is False'
}
go_here() {
    [ -n "$GO" ] || { echo "configure found no go"; return 1; }
    path=${GO%/*}:$tools GOPROXY=https://ana:hunter2@proxy.example.org,direct probe go --only go &&
        holds 't["go"]["state"] == "ok" and t["go"]["version_text"].startswith("go version go1.")' \
            't["go"]["facts"]["GOROOT"] and t["go"]["facts"]["GOVERSION"].startswith("go1.")' \
            '"***@proxy.example.org" in t["go"]["facts"]["GOPROXY"]' &&
        ! grep -q hunter2 "$work/go.json" "$work/go.table"
}
a_venv() {
    "$PYTHON3" -m venv --without-pip "$work/venv" &&
        path=$(dirname "$GO"):$work/py:$tools probe venv --only python --only pip --timeout 60s \
            --activate "echo 'PATH=/evil'; printf 'x\\0y\\0' >&9; . '$work/venv/bin/activate'" &&
        holds 'd["activation"]["problem"] is None' \
            '{c["name"] for c in d["activation"]["changed"]} >= {"PATH", "VIRTUAL_ENV"}' \
            '[c["before"] for c in d["activation"]["changed"] if c["name"] == "VIRTUAL_ENV"] == [None]' \
            't["python"]["kind"] == "venv" and t["python"]["facts"]["venv"] is True' \
            't["python"]["facts"]["prefix"].endswith("/venv")' \
            'd["environment"]["VIRTUAL_ENV"].endswith("/venv")' \
            'd["activation"]["children"]["python"]["environment"]["VIRTUAL_ENV"].endswith("/venv")' \
            'd["activation"]["children"]["go"]["environment"]["VIRTUAL_ENV"].endswith("/venv")' \
            't["pip"]["state"] == "absent" and t["pip"]["winner"] is None and len(t["pip"]["problems"]) == 1' \
            't["pip"]["problems"][0]["text"] == "not in this venv: No module named pip"'
}
no_traces() {
    mkdir "$work/tmp" && path=$(dirname "$GO"):$tools TMPDIR=$work/tmp probe traces --only make --activate : --timeout 60s &&
        holds 'd["activation"]["children"]["go"]["problem"] is None' && [ -z "$(ls -A "$work/tmp")" ]
}

# --- Candidates -----------------------------------------------------------------

candidates() {
    program "$work/a" make <<'END'
END
    chmod 644 "$work/a/make"
    mkdir -p "$work/b/make" "$work/c" && ln -s nowhere "$work/c/make"
    printf '#!/bin/sh\necho "GNU Make 4.3"\n' | program "$work/d" make
    printf '#!/bin/sh\necho "GNU Make 3.81"\n' | program "$work/e" make
    ln -s ../d/make "$work/e/gmake"
    path=$work/a:$work/b:$work/c:$work/d:$work/e:$tools probe candidates --only make &&
        holds '[c["path"].split("/")[-2:] for c in t["make"]["candidates"]] == [[x, "make"] for x in "abcde"] + [["e", "gmake"]]' \
            '[c["errno"] for c in t["make"]["candidates"]] == ["EACCES", "EISDIR", "ENOENT", None, None, None]' \
            '[c["wins"] for c in t["make"]["candidates"]] == [False] * 3 + [True, False, False]' \
            't["make"]["candidates"][0]["mode"] == "0644" and t["make"]["candidates"][2]["mode"] is None' \
            't["make"]["version"] == "4.3.0" and "3 that cannot be executed" in t["make"]["reason"]' \
            't["make"]["candidates"][5]["real"].endswith("/d/make")'
}
shim() {
    program "$work/.pyenv/versions/3.9.1/bin" uv <<'END'
#!/bin/sh
echo "uv 0.4.18 (7b55e9790 2024-10-01)"
END
    program "$work/.pyenv/shims" uv <<'END'
#!/bin/sh
# pyenv rehash made this
exec pyenv exec uv "$@"
END
    program "$work/.pyenv/bin" pyenv <<'END'
#!/bin/sh
real=$HOME/.pyenv/versions/3.9.1/bin/uv
case $1 in which) echo "$real" ;; exec) shift 2; exec "$real" "$@" ;; esac
END
    path=$work/.pyenv/shims:$work/.pyenv/bin:$tools probe shim --only uv &&
        holds 't["uv"]["version"] == "0.4.18" and t["uv"]["kind"] == "pyenv"' \
            't["uv"]["candidates"][0]["shim"] == "pyenv"' 't["uv"]["real"].endswith("/versions/3.9.1/bin/uv")'
}
nothing() {
    path=$work/empty probe nothing && holds 'all(tool["state"] == "absent" for tool in t.values())' 'len(t) >= 11'
}

# --- Toolchains that are not whole ------------------------------------------------

# environment PREFIX PACKAGE...: a conda environment, by its files.
environment() {
    prefix=$1
    shift
    mkdir -p "$prefix/conda-meta" "$prefix/bin"
    : >"$prefix/conda-meta/history"
    for package; do echo '{}' >"$prefix/conda-meta/$package.json"; done
    printf '#!/bin/sh\necho "{\\"version\\": \\"3.11.8\\"}"\n' | program "$prefix/bin" python3
}
conda_without_conda() {
    environment "$work/mini/miniforge3" conda-24.1.0-py311_0
    environment "$work/mini/miniforge3/envs/science" numpy-1.26.4-py311h64a7726_0 ca-certificates-2024.2.2-hbcca054_0
    environment "$work/elsewhere/listed"
    mkdir -p "$work/mini/.conda" "$work/mini/plain/bin"
    printf '%s\n/nowhere\nno path\n' "$work/elsewhere/listed" >"$work/mini/.conda/environments.txt"
    home=$work/mini EXTRA=CONDA_PREFIX=$work/mini/miniforge3/envs/science probe without --only conda --only python &&
        holds 't["conda"]["state"] == "absent" and t["conda"]["winner"] is None' \
            't["conda"]["facts"]["active_name"] == "science"' \
            't["conda"]["facts"]["active_prefix"].endswith("/miniforge3/envs/science")' \
            '[p.split("/")[-1] for p in t["conda"]["facts"]["environments"]] == ["science", "listed", "miniforge3"]' \
            '[(p["name"], p["version"], p["build_string"]) for p in t["conda"]["facts"]["packages"]] == [("ca-certificates", "2024.2.2", "hbcca054_0"), ("numpy", "1.26.4", "py311h64a7726_0")]' \
            '[(c["kind"], c["version"]) for c in t["python"]["candidates"]] == [("conda", "3.11.8")]' &&
        path=$work/mini/miniforge3/bin:$tools probe by-path --only conda --only python &&
        holds 't["conda"]["facts"]["active_name"] == "base" and t["python"]["kind"] == "conda"' \
            '[p.split("/")[-1] for p in t["conda"]["facts"]["environments"]] == ["miniforge3", "science"]' &&
        path=$work/mini/plain/bin:$tools EXTRA=CONDA_PREFIX=$work/mini/plain probe no-conda --only conda &&
        holds 't["conda"]["facts"] == {}'
}
# A Python 2.7: what it is asked with -c it does not say, and its version goes to stderr.
pyenv_27() {
    for name in python python2 python2.7; do
        printf '#!/bin/sh\n[ "$1" = --version ] || { echo "SyntaxError: invalid syntax" >&2; exit 1; }\necho "Python 2.7.18" >&2\n' |
            program "$work/p27/.pyenv/versions/2.7.18/bin" "$name"
    done
    program "$work/p27/.pyenv/shims" python2 <<'END'
#!/bin/sh
# pyenv rehash made this
printf 'pyenv: python2: command not found\n\nThe python2 command exists in these Python versions:\n  2.7.18\n' >&2
exit 127
END
    home=$work/p27 path=$work/p27/.pyenv/shims:$tools probe p27 --only python &&
        holds 't["python"]["state"] == "absent" or t["python"]["winner"] is None' \
            '{c["path"].split("/")[-1]: (c["version"], c["kind"], c["from"]) for c in t["python"]["candidates"] if "/versions/" in c["path"]} == {n: ("2.7.18", "pyenv", "pyenv") for n in ("python", "python2", "python2.7")}' \
            '[c["shim"] for c in t["python"]["candidates"] if c["path"].endswith("/shims/python2")] == ["pyenv"]' &&
        path=$work/p27/.pyenv/versions/2.7.18/bin:$tools probe p27-wins --only python &&
        holds 't["python"]["state"] == "partial" and t["python"]["version"] == "2.7.18"' \
            't["python"]["version_text"] == "Python 2.7.18"' \
            '"SyntaxError: invalid syntax" in t["python"]["problems"][0]["text"]'
}
# go.mod or GOTOOLCHAIN wants a toolchain that cannot be had.
go_toolchain() {
    program "$work/go/bin" go <<'END'
#!/bin/sh
[ "${GOTOOLCHAIN-}" = local ] && [ "$1" = version ] && { echo "go version go1.22.1 linux/amd64"; exit; }
echo "go: download go1.99 for linux/amd64: toolchain not available" >&2
exit 1
END
    path=$work/go/bin:$tools probe toolchain --only go &&
        holds 't["go"]["state"] == "partial" and t["go"]["version"] == "1.22.1"' \
            '"toolchain not available" in t["go"]["problems"][0]["text"]' \
            '[r["run"] for r in t["go"]["runs"]] == ["version", "env", "installed"]' || return
    program "$work/go2/bin" go <<'END'
#!/bin/sh
echo "go: download go1.99 for linux/amd64: toolchain not available" >&2
exit 1
END
    printf 'go1.21.6\ntime 2024-01-02T17:55:19Z\n' >"$work/go2/VERSION"
    mkdir -p "$work/go2-link" && ln -s ../go2/bin/go "$work/go2-link/go"
    for path in "$work/go2/bin:$tools" "$work/go2-link:$tools"; do
        probe version-file --only go && holds 't["go"]["state"] == "partial" and t["go"]["version"] == "1.21.6"' || return
    done
    rm "$work/go2/VERSION" && mkfifo "$work/go2/VERSION" && probe version-fifo --only go && holds 't["go"]["state"] == "failed"'
}
# says NAME TEXT EXPECTED: what is reported of a make that fails with this on stderr.
says() {
    printf '%b' "$2" >"$work/said.$1"
    printf '#!/bin/sh\ncat "%s" >&2\nexit 3\n' "$work/said.$1" | program "$work/says-$1" make
    path=$work/says-$1:$tools probe "says-$1" --only make &&
        WANTED="exited with 3${3:+: $3}" holds 't["make"]["problems"][0]["text"] == __import__("os").environ["WANTED"]'
}
telling() {
    says traceback 'Traceback (most recent call last):\n  File "error.py", line 1, in f\n    raise KeyError("x error")\nKeyError: "missing"\n' \
        'KeyError: "missing"' &&
        says errors 'reading\ncc: fatal error: no input files\ncompilation terminated.\nlong\nmake: *** [x] Error 1\n' \
            'cc: fatal error: no input files' &&
        says plain 'cannot find the thing\nlook\nat\nall of this\n\n' 'cannot find the thing ... all of this' &&
        says goes-on 'command not found\n\nthere is:\n  2.7.18\n' 'command not found' &&
        says one 'no such thing\r\n' 'no such thing' && says nothing '' '' &&
        says controls '\033[31mError: red\033[0m\n' '\x1b[31mError: red\x1b[0m' &&
        printf '#!/bin/sh\necho "error: on stdout"\nexit 3\n' | program "$work/stdout" make &&
        path=$work/stdout:$tools probe stdout --only make && holds '"exited with 3: error: on stdout" in t["make"]["problems"][0]["text"]'
}
pip_fails() {
    program "$work/pip-none" python3 <<'END'
#!/bin/sh
echo "/x/python3: No module named pip" >&2; exit 1
END
    program "$work/pip-bad" python3 <<'END'
#!/bin/sh
printf 'Traceback (most recent call last):\n  File "x"\nImportError: broken\n' >&2; exit 1
END
    path=$work/pip-none:$tools probe pip-none --only pip &&
        holds 't["pip"]["state"] == "absent" and t["pip"]["problems"][0]["text"] == "not in this Python: No module named pip"' &&
        path=$work/pip-bad:$tools probe pip-bad --only pip &&
        holds 't["pip"]["state"] == "failed" and "ImportError: broken" in t["pip"]["problems"][0]["text"]'
}

# --- conda, well and badly --------------------------------------------------------

mkdir "$work/conda"
for tool in conda mamba micromamba; do
    cp "$srcdir/tests/data/conda/conda" "$work/conda/$tool" && chmod 755 "$work/conda/$tool"
done
with_conda() {
    manners=$1
    shift
    path=$work/conda:$tools probe "$manners" --only conda "$@"
}
as_good='t["conda"]["version"] == "23.7.4"
    and [p["name"] for p in t["conda"]["facts"]["packages"]] == ["bzip2", "numpy"]
    and len(t["conda"]["facts"]["environments"]) == 2
    and t["conda"]["facts"]["active_prefix"].startswith("/opt/conda/envs/")'
as_good=$(echo "$as_good" | tr -d '\n')

good() {
    path=$work/conda:$tools probe good --only conda --only mamba --only micromamba &&
        holds "$as_good" 't["conda"]["state"] == "ok" and t["conda"]["facts"]["active_name"] == "science"' \
            't["mamba"]["version"] == "1.5.1"' 't["micromamba"]["version"] == "1.5.8"' \
            't["micromamba"]["facts"]["root_prefix"] == "/opt/conda"' &&
        ! grep -q hunter2 "$work/good.json"
}
banner() { with_conda banner && holds "$as_good" 't["conda"]["state"] == "ok"'; }
gbk() { with_conda gbk && holds "$as_good" 't["conda"]["runs"][0]["stdout"]["replaced"] > 0'; }
flood() {
    with_conda flood --timeout 60s &&
        holds "$as_good" 't["conda"]["runs"][0]["stdout"]["bytes"] > 50000000' &&
        [ "$(wc -c <"$work/flood.json")" -lt 100000 ]
}
noise() {
    with_conda noise --timeout 60s &&
        holds 't["conda"]["state"] == "failed"' 'any("complete JSON" in p["text"] for p in t["conda"]["problems"])'
}
exits_whole() {
    with_conda exits &&
        holds "$as_good" 't["conda"]["state"] == "partial"' \
            'all("exited with 1, but its output is complete: CondaVerificationError" in p["text"] for p in t["conda"]["problems"])'
}
error() {
    with_conda error &&
        holds 't["conda"]["state"] == "failed"' \
            'any("NotWritableError: PermissionError" in p["text"] for p in t["conda"]["problems"])'
}
cut() { with_conda cut && holds 't["conda"]["state"] == "failed"' 'all(r["code"] == 0 for r in t["conda"]["runs"])'; }
hang() {
    printf '#!/bin/sh\necho "GNU Make 4.3"\n' | program "$work/d" make
    manners=hang
    path=$work/conda:$work/d:$tools probe hang --timeout 2s --only conda --only make &&
        holds 't["conda"]["state"] == "failed" and t["make"]["state"] == "ok"' \
            'all(r["why"] == "timeout" and "SIGKILL" in r["stopped_with"] for r in t["conda"]["runs"])'
}
lock() {
    with_conda lock --timeout 2s &&
        holds 'all(r["why"] == "timeout" for r in t["conda"]["runs"])' \
            'all("LOCKERROR" in p["text"] for p in t["conda"]["problems"])'
}
activate_conda() {
    manners=good
    path=$work/conda:$tools probe activated --only conda --activate 'conda activate science' --timeout 60s &&
        holds 'd["environment"]["CONDA_PREFIX"] == "/opt/conda/envs/science"' &&
        path=$work/conda:$tools probe unknown --only conda --activate 'conda activate nowhere' &&
        holds '"EnvironmentNameNotFound: nowhere" in d["activation"]["problem"]' \
            't == {} and d["fingerprint"] is None'
}

# --- From outside -----------------------------------------------------------------

outside() {
    printf '#!/bin/sh\necho "v20.1.0-beta.2 abi 115"\n' | program "$work/d" node
    printf '#!/bin/sh\necho hello; echo "{\\"v\\": [\\"1.2\\"], \\"n\\": {\\"a/b\\": 7}}"\n' | program "$work/d" tool
    printf '%s\n' '{"name": "node", "argv": ["node", "--version"], "timeout_s": 5,
           "pattern": "v(?<version>\\S+) abi (?<abi>[0-9]+)"}' >"$work/node.json"
    echo '{"weir": 1, "name": "tool", "argv": ["tool"], "json": {"version": "/v/0", "count": "/n/a~1b"}}' >"$work/tool.json"
    path=$work/d:$tools probe outside --detector "$work/node.json" --detector "$work/tool.json" --only node --only tool &&
        holds 't["node"]["version"] == "20.1.0-beta.2" and t["node"]["facts"] == {"abi": "115"}' \
            't["tool"]["version"] == "1.2.0" and t["tool"]["facts"] == {"count": 7}'
}
refuses() { # refuses TEXT MESSAGE
    printf '%s' "$1" >"$work/bad.json"
    exits 2 "$weir" probe --detector "$work/bad.json" >"$work/bad.out" 2>"$work/bad.err" && has "$2" "$work/bad.err" &&
        [ ! -s "$work/bad.out" ]
}
unusable() {
    refuses '{"name": "x",
 "argv": []}' 'bad.json:2:10: /argv: use an array' &&
        refuses '{"name": "x", "argv": ["x"], "timeout": 3}' '/timeout: unknown key' &&
        refuses '{"name": "go", "argv": ["x"]}' '/name: "go" is built in' &&
        refuses '{"name": "x", "argv": ["x"], "pattern": "(?<version>"}' '/pattern: at character' &&
        refuses '{"name": "x", "argv": ["x"], "pattern": "1"}' '/pattern: it has no named group' &&
        refuses '{"name": "x", "argv": ["x", 1]}' '/argv/1: use a string' &&
        refuses '{"name": "x", "argv": ["x"], "json": {"version": "v"}}' '/json/version: use a JSON pointer' &&
        refuses '{"name": "x"' 'bad.json:1:' && refuses '[]' 'use an object' && refuses '{"name": "x"}' 'add "argv"' &&
        exits 2 "$weir" probe --detector "$work/no-such.json" 2>/dev/null &&
        exits 2 "$weir" probe --only no-such 2>/dev/null && exits 2 "$weir" probe go 2>/dev/null
}
slow_pattern() { # (a+)+$ on aaaa...b: given up, not waited for
    printf '#!/bin/sh\necho aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n' | program "$work/d" slow
    echo '{"name": "slow", "argv": ["slow"], "pattern": "(?<version>(a+)+)$"}' >"$work/slow-detector.json"
    path=$work/d:$tools probe slow --detector "$work/slow-detector.json" --only slow &&
        holds '"too many steps" in t["slow"]["problems"][0]["text"]'
}
list_names() {
    "$weir" probe --list >"$work/list" && for name in go python pip conda mamba micromamba uv cc make pkg-config libc; do
        grep -q "^$name " "$work/list" || { echo "no $name"; return 1; }
    done
}

# --- The report ---------------------------------------------------------------------

# Two homes, two machines' paths, the same tools.
fingerprints() {
    for user in ana bo; do
        mkdir -p "$work/home/$user/bin" && cp "$work/conda/conda" "$work/home/$user/bin/"
        printf '#!/bin/sh\necho "GNU Make 4.3"\n' | program "$work/home/$user/bin" make
        home=$work/home/$user path=$work/home/$user/bin:$tools manners=good probe "print-$user" --only conda --only make || return 1
    done
    printf '#!/bin/sh\necho "GNU Make 4.4"\n' | program "$work/home/bo/bin" make
    home=$work/home/bo path=$work/home/bo/bin:$tools manners=good probe print-other --only conda --only make || return 1
    "$PYTHON3" - "$work/print-ana.json" "$work/print-bo.json" "$work/print-other.json" <<'END'
import json, sys
ana, bo, other = (json.load(open(path))["fingerprint"] for path in sys.argv[1:])
assert ana == bo, (ana, bo)
assert other != bo, "another make has the same fingerprint"
END
}
secrets() {
    OTEL_EXPORTER_OTLP_HEADERS=api-key=hunter2 UV_PUBLISH_TOKEN=hunter2 PIP_INDEX_URL=https://ana:hunter2@pypi.example.org/simple \
        PYTHONPATH=/lib/x probe secrets --only make &&
        holds 'd["environment"]["PYTHONPATH"] == "/lib/x"' 'd["environment"]["OTEL_EXPORTER_OTLP_HEADERS"] == "***"' \
            '"pypi.example.org" in d["environment"]["PIP_INDEX_URL"]' && ! grep -q hunter2 "$work/secrets.json"
}
json_elsewhere() {
    "$weir" probe --only make >"$work/o1" && head -c 25 "$work/o1" | grep -qF '{"weir":1,"kind":"probe"' &&
        "$weir" probe --only make --report "$work/o2" | grep -q '^make' && grep -q '"kind":"probe"' "$work/o2" &&
        "$weir" probe --only make --report - | grep -qF '"kind":"probe"'
}
ends_when_reported() {
    manners=hang
    PATH=$work/conda:$tools MANNERS=hang "$weir" probe --only conda --timeout 100s >"$work/reported" 2>&1 &
    pid=$!
    until "$PYTHON3" -c 'import glob, sys
sys.exit(not any(b"conda\0info" in open(p, "rb").read() for p in glob.glob("/proc/[0-9]*/cmdline") if __import__("os").path.exists(p)))' 2>/dev/null; do
        kill -0 $pid || return 1
    done
    kill -TERM $pid
    wait $pid
    same 143 $? && has '"why":"cancelled"' "$work/reported"
}

plan 31
check "the Python of this machine" python_here
check "the Go of this machine, its proxy's password masked" go_here
check "a venv, from the shell down to a Python and a Go child" a_venv
check "the Go child leaves nothing behind" no_traces
check "every candidate, in order, and why one wins" candidates
check "what is behind a shim" shim
check "nothing on the PATH" nothing
check "conda environments where there is no conda" conda_without_conda
check "pyenv's 2.7, whose version goes to stderr" pyenv_27
check "the installed go where GOTOOLCHAIN cannot be had" go_toolchain
check "the most telling line of a program that failed" telling
check "no pip in this venv, and a pip that fails" pip_fails
check "conda, mamba and micromamba" good
check "conda: a banner before and after its JSON" banner
check "conda: bytes of GBK" gbk
check "conda: 50 MB before its JSON" flood
check "conda: 50 MB and no JSON" noise
check "conda: exit status 1 with valid JSON" exits_whole
check "conda: an error reported as JSON" error
check "conda: JSON cut short" cut
check "conda: it hangs, and ignores SIGTERM; make does not wait for it" hang
check "conda: it waits for a lock" lock
check "conda activate is there for --activate" activate_conda
check "detectors from files" outside
check "unusable detector files: 2, line and pointer" unusable
check "a pattern that would take for ever is given up" slow_pattern
check "--list names all" list_names
check "equal environments have equal fingerprints" fingerprints
check "secrets are masked" secrets
check "JSON where no process reads" json_elsewhere
check "asked to end, it ends what it runs and says so" ends_when_reported
