#!/usr/bin/env python3
"""weir serve --mcp -f: resources, prompts and completions of the servers behind it.  Prints TAP.
mcp_offer.py WEIR SRCDIR
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

sys.dont_write_bytecode = True
from mcp_client import KEY, MODERN, SRCDIR, Client, client
from mcp_schemas import check_schemas
from tap_cases import run_cases

RESULTS = {
    "resources/list": "ListResourcesResult",
    "resources/templates/list": "ListResourceTemplatesResult",
    "resources/read": "ReadResourceResult",
    "prompts/list": "ListPromptsResult",
    "prompts/get": "GetPromptResult",
    "completion/complete": "CompleteResult",
    "initialize": "InitializeResult",
    "server/discover": "DiscoverResult",
}
said: dict[tuple[bool, str], list[Any]] = {}  # whether modern and the definition, to the results


@contextlib.contextmanager
def gateway(
    directory: str, *servers: str, modern: bool = False, settle: bool = True
) -> Iterator[Client]:
    """Each server is "NAME MANNER"."""
    entries = {}
    for server in servers:
        words = server.split()
        entries[words[0]] = {
            "command": sys.executable,
            "args": [f"{SRCDIR}/tests/cli/mcp_shelf.py", *words],
        }
    path = f"{directory}/mcp.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"mcpServers": entries}, file)
    with client("-f", path, worker=None) as weir:
        if settle:
            ask(weir, "tools/list", modern=True)  # all servers are known
        if not modern:
            note(False, "initialize", weir.initialize())
        yield weir


def note(modern: bool, method: str, result: Any) -> Any:
    if method in RESULTS:
        said.setdefault((modern, RESULTS[method]), []).append(result)
    return result


def ask(weir: Client, method: str, modern: bool = False, **params: Any) -> Any:
    """The result, or the error."""
    answer = weir.ask(method, {**params, "_meta": MODERN} if modern else params)
    if "error" in answer:
        return answer["error"]
    return note(modern, method, answer["result"])


def names(entries: Any, key: str) -> list[str]:
    return [entry[key] for entry in entries]


def lists_are_joined_and_owners_found(directory: str) -> None:
    for modern in (False, True):
        with gateway(directory, "a", "b bare", modern=modern) as weir:
            listed = ask(weir, "resources/list", modern)["resources"]
            expected = ["a://0", "a://1", "a://2", "shared://one", "b://0", "b://1", "b://2"]
            assert names(listed, "uri") == expected, listed
            made = ask(weir, "resources/templates/list", modern)["resourceTemplates"]
            assert names(made, "uriTemplate") == ["a-made://{x}", "b-made://{x}"], made
            prompts = ask(weir, "prompts/list", modern)["prompts"]
            assert names(prompts, "name") == ["hello", "of_a", "b__hello", "of_b"], prompts
            for uri, owner in (
                ("a://1", "a"),
                ("b://1", "b"),
                ("shared://one", "a"),
                ("b-made://9", "b"),
                ("nobody://", "a"),
            ):
                read = ask(weir, "resources/read", modern, uri=uri)
                assert read["contents"] == [{"uri": uri, "text": f"from {owner}"}], (uri, read)
            for name, expected_text in (
                ("hello", "hello of a"),
                ("b__hello", "hello of b"),
                ("of_b", "of_b of b"),
                ("nothing", "nothing of a"),
            ):
                got = ask(weir, "prompts/get", modern, name=name, arguments={"x": "1"})
                text = got["messages"][0]["content"]["text"]
                assert text == f'{expected_text}: {{"x": "1"}}', text


def an_owner_is_found_without_a_list_before(directory: str) -> None:
    with gateway(directory, "a", "b") as weir:
        assert ask(weir, "resources/read", uri="b://2")["contents"][0]["text"] == "from b"
    with gateway(directory, "a", "b", settle=False) as weir:
        assert ask(weir, "prompts/get", name="b__hello")["messages"], "asked before it was ready"


def arguments_are_completed_by_the_owner(directory: str) -> None:
    with gateway(directory, "a", "b") as weir:
        argument = {"name": "x", "value": ""}
        for ref, owner, own in (
            ({"type": "ref/prompt", "name": "b__hello", "title": "t"}, "b", "hello"),
            ({"type": "ref/prompt", "name": "hello"}, "a", "hello"),
            ({"type": "ref/resource", "uri": "b-made://{x}"}, "b", None),
        ):
            values = ask(weir, "completion/complete", ref=ref, argument=argument)["completion"][
                "values"
            ]
            seen = json.loads(values[1])
            assert values[0] == owner and seen.get("name") == own, (ref, values)
            assert seen.get("title") == ref.get("title"), seen
    with gateway(directory, "a bare") as weir:
        refused = ask(
            weir,
            "completion/complete",
            ref={"type": "ref/prompt", "name": "hello"},
            argument=argument,
        )
        assert refused["code"] == -32601, refused
    with gateway(directory, "a bare", "b") as weir:
        empty = ask(
            weir,
            "completion/complete",
            ref={"type": "ref/prompt", "name": "hello"},
            argument=argument,
        )
        assert empty["completion"] == {"values": []}, empty


def only_what_is_there_is_declared(directory: str) -> None:
    with gateway(directory, "a bare") as weir:
        found = ask(weir, "server/discover", True)["capabilities"]
        assert found == {"tools": {"listChanged": True}, "resources": {}, "prompts": {}}, found
    with client() as weir:
        assert weir.initialize()["capabilities"] == {"tools": {"listChanged": True}}
        assert ask(weir, "resources/list")["code"] == -32601
        assert ask(weir, "prompts/get", name="x")["code"] == -32601
    stub = f"exec {sys.executable} {SRCDIR}/tests/cli/mcp_stub.py"
    late = f"sh -c 'until [ -e {directory}/go ]; do sleep 0.02; done; {stub}'"
    with client("--server", f"stub={late}", "--grace", "0.1", worker=None) as weir:
        declared = weir.initialize()["capabilities"]
        assert "prompts" in declared, "it is not known yet whether there are some"
        with open(f"{directory}/go", "w", encoding="utf-8"):
            pass
        assert ask(weir, "prompts/list") == {"prompts": []}


def requests_must_be_well_formed(directory: str) -> None:
    with gateway(directory, "a") as weir:
        for method, params in (
            ("resources/list", {"cursor": ""}),
            ("resources/read", {}),
            ("resources/read", {"uri": 7}),
            ("prompts/get", {"name": None}),
            ("completion/complete", {"ref": {"type": "ref/prompt", "name": "x"}}),
            ("completion/complete", {"ref": {"type": "ref/x"}, "argument": {}}),
            ("completion/complete", {"ref": {"type": "ref/resource"}, "argument": {}}),
        ):
            assert ask(weir, method, **params)["code"] == -32602, (method, params)
        assert ask(weir, "resources/subscribe", uri="a://1")["code"] == -32601


def what_only_the_present_revision_has_goes_with_it(directory: str) -> None:
    with gateway(directory, "a") as weir:
        read = ask(weir, "resources/read", True, uri="a://1")
        assert read["resultType"] == "complete" and read["ttlMs"] == 0, read
        assert read["cacheScope"] == "private", read
        assert KEY + "serverInfo" in read["_meta"], read
        listed = ask(weir, "prompts/list", True)
        assert listed["ttlMs"] == 0 and listed["cacheScope"] == "private", listed
        plain = ask(weir, "resources/read", uri="a://1")
        assert "ttlMs" not in plain and "resultType" not in plain, plain
        assert plain["_meta"] == {"seen": {}}, "what a client says of itself is not for the server"


def servers_that_list_badly_do_not_stop_others(directory: str) -> None:
    servers = ("good", "ever endless", "more again", "bad rubbish", "odd other")
    with gateway(directory, *servers) as weir:
        listed = names(ask(weir, "resources/list")["resources"], "uri")
        assert listed[:4] == ["good://0", "good://1", "good://2", "shared://one"], listed
        assert "ever://0" in listed and "more://0" in listed, listed
        assert not [uri for uri in listed if uri.startswith(("bad", "odd", "lonely"))], listed
        assert ask(weir, "resources/read", uri="more://1")["contents"][0]["text"] == "from more"


def a_server_that_dies_is_no_answer_for_ever(directory: str) -> None:
    with gateway(directory, "a dying") as weir:
        failed = ask(weir, "resources/read", uri="a://1")
        assert failed["code"] == -32603, failed
        assert ask(weir, "prompts/get", name="hello")["messages"]


def every_result_is_valid_by_the_schemas_of_mcp(directory: str) -> None:
    check_schemas(
        directory, ((*kind, one) for kind, results in said.items() for one in results), 30
    )


if __name__ == "__main__":
    run_cases(
        [
            lists_are_joined_and_owners_found,
            an_owner_is_found_without_a_list_before,
            arguments_are_completed_by_the_owner,
            only_what_is_there_is_declared,
            requests_must_be_well_formed,
            what_only_the_present_revision_has_goes_with_it,
            servers_that_list_badly_do_not_stop_others,
            a_server_that_dies_is_no_answer_for_ever,
            every_result_is_valid_by_the_schemas_of_mcp,
        ]
    )
