#!/usr/bin/env python3
"""Holds JSON documents against a JSON Schema: validate.py SCHEMA DOCUMENT...

The validator is python3-jsonschema, which knows nothing of weir.  DOCUMENT may
be "-" for stdin.  Exit: 0 all hold, 1 something does not (said on stderr).
Stricter than json.load: a key twice in one object, NaN and Infinity are errors.
"""

import json
import sys
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError


def unique(pairs: Any) -> Any:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {json.dumps(key)} is there twice")
    return dict(pairs)


def no_constant(word: Any) -> None:
    raise ValueError(f"{word} is not JSON")


def load(path: Any) -> Any:
    with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
        text = file.read().decode("utf-8")
    return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)


def pointer(path: Any) -> Any:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def main(schema_path: Any, *documents: Any) -> Any:
    faults = 0
    try:
        schema = load(schema_path)
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError) as error:
        sys.exit(f"{schema_path}: {error}")
    except SchemaError as error:
        sys.exit(f"{schema_path}: {pointer(error.path)}: no valid schema: {error.message}")
    validator = Draft202012Validator(schema)
    for document in documents:
        try:
            value = load(document)
        except (OSError, ValueError) as failure:
            print(f"{document}: {failure}", file=sys.stderr)
            faults += 1
            continue
        for fault in sorted(validator.iter_errors(value), key=lambda one: list(map(str, one.path))):
            message = fault.message if len(fault.message) < 300 else fault.message[:300] + "..."
            print(f"{document}: {pointer(fault.path) or '/'}: {message}", file=sys.stderr)
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: validate.py SCHEMA [DOCUMENT...]")
    sys.exit(main(*sys.argv[1:]))
