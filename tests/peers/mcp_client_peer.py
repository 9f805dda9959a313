"""A client made with the MCP library that is installed where this runs, version 1 or 2: starts the
server of the words, adds two numbers with its tool and lets another fail."""

import asyncio
import json
import os
import sys
from typing import Any

import mcp
from mcp.client.stdio import StdioServerParameters, stdio_client


async def main() -> None:
    command, *arguments = sys.argv[1:]
    server = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    async with stdio_client(server) as (reads, writes), mcp.ClientSession(reads, writes) as client:
        await client.initialize()
        for tool in (await client.list_tools()).tools:
            print("tool", tool.name)
        for name in ("add", "fail"):
            words = {"a": 2, "b": 3} if name == "add" else {}
            result: Any = (await client.call_tool(name, words)).model_dump(by_alias=True)
            print(name, json.dumps(result["isError"]), json.dumps(result["structuredContent"]))


asyncio.run(main())
