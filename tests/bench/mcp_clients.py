"""Small MCP clients, alike but for what carries the messages: lines on a pipe or a socket, or the
requests of Streamable HTTP."""

import json
import os
import socket
import struct
import subprocess
import time
from typing import Any

VERSION = "2025-06-18"
PATIENCE_S = 60


class Failed(Exception):
    """What a call came back with instead of a result."""


class Client:
    """What a subclass adds: send(), which sends a request; receive(), its answer; tell(), which
    sends a notification."""

    receive: Any
    send: Any
    tell: Any

    def __init__(self):
        self.last = 0

    def start(self):
        info = {"name": "bench", "version": "1"}
        params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": info}
        self.ask("initialize", params)
        self.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def ask(self, method, params):
        self.last += 1
        self.send({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params})
        return self.result(self.receive(self.last))

    @staticmethod
    def result(message):
        if "error" in message:
            raise Failed(f"error {message['error'].get('code')}")
        if message["result"].get("isError"):
            text = "".join(block.get("text", "") for block in message["result"]["content"])
            raise Failed(f"isError{'' if text else ', empty text'}")
        return message["result"]

    def call(self, name, **arguments):
        result = self.ask("tools/call", {"name": name, "arguments": arguments})
        return result["content"][0]["text"]

    def time_calls(self, count):
        """Microseconds of each of some calls."""
        took = []
        for _ in range(count):
            began = time.perf_counter()
            self.call("echo", words="hello")
            took.append((time.perf_counter() - began) * 1e6)
        return took


class LineClient(Client):
    output: Any
    input: Any

    def tell(self, message):
        self.output.write(json.dumps(message).encode() + b"\n")
        self.output.flush()

    send = tell

    def receive(self, number):
        while True:
            line = self.input.readline()
            if not line:
                raise Failed("end of file")
            message = json.loads(line)
            if message.get("id") == number and "method" not in message:
                return message


class PipeClient(LineClient):
    def __init__(self, words, env):
        super().__init__()
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        self.output, self.input = self.process.stdin, self.process.stdout

    def close(self):
        self.output.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.input.close()


class SocketClient(LineClient):
    def __init__(self, path):
        super().__init__()
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(path)
            bound = struct.pack("ll", PATIENCE_S, 0)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
            # Files like those of a pipe, which cost the client the same.
            self.output = os.fdopen(os.dup(connected.fileno()), "wb")
            self.input = os.fdopen(os.dup(connected.fileno()), "rb")

    def close(self):
        self.input.close()
        self.output.close()


class HttpClient(Client):
    """One connection that is kept; the session that the server names."""

    def __init__(self, port):
        super().__init__()
        self.port, self.session, self.socket = port, "", None

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        self.socket.setblocking(True)
        bound = struct.pack("ll", PATIENCE_S, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")

    def close(self):
        if self.socket is not None:
            self.input.close()
            self.socket.close()
            self.socket = None

    def time_calls(self, count):
        """On a new connection: an idle one may be closed by the server."""
        self.close()
        self.call("echo", words="hello")
        return super().time_calls(count)

    def tell(self, message):
        self.send(message)
        self.read_head()
        for _ in self.read_body():
            pass

    def send(self, message):
        body = json.dumps(message)
        if self.socket is None:
            self.connect()
        self.socket.sendall(
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            "Content-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: {VERSION}\r\n{self.session}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    def read_head(self):
        status = self.input.readline()
        if not status:
            self.close()
            raise Failed("end of file")
        self.length, self.chunked, closes = 0, False, False
        while line := self.input.readline().rstrip():
            name, _, value = line.decode().partition(":")
            name, value = name.lower(), value.strip()
            if name == "content-length":
                self.length = int(value)
            elif name == "transfer-encoding":
                self.chunked = value == "chunked"
            elif name == "mcp-session-id":
                self.session = f"Mcp-Session-Id: {value}\r\n"
            elif name == "connection":
                closes = value == "close"
        code = int(status.split()[1])
        if code >= 400:
            self.close()
            raise Failed(f"HTTP {code}")
        return closes

    def read_body(self):
        """The pieces of the body."""
        if not self.chunked:
            yield self.input.read(self.length)
            return
        while size := int(self.input.readline(), 16):
            yield self.input.read(size)
            self.input.readline()
        self.input.readline()

    def receive(self, number):
        closes = self.read_head()
        whole, found = b"", None
        for piece in self.read_body():
            whole += piece
            if found is None:
                found = self.find(whole, number)
        if closes:
            self.close()
        if found is None:
            raise Failed("no answer")
        return found

    @staticmethod
    def find(body, number):
        for line in body.splitlines(keepends=True):
            text = line.removeprefix(b"data:").strip()
            if text.startswith(b"{") and text.endswith(b"}"):
                message = json.loads(text)
                if message.get("id") == number and "method" not in message:
                    return message
        return None
