#!/bin/sh
# The example in examples/hadoop, with the jars in hadoop-jars/ of the build directory: see its test.sh.
WEIR=$builddir/weir
HADOOP_JARS=$(realpath "$builddir")/hadoop-jars
export WEIR HADOOP_JARS
exec sh "$srcdir/examples/hadoop/test.sh"
