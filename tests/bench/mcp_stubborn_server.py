"""An MCP server of the initialize era that ends neither at the end of its input nor by SIGTERM, as
some do.  Tools: echo, which says what it was told; pid; nap, for "s" seconds."""

import json
import os
import signal
import sys
import threading
import time

TOOLS = [
    {"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": reads}}
    for name, reads in (("echo", True), ("pid", True), ("nap", False))
]
out = threading.Lock()


def answer(number, result):
    line = json.dumps({"jsonrpc": "2.0", "id": number, "result": result})
    with out:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def call(number, name, arguments):
    if name == "nap":
        time.sleep(arguments.get("s", 60))
    words = str(os.getpid()) if name == "pid" else arguments.get("words", "")
    answer(number, {"content": [{"type": "text", "text": words}]})


def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        message = json.loads(line)
        number, method = message.get("id"), message.get("method")
        if method == "tools/call":
            what = (number, message["params"]["name"], message["params"].get("arguments") or {})
            if what[1] == "nap":
                threading.Thread(target=call, args=what, daemon=True).start()
            else:
                call(*what)
        elif method == "initialize":
            info = {"name": "stubborn", "version": "1"}
            capabilities = {"tools": {}}
            version = "2025-06-18"
            answer(
                number,
                {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info},
            )
        elif method == "tools/list":
            answer(number, {"tools": TOOLS})
        elif method == "ping":
            answer(number, {})
        elif number is not None:
            error = {"code": -32601, "message": "no such method"}
            with out:
                print(json.dumps({"jsonrpc": "2.0", "id": number, "error": error}), flush=True)
    while True:
        time.sleep(60)


main()
