"""The function of tests/bench/web.py for uvicorn: FastAPI, or the bare protocol (ASGI)."""

import json
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel


class Numbers(BaseModel):  # type: ignore[misc,unused-ignore]
    a: int
    b: int


app = FastAPI()


@app.post("/v1/call/add")
async def add(numbers: Numbers) -> int:
    return numbers.a + numbers.b


@app.post("/v1/call/add-sync")
def add_sync(numbers: Numbers) -> int:
    return numbers.a + numbers.b


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """As little as uvicorn can do: no routes, no types."""
    if scope["type"] != "http":
        return
    numbers = json.loads((await receive())["body"])
    result = json.dumps(numbers["a"] + numbers["b"]).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(result))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": result})
