"""The tools that the public conformance suite of MCP calls, as functions."""

import base64

from weir_worker import Content, Error, function, progress, run

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
SOUND = b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00\x80>\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"


@function
def test_simple_text() -> Content:
    """Answer with a text."""
    return Content("This is a simple text response for testing.")


@function
def test_image_content() -> Content:
    """Answer with an image."""
    return Content.image(PIXEL)


@function
def test_audio_content() -> Content:
    """Answer with a sound."""
    return Content.audio(SOUND)


@function
def test_embedded_resource() -> Content:
    """Answer with a resource."""
    return Content.resource(
        "test://embedded-resource", "This is an embedded resource content.", "text/plain"
    )


@function
def test_multiple_content_types() -> Content:
    """Answer with a text, an image and a resource."""
    return Content(
        "Multiple content types test:",
        Content.image(PIXEL),
        Content.resource(
            "test://mixed-content-resource", '{"test":"data","value":123}', "application/json"
        ),
    )


@function
def test_error_handling() -> None:
    """Fail."""
    raise Error("This tool intentionally returns an error for testing")


@function
def test_tool_with_progress() -> str:
    """Report progress."""
    import time

    for done in (0, 50, 100):
        progress(done, 100, f"Completed step {done} of 100")
        time.sleep(0.15)
    return "done"


if __name__ == "__main__":
    run()
