#!/bin/sh
# What README.md says, with a local Spark. Prints TAP. WEIR: the command; SPARK_PYTHON: a Python that
# has PySpark. tests/engines/spark.sh runs this in a build directory.
srcdir=${srcdir:-$(dirname "$0")/../..}
# shellcheck disable=SC1091  # found when it runs
. "$srcdir/tests/support/tap.sh"
here=$(cd "$srcdir/examples/spark" && pwd)
WEIR=$(realpath "${WEIR:-$(command -v weir)}")
export WEIR
# A machine whose name cannot be resolved has this address too; and no directory for a user's name.
export SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS="$work" PYTHONDONTWRITEBYTECODE=1
python=${SPARK_PYTHON:-python3}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v java >/dev/null || skip_all "no java"
"$python" -c 'import pyspark' 2>/dev/null || skip_all "no PySpark"
timeout 120 "$python" -c '
from pyspark import SparkContext
with SparkContext("local[1]") as spark:
    spark.parallelize([1], 1).collect()' >"$work/start" 2>&1 || skip_all "a local Spark does not start here"

plan 5
example() {
    mkdir "$work/run"
    timeout 300 "$python" "$here/job.py" "$work/run" >"$work/out" 2>"$work/err" || { cat "$work/err" && return 1; }
    sed '1,/^```text$/d; /^```$/,$d' "$here/README.md" >"$work/shown"
    cmp "$work/shown" "$work/out" || { cat "$work/out" && return 1; }
}
check "README.md shows what job.py prints" example

mkdir "$work/cases"
timeout 300 "$python" "$here/cases.py" "$work/cases" >"$work/results" 2>"$work/cases.err" || tail -n 20 "$work/cases.err" | sed 's/^/# /'
for name in "empty partitions" "empty environment" "a dead letter file of each partition" "a task that fails once is repeated"; do
    check "$name" grep -qx "ok $name" "$work/results"
done
