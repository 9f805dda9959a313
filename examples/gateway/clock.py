"""An MCP server written by hand, without any library: what time it is."""

import json
import sys
import time
from typing import Any, Callable


def wait(arguments: dict[str, Any]) -> str:
    time.sleep(arguments["seconds"])
    return "done"


TOOLS: dict[str, Callable[[dict[str, Any]], str]] = {
    "now": lambda arguments: time.strftime("%H:%M"),
    "wait": wait,
    "stop": lambda arguments: sys.exit("stopped by a tool"),
}


def answer(message: dict[str, Any]) -> dict[str, Any]:
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "clock", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    if method == "tools/call":
        text = TOOLS[params["name"]](params.get("arguments", {}))
        return {"content": [{"type": "text", "text": text}]}
    raise KeyError(method)


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    try:
        reply = {"result": answer(message)}
    except KeyError as error:
        reply = {"error": {"code": -32601, "message": f"no {error}"}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
