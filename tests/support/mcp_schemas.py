"""The schemas of MCP, which are looked for in $MCP_SCHEMAS, or beside the sources."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from tap_cases import Skip

SCHEMAS = os.environ.get("MCP_SCHEMAS", f"{sys.argv[2]}/../shared/data/mcp")


@functools.lru_cache
def definitions(modern: bool) -> Any:
    """Those of the revision 2026-07-28, or of the one before."""
    path = f"{SCHEMAS}/schema-{'2026-07-28' if modern else '2025-11-25'}.json"
    if not os.path.exists(path):
        raise Skip(f"{path} is not there: MCP_SCHEMAS says where it is")
    with open(path, encoding="utf-8") as file:
        return json.load(file)["$defs"]


def check_schemas(directory: str, said: Iterable[tuple[bool, str, Any]], least: int) -> None:
    """Whether each value is valid: whether it is of 2026-07-28, its definition, and the value. There
    must be at least so many."""
    suite: dict[tuple[bool, str], list[Any]] = {}
    for modern, definition, value in said:
        suite.setdefault((modern, definition), []).append(value)
    path = os.path.join(directory, "suite.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(
            [
                {
                    "description": f"{'2026-07-28' if modern else '2025-11-25'} {definition}",
                    "schema": {"$ref": f"#/$defs/{definition}", "$defs": definitions(modern)},
                    "tests": [
                        {"description": json.dumps(value)[:300], "data": value, "valid": True}
                        for value in values
                    ],
                }
                for (modern, definition), values in suite.items()
            ],
            file,
        )
    done = subprocess.run(
        [os.path.join(os.environ["builddir"], "tests/support/json_schema"), path],
        capture_output=True,
        text=True,
    )
    words = [line.split("\t") for line in done.stdout.splitlines()]
    wrong = [line for line in words if line[1] != "right"]
    assert done.returncode == 0 and not wrong, f"{done.stderr}{wrong[:5]}"
    assert len(words) == sum(len(values) for values in suite.values()) > least, len(words)
