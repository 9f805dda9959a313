"""Sends traces to an OpenTelemetry collector: send.py URL FILE.otlp.json..."""

import sys
import urllib.request

for path in sys.argv[2:]:
    with open(path, "rb") as file:
        request = urllib.request.Request(sys.argv[1] + "/v1/traces", file.read())
    request.add_header("Content-Type", "application/json")
    print(urllib.request.urlopen(request, timeout=10).status, path.rsplit("/", 1)[-1])
