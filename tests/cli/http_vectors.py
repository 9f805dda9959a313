#!/usr/bin/env python3
"""Requests over HTTP, as src/http/ reads them, in every split.  Prints TAP.
http_vectors.py READER SRCDIR

Where PyPI's httptools is installed, llhttp judges too: what it refuses, we must refuse.
"""

import json
import random
import subprocess
import sys
from typing import Any

READER, SRCDIR = sys.argv[1:3]
sys.dont_write_bytecode = True
sys.path.insert(0, SRCDIR + "/tests/support")
from tap_cases import PATIENCE_S, Skip, run_cases

MUTATIONS = 20000
# Methods that the routes know; llhttp has a list of its own.
METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}


def vectors(name: str) -> Any:
    with open(f"{SRCDIR}/tests/data/http/{name}.json", encoding="utf-8") as file:
        return json.load(file)["cases"]


def read(messages: "list[bytes]") -> "list[Any]":
    done = subprocess.run(
        [READER],
        input="".join(message.hex() + "\n" for message in messages).encode(),
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(messages), (len(results), len(messages))
    return results


def text(digits: str) -> str:
    return bytes.fromhex(digits).decode("latin-1")


def plain(result: Any) -> Any:
    """A result with texts in place of hex digits."""
    for key in ("method", "target", "body"):
        if key in result:
            result[key] = text(result[key])
    if "fields" in result:
        result["fields"] = [[text(part) for part in field] for field in result["fields"]]
    return result


def what_is_accepted_is_read_as_it_is_meant_in_every_split() -> None:
    cases = vectors("accepted")
    results = read([case["bytes"].encode("latin-1") for case in cases])
    for case, result in zip(cases, results):
        assert "split" not in result, (case["name"], result)
        result = plain(result)
        wanted = {"status": 200, **{k: v for k, v in case.items() if k not in ("name", "bytes")}}
        for key, value in wanted.items():
            assert result.get(key) == value, (case["name"], key, value, result)


def what_is_refused_has_one_status_in_every_split() -> None:
    cases = vectors("refused")
    results = read([case["bytes"].encode("latin-1") for case in cases])
    for case, result in zip(cases, results):
        assert "split" not in result, (case["name"], result)
        assert result["status"] == case["status"], (case["name"], result)
        assert result["reason"], case["name"]


class Judged:
    """What llhttp makes of a message."""

    def __init__(self) -> None:
        self.body = b""
        self.is_over = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_over = True


def judge(httptools: Any, message: bytes) -> "Judged | None":
    judged = Judged()
    parser = httptools.HttpRequestParser(judged)
    try:
        parser.feed_data(message)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    return judged


def mutate(rng: random.Random, message: bytes) -> bytes:
    pieces = [b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"0", b"5", b"\0", b",", b";", b"\xff"]
    changed = bytearray(message)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed) + 1)
        if rng.random() < 0.5:
            changed[at : at + rng.randint(0, 2)] = rng.choice(pieces)
        else:
            end = min(len(changed), at + rng.randint(1, 12))
            changed[at:at] = changed[rng.randrange(at + 1) : end]
    return bytes(changed)


def what_llhttp_refuses_is_refused() -> None:
    try:
        import httptools  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise Skip("httptools (PyPI) is not installed") from None
    seeds = [
        case["bytes"].encode("latin-1")
        for name in ("accepted", "refused")
        for case in vectors(name)
        if len(case["bytes"]) < 512
    ]
    rng = random.Random(16)
    messages = seeds + [mutate(rng, rng.choice(seeds)) for _ in range(MUTATIONS)]
    served = 0
    for message, result in zip(messages, read(messages)):
        assert "split" not in result, (message, result)
        if result["status"] != 200 or text(result["method"]) not in METHODS:
            continue
        served += 1
        # One request alone: what follows is the next one's, which is judged on its own.
        alone = message[: len(message) - result["rest"]]
        judged = judge(httptools, alone)
        assert judged is not None, ("llhttp refuses, weir serves", alone)
        assert judged.is_over, ("llhttp waits for more, weir serves", alone)
        assert judged.body == bytes.fromhex(result["body"]), ("another body", alone)
    assert served > MUTATIONS // 50, served


run_cases(
    [
        what_is_accepted_is_read_as_it_is_meant_in_every_split,
        what_is_refused_has_one_status_in_every_split,
        what_llhttp_refuses_is_refused,
    ]
)
