"""The worker of call_uds_pool.go: a Unix socket, a thread a connection, 4 bytes of length and JSON."""

import json
import socket
import struct
import sys
import threading

FUNCTIONS = {"add": lambda a, b: a + b}


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            return None
        data += more
    return data


def serve(connection):
    while (head := read_exactly(connection, 4)) is not None:
        request = json.loads(read_exactly(connection, struct.unpack(">I", head)[0]))
        result = FUNCTIONS[request["method"]](*request["params"])
        answer = json.dumps({"id": request["id"], "result": result}).encode()
        connection.sendall(struct.pack(">I", len(answer)) + answer)


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
