"""What a host learns about functions as tools: JSON Schemas, annotations, content, progress."""

import inspect
import sys
import types
import unittest
from typing import Any

import support
from weir._worker import codec, registry
from weir.worker import Content

CODE = """
from dataclasses import dataclass, field
from typing import *
"""


def described(code: str, **options: Any) -> Any:
    sys.modules["tools"] = module = types.ModuleType("tools")
    exec(CODE + inspect.cleandoc(code), vars(module))
    target = vars(module)["f"]
    registry.functions.clear()
    registry.function(**options)(target)
    entry = registry.functions.pop("f")
    entry.prepare()
    return entry.describe(True)


def schema(hint: str, more: str = "") -> Any:
    """The schema of one parameter with this hint, and the definitions."""
    made = described(f"{inspect.cleandoc(more)}\ndef f(x: {hint}): pass")["input"]
    return made["properties"]["x"], made.get("$defs")


class Schemas(unittest.TestCase):
    def test_types(self) -> None:
        """schemas: each type has its schema"""
        for hint, wanted in (
            ("int", {"type": "integer"}),
            ("float", {"type": "number"}),
            ("str", {"type": "string"}),
            ("bool", {"type": "boolean"}),
            ("None", {"type": "null"}),
            ("list", {"type": "array"}),
            ("dict", {"type": "object"}),
            ("List[int]", {"type": "array", "items": {"type": "integer"}}),
            ("Sequence[Any]", {"type": "array"}),
            ("Tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}),
            (
                "Tuple[int, str]",
                {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 2,
                    "prefixItems": [{"type": "integer"}, {"type": "string"}],
                },
            ),
            ("Dict[str, float]", {"type": "object", "additionalProperties": {"type": "number"}}),
            ("Optional[int]", {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            ("Union[int, str]", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
            ("Literal['a', 1, None]", {"enum": ["a", 1, None]}),
            ("Any", {}),
            ("object", {}),
            ("'NoSuchType'", {}),
            ("NewType('N', int)", {"type": "integer"}),
        ):
            self.assertEqual(schema(hint), (wanted, None), hint)

    def test_annotated(self) -> None:
        """schemas: Annotated describes a parameter and a member"""
        made, defs = schema(
            "Annotated[P, 'a place']",
            """
            class P(TypedDict):
                x: Annotated[int, "how far"]
            """,
        )
        self.assertEqual(made, {"$ref": "#/$defs/P", "description": "a place"})
        self.assertEqual(
            defs["P"]["properties"], {"x": {"type": "integer", "description": "how far"}}
        )

    def test_classes(self) -> None:
        """schemas: a dataclass that contains itself is a definition, and defaults are kept"""
        made, defs = schema(
            "Tree",
            """
            @dataclass
            class Tree:
                name: str
                size: int = 3
                made: int = field(init=False, default=1)
                inner: "List[Tree]" = field(default_factory=list)
            """,
        )
        self.assertEqual(made, {"$ref": "#/$defs/Tree"})
        self.assertEqual(
            defs["Tree"],
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "size": {"type": "integer", "default": 3},
                    "inner": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        )

    def test_inputs(self) -> None:
        """schemas: the input is an object that names all arguments"""
        made = described("def f(a: int, *rest: int, b: str = 'x', c=float('nan'), **more): pass")
        self.assertEqual(
            made["input"],
            {
                "type": "object",
                "properties": {
                    "a": {"type": "integer"},
                    "b": {"type": "string", "default": "x"},
                    "c": {},
                },
                "required": ["a"],
                "additionalProperties": True,
            },
        )
        self.assertNotIn("output", made)

    def test_outputs(self) -> None:
        """schemas: an object is at the root, and a stream is the array of its values"""
        made = described(
            """
            @dataclass
            class P:
                x: int
                y: int = field(init=False, default=1)
            def f() -> P: pass
            """
        )["output"]
        self.assertEqual(
            made,
            {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
                "required": ["x", "y"],
                "additionalProperties": False,
            },
        )
        for hint, wanted in (
            ("int", {"type": "integer"}),
            ("Iterator[str]", {"type": "array", "items": {"type": "string"}}),
            ("None", {"type": "null"}),
        ):
            self.assertEqual(described(f"def f() -> {hint}: pass")["output"], wanted)

    def test_annotations(self) -> None:
        """schemas: what a decorator says becomes title and annotations"""
        made = described(
            """
            def f() -> int:
                '''Find it.

                In all places.
                '''
            """,
            title="Finder",
            read_only=True,
            open_world=False,
            idempotent=True,
        )
        self.assertEqual(made["doc"], "Find it.")
        self.assertEqual(made["description"], "Find it.\n\nIn all places.")
        self.assertEqual(made["title"], "Finder")
        self.assertEqual(
            made["annotations"],
            {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
        )

    def test_hello(self) -> None:
        """schemas: they are in the answer to a hello that asks for them"""
        with support.worker(
            "from weir_worker import function, run\n"
            "@function(title='Adder')\n"
            "def add(a: int, b: int) -> int: return a + b\n"
            "run()"
        ) as worker:
            self.assertNotIn("input", worker.hello()["methods"]["add"])
            worker.send(
                {"id": 2, "method": "weir/hello", "params": {"version": 1, "schemas": True}}
            )
            made = worker.get()["result"]["methods"]["add"]
            self.assertEqual(made["output"], {"type": "integer"})
            self.assertEqual(made["title"], "Adder")


class Contents(unittest.TestCase):
    def test_blocks(self) -> None:
        """content: parts become blocks, under a name of their own"""
        made = Content(
            "see:",
            Content.image(b"\x00"),
            Content.audio(b"\x01"),
            Content.resource("file:///a", "text"),
            Content.resource("file:///b", b"\x02", "image/gif"),
            Content.link("file:///c", "c"),
            {"type": "text", "text": "as it is", "annotations": {"priority": 1}},
        )
        self.assertEqual(
            codec.parse(codec.encode(made)),
            {
                "weir/content": [
                    {"type": "text", "text": "see:"},
                    {"type": "image", "data": "AA==", "mimeType": "image/png"},
                    {"type": "audio", "data": "AQ==", "mimeType": "audio/wav"},
                    {"type": "resource", "resource": {"uri": "file:///a", "text": "text"}},
                    {
                        "type": "resource",
                        "resource": {"uri": "file:///b", "mimeType": "image/gif", "blob": "Ag=="},
                    },
                    {"type": "resource_link", "uri": "file:///c", "name": "c"},
                    {"type": "text", "text": "as it is", "annotations": {"priority": 1}},
                ]
            },
        )
        with self.assertRaises(TypeError):
            Content({"text": "no type"})


class Progress(unittest.TestCase):
    def test_progress(self) -> None:
        """progress: it names the call, its numbers and words, and only a host gets it"""
        with support.worker(
            "from weir_worker import function, progress, run\n"
            "progress(1)\n"
            "@function\n"
            "def work(n: int) -> int:\n"
            "    progress(1)\n"
            "    progress(1.5, n, 'half \"way\"')\n"
            "    return n\n"
            "@function\n"
            "def wrong() -> None: progress(float('inf'))\n"
            "run()"
        ) as worker:
            self.assertEqual(worker.answer(1, "work", 3)["result"], 3)
            worker.hello()
            worker.call("a", "work", 3)
            self.assertEqual(
                [worker.get()["params"] for _ in range(2)],
                [
                    {"id": "a", "progress": 1},
                    {"id": "a", "progress": 1.5, "total": 3, "message": 'half "way"'},
                ],
            )
            self.assertEqual(worker.get()["result"], 3)
            self.assertIn("finite", worker.answer(2, "wrong")["error"]["message"])
