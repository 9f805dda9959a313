#!/bin/sh
# What README.md says, in Hadoop's local job runner. Prints TAP. WEIR: the command; HADOOP_JARS: a
# directory with Hadoop's jars. tests/engines/hadoop.sh runs this in a build directory.
srcdir=${srcdir:-$(dirname "$0")/../..}
# shellcheck disable=SC1091  # found when it runs
. "$srcdir/tests/support/tap.sh"
here=$(cd "$srcdir/examples/hadoop" && pwd)
WEIR=$(realpath "${WEIR:-$(command -v weir)}")
export WEIR HADOOP_JARS

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v java >/dev/null || skip_all "no java"
ls "${HADOOP_JARS:-/nonexistent}"/hadoop-streaming-*.jar >/dev/null 2>&1 || skip_all "no jars of Hadoop"
timeout 120 java -cp "$HADOOP_JARS/*" org.apache.hadoop.streaming.HadoopStreaming -help >"$work/help" 2>&1
grep -q -e -mapper "$work/help" || skip_all "Hadoop does not start here"

plan 1
example() {
    timeout 300 "$here/run.sh" "$work/run" >"$work/out" || return
    sed '1,/^```text$/d; /^```$/,$d' "$here/README.md" >"$work/shown"
    cmp "$work/shown" "$work/out" || { cat "$work/out" "$work"/run/*.log && return 1; }
}
check "README.md shows what run.sh prints" example
