#!/bin/sh
# weir map as the mapper of Hadoop Streaming, in Hadoop's local job runner: run.sh [DIRECTORY], a new
# one for its files. HADOOP_JARS: a directory with the jars that README.md names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
WEIR=$(realpath "${WEIR:-$(command -v weir)}")
work=${1:-$(mktemp -du)}
mkdir -p "$work/good" "$work/bad"
cd "$work"
seq 1000 >numbers
split -n l/2 numbers good/part.
printf 'a\nbb\n' >bad/part.0
printf 'poison\ndddd\n' >bad/part.1

# job IN OUT [MAP-OPTION...]: each file of IN is a task of its own.
job() {
    in=$1 out=$2
    shift 2
    java -cp "$HADOOP_JARS/*" org.apache.hadoop.streaming.HadoopStreaming -D mapreduce.framework.name=local \
        -D fs.defaultFS=file:/// -D hadoop.tmp.dir="$work/tmp" -D mapreduce.job.reduces=0 -input "$in" -output "$out" \
        -mapper "$WEIR map -j2 --format line $* -- /usr/bin/env python3 $here/worker.py" >"$out.log" 2>&1
}
replies() { cat "$1"/part-* | tr -d '\t' | wc -l | tr -d ' '; }

job good lengths || { cat lengths.log; exit 1; }
echo "2 tasks: $(replies lengths) replies"
job bad failed && echo "a poison record: the job succeeds" || echo "a poison record: the job fails"
job bad lengths-but-one --dead-letter "$work/dead.%p" --max-dead 10 || { cat lengths-but-one.log; exit 1; }
echo "with --dead-letter and --max-dead: $(replies lengths-but-one) replies, $(cat dead.* | wc -l | tr -d ' ') dead"
