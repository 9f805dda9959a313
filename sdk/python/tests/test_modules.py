"""The package's modules import each other in one direction only."""

import ast
import os
import unittest
from typing import Any

from support import SDK

PACKAGE = os.path.join(SDK, "weir")


def imports_of(path: Any, names: Any) -> Any:
    """The modules of the package that a module imports anywhere: in functions and for type checkers, too."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            module = node.module or ""
            found.update([module] if module else [alias.name for alias in node.names])
            found.update(f"{module}.{alias.name}".strip(".") for alias in node.names)
    return {name for name in found if name in names}


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
        for package, one, other in (
            (PACKAGE, "_link", "_worker.codec"),
            (os.path.join(PACKAGE, "_worker"), "worker", "inbox"),
        ):
            names = {name[:-3] for name in os.listdir(package) if name.endswith(".py")}
            inside = {
                f"_worker.{name[:-3]}" for name in os.listdir(os.path.join(PACKAGE, "_worker"))
            }
            graph = {
                name: imports_of(os.path.join(package, f"{name}.py"), names | inside)
                for name in names - {"__init__"}
            }
            self.assertIn(other, graph[one])
            graph.update((name, set()) for name in inside | {"__init__"})
            self.assertIsNone(circle_in(graph))

    def test_a_circle_is_found(self) -> None:
        self.assertEqual(circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])


if __name__ == "__main__":
    unittest.main()
