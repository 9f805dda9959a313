"""`weir serve` for tests: it is ready, what it says is read, and it ends well."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from tap_cases import PATIENCE_S


def await_ready(server: Any) -> "list[bytes]":
    """Waits until it says that it is ready, and returns the lines before that.

    What it says later is read, so that it never waits for us: server.said.
    """
    before = []
    for line in server.stderr:
        if line == b"ready\n":
            server.said = []
            threading.Thread(target=lambda: server.said.extend(server.stderr), daemon=True).start()
            return before
        before.append(line)
    raise AssertionError((server.wait(timeout=PATIENCE_S), before))


@contextlib.contextmanager
def ready_server(words: Any, **how: Any) -> Iterator[Any]:
    """A server that is ready. In the end it is asked to leave, and has to exit with 0."""
    server: Any = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **how)
    try:
        await_ready(server)
        yield server
        if server.poll() is None:
            server.terminate()
            assert server.wait(timeout=PATIENCE_S) == 0, (server.returncode, server.said)
    finally:
        server.kill()
        server.wait()
        server.stderr.close()
