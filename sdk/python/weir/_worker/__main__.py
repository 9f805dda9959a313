"""python3 -m weir.worker FILE.py|MODULE: serve the functions of a file that does not know weir."""

import argparse
import importlib
import importlib.util
import os
import sys
import types

from . import registry, wire, worker


def load(target: str) -> types.ModuleType:
    """Imports a file, or a module by its name, with its own folder first on the path."""
    if not (target.endswith(".py") or os.sep in target):
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(target)
    sys.path.insert(0, os.path.dirname(os.path.abspath(target)))
    name = os.path.splitext(os.path.basename(target))[0].replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, target)
    if spec is None or spec.loader is None or not os.path.exists(target):
        sys.exit(f"weir.worker: {target}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)  # pyright: ignore[reportAttributeAccessIssue]
    return module


def listing() -> str:
    """The functions, one a line, as one would call them."""
    lines = []
    for entry in registry.functions.values():
        entry.prepare()
        described = entry.describe()
        parameters = ", ".join(
            one["name"]
            + (f": {one['type']}" if "type" in one else "")
            + (" = ..." if one.get("optional") else "")
            for one in described["params"]
        )
        returns = f" -> {described['returns']}" if "returns" in described else ""
        stream = f"  [stream {described['stream']}]" if "stream" in described else ""
        doc = f"  {described['doc']}" if "doc" in described else ""
        lines.append(f"{entry.name}({parameters}){returns}{stream}{doc}\n")
    return "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python3 -m weir.worker",
        description="Serves the functions of a Python file: those with @function, "
        "or where there is none, all whose names do not begin with an underscore.",
    )
    parser.add_argument("target", metavar="FILE.py|MODULE")
    parser.add_argument("--list", action="store_true", help="print the functions and exit")
    parser.add_argument("--name", help="the worker's name, for people (default: that of the file)")
    arguments = parser.parse_args()
    if arguments.list:
        wire.leave_alone = True
    else:
        wire.take()
    module = load(arguments.target)
    if not registry.functions:
        registry.offer_all(module)
    if not registry.functions:
        sys.exit(f"weir.worker: {arguments.target} has no function to offer")
    if arguments.list:
        sys.stdout.write(listing())
    else:
        worker.serve(arguments.name or module.__name__)


if __name__ == "__main__":
    main()
