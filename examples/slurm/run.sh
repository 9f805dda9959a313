#!/bin/sh
# Maps and a pool on a Slurm of three virtual nodes, which this brings up and takes down: run.sh
# [DIRECTORY], a new one for its files.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH=${PYTHONPATH:-$HERE/../../sdk/python}
WEIR=${WEIR:-weir}
export HERE PYTHONPATH WEIR
work=${1:-$(mktemp -du)}
mkdir "$work"
"$HERE/up.sh" 3 "$work/slurm"
trap '"$HERE/down.sh" "$work/slurm"' EXIT
cd "$work"
seq -f '{"id":%.0f}' 10000 >in

echo "A map in an interactive allocation:"
slurm/enter salloc -Q -N3 -n12 "$WEIR" map -j12 --launcher "$HERE/step-launch" --launcher-stop "$HERE/step-stop" \
    --input in --output squares --call square -- python3 "$HERE/squares.py" 2>messages || { cat messages; exit 1; }
tail -n 1 squares

echo "The same as a batch job:"
slurm/enter sbatch -Q --wait --output=log "$HERE/map.sbatch" in batch --call square -- python3 "$HERE/squares.py" || { cat log; exit 1; }
cmp squares batch && tail -n 1 batch

echo "An array of four tasks, each with a part of the records:"
slurm/enter sbatch -Q --wait --output=log.%a "$HERE/array.sbatch" in part --call square -- python3 "$HERE/squares.py" || { cat log.*; exit 1; }
cat part.[0-3] | cmp squares && wc -l part.[0-3] | awk '{ print $2, $1 }'

echo "A pool with a worker on each node:"
# shellcheck disable=SC2016  # for the shell in the allocation
slurm/enter salloc -Q -N3 -n3 sh -c '
    mkfifo ready
    "$WEIR" serve -s socket -j3 --min-ready 3 --launcher "$HERE/step-launch" --launcher-stop "$HERE/step-stop" \
        -w "python3 $HERE/squares.py" 2>ready &
    grep -qx ready ready
    "$WEIR" call -s socket square 12
    kill $!; wait'
