#!/usr/bin/env python3
"""weir serve --http-tokens: bearer tokens, and tokens that allow one call once.  Prints TAP.
serve_tokens.py WEIR SRCDIR
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import resource
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Optional

sys.dont_write_bytecode = True
from serve_http_door import Answer, Door, door, start
from tap_cases import PATIENCE_S, Skip, await_that, run_cases

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
BEARER, OPERATOR, SLOW = "caller-token", "operator-token", "slow-token"


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_tokens(path: str, document: Any = None) -> None:
    if document is None:
        document = {
            "tokens": [
                {"name": "caller", "sha256": sha256(BEARER), "methods": ["add", "e*"]},
                {"name": "operator", "sha256": sha256(OPERATOR), "operator": True},
                {"name": "slow", "sha256": sha256(SLOW), "rate": 1},
            ],
            "keys": [
                {"kid": "k1", "hs256": encode(KEY)},
                {"kid": "narrow", "hs256": encode(KEY), "methods": ["echo"]},
            ],
        }
    with open(path, "w", encoding="utf-8") as file:
        file.write(document if isinstance(document, str) else json.dumps(document))
    os.chmod(path, 0o600)


def call_hash(name: str, body: bytes) -> str:
    return hashlib.sha256(b"weir-call-1\n" + name.encode() + b"\n" + body).hexdigest()


def now() -> int:
    return int(time.time())


def claims(name: str = "add", body: bytes = b"[3,4]", **changed: Any) -> dict[str, Any]:
    made = {
        "iat": now(),
        "exp": now() + 900,
        "jti": secrets.token_urlsafe(16),
        "hash_claim": call_hash(name, body),
    }
    made.update(changed)
    return {key: value for key, value in made.items() if value is not None}


def sign(
    claims: Any,
    header: Any = None,
    key: Optional[bytes] = KEY,
    alg: str = "sha256",
    kid: str = "k1",
) -> str:
    """claims and header may be texts: then they are taken as they are."""
    if header is None:
        header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    parts = [
        encode((part if isinstance(part, str) else json.dumps(part)).encode())
        for part in (header, claims)
    ]
    text = ".".join(parts)
    if key is None:
        return text + "."
    return text + "." + encode(hmac.new(key, text.encode(), alg).digest())


def call(weir: Door, token: str, name: str = "add", body: bytes = b"[3,4]") -> Answer:
    fields = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return weir.ask("POST", f"/v1/call/{name}", body, fields)


@contextlib.contextmanager
def serving(directory: str, *words: str, state: bool = True, **how: Any) -> Iterator[Door]:
    path = directory + "/tokens.json"
    if not os.path.exists(path):
        write_tokens(path)
    if state:
        words = ("--http-state", directory + "/state", *words)
    with door("-j1", "--http-tokens", path, *words, **how) as weir:
        yield weir


def a_bearer_token_says_what_its_owner_may(directory: str) -> None:
    with serving(directory) as weir:
        answer = weir.ask("POST", "/v1/call/add", b"[3,4]")
        assert (answer.status, answer.type) == (401, "token-missing"), answer
        assert answer.fields["WWW-Authenticate"] == "Bearer"
        for given in ("Basic abc", "Bearer", "Bearer ", BEARER, "Negotiate a"):
            fields = {"Content-Type": "application/json", "Authorization": given}
            answer = weir.ask("POST", "/v1/call/add", b"[3,4]", fields)
            assert (answer.status, answer.type) == (401, "token-missing"), (given, answer)
        answer = call(weir, "unknown")
        assert (answer.status, answer.type) == (401, "token-unknown"), answer
        assert call(weir, BEARER).json == 7
        assert call(weir, BEARER, "echo", b"[1]").json == 1
        answer = call(weir, BEARER, "count", b"[1,2]")
        assert (answer.status, answer.type) == (403, "forbidden"), answer
        assert call(weir, OPERATOR, "count", b"[1,2]").json == [1, 2]

        def ask(method: str, target: str, token: str) -> Answer:
            return weir.ask(method, target, None, {"Authorization": f"bearer {token}"})

        assert sorted(ask("GET", "/v1/methods", BEARER).json) == ["add", "echo", "endless"]
        assert ask("GET", "/v1/methods/count", BEARER).status == 404
        assert "count" in ask("GET", "/v1/methods", OPERATOR).json
        for method, target in (
            ("GET", "/v1/stats"),
            ("GET", "/v1/calls"),
            ("DELETE", "/v1/calls/a"),
        ):
            assert ask(method, target, BEARER).status == 403, target
            assert weir.ask(method, target).status == 401, target
        assert ask("GET", "/v1/stats", OPERATOR).status == 200
        for target in ("/healthz", "/readyz"):
            assert weir.ask("GET", target).status == 200, target
        # Before a refused body is sent.
        head = ["Content-Type: application/json", "Expect: 100-continue", "Content-Length: 5"]
        assert weir.send(weir.head("POST /v1/call/add", *head)).status == 401


def a_rate_is_kept(directory: str) -> None:
    with serving(directory) as weir:
        statuses = [call(weir, SLOW).status for _ in range(4)]
        assert statuses[0] == 200 and 429 in statuses, statuses
        await_that(lambda: call(weir, SLOW).status == 200, "the rate never ends")
        answer = call(weir, SLOW)
        if answer.status == 429:
            assert answer.type == "rate" and answer.fields["Retry-After"] == "1"


def a_bound_token_allows_one_call_once(directory: str) -> None:
    with serving(directory) as weir:
        token = sign(claims())
        answer = call(weir, token)
        assert (answer.status, answer.json) == (200, 7), answer
        answer = call(weir, token)
        assert (answer.status, answer.type) == (401, "token-used"), answer
        assert call(weir, sign(claims(sub="a phone"))).json == 7
        assert (
            call(weir, sign(claims("echo", b'["a"]'), kid="narrow"), "echo", b'["a"]').json == "a"
        )
        # It is spent before the call starts, whatever becomes of that.
        token = sign(claims("fail", b'["x"]'))
        assert call(weir, token, "fail", b'["x"]').status == 500
        assert call(weir, token, "fail", b'["x"]').type == "token-used"
        token = sign(claims("größe/ß", b'["ab"]'))
        assert call(weir, token, "gr%C3%B6%C3%9Fe%2F%C3%9F", b'["ab"]').json == 2


def what_a_bound_token_is_not_for_is_refused_with_its_reason(directory: str) -> None:
    header = {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    good = json.dumps(claims())
    doubled = good[:-1] + f', "exp": {now() + 900}}}'
    rows: list[tuple[str, str, str]] = [
        ("none", sign(claims(), {**header, "alg": "none"}, None), "token-malformed"),
        ("none with a signature", sign(claims(), {**header, "alg": "none"}), "token-malformed"),
        ("None", sign(claims(), {**header, "alg": "None"}), "token-malformed"),
        ("hs256", sign(claims(), {**header, "alg": "hs256"}), "token-malformed"),
        ("HS512", sign(claims(), {**header, "alg": "HS512"}, KEY, "sha512"), "token-malformed"),
        ("no kid", sign(claims(), {"alg": "HS256", "typ": "JWT"}), "token-malformed"),
        ("crit", sign(claims(), {**header, "crit": ["exp"]}), "token-malformed"),
        ("jwk", sign(claims(), {**header, "jwk": {}}), "token-malformed"),
        ("b64", sign(claims(), {**header, "b64": False}), "token-malformed"),
        (
            "a doubled alg",
            sign(claims(), '{"alg":"none","alg":"HS256","typ":"JWT","kid":"k1"}'),
            "token-malformed",
        ),
        ("another kid", sign(claims(), kid="k2"), "token-signature"),
        ("a wrong key", sign(claims(), key=OTHER_KEY), "token-signature"),
        ("an empty key", sign(claims(), key=b""), "token-signature"),
        ("no signature", sign(claims(), key=None), "token-malformed"),
        ("a short signature", sign(claims())[:-4], "token-malformed"),
        ("a doubled claim", sign(doubled), "token-malformed"),
        ("another claim", sign(claims(aud="x")), "token-malformed"),
        ("exp is a text", sign(claims(exp=str(now() + 900))), "token-malformed"),
        ("exp is a float", sign(claims(exp=now() + 900.0)), "token-malformed"),
        ("exp is 1e11", sign(good.replace(str(now() + 900), "1e11")), "token-malformed"),
        ("exp is too far", sign(claims(exp=now() + 86402)), "token-malformed"),
        ("no exp", sign(claims(exp=None)), "token-malformed"),
        ("no iat", sign(claims(iat=None)), "token-malformed"),
        ("no jti", sign(claims(jti=None)), "token-malformed"),
        ("a short jti", sign(claims(jti="a" * 15)), "token-malformed"),
        ("a long jti", sign(claims(jti="a" * 44)), "token-malformed"),
        ("a jti of other bytes", sign(claims(jti="a" * 16 + "+")), "token-malformed"),
        ("no hash", sign(claims(hash_claim=None)), "token-malformed"),
        (
            "a hash in capitals",
            sign(claims(hash_claim=call_hash("add", b"[3,4]").upper())),
            "token-malformed",
        ),
        ("expired", sign(claims(iat=now() - 100, exp=now() - 1)), "token-expired"),
        ("from the future", sign(claims(iat=now() + 60)), "token-expired"),
        ("another body", sign(claims(body=b"[3,5]")), "token-other-call"),
        ("a body with other spaces", sign(claims(body=b"[3, 4]")), "token-other-call"),
        ("another name", sign(claims("sub")), "token-other-call"),
        ("a key for others", sign(claims(), kid="narrow"), "token-other-call"),
        ("too long", sign(claims(sub="a" * 128) | {"x": "a" * 2000}), "token-malformed"),
        ("padding", sign(claims()) + "=", "token-malformed"),
        ("four parts", sign(claims()) + ".a", "token-malformed"),
        ("dots", "..", "token-malformed"),
    ]
    with serving(directory) as weir:
        for what, token, kind in rows:
            answer = call(weir, token)
            assert (answer.status, answer.type) == (401, kind), (what, answer)
        # A token for one call opens nothing else.
        fields = {"Authorization": f"Bearer {sign(claims())}"}
        for target in ("/v1/methods", "/v1/stats"):
            assert weir.ask("GET", target, None, fields).status == 403
        fields["Content-Type"] = "application/x-ndjson"
        token = sign(claims("total", b"1\n"))
        fields["Authorization"] = f"Bearer {token}"
        assert weir.ask("POST", "/v1/call/total", b"1\n", fields).type == "token-other-call"
        # A bit changed anywhere.
        token = sign(claims())
        for at in range(0, len(token), 7):
            changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            assert call(weir, changed).status == 401, at
        assert call(weir, token).json == 7


def a_bound_token_is_used_by_one_of_many_at_once(directory: str) -> None:
    with serving(directory) as weir:
        token = sign(claims())
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(call(weir, token).status))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert sorted(statuses) == [200] + [401] * 7, statuses


def a_restart_lets_no_token_through_twice(directory: str) -> None:
    kept, unused = sign(claims()), sign(claims())
    with serving(directory) as weir:
        assert call(weir, kept).json == 7
        other = start(
            "--http",
            "0",
            "--http-tokens",
            directory + "/tokens.json",
            "--http-state",
            directory + "/state",
        )
        with other.stderr:
            assert other.wait(timeout=PATIENCE_S) == 125
            assert b"another server" in other.stderr.read()
        weir.process.send_signal(signal.SIGKILL)
        weir.process.wait()
    with open(directory + "/state", "a", encoding="utf-8") as file:
        file.write("0123")  # cut off by the crash
    with serving(directory) as weir:
        assert call(weir, kept).type == "token-used"
        assert call(weir, unused).json == 7
    with open(directory + "/state", "a", encoding="utf-8") as file:
        file.write("nonsense\n")
    other = start(
        "--http",
        "0",
        "--http-tokens",
        directory + "/tokens.json",
        "--http-state",
        directory + "/state",
    )
    with other.stderr:
        assert other.wait(timeout=PATIENCE_S) == 2
        assert b"line 3" in other.stderr.read()


def a_token_that_does_not_fit_on_the_disk_leaves_the_file_whole(directory: str) -> None:
    kept, cut, later = (sign(claims()) for _ in range(3))
    # SIGXFSZ is ignored, as it is in Python.
    with serving(directory, restore_signals=False) as weir:
        assert call(weir, kept).json == 7
        size = os.path.getsize(directory + "/state")
        limits = resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (size + 10, limits[1]))
        assert call(weir, cut).status != 200
        assert os.path.getsize(directory + "/state") == size
        resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, limits)
        assert call(weir, later).json == 7
    with serving(directory) as weir:
        assert call(weir, kept).type == "token-used"
        assert call(weir, later).type == "token-used"


def without_a_file_older_tokens_are_refused(directory: str) -> None:
    old = sign(claims())
    with serving(directory, state=False) as weir:
        assert call(weir, old).type == "token-expired"
        assert call(weir, sign(claims(iat=now() + 3))).type == "token-expired"
        begun = now()
        await_that(lambda: now() > begun, "the clock stands")
        token = sign(claims())
        assert call(weir, token).json == 7
        assert call(weir, token).type == "token-used"


def the_file_is_read_again_at_sighup(directory: str) -> None:
    path = directory + "/tokens.json"
    with serving(directory, "--start-timeout", "60s") as weir:
        write_tokens(path, {"tokens": [{"name": "new", "sha256": sha256("new-token")}]})
        weir.process.send_signal(signal.SIGHUP)
        await_that(lambda: call(weir, "new-token").status == 200, "it was not read")
        assert call(weir, BEARER).type == "token-unknown"
        write_tokens(path, "{")
        weir.process.send_signal(signal.SIGHUP)
        await_that(
            lambda: any(b"the old tokens stay" in line for line in weir.process.said), "no word"
        )
        assert call(weir, "new-token").status == 200


def a_file_that_is_wrong_ends_the_start(directory: str) -> None:
    path = directory + "/tokens.json"
    digest = sha256("a")
    documents: list[Any] = [
        "",
        "[]",
        {"token": []},
        {"tokens": [1]},
        {"tokens": [{"name": "a"}]},
        {"tokens": [{"name": "a", "sha256": digest.upper()}]},
        {"tokens": [{"name": "a", "sha256": digest, "rate": 0}]},
        {"tokens": [{"name": "a", "sha256": digest, "methods": "add"}]},
        {"tokens": [{"name": "a", "sha256": digest, "operator": 1}]},
        {"tokens": [{"name": "a", "sha256": digest, "admin": True}]},
        {"keys": [{"kid": "a", "hs256": encode(KEY[:31])}]},
        {"keys": [{"kid": "a", "hs256": ""}]},
        {"keys": [{"kid": "a", "hs256": encode(KEY) + "="}]},
        {"keys": [{"kid": "a", "hs256": encode(KEY)}, {"kid": "a", "hs256": encode(KEY)}]},
        '{"tokens": [], "tokens": []}',
    ]
    for document in documents:
        write_tokens(path, document)
        process = start("--http", "0", "--http-tokens", path)
        with process.stderr:
            assert process.wait(timeout=PATIENCE_S) == 2, (document, process.stderr.read())
    write_tokens(path)
    os.chmod(path, 0o640)
    process = start("--http", "0", "--http-tokens", path)
    with process.stderr:
        assert process.wait(timeout=PATIENCE_S) == 2
        assert b"open to others" in process.stderr.read()


def with_tokens_other_addresses_are_served(directory: str) -> None:
    with serving(directory, place="0.0.0.0:0") as weir:
        assert any("can be read by others" in line for line in weir.said), weir.said
        weir.place = ("127.0.0.1", weir.place[1])
        assert call(weir, BEARER).json == 7
        assert call(weir, "unknown").status == 401


def other_libraries_agree(directory: str) -> None:
    try:
        import jwt  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise Skip("PyJWT (PyPI) is not installed") from None
    with serving(directory) as weir:
        token = jwt.encode(claims(), KEY, algorithm="HS256", headers={"kid": "k1"})
        assert call(weir, token).json == 7


if __name__ == "__main__":
    run_cases(
        [
            a_bearer_token_says_what_its_owner_may,
            a_rate_is_kept,
            a_bound_token_allows_one_call_once,
            what_a_bound_token_is_not_for_is_refused_with_its_reason,
            a_bound_token_is_used_by_one_of_many_at_once,
            a_restart_lets_no_token_through_twice,
            a_token_that_does_not_fit_on_the_disk_leaves_the_file_whole,
            without_a_file_older_tokens_are_refused,
            the_file_is_read_again_at_sighup,
            a_file_that_is_wrong_ends_the_start,
            with_tokens_other_addresses_are_served,
            other_libraries_agree,
        ]
    )
