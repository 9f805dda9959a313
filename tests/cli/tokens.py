#!/usr/bin/env python3
"""weir token: what it makes, and that the web door takes it.  Prints TAP.
tokens.py WEIR SRCDIR
"""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import urllib.parse
from typing import Any

sys.dont_write_bytecode = True
import qr_reader
from serve import ENVIRONMENT, WEIR
from serve_http_door import Door, door
from tap_cases import PATIENCE_S, Skip, run_cases

URL = "https://weir.example.org:8443"


def run(*words: str, status: int = 0, **how: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [WEIR, "token", *words],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        **how,
    )
    assert done.returncode == status, (words, done)
    return done


def made(*words: str) -> str:
    """What a command prints, on one line."""
    (line,) = run(*words).stdout.splitlines()
    return line


def post(weir: Door, token: str, name: str, body: bytes) -> Any:
    fields = {"Authorization": f"Bearer {token}"}
    if body:
        fields["Content-Type"] = "application/json"
    return weir.ask("POST", f"/v1/call/{urllib.parse.quote(name, safe='')}", body or None, fields)


def open_link(weir: Door, link: str) -> Any:
    """What the page /run does when its button is pressed."""
    path, _, fragment = link.partition("#")
    assert path.endswith("/run"), link
    given = dict(urllib.parse.parse_qsl(fragment, strict_parsing=True))
    text = given.get("p", "")
    body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return post(weir, given["t"], given["m"], body)


def the_door_takes_what_it_makes(directory: str) -> None:
    keys = directory + "/keys.json"
    assert made("new-key", "--keys", keys, "--kid", "phone") == "phone"
    bearer = made("bearer", "--keys", keys, "--methods", "add", "--methods", "e*", "ci")
    boss = made("bearer", "--keys", keys, "--operator", "--rate", "1000", "boss")
    with door("-j1", "--http-tokens", keys, "--http-state", directory + "/state") as weir:
        assert post(weir, bearer, "add", b"[3,4]").json == 7
        assert post(weir, bearer, "count", b"[1,2]").status == 403
        fields = {"Authorization": f"Bearer {boss}"}
        assert weir.ask("GET", "/v1/stats", None, fields).status == 200
        token = made("call", "--keys", keys, "add", "3", "4")
        answer = post(weir, token, "add", b"[3,5]")
        assert (answer.status, answer.type) == (401, "token-other-call"), answer
        assert post(weir, token, "add", b"[3,4]").json == 7
        assert post(weir, token, "add", b"[3,4]").type == "token-used"
        token = made("call", "--keys", keys, "--subject", "a phone", "add", "a=3", "b=4")
        assert post(weir, token, "add", b'{"a":3,"b":4}').json == 7
        link = made("call", "--keys", keys, "--url", URL + "/", "größe/ß", "a b&c")
        assert link.startswith(URL + "/run#m="), link
        assert open_link(weir, link).json == 5
        assert open_link(weir, link).type == "token-used"
        link = made("call", "--keys", keys, "--url", URL, "echo", '"#&%"')
        assert open_link(weir, link).json == "#&%"
        # A key that was added while it ran.
        made("new-key", "--keys", keys, "--kid", "later", "--methods", "echo")
        token = made("call", "--keys", keys, "--kid", "later", "echo", "1")
        assert post(weir, token, "echo", b"[1]").type == "token-signature"


def without_arguments_there_is_no_body(directory: str) -> None:
    keys = directory + "/keys.json"
    made("new-key", "--keys", keys)
    link = made("call", "--keys", keys, "--url", URL, "slow")
    assert "&p=" not in link, link
    assert run("check", "--keys", keys, link).stdout.endswith("\ncall: slow \n")
    assert run("check", "--keys", keys, link, "slow").stdout.startswith("valid\n")


def what_check_says(directory: str) -> None:
    keys, other = directory + "/keys.json", directory + "/other.json"
    made("new-key", "--keys", keys, "--kid", "k")
    made("new-key", "--keys", other, "--kid", "k")
    token = made("call", "--keys", keys, "--subject", "gate", "--expires", "1h", "add", "3", "4")
    lines = run("check", "--keys", keys, token).stdout.splitlines()
    assert lines[0] == "valid" and lines[1] == "key: k" and lines[4] == "subject: gate", lines
    for words in (["add", "3", "4"], ["add", "3", '"4"'], ["sub", "3", "4"], ["add"]):
        is_same = words == ["add", "3", "4"]
        said = run("check", "--keys", keys, token, *words, status=0 if is_same else 1).stdout
        assert said.startswith("valid\n" if is_same else "token-other-call\n"), said
    assert run("check", "--keys", other, token, status=1).stdout.startswith("token-signature\n")
    assert run("check", "--keys", keys, "a.b.c", status=1).stdout == "token-malformed\n"
    assert run("check", "--keys", keys, token + "=", status=1).stdout == "token-malformed\n"
    link = made("call", "--keys", keys, "--url", URL, "add", "3", "4")
    assert run("check", "--keys", keys, link).stdout.endswith("\ncall: add [3,4]\n")
    changed = link.replace("m=add", "m=sub")
    assert run("check", "--keys", keys, changed, status=1).stdout.startswith("token-other-call\n")
    for bad in (URL + "/run#", URL + "/run#m=add", URL + "/run#x=1&t=a", link + "&x=1"):
        assert "the link is not one of" in run("check", "--keys", keys, bad, status=2).stderr


