"""Notes as tools for an agent: typed functions, nothing else."""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Annotated, Literal, TypedDict

from weir_worker import Content, Error, function, progress, run

NOTES = os.environ.get("NOTES", "notes.json")


class Note(TypedDict):
    title: str
    text: str
    mood: Literal["good", "bad", "neutral"]


def load() -> dict[str, Note]:
    try:
        with open(NOTES, encoding="utf-8") as file:
            notes: dict[str, Note] = json.load(file)
            return notes
    except FileNotFoundError:
        return {}


def save(notes: dict[str, Note]) -> None:
    with open(NOTES + ".new", "w", encoding="utf-8") as file:
        json.dump(notes, file, indent=1)
    os.replace(NOTES + ".new", NOTES)


@function(title="Write a note", destructive=True, idempotent=True, open_world=False)
def write_note(
    title: Annotated[str, "a short title; an older note with it is replaced"],
    text: str,
    mood: Literal["good", "bad", "neutral"] = "neutral",
) -> int:
    """Keep a note. Returns the number of notes."""
    notes = load()
    notes[title] = {"title": title, "text": text, "mood": mood}
    save(notes)
    return len(notes)


@function(title="Read a note", read_only=True, open_world=False)
def read_note(title: str) -> Note:
    """Read one note by its title."""
    notes = load()
    if title not in notes:
        raise Error(f"there is no note {title!r}; there are {sorted(notes)}")
    return notes[title]


@function(title="Search notes", read_only=True, open_world=False)
def search_notes(word: Annotated[str, "part of a word, in any case"]) -> Iterator[Note]:
    """Find notes that contain a word."""
    notes = load()
    for number, note in enumerate(notes.values(), 1):
        progress(number, len(notes), note["title"])
        if word.lower() in (note["title"] + " " + note["text"]).lower():
            yield note


@function(title="Picture of the moods", read_only=True, open_world=False)
def draw_moods() -> Content:
    """Draw the moods of all notes: a bar of one colour for each note."""
    colours = {"good": b"\x20\xa0\x40", "bad": b"\xc0\x30\x30", "neutral": b"\x90\x90\x90"}
    notes = load()
    row = b"\0" + b"".join(colours[note["mood"]] * 20 for note in notes.values())
    return Content(
        f"{len(notes)} notes: {', '.join(notes)}",
        Content.image(png(20 * len(notes), 40, row * 40)),
    )


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    run()
