"""A server made with the MCP library that is installed where this runs: mcp 1, mcp 2 or fastmcp."""

from typing import Any

Server: Any
try:
    from fastmcp import FastMCP as Server
except ImportError:
    try:
        from mcp.server.fastmcp import FastMCP as Server
    except ImportError:
        from mcp.server import MCPServer as Server

server = Server("peer")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("it broke")


server.run()
