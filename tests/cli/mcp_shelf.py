"""An MCP server with resources and prompts, for tests of the gateway: mcp_shelf.py NAME [MANNER]

Manners: bare (no completions), endless (its lists never end), again (the same cursor again and
again), rubbish (lists that are none), other (it answers other ids), dying (at the first read).
"""

import json
import os
import sys
from typing import Any

NAME, MANNER = sys.argv[1], (sys.argv + [""])[2]
PAGE = 2
URIS = [f"{NAME}://{number}" for number in range(3)] + ["shared://one"]


def pages(member: str, entries: list[Any], params: Any) -> Any:
    begin = int(params.get("cursor") or 0)
    if MANNER == "endless":
        return {member: entries[:1], "nextCursor": str(begin + 1)}
    if MANNER == "again":
        return {member: entries, "nextCursor": "0"}
    if MANNER == "rubbish":
        return {member: [7, {"uri": 8}, {"name": None}, None, {"uri": "lonely://"}]}
    page: Any = {member: entries[begin : begin + PAGE]}
    if begin + PAGE < len(entries):
        page["nextCursor"] = str(begin + PAGE)
    return page


def answer(method: str, params: Any) -> Any:
    if method == "initialize":
        capabilities: Any = {"resources": {}, "prompts": {}}
        if MANNER != "bare":
            capabilities["completions"] = {}
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "serverInfo": {"name": NAME, "version": "1"},
        }
    if method == "resources/list":
        return pages(method[:9], [{"uri": uri, "name": uri} for uri in URIS], params)
    if method == "resources/templates/list":
        templates = [{"uriTemplate": f"{NAME}-made://{{x}}", "name": NAME}]
        return pages("resourceTemplates", templates, params)
    if method == "prompts/list":
        if MANNER == "rubbish":
            return {"prompts": {"name": "x"}}
        return pages("prompts", [{"name": "hello"}, {"name": f"of_{NAME}"}], params)
    if method == "resources/read":
        if MANNER == "dying":
            os._exit(3)
        found = {"uri": params["uri"], "text": f"from {NAME}"}
        return {"contents": [found], "_meta": {"seen": params.get("_meta", {})}}
    if method == "prompts/get":
        text = f"{params['name']} of {NAME}: {json.dumps(params.get('arguments'))}"
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
    if method == "completion/complete":
        return {"completion": {"values": [NAME, json.dumps(params["ref"])]}}
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = answer(message["method"], message.get("params") or {})
    ident = message["id"]
    if MANNER == "other" and message["method"] != "initialize" and result is not None:
        ident += 1000
    outcome = (
        {"result": result}
        if result is not None
        else {"error": {"code": -32601, "message": "no such method"}}
    )
    print(json.dumps({"jsonrpc": "2.0", "id": ident, **outcome}), flush=True)
