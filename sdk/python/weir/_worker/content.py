"""Content for people and models: text, images, audio and resources, as MCP has them."""

import base64
from typing import Any, Optional, Union

Block = dict[str, Any]


class Content:
    """A result made of content blocks: `return Content("a plot:", Content.image(png))`.

    A part is a string (a text block), a block as a dict, or another Content.

    `weir serve --mcp` passes the blocks on as they are. Other hosts get
    `{"weir/content": [BLOCK, ...]}`.
    """

    def __init__(self, *parts: "Union[str, Block, Content]") -> None:
        self.blocks: list[Block] = []
        for part in parts:
            if isinstance(part, Content):
                self.blocks += part.blocks
            elif isinstance(part, str):
                self.blocks.append({"type": "text", "text": part})
            elif isinstance(part, dict) and isinstance(part.get("type"), str):
                self.blocks.append(part)
            else:
                raise TypeError(
                    f"a part is a string, a block with a type, or Content, not {part!r}"
                )

    @classmethod
    def image(cls, data: bytes, mime_type: str = "image/png") -> "Content":
        """Return an image."""
        return cls({"type": "image", "data": _base64(data), "mimeType": mime_type})

    @classmethod
    def audio(cls, data: bytes, mime_type: str = "audio/wav") -> "Content":
        """Return a sound."""
        return cls({"type": "audio", "data": _base64(data), "mimeType": mime_type})

    @classmethod
    def resource(
        cls, uri: str, content: Union[str, bytes], mime_type: Optional[str] = None
    ) -> "Content":
        """Return a resource with its content: text as str, anything else as bytes."""
        resource: Block = {"uri": uri}
        if mime_type is not None:
            resource["mimeType"] = mime_type
        if isinstance(content, str):
            resource["text"] = content
        else:
            resource["blob"] = _base64(content)
        return cls({"type": "resource", "resource": resource})

    @classmethod
    def link(cls, uri: str, name: str, mime_type: Optional[str] = None) -> "Content":
        """Return a link to a resource, which the client may read."""
        link: Block = {"type": "resource_link", "uri": uri, "name": name}
        if mime_type is not None:
            link["mimeType"] = mime_type
        return cls(link)

    def __weir_json__(self) -> Any:
        return {"weir/content": self.blocks}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
