"""The spans of a trace in OTLP/JSON, as OpenTelemetry's own definition of the format reads it; a
field that it does not know is an error.  Prints JSON.
trace_otlp.py FILE
"""

import base64
import json
import re
import sys
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.trace.v1 import trace_pb2


def identifier(read: bytes, digits: int) -> str:
    """OTLP/JSON has hexadecimal digits where Protobuf's JSON has base64, as which they were read."""
    text = base64.b64encode(read).decode()
    if re.fullmatch(f"[0-9a-f]{{{digits}}}|", text) is None:
        raise ValueError(f"{text} is not {digits} hexadecimal digits")
    return text


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        read: Any = json_format.Parse(file.read(), trace_pb2.TracesData())
    spans = [
        {
            "trace": identifier(span.trace_id, 32),
            "id": identifier(span.span_id, 16),
            "parent": identifier(span.parent_span_id, 16),
            "name": span.name,
            "begin_us": span.start_time_unix_nano / 1000,
            "us": (span.end_time_unix_nano - span.start_time_unix_nano) / 1000,
            "has_failed": span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        }
        for resource in read.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    json.dump(spans, sys.stdout)


if __name__ == "__main__":
    main()