def the_file_is_for_its_owner_alone(directory: str) -> None:
    keys = directory + "/keys.json"
    before = os.umask(0)
    try:
        kid = made("new-key", "--keys", keys)
        secret = made("bearer", "--keys", keys, "ci")
    finally:
        os.umask(before)
    assert len(kid) == 8 and stat.S_IMODE(os.stat(keys).st_mode) == 0o600
    with open(keys, encoding="utf-8") as file:
        text = file.read()
    assert secret not in text
    document = json.loads(text)
    assert [key["kid"] for key in document["keys"]] == [kid]
    assert [token["name"] for token in document["tokens"]] == ["ci"]
    os.chmod(keys, 0o644)
    for words in (["new-key"], ["bearer", "x"], ["call", "add"], ["check", "x"]):
        assert "chmod" in run(words[0], "--keys", keys, *words[1:], status=2).stderr
    with open(keys, encoding="utf-8") as file:
        assert file.read() == text
    os.chmod(keys, 0o600)
    for words in (["new-key", "--kid", kid], ["bearer", "ci"]):
        assert "already" in run(words[0], "--keys", keys, *words[1:], status=2).stderr
    with open(keys, "w", encoding="utf-8") as file:
        file.write('{"keys": [{"kid": "short", "hs256": "AAAA"}]}')
    for words in (["new-key"], ["call", "add"]):
        assert "hs256" in run(words[0], "--keys", keys, *words[1:], status=2).stderr


def what_cannot_be_meant_is_refused(directory: str) -> None:
    keys, empty = directory + "/keys.json", directory + "/empty.json"
    made("new-key", "--keys", keys, "--kid", "narrow", "--methods", "open-*")
    made("bearer", "--keys", empty, "ci")
    call = ["call", "--keys", keys]
    for words, said in (
        ([], "no verb given"),
        (["make"], "unknown verb make"),
        (["new-key"], "--keys FILE"),
        (["new-key", "--keys", keys, "x"], "unexpected argument x"),
        (["new-key", "--keys", keys, "--url", URL], "--url cannot be used with new-key"),
        (["new-key", "--keys", keys, "--kid", ""], "non-empty ID"),
        (["new-key", "--keys", keys, "--kid", "k" * 65], "1 to 64 bytes"),
        (["bearer", "--keys", keys], "no NAME"),
        (["bearer", "--keys", keys, "a", "b"], "unexpected argument b"),
        (["call", "--keys", keys], "no METHOD"),
        (["check", "--keys", keys], "no token"),
        (["check", "--keys", directory + "/none", "x"], "none"),
        (["call", "--keys", empty, "add"], "weir token new-key"),
        ([*call, "add"], "narrow may not sign calls of add"),
        ([*call, "--kid", "k2", "open-gate"], "no key k2"),
        ([*call, "--expires", "25h", "open-gate"], "at most 24h"),
        ([*call, "--subject", "a" * 129, "open-gate"], "1 to 128 bytes"),
        ([*call, "open-gate", "a=1", "2"], "by name"),
        ([*call, "--qr", "open-gate"], "--url"),
        ([*call, "--svg", keys, "--url", URL, "open-gate"], "--keys"),
        ([*call, "--url", "ftp://x", "open-gate"], "--url"),
        ([*call, "--url", "https://", "open-gate"], "--url"),
        ([*call, "--url", "https://x/#a", "open-gate"], "--url"),
        ([*call, "--url", "https://x y", "open-gate"], "--url"),
        ([*call, "--url", URL, "--qr", "open-gate", "a" * 800], "shorter arguments"),
    ):
        done = run(*words, status=2)
        assert said in done.stderr and done.stdout == "", (words, done)
    # A long link without a code.
    assert len(made(*call, "--url", URL, "open-gate", "a" * 2000)) > 2000


def has_codes() -> bool:
    with open(os.environ["builddir"] + "/config.h", encoding="utf-8") as file:
        return "#define WEIR_QRENCODE 1" in file.read()


def a_code_is_the_link_in_every_form(directory: str) -> None:
    if not has_codes():
        raise Skip("weir is built without libqrencode")
    keys, svg, png = (directory + name for name in ("/keys.json", "/code.svg", "/code.png"))
    made("new-key", "--keys", keys)
    # From a small code to the largest.
    for length in (1, 60, 300, 520):
        words = ["call", "--keys", keys, "--url", URL, "--qr", "--svg", svg, "--png", png]
        *drawing, link = run(*words, "add", "x" * length).stdout.splitlines()
        modules = qr_reader.of_text("\n".join(drawing))
        assert qr_reader.read_code(modules).decode() == link, length
        with open(svg, encoding="utf-8") as file:
            assert qr_reader.of_svg(file.read()) == modules
        with open(png, "rb") as image:
            assert qr_reader.of_png(image.read()) == modules
        if shutil.which("zbarimg"):
            read = subprocess.run(
                ["zbarimg", "-q", "--raw", png], capture_output=True, text=True, check=False
            )
            assert read.stdout == link + "\n", read


def a_weir_without_codes_says_so(directory: str) -> None:
    if has_codes():
        raise Skip("weir is built with libqrencode")
    keys = directory + "/keys.json"
    made("new-key", "--keys", keys)
    words = ["call", "--keys", keys, "--url", URL]
    for option in (["--qr"], ["--svg", directory + "/a"], ["--png", directory + "/a"]):
        done = run(*words, *option, "add", status=125)
        assert "libqrencode" in done.stderr and done.stdout == "", done
    assert os.listdir(directory) == ["keys.json"]
    assert made(*words, "add").startswith(URL)


if __name__ == "__main__":
    run_cases(
        [
            the_door_takes_what_it_makes,
            without_arguments_there_is_no_body,
            what_check_says,
            the_file_is_for_its_owner_alone,
            what_cannot_be_meant_is_refused,
            a_code_is_the_link_in_every_form,
            a_weir_without_codes_says_so,
        ]
    )
