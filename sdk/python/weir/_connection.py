"""A connection to the socket of a server, and whether the server may be told anything."""

import errno
import os
import socket
import struct
import sys
import time
from typing import Optional, Union

# The longest path that the address of a Unix socket holds, less its NUL.
PATH_BYTES = 107 if sys.platform.startswith("linux") else 103


def open_connection(
    path: Union[str, "os.PathLike[str]", None], deadline: float, any_server: bool
) -> socket.socket:
    """Connect to a socket (None: weir.sock in $XDG_RUNTIME_DIR), before the deadline.

    Unless any_server is set, a server that runs as another user, who is not root, is refused.
    """
    if path is None:
        folder = os.environ.get("XDG_RUNTIME_DIR")
        if not folder:
            raise FileNotFoundError("XDG_RUNTIME_DIR is not set: name the socket")
        path = os.path.join(folder, "weir.sock")
    path = _checked(path)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _connect(connection, path, deadline)
        if not any_server:
            _check_server(connection, path)
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(path: Union[str, "os.PathLike[str]"]) -> str:
    """The path as an address has it; what none can hold is refused in words."""
    text = os.fsdecode(path)
    if text.startswith(("\0", "@")):
        raise ValueError(
            f"{text!r} names an abstract socket, which weir does not use: give the path of a file"
        )
    length = len(os.fsencode(text))
    if length > PATH_BYTES:
        raise ValueError(
            f"{text!r} is too long for the path of a socket: "
            f"it has {length} bytes, and the limit is {PATH_BYTES}"
        )
    return text


def _connect(connection: socket.socket, path: str, deadline: float) -> None:
    pause = 0.001
    while True:
        left = deadline - time.monotonic()
        connection.settimeout(max(left, 0.001))
        try:
            connection.connect(path)
            return
        except BlockingIOError:
            # Its queue of connections is full.  Linux tells so at once, and offers no event to wait for.
            if left <= 0:
                raise TimeoutError(
                    errno.ETIMEDOUT, "the server takes no connection: too many wait already", path
                ) from None
        time.sleep(min(pause, left))
        pause = min(2 * pause, 0.05)


def _check_server(connection: socket.socket, path: str) -> None:
    """Whoever may write to the folder may serve at a name in it, and would be told all that we call."""
    uid = _uid_of_server(connection)
    if uid is None:
        raise PermissionError(
            errno.EPERM,
            "this system does not tell whose the server is: nothing was sent; "
            "connect(..., any_server=True) allows it",
            path,
        )
    if uid not in (0, os.geteuid()):
        raise PermissionError(
            errno.EPERM,
            f"the server is run by uid {uid}, neither by ours ({os.geteuid()}) nor "
            "by root: nothing was sent; connect(..., any_server=True) allows it",
            path,
        )


def _uid_of_server(connection: socket.socket) -> Optional[int]:
    if sys.platform == "linux":
        credentials = struct.Struct("=iII")  # struct ucred: pid, uid, gid
        uid: int = credentials.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        )[1]
        return uid
    if sys.platform == "darwin" or sys.platform.startswith("freebsd"):
        # struct xucred: version, uid, ...; SOL_LOCAL and LOCAL_PEERCRED have no names in Python.
        peer: int = struct.unpack_from("=II", connection.getsockopt(0, 1, 256))[1]
        return peer
    return None
