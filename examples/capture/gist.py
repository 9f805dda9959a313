"""Prints the gist of a document of `weir run --json`; the argument is the exit status."""

import json
import sys

run = json.load(sys.stdin)
out = run["stdout"]
how = {
    "exited": f"exited with {run['code']}",
    "signaled": f"killed by {run['signal']}",
    "not_started": f"not started: {run['step']}: {run['errno']}",
    "status_lost": "unknown",
}[run["end"]]

print(" ".join(run["argv"]))
print(f"  {how}, why: {run['why']}, status of weir: {sys.argv[1]}")
print(f"  {out['bytes']} bytes in {out['charset']}, {out['replaced']} replaced: ", end="")
print(repr(out["text"]) if "text" in out else f"base64 {out['base64']}")
if run["stopped_with"]:
    print(f"  stopped with {', '.join(run['stopped_with'])}")
if run["holder"]:
    print(f"  its output was held open by another process: {run['holder']['command']}")
