#!/bin/sh
# up.sh N DIRECTORY: starts a Slurm of N virtual nodes, n1 to nN with four processors each, on this
# machine. DIRECTORY, which must be new, holds its files; `DIRECTORY/enter COMMAND...` runs a command
# on its front end. down.sh stops and removes all of it. Exit 77: it cannot run here.
#
# All of it is in one network namespace that has only a loopback device, so nothing else on the
# machine or beyond can reach it, and in one process namespace, so it can be ended at once.
set -eu
# Daemons are in sbin, which an ordinary PATH need not have.
PATH=$PATH:/usr/sbin:/sbin
export PATH
here=$(cd "$(dirname "$0")" && pwd)
count=$1

cannot() {
    echo "up.sh: $1" >&2
    exit 77
}
[ "$(id -u)" -eq 0 ] || cannot "not root"
for program in slurmctld slurmd srun munged unshare nsenter setsid ip pgrep; do
    command -v $program >/dev/null || cannot "no $program"
done
unshare --net --uts --pid --fork --mount-proc ip link set lo up 2>/dev/null || cannot "no namespaces can be made"

mkdir "$2"
cd "$2"
place=$PWD
mkdir log state spool run
echo "127.0.0.1 localhost control" >hosts
for number in $(seq "$count"); do
    mkdir "spool/n$number"
    echo "10.0.0.$number n$number" >>hosts
done
(umask 077 && head -c 1024 /dev/urandom >munge.key)
echo "CgroupPlugin=cgroup/v1" >cgroup.conf
cat >slurm.conf <<END
ClusterName=weir
SlurmctldHost=control(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$place/run/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool/%n
SlurmctldPidFile=$place/run/slurmctld.pid
SlurmdPidFile=$place/run/%n.pid
SlurmctldLogFile=$place/log/control
SlurmdLogFile=$place/log/%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/none
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
PropagateResourceLimits=NONE
KillWait=2
NodeName=n[1-$count] NodeAddr=10.0.0.[1-$count] Port=[7001-$((7000 + count))] CPUs=4
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END

SLURM_CONF=$place/slurm.conf setsid unshare --net --uts --pid --fork --kill-child --mount-proc \
    sh "$here/boot.sh" control "$count" >log/boot 2>&1 </dev/null &
pid=$!
echo $pid >pid
cat >enter <<END
#!/bin/sh
exec nsenter --net=/proc/$pid/ns/net env SLURM_CONF=$place/slurm.conf "\$@"
END
chmod +x enter

# Until all nodes are idle.
for _ in $(seq 600); do
    kill -0 $pid 2>/dev/null || break
    ! ./enter timeout 10 sinfo -h -t idle -o %D 2>/dev/null | grep -qx "$count" || exit 0
    sleep 0.05
done
cat log/boot log/control >&2
"$here/down.sh" "$place"
cannot "Slurm does not start"
