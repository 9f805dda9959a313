"""The package's modules import each other in one direction only."""

import ast
import os
import unittest
from typing import Any

from support import SDK

PACKAGE = os.path.join(SDK, "weir_worker")


def imports_of(path: Any, names: Any) -> Any:
    """The modules of the package that a module imports anywhere: in functions and for type checkers, too."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (
            node.level > 0 or (node.module or "").startswith("weir_worker")
        ):
            module = (node.module or "").replace("weir_worker", "").strip(".")
            found.update([module] if module else [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            found.update(
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("weir_worker.")
            )
    return found & names


def circle_in(graph: Any) -> Any:
    """Modules that import each other in a circle, or None."""
    done = set()

    def visit(name: Any, above: Any) -> Any:
        if name in above:
            return above[above.index(name) :] + [name]
        if name not in done:
            for other in sorted(graph[name]):
                found = visit(other, above + [name])
                if found:
                    return found
            done.add(name)
        return None

    return next(filter(None, (visit(name, []) for name in sorted(graph))), None)


class Modules(unittest.TestCase):
    def test_modules_do_not_import_each_other_in_a_circle(self) -> None:
        names = {name[:-3] for name in os.listdir(PACKAGE) if name.endswith(".py")}
        graph = {name: imports_of(os.path.join(PACKAGE, f"{name}.py"), names) for name in names}
        self.assertIn("inbox", graph["worker"])
        self.assertIsNone(circle_in(graph))

    def test_a_circle_is_found(self) -> None:
        self.assertEqual(circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])


if __name__ == "__main__":
    unittest.main()
