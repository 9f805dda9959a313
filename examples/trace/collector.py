"""Stands in for a collector: takes two POSTs of OTLP/JSON, puts them into one file, and prints the
tree of their spans: collector.py OUT.otlp.json"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Optional

received: list[Any] = []


class Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.extend(json.loads(body)["resourceSpans"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def show(spans: Any, parent: Optional[str], depth: int) -> None:
    for name, span in spans:
        if span.get("parentSpanId") == parent:
            print(f"{'  ' * depth}{name}: {span['name']}")
            show(spans, span["spanId"], depth + 1)


with HTTPServer(("127.0.0.1", 0), Collector) as server:
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.timeout = 60
    for _ in range(2):
        server.handle_request()
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"resourceSpans": received}, file)
all_spans = [
    (resource["resource"]["attributes"][0]["value"]["stringValue"], span)
    for resource in received
    for scope in resource["scopeSpans"]
    for span in scope["spans"]
]
wanted = [one for one in all_spans if one[1]["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"]
print(f"one trace of {len(wanted)} spans:")
show(wanted, "00f067aa0ba902b7", 1)
