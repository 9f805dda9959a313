#!/bin/sh
# down.sh DIRECTORY: stops the sshd that up.sh started. Connections that are open stay.
[ ! -s "$1/pid" ] || kill "$(cat "$1/pid")"
rm -f "$1/pid"
