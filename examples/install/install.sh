#!/bin/sh
# Installs a set of tools, all of them or none:
#
#   install.sh PREFIX [SET]     installs what SET/tools.txt lists (SET: the directory of this file)
#   install.sh --check PREFIX   whether every file there is as it was installed
#   install.sh --back PREFIX    back to what was there before
#
# PREFIX becomes a symbolic link to a directory in PREFIX.d. A new set gets a directory of its own
# there, in which it is completed and checked; then the link is replaced, by one rename(2). Until
# then PREFIX is the old set, from then on the new one.
#
# Programs are in PREFIX/bin and PREFIX/conda/bin, Python's modules in PREFIX/python.
# PREFIX.d/audit.log is weir's log of each step.
set -eu

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# Every step is a run of weir: with a time limit, in the log, and with nothing left of it at its end.
# Descriptor 9 is the lock, which must not live on in a step.
step() { "$weir" run --audit "$log" --timeout "${STEP_TIMEOUT:-10m}" --grace 2s "$@" 9>&-; }

checks_files() { (cd "$1" && sha256sum --quiet -c FILES.sha256); }

# switch_to NAME: PREFIX is that directory from now on.
switch_to() {
    ln -sfn "$(basename "$all")/$1" "$all/next"
    mv -Tf "$all/next" "$prefix"
}

# Go checks the module against the sum in its cache; this checks it against ours.
install_go() {
    module=$1@$2
    # The module of a package is the longest part of its path that has this version.
    path=$1
    until step -- "$go" mod download -json "$path@$2" >"$stage/module.json" 2>"$stage/said"; do
        case $path in
        */*) path=${path%/*} ;;
        *) cat "$stage/said" "$stage/module.json" >&2 && fail "$module: no such module" ;;
        esac
    done
    found=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["Sum"])' <"$stage/module.json")
    rm "$stage/module.json" "$stage/said"
    [ "$found" = "$3" ] || fail "$module: its hash is $found, and not $3"
    step --env GOBIN="$stage/bin" -- "$go" install "$module"
}

install_wheel() {
    echo "$1==$2 --hash=sha256:$3" >"$stage/wheel.txt"
    step --env PIP_ROOT_USER_ACTION=ignore -- python3 -m pip --disable-pip-version-check --quiet install --no-deps \
        --only-binary :all: --require-hashes --no-compile --target "$stage/python" -r "$stage/wheel.txt"
    rm "$stage/wheel.txt"
}

# conda checks the package against the hash in its index.
install_conda() {
    conda=${CONDA:-conda}
    command -v "$conda" >/dev/null || { echo "install.sh: no conda: $1 is left out" >&2; return; }
    step -- "$conda" create --quiet --yes --no-deps --prefix "$stage/conda" "$1=$2"
}

verb=install
case ${1:-} in
--check | --back) verb=${1#--} && shift ;;
-*) fail "unknown option $1" ;;
esac
[ $# -gt 0 ] && [ $# -le 2 ] || fail "usage: install.sh [--check | --back] PREFIX [SET]"
weir=${WEIR:-weir} go=${GO:-go}
prefix=$1 all=$1.d set=${2:-$(dirname "$0")}
case $prefix in /*) ;; *) prefix=$PWD/$prefix all=$PWD/$all ;; esac
log=$all/audit.log

if [ "$verb" = check ]; then
    checks_files "$prefix" || fail "$prefix is not as it was installed"
    exit 0
fi
[ ! -e "$prefix" ] || [ -L "$prefix" ] || fail "$prefix exists, and is not a link of install.sh"
mkdir -p "$all"
exec 9>"$all/lock"
flock -w 60 9 || fail "another install.sh is at work in $all"

if [ "$verb" = back ]; then
    before=$(cat "$prefix/BEFORE")
    [ -n "$before" ] && [ -d "$all/$before" ] || fail "there is nothing before it"
    switch_to "$before"
    exit 0
fi

# What is there now stays, for --back; what an interrupted install.sh has left goes.
now=$(readlink "$prefix" || :)
now=${now##*/}
for old in "$all"/set.*; do
    [ "$old" = "$all/$now" ] || [ "$old" = "$all/$(cat "$prefix/BEFORE" 2>/dev/null)" ] || rm -rf "$old" || : # by the next run
done
stage=$(mktemp -d "$all/set.XXXXXX")
trap '[ "$(readlink "$prefix")" = "$(basename "$all")/${stage##*/}" ] || rm -rf "$stage"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
mkdir "$stage/bin" "$stage/python"
chmod 755 "$stage"

while read -r kind name version hash; do
    case $kind in
    '' | '#'*) ;;
    go | wheel | conda) "install_$kind" "$name" "$version" "$hash" </dev/null ;;
    *) fail "$set/tools.txt: unknown kind $kind" ;;
    esac
done <"$set/tools.txt"

# The tools are looked for as they will be found, and must be what the contract says.
set -- --contract "$set/contract.json"
for tool in "$set"/*.tool.json; do
    name=${tool##*/}
    set -- "$@" --detector "$tool" --only "${name%.tool.json}"
done
PATH=$stage/bin:$stage/conda/bin:$PATH PYTHONPATH=$stage/python PYTHONDONTWRITEBYTECODE=1 \
    "$weir" probe --audit "$log" --timeout 1m --report "$stage/tools.json" "$@" >"$stage/tools.out" 9>&- ||
    { cat "$stage/tools.out" >&2; fail "the contract does not hold: nothing was changed"; }
rm "$stage/tools.out"

echo "$now" >"$stage/BEFORE"
(cd "$stage" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$all/files"
mv "$all/files" "$stage/FILES.sha256"
checks_files "$stage"
sync
switch_to "${stage##*/}"
