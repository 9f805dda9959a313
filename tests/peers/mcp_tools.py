from weir.worker import function, serve


@function(read_only=True)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@function
def fail() -> str:
    """Fail."""
    raise ValueError("it broke")


serve()
