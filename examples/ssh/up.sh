#!/bin/sh
# up.sh DIRECTORY: starts an sshd for this user on loopback, with keys of its own, so that
# `ssh -F DIRECTORY/config node` reaches this machine. down.sh stops it. Exit 77: there is no sshd.
set -eu
mkdir -p "$1"
chmod 700 "$1"
cd "$1"
place=$PWD
sshd=$(command -v sshd || true)
[ -n "$sshd" ] || [ ! -x /usr/sbin/sshd ] || sshd=/usr/sbin/sshd
if [ -z "$sshd" ] || ! command -v ssh >/dev/null || ! command -v ssh-keygen >/dev/null; then
    echo "up.sh: no sshd, ssh or ssh-keygen" >&2
    exit 77
fi
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
for key in host key; do
    [ -e $key ] || ssh-keygen -q -t ed25519 -N "" -f $key
done
first=$((20000 + $$ % 20000))
for port in $(seq $first 7 $((first + 140))); do
    cat >sshd_config <<END
Port $port
ListenAddress 127.0.0.1
HostKey $place/host
PidFile $place/pid
AuthorizedKeysFile $place/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
END
    cat >config <<END
Host node*
    HostName 127.0.0.1
    Port $port
    IdentityFile $place/key
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
END
    rm -f pid
    "$sshd" -f "$place/sshd_config" -E "$place/log" || continue # the port is taken
    for _ in $(seq 200); do
        [ -s pid ] && ssh -F config node true 2>error && exit 0
        sleep 0.05
    done
    cat log error >&2
    ! [ -s pid ] || kill "$(cat pid)"
done
exit 1
