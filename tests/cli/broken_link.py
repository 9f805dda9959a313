"""A spawner that says what cannot be read, or refuses a job that it does not name.  Prints TAP.

broken_link.py WEIR SRCDIR
Nobody knows then what has become of the jobs: the line is broken, and all of them are lost.  No message is dropped.
"""

import os
import subprocess
import sys
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, os.path.join(SRCDIR, "tests", "support"))
from tap_cases import PATIENCE_S, run_cases

SPAWNER = """#!{python}
import os, socket, struct
host = socket.socket(fileno=3)
host.recv(65536)
{act}
while host.recv(65536):
    pass
"""


def run_with(directory: Any, act: Any, *options: Any) -> Any:
    path = os.path.join(directory, "spawner")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SPAWNER.format(python=sys.executable, act=act))
    os.chmod(path, 0o755)
    return subprocess.run(
        [WEIR, "run", *options, "--", "true"],
        env=dict(os.environ, WEIR_SPAWNER=path),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )


def is_lost(result: Any) -> None:
    assert result.returncode == 125, result
    assert b"spawner" in result.stderr, result


def an_answer_that_is_no_json_breaks_the_line(directory: Any) -> None:
    is_lost(run_with(directory, "host.send(b'{\"job\":1,')"))


def an_answer_without_a_job_breaks_the_line(directory: Any) -> None:
    is_lost(run_with(directory, 'host.send(b\'{"what":"ended"}\')'))


def an_answer_without_news_breaks_the_line(directory: Any) -> None:
    is_lost(run_with(directory, "host.send(b'{\"job\":1}')"))


def a_refusal_that_names_no_job_breaks_the_line(directory: Any) -> None:
    is_lost(
        run_with(directory, 'host.send(b\'{"job":0,"what":"refused","errno":12,"detail":""}\')')
    )


def a_large_answer_without_its_file_breaks_the_line(directory: Any) -> None:
    is_lost(run_with(directory, 'host.send(b\'M{"job":1,"what":"failed",\')'))


def a_refusal_that_names_its_job_is_that_jobs(directory: Any) -> None:
    result = run_with(
        directory, 'host.send(b\'{"job":1,"what":"refused","errno":12,"detail":""}\')'
    )
    assert result.returncode == 125, result
    assert b"Cannot allocate memory" in result.stderr, result


def an_answer_of_an_unknown_job_is_let_pass(directory: Any) -> None:
    result = run_with(
        directory,
        'host.send(b\'{"job":7,"what":"ended"}\')\n'
        'host.send(b\'{"job":1,"what":"exit","code":7,"ended":true}\')',
    )
    assert result.returncode == 7, result


run_cases(
    [
        an_answer_that_is_no_json_breaks_the_line,
        an_answer_without_a_job_breaks_the_line,
        an_answer_without_news_breaks_the_line,
        a_refusal_that_names_no_job_breaks_the_line,
        a_large_answer_without_its_file_breaks_the_line,
        a_refusal_that_names_its_job_is_that_jobs,
        an_answer_of_an_unknown_job_is_let_pass,
    ]
)
