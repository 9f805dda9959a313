#!/bin/sh
# Functions of a Python worker, called from a shell in the four modes.
set -eu
cd "$(dirname "$0")"
weir=${WEIR:-weir}
PYTHONPATH=${PYTHONPATH:-../../sdk/python}
export PYTHONPATH

call() { "$weir" call -w 'python3 math_worker.py' "$@"; }

echo "A value in, a value out:"
call add 3 4
call add a=123456789012345678901234567890 b=1
echo "A stream out:"
call count 1 3
echo "A stream in:"
seq 10 | call --stdin sum_of
echo "Both ways:"
printf '2\n4\n9\n' | call --stdin mean_so_far
echo "A function that fails:"
call divide 1 0 2>/dev/null || echo "status $?"
echo "One that takes too long:"
call --timeout 500ms sleep 60 2>/dev/null || echo "status $?"
echo "Available functions:"
call --list
