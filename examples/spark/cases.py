"""What job.py does not show, with one JVM; prints TAP: cases.py DIRECTORY"""

import os
import shlex
import sys
from collections.abc import Callable

from job import WEIR, WORKER, piped
from pyspark import SparkConf, SparkContext

DIRECTORY = sys.argv[1]


def empty_partitions(spark: SparkContext) -> bool:
    return piped(spark.parallelize(["a", "bb"], 6)).collect() == ["1", "2"]


def empty_environment(spark: SparkContext) -> bool:
    words = [WEIR, "map", "-j1", "--format", "line", "--progress", "none", "--", *WORKER]
    return spark.parallelize(["a"], 1).pipe(
        shlex.join(words), env={}, checkCode=True
    ).collect() == ["1"]


def a_dead_letter_file_of_each_partition(spark: SparkContext) -> bool:
    place = os.path.join(DIRECTORY, "dead")
    os.mkdir(place)
    options = ["--dead-letter", os.path.join(place, "%p"), "--max-dead", "1"]
    replies = piped(spark.parallelize(["a", "poison", "bb", "poison"], 2), options).collect()
    letters = []
    for entry in os.scandir(place):
        with open(entry.path, encoding="utf-8") as file:
            letters.append(file.read().count("poison"))
    return replies == ["1", "2"] and len(letters) == 2 and all(letters)


def a_task_that_fails_once_is_repeated(spark: SparkContext) -> bool:
    first = os.path.join(DIRECTORY, "first")
    script = f"mkdir {first} 2>/dev/null && exit 7; exec {shlex.join([WEIR, 'map', '-j1', '--format', 'line', '--', 'cat'])}"
    lines = [str(number) for number in range(100)]
    words = shlex.join(["/bin/sh", "-c", script])
    replies = (
        spark.parallelize(lines, 1).pipe(words, env={"PATH": os.defpath}, checkCode=True).collect()
    )
    return replies == lines and os.path.isdir(first)


CASES: list[Callable[[SparkContext], bool]] = [
    empty_partitions,
    empty_environment,
    a_dead_letter_file_of_each_partition,
    a_task_that_fails_once_is_repeated,
]

conf = SparkConf().setMaster("local[2,3]").setAppName("weir").set("spark.ui.enabled", "false")
with SparkContext(conf=conf) as spark:
    spark.setLogLevel("OFF")
    for case in CASES:
        print("ok" if case(spark) else "not ok", case.__name__.replace("_", " "))
