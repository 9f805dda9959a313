#!/bin/sh
# What the namespaces run first: `boot.sh control N` for the whole cluster, and in it `boot.sh node
# NAME` for each node. As its namespace's first process it takes all others with it when it is killed.
set -eu
place=$(dirname "$SLURM_CONF")
case $1 in
control)
    hostname control
    mount --bind "$place/hosts" /etc/hosts
    ip link set lo up
    munged --foreground --force --key-file="$place/munge.key" --socket="$place/run/munge" \
        --pid-file="$place/run/munged.pid" --log-file="$place/log/munged" --seed-file="$place/run/seed" &
    for number in $(seq "$2"); do
        ip address add "10.0.0.$number/32" dev lo
        unshare --uts --pid --fork --kill-child --mount-proc sh "$0" node "n$number" &
    done
    slurmctld -D -c &
    ;;
node)
    hostname "$2"
    slurmd -D -N "$2" &
    ;;
esac
wait
