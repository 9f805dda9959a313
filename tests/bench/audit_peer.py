#!/usr/bin/env python3
"""What one would write in Python in place of weir run --audit: Popen, json, hmac, flock.

    audit_peer.py append FILE COUNT BYTES always|never [KEY_FILE]
    audit_peer.py run FILE always|never [KEY_FILE] -- PROGRAM...

Each record is tied to the last one in the file, which is read again under the lock.
"""

import fcntl
import getpass
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
import uuid


class Log:
    def __init__(self, path, sync, key_file):
        self.path = path
        self.sync = sync == "always"
        self.key = open(key_file, "rb").read().rstrip(b"\n") if key_file else None
        self.who = {
            "uid": os.getuid(),
            "user": getpass.getuser(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }

    def digest(self, text):
        if self.key:
            return hmac.new(self.key, text, hashlib.sha256).hexdigest()
        return hashlib.sha256(text).hexdigest()

    def last(self, fd):
        size = os.fstat(fd).st_size
        if size == 0:
            return {"seq": 0, "hash": "0" * 64}
        tail = os.pread(fd, 65536, max(0, size - 65536))
        assert tail.endswith(b"\n"), "torn"
        return json.loads(tail[tail.rfind(b"\n", 0, -1) + 1 :])

    def append(self, record):
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        last = self.last(fd)
        record = dict(
            record,
            who=self.who,
            seq=last["seq"] + 1,
            prev=last["hash"],
            time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        record["hash"] = self.digest(text.encode())
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        os.write(fd, text.encode() + b"\n")
        fcntl.flock(fd, fcntl.LOCK_UN)
        if self.sync:
            os.fdatasync(fd)
        os.close(fd)


def common(argv):
    return {
        "weir": 1,
        "kind": "audit",
        "job": uuid.uuid4().hex,
        "cwd": os.getcwd(),
        "target": argv[0],
        "what": {"subcommand": "run", "argv": ["run", "--", *argv]},
        "traceparent": os.environ.get("TRACEPARENT"),
    }


def append(path, count, size, sync, key_file=None):
    log = Log(path, sync, key_file)
    record = dict(common(["a" * int(size)]), event="started", outcome=None, status=None)
    for _ in range(int(count)):
        log.append(record)
        sys.stdout.write("x\n")
        sys.stdout.flush()


def run(path, sync, *rest):
    at = rest.index("--")
    log = Log(path, sync, rest[0] if at > 0 else None)
    argv = list(rest[at + 1 :])
    record = common(argv)
    log.append(dict(record, event="started", outcome=None, status=None))
    status = subprocess.Popen(argv).wait()
    log.append(
        dict(record, event="ended", outcome="failed" if status else "ok", status={"code": status})
    )
    sys.exit(status)


if __name__ == "__main__":
    work = append if sys.argv[1] == "append" else run
    work(*sys.argv[2:])
