"""What Schemathesis is told beside the OpenAPI document."""

from typing import Any

import schemathesis


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Parameters by position are right too, which the document does not say."""
    return not isinstance(case.body, list)


@schemathesis.hook
def filter_headers(context: Any, headers: Any) -> bool:
    """A key that was used with another body is refused, and a call with Prefer has no result yet."""
    names = {name.lower() for name in headers or {}}
    return not names & {"idempotency-key", "prefer"}
