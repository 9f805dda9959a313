#!/usr/bin/env python3
"""weir call, with a worker that it starts.  Prints TAP.
call.py WEIR SRCDIR
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

WEIR, SRCDIR = sys.argv[1:3]
sys.path.insert(0, f"{SRCDIR}/tests/support")
from tap_cases import PATIENCE_S, await_file, await_gone, run_cases, until_gone

WORKER = f"{sys.executable} {SRCDIR}/tests/cli/call_worker.py"
ENVIRONMENT = dict(os.environ, PYTHONPATH=f"{SRCDIR}/sdk/python", PYTHONDONTWRITEBYTECODE="1")
# Answers with the bytes that it got as params, and knows nothing of weir.
PLAIN = (
    "import json, sys\n"
    "for line in sys.stdin:\n"
    "    call = json.loads(line)\n"
    "    if call['method'] == 'echo':\n"
    "        params = line[line.index('\"params\":') + 9:line.rindex('}')]\n"
    '        print(\'{"jsonrpc":"2.0","id":%s,"result":%s}\' % (json.dumps(call[\'id\']), params))\n'
    "    else:\n"
    "        print(json.dumps({'jsonrpc': '2.0', 'id': call['id'],\n"
    "                          'error': {'code': -32601, 'message': 'no such method'}}))\n"
    "    sys.stdout.flush()\n"
)


def start(*words: Any, worker: Any = WORKER, **how: Any) -> Any:
    where = ["-w", worker] if worker is not None else []
    how.setdefault("env", ENVIRONMENT)
    return subprocess.Popen(
        [WEIR, "call", *where, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how
    )


def finish(process: Any, given: Any = None) -> Any:
    out, err = process.communicate(given, timeout=PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


def call(*words: Any, given: Any = None, **how: Any) -> Any:
    stdin = subprocess.PIPE if given is not None else subprocess.DEVNULL
    return finish(start(*words, stdin=stdin, **how), given)


def a_value_comes_back() -> None:
    assert call("add", "3", "4") == (0, "7\n", "")
    assert call("add", "a=3", "b=4") == (0, "7\n", "")
    assert call("echo", "hello") == (0, '"hello"\n', "")
    assert call("echo", '"a=b"') == (0, '"a=b"\n', "")


def numbers_pass_as_they_are_written(directory: Any) -> None:
    path = os.path.join(directory, "plain.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PLAIN)
    worker = f"{sys.executable} {path}"
    spelt = ["18446744073709551616", "1e400", "0.10", '{"a":1,"a":2}', '"\\ud800"']
    assert call("echo", *spelt, worker=worker)[:2] == (0, "[" + ",".join(spelt) + "]\n")
    status, out, err = call("other", worker=worker)
    assert (status, out) == (1, "") and "no such method" in err, err


def arguments_that_cannot_be_meant_are_refused() -> None:
    for words, text in ((("add", "a=3", "4"), "by name"), (("add", "a=3", "a=4"), "twice")):
        status, out, err = call(*words)
        assert (status, out) == (2, "") and text in err, err
    status, _, err = call(worker=None)
    assert status == 2 and "no method" in err
    status, _, err = call("-s", "/nowhere", "add")
    assert status == 2 and "remove one" in err
    status, _, err = call("-s", "/nowhere/at/all", "add", worker=None)
    assert status == 125 and "/nowhere/at/all" in err and "weir serve" in err, err


def a_wrong_type_names_the_argument() -> None:
    status, out, err = call("add", "3", "x")
    assert (status, out) == (1, "") and "b" in err, err


def a_stream_is_printed_as_it_comes() -> None:
    assert call("count", "1", "5") == (0, "1\n2\n3\n4\n5\n", "")
    assert call("count", "5", "1") == (0, "", "")


def a_long_stream_is_whole() -> None:
    status, out, _ = call("count", "1", "20000")
    assert status == 0 and out == "".join(f"{i}\n" for i in range(1, 20001))


def standard_input_is_the_input_stream() -> None:
    assert call("--stdin", "total", given=b"1\n\n2\r\n39.5") == (0, "42.5\n", "")
    assert call("--stdin", "total", given=b"") == (0, "0\n", "")
    many = b"".join(b"%d\n" % i for i in range(20000))
    assert call("--stdin", "total", given=many) == (0, f"{sum(range(20000))}\n", "")


def a_function_that_reads_a_stream_wants_stdin() -> None:
    status, out, err = call("total")
    assert (status, out) == (2, "") and "use --stdin" in err, err


def a_line_that_is_not_json_is_named() -> None:
    status, out, err = call("--stdin", "total", given=b"1\n2\noops\n")
    assert (status, out) == (2, "") and "line 3" in err, err
    with open("/dev/zero", "rb") as endless:
        status, out, err = finish(start("--stdin", "total", stdin=endless))
    assert (status, out) == (2, "") and "--stdin: line 1 is longer than 67108864 bytes" in err, err


def both_streams_flow_at_once() -> None:
    process = start("--stdin", "running", stdin=subprocess.PIPE)
    for line, wanted in ((b"1\n", b"1\n"), (b"2\n", b"3\n"), (b"4\n", b"7\n")):
        process.stdin.write(line)
        process.stdin.flush()
        assert select.select([process.stdout], [], [], PATIENCE_S)[0]
        assert process.stdout.readline() == wanted
    process.stdin.close()
    process.stdin = None
    assert finish(process) == (0, "", "")


def a_function_that_raises_is_1_with_its_traceback() -> None:
    status, out, err = call("fail", "oh no")
    assert (status, out) == (1, "") and "Traceback" in err and "ValueError: oh no" in err, err


def json_prints_the_bare_error() -> None:
    status, out, err = call("--json", "refuse")
    assert status == 1 and "not today" in err
    assert json.loads(out) == {"code": 1234, "message": "not today", "data": {"until": "tomorrow"}}
    assert out.count("\n") == 1


def an_unknown_function_is_reported() -> None:
    status, out, err = call("multiply", "3", "4")
    assert (status, out) == (1, "") and '"multiply": --list shows what is available' in err, err


def a_deadline_is_124_and_stops_the_function(directory: Any) -> None:
    path = os.path.join(directory, "hang")
    began = time.monotonic()
    status, out, err = call("--timeout", "3s", "hang", path)
    assert (status, out) == (124, ""), (status, err)
    assert time.monotonic() - began < PATIENCE_S / 2
    await_gone(int(await_file(path + ".begun")))


def ctrl_c_cancels_the_function(directory: Any) -> None:
    path = os.path.join(directory, "hang")
    process = start("hang", path, stdin=subprocess.DEVNULL)
    pid = int(await_file(path + ".begun"))
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (130, ""), (status, out, err)
    assert await_file(path + ".cancelled") == "cancelled\n"
    await_gone(pid)


def a_second_signal_leaves_at_once(directory: Any) -> None:
    path = os.path.join(directory, "stubborn")
    # The first one alone would take its time, which is longer than a test's patience.
    process = start("--stop", "TERM:1000s", "stubborn", path, stdin=subprocess.DEVNULL)
    await_file(path + ".begun")
    until_gone(process)
    status, out, _ = finish(process)
    assert (status, out) == (143, "")


def a_bare_except_does_not_outlast_the_ladder(directory: Any) -> None:
    path = os.path.join(directory, "stubborn")
    process = start("stubborn", path, stdin=subprocess.DEVNULL)
    await_file(path + ".begun")
    process.send_signal(signal.SIGINT)
    assert finish(process)[:2] == (130, "")


def a_worker_that_dies_is_125_outcome_unknown() -> None:
    status, out, err = call("die")
    assert (status, out) == (125, "") and "outcome_unknown" in err, err


def a_worker_that_does_not_start_is_reported() -> None:
    status, out, err = call("add", worker="/no/such/program")
    assert (status, out) == (125, "") and "/no/such/program" in err, err
    status, out, err = call("add", worker="sh -c 'echo the reason >&2; exit 3'")
    assert (status, out) == (125, "") and "the reason" in err, err
    status, out, err = call("--start-timeout", "300ms", "add", worker="sleep 1000")
    assert (status, out) == (125, ""), (status, out, err)


def functions_are_listed() -> None:
    status, out, err = call("--list")
    assert (status, err) == (0, "")
    assert "add(a: int, b: int) -> int\n    Adds two integers.\n" in out, out
    assert "count(first: int, last: int) -> stream" in out, out
    status, out, _ = call("--list", "--json")
    assert status == 0 and json.loads(out)["count"]["stream"] == "out"


def a_reader_that_goes_away_ends_it() -> None:
    process = start("count", "1", "1000000000", stdin=subprocess.DEVNULL)
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    process.wait(timeout=PATIENCE_S)
    assert process.returncode != 0
    process.stderr.close()


def a_reader_that_stands_still_does_not_keep_signals_away() -> None:
    process = start("count", "1", "1000000000", stdin=subprocess.DEVNULL)
    assert process.stdout.read(1) == b"1"  # and no more: the pipe fills
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=PATIENCE_S)
    assert process.returncode == 143, process.returncode
    process.stdout.close()
    process.stderr.close()


def a_launcher_goes_in_front() -> None:
    assert call("--launcher", "env FROM=launcher", "add", "3", "4")[:2] == (0, "7\n")
    status, _, err = call("--launcher", "env", "-s", "/x", "add", worker=None)
    assert status == 2 and "--launcher" in err


def what_a_function_prints_is_on_standard_error() -> None:
    status, out, err = call("say", "by the way")
    assert (status, out) == (0, "11\n") and "by the way" in err, (out, err)


def what_a_function_logs_is_reported_and_moves_no_cursor() -> None:
    status, out, err = call("note", "\x1b[31mred")
    assert (status, out) == (0, "null\n")
    assert "warning: \\x1b[31mred" in err and "\x1b" not in err, err


run_cases(
    [
        a_value_comes_back,
        numbers_pass_as_they_are_written,
        arguments_that_cannot_be_meant_are_refused,
        a_wrong_type_names_the_argument,
        a_stream_is_printed_as_it_comes,
        a_long_stream_is_whole,
        standard_input_is_the_input_stream,
        a_function_that_reads_a_stream_wants_stdin,
        a_line_that_is_not_json_is_named,
        both_streams_flow_at_once,
        a_function_that_raises_is_1_with_its_traceback,
        json_prints_the_bare_error,
        an_unknown_function_is_reported,
        a_deadline_is_124_and_stops_the_function,
        ctrl_c_cancels_the_function,
        a_second_signal_leaves_at_once,
        a_bare_except_does_not_outlast_the_ladder,
        a_worker_that_dies_is_125_outcome_unknown,
        a_worker_that_does_not_start_is_reported,
        functions_are_listed,
        a_reader_that_goes_away_ends_it,
        a_reader_that_stands_still_does_not_keep_signals_away,
        a_launcher_goes_in_front,
        what_a_function_prints_is_on_standard_error,
        what_a_function_logs_is_reported_and_moves_no_cursor,
    ]
)
