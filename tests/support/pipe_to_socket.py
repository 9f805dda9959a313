"""pipe_to_socket.py SOCKET: standard input goes to a Unix socket, what comes from it to standard output.

Whole reads are passed on at once.  The end of the input ends that direction; the end of the socket ends it all.
"""

import os
import select
import socket
import sys
from typing import Callable

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
ends: dict[int, Callable[[bytes], object]] = {
    0: lambda data: connection.sendall(data),
    connection.fileno(): lambda data: [
        data := data[os.write(1, data) :] for _ in iter(lambda: data, b"")
    ],
}
while connection.fileno() in ends:
    for fd in select.select(list(ends), [], [])[0]:
        try:
            received = os.read(fd, 1 << 16)
        except ConnectionResetError:
            received = b""
        if received:
            ends[fd](received)
        else:
            del ends[fd]
            if fd == 0:
                connection.shutdown(socket.SHUT_WR)
