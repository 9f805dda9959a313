#!/bin/sh
# The example in examples/spark, with PySpark in spark-venv/ of the build directory: see its test.sh.
WEIR=$builddir/weir
SPARK_PYTHON=$builddir/spark-venv/bin/python
export WEIR SPARK_PYTHON
exec sh "$srcdir/examples/spark/test.sh"
