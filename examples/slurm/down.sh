#!/bin/sh
# down.sh DIRECTORY: ends all that up.sh started there, and removes DIRECTORY.
set -eu
cd "$1"
pid=$(cat pid)
# The kernel ends all of a process namespace with its first process, which unshare waits for.
first=$(pgrep -P "$pid" || :)
[ -z "$first" ] || kill -9 "$first"
for _ in $(seq 1000); do
    case $(ps -o stat= -p "$pid") in '' | Z*) break ;; esac
    sleep 0.01
done
cd /
rm -rf "$1"
