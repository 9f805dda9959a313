"""Each partition of an RDD goes through a `weir map` of its own: job.py [DIRECTORY], for dead letters.
WEIR: the path of the command."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence

from pyspark import RDD, SparkConf, SparkContext

WEIR = os.path.realpath(os.environ.get("WEIR") or shutil.which("weir") or "weir")
WORKER = [
    "/usr/bin/env",
    "python3",
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py"),
]


def piped(lines: "RDD[str]", options: Sequence[str] = (), check: bool = True) -> "RDD[str]":
    """Without checkCode, Spark takes the output of a weir that failed as if it were whole."""
    words = [WEIR, "map", "-j2", "--format", "line", "--progress", "none", *options, "--", *WORKER]
    return lines.pipe(shlex.join(words), env={"PATH": os.defpath}, checkCode=check)


def main(directory: str) -> None:
    conf = SparkConf().setMaster("local[2]").setAppName("weir").set("spark.ui.enabled", "false")
    with SparkContext(conf=conf) as spark:
        spark.setLogLevel("OFF")
        good = spark.parallelize([f"line {number}" for number in range(1000)], 4)
        print(
            "4 partitions:", piped(good).count(), "replies, the last is", piped(good).collect()[-1]
        )

        bad = spark.parallelize(["a", "bb", "poison", "dddd"], 2)
        try:
            piped(bad).collect()
        except Exception as error:
            print("a poison record: the job fails:", "exited with error code 3" in str(error))
        print("the same without checkCode:", piped(bad, check=False).collect(), "and no error")

        dead = os.path.join(directory, "dead.%p")
        replies = piped(bad, ["--dead-letter", dead, "--max-dead", "10"]).collect()
        letters = 0
        for entry in os.scandir(directory):
            with open(entry.path, encoding="utf-8") as file:
                letters += file.read().count("\n")
        print("with --dead-letter and --max-dead:", replies, "dead:", letters)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as place:
            main(place)
