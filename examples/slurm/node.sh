#!/bin/sh
# node.sh DIRECTORY NAME kill|freeze: what may happen to a node. Killed, all its processes are gone;
# frozen, it keeps its connections and answers nothing, as if its cable were cut.
set -eu
first=$(pgrep -P "$(cat "$1/pid")")                  # of the cluster
first=$(pgrep -P "$(pgrep -P "$first" -f "node $2\$")") # of the node
case $3 in
kill) kill -9 "$first" ;;
freeze) pgrep --ns "$first" --nslist pid | xargs kill -STOP 2>/dev/null || : ;; # one may just have ended
esac
