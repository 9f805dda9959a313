"""An MCP server with the resources and prompts that the public conformance suite asks for."""

import json
import sys
from typing import Any

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
TEXT, BINARY, WATCHED = "test://static-text", "test://static-binary", "test://watched-resource"


class Refused(Exception):
    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": data}


def read(uri: str) -> Any:
    if uri == BINARY:
        return {"uri": uri, "mimeType": "image/png", "blob": PIXEL}
    if uri in (TEXT, WATCHED):
        text = "This is the content of the static text resource."
        return {"uri": uri, "mimeType": "text/plain", "text": text}
    head, _, rest = uri.partition("test://template/")
    number, _, tail = rest.partition("/")
    if head or tail != "data":
        raise Refused(-32602, "Resource not found", {"uri": uri})
    value = {"id": number, "templateTest": True, "data": f"Data for ID: {number}"}
    return {"uri": uri, "mimeType": "application/json", "text": json.dumps(value)}


def say(content: Any) -> Any:
    if isinstance(content, str):
        content = {"type": "text", "text": content}
    return {"role": "user", "content": content}


def prompt(name: str, arguments: Any) -> Any:
    if name == "test_simple_prompt":
        return [say("This is a simple prompt for testing.")]
    if name == "test_prompt_with_arguments":
        one, two = arguments["arg1"], arguments["arg2"]
        return [say(f"Prompt with arguments: arg1='{one}', arg2='{two}'")]
    if name == "test_prompt_with_embedded_resource":
        text = "Embedded resource content for testing."
        resource = {"uri": arguments["resourceUri"], "mimeType": "text/plain", "text": text}
        return [
            say({"type": "resource", "resource": resource}),
            say("Please process the embedded resource above."),
        ]
    if name == "test_prompt_with_image":
        return [
            say({"type": "image", "data": PIXEL, "mimeType": "image/png"}),
            say("Please analyze the image above."),
        ]
    raise Refused(-32602, f"no prompt {name}")


def describe(name: str, *arguments: str) -> Any:
    required = [{"name": one, "description": one, "required": True} for one in arguments]
    return {"name": name, "description": f"The prompt {name}.", "arguments": required}


def answer(method: str, params: Any) -> Any:
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"resources": {}, "prompts": {}, "completions": {}},
            "serverInfo": {"name": "shelf", "version": "1"},
        }
    if method == "resources/list":
        described = [
            {"uri": uri, "name": uri.rpartition("/")[2], "description": "For the test."}
            for uri in (TEXT, BINARY, WATCHED)
        ]
        return {"resources": described}
    if method == "resources/templates/list":
        template = {"uriTemplate": "test://template/{id}/data", "name": "data"}
        return {"resourceTemplates": [template]}
    if method == "resources/read":
        return {"contents": [read(params["uri"])]}
    if method == "prompts/list":
        return {
            "prompts": [
                describe("test_simple_prompt"),
                describe("test_prompt_with_arguments", "arg1", "arg2"),
                describe("test_prompt_with_embedded_resource", "resourceUri"),
                describe("test_prompt_with_image"),
            ]
        }
    if method == "prompts/get":
        return {"messages": prompt(params["name"], params.get("arguments") or {})}
    if method == "completion/complete":
        return {"completion": {"values": ["paris", "park", "party"], "total": 3, "hasMore": False}}
    raise Refused(-32601, "no such method")


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    try:
        outcome = {"result": answer(message["method"], message.get("params") or {})}
    except Refused as why:
        outcome = {"error": why.error}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **outcome}), flush=True)
