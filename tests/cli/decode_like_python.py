"""Compares weir's decoder with Python's on many texts, valid and not.

Usage: decode_like_python.py DECODE_STDIN     (SEED=n in the environment)

Tells TAP.  A failure shows the charset, the error mode, where the bytes were
split, and the bytes in hex.
"""

import codecs
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

REPLACE, BACKSLASHREPLACE, STRICT = range(3)
HANDLERS = ("replace", "backslashreplace", "strict")
ERR_DECODE = -6

# --- Where glibc's tables and Python's differ ---------------------------------
# charset: {bytes in hex: (what Python says, what glibc says or None for "no
# character")}.  These are checked one by one: either answer passes, any third one
# fails.  Everywhere else the two must agree.

GB18030_EXCEPTIONS = {
    # Python has the tables of GB 18030-2000, glibc those of 2005 and later: since
    # then U+1E3F is the two-byte A8BC...
    "8135f437": (0x1E3F, 0xE7C7),
    "a8bc": (0xE7C7, 0x1E3F),
    # ...and these have Unicode characters of their own, no longer private ones...
    "a6d9": (0xE78D, 0xFE10),
    "a6da": (0xE78E, 0xFE12),
    "a6db": (0xE78F, 0xFE11),
    "a6dc": (0xE790, 0xFE13),
    "a6dd": (0xE791, 0xFE14),
    "a6de": (0xE792, 0xFE15),
    "a6df": (0xE793, 0xFE16),
    "a6ec": (0xE794, 0xFE17),
    "a6ed": (0xE795, 0xFE18),
    "a6f3": (0xE796, 0xFE19),
    "fe51": (0xE816, 0x20087),
    "fe52": (0xE817, 0x20089),
    "fe53": (0xE818, 0x200CC),
    "fe59": (0xE81E, 0x9FB4),
    "fe61": (0xE826, 0x9FB5),
    "fe66": (0xE82B, 0x9FB6),
    "fe67": (0xE82C, 0x9FB7),
    "fe6c": (0xE831, 0x215D7),
    "fe6d": (0xE832, 0x9FB8),
    "fe76": (0xE83B, 0x2298F),
    "fe7e": (0xE843, 0x9FB9),
    "fe90": (0xE854, 0x9FBA),
    "fe91": (0xE855, 0x241FE),
    "fea0": (0xE864, 0x9FBB),
    # ...whose four-byte forms glibc therefore refuses.
    "82359037": (0x9FB4, None),
    "82359038": (0x9FB5, None),
    "82359039": (0x9FB6, None),
    "82359130": (0x9FB7, None),
    "82359131": (0x9FB8, None),
    "82359132": (0x9FB9, None),
    "82359133": (0x9FBA, None),
    "82359134": (0x9FBB, None),
    "84318236": (0xFE10, None),
    "84318237": (0xFE11, None),
    "84318238": (0xFE12, None),
    "84318239": (0xFE13, None),
    "84318330": (0xFE14, None),
    "84318331": (0xFE15, None),
    "84318332": (0xFE16, None),
    "84318333": (0xFE17, None),
    "84318334": (0xFE18, None),
    "84318335": (0xFE19, None),
}

SHIFT_JIS_EXCEPTIONS = {
    # JIS X 0201 has a yen sign and an overline where ASCII has these two; glibc
    # follows it, Python follows ASCII.
    "5c": (0x5C, 0xA5),
    "7e": (0x7E, 0x203E),
}

BIG5_EXCEPTIONS = {
    # Symbols that the Unicode Consortium's old table and Microsoft's pair with
    # different look-alikes; Python has the former, glibc the latter.
    "a145": (0x2022, 0x2027),
    "a14e": (0xFF64, 0xFE51),
    "a1c2": (0x203E, 0x00AF),
    "a1e3": (0x223C, 0xFF5E),
    "a1f2": (0x2641, 0x2295),
    "a1f3": (0x2609, 0x2299),
    "a241": (0xFF0F, 0x2215),
    "a242": (0xFF3C, 0xFE68),
    "a244": (0x00A5, 0xFFE5),
    "a246": (0x00A2, 0xFFE0),
    "a247": (0x00A3, 0xFFE1),
}
for _lead in (0xC6, 0xC7):
    # The ETEN extension (Cyrillic, kana, circled digits): Big5 itself leaves these
    # rows to the user, and glibc puts them in the private area in order.
    for _trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
        _raw = bytes((_lead, _trail))
        try:
            _python = ord(_raw.decode("big5"))
        except UnicodeDecodeError:
            continue
        _column = _trail - 0x40 if _trail < 0x7F else _trail - 0xA1 + 63
        _private = 0xF672 + (_lead - 0xC6) * 157 + _column
        if 0xF6B1 <= _private:
            BIG5_EXCEPTIONS[_raw.hex()] = (_python, _private)

LEGACY = {  # charset: (Python's name, exceptions)
    "gb18030": ("gb18030", GB18030_EXCEPTIONS),
    "gbk": ("gbk", {}),
    "shift_jis": ("shift_jis", SHIFT_JIS_EXCEPTIONS),
    "euc-jp": ("euc_jp", {}),
    "big5": ("big5", BIG5_EXCEPTIONS),
    "latin1": ("latin-1", {}),
}

# --- Texts ---------------------------------------------------------------------

# Bytes at the edges of the ranges in table 3-7 of the Unicode Standard.
EDGES = bytes(
    (
        0x00,
        0x41,
        0x7F,
        0x80,
        0x8F,
        0x90,
        0x9F,
        0xA0,
        0xBF,
        0xC0,
        0xC1,
        0xC2,
        0xDF,
        0xE0,
        0xE1,
        0xEC,
        0xED,
        0xEE,
        0xEF,
        0xF0,
        0xF1,
        0xF3,
        0xF4,
        0xF5,
        0xFF,
        0x0A,
    )
)
SAMPLES = (
    "plain ascii, a whole sentence of it, longer than one machine word. ",
    "é",
    "ñü",
    "Привет",
    "日本語",
    "你好，世界",
    "\ufeff",
    "\0",
    "\n",
    "😀",
    "𠀀",
    "\U0010ffff",
    "\ud7ff\ue000",
    "\uffff",
    "a",
    "\r\n",
    "\x7f\x80\u07ff\u0800",
)


def random_text(rng: Any, most: int = 12) -> Any:
    return "".join(rng.choice(SAMPLES) for _ in range(rng.randrange(most)))


def mutate(rng: Any, data: Any) -> Any:
    """Cuts, drops, doubles and overwrites bytes of data."""
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.choice(EDGES)
        elif kind == 1:
            del data[at]
        elif kind == 2:
            data.insert(at, rng.choice(EDGES))
        elif kind == 3:
            del data[at:]
        else:
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def random_splits(rng: Any, length: Any) -> Any:
    if rng.randrange(4) == 0:
        return ()
    if length <= 40 and rng.randrange(4) == 0:
        return tuple(range(1, length))
    return tuple(sorted(rng.randrange(length + 1) for _ in range(rng.randrange(6))))


# --- What Python says ----------------------------------------------------------

errors_seen = []


def note_error(error: Any) -> Any:
    errors_seen.append((error.start, error.end))
    return ("\ufffd", error.end)


codecs.register_error("note", note_error)


def python_says(codec: Any, mode: Any, data: Any, shift: int = 0) -> Any:
    """(status, invalid_at, replaced, utf8); shift is what a byte-order mark took."""
    del errors_seen[:]
    data.decode(codec, "note")
    invalid_at = errors_seen[0][0] + shift if errors_seen else -1
    if mode == STRICT and errors_seen:
        return ERR_DECODE, invalid_at, 0, data[: errors_seen[0][0]].decode(codec).encode()
    if mode == BACKSLASHREPLACE:
        replaced = sum(end - start for start, end in errors_seen)
    else:
        replaced = len(errors_seen)
    return 0, invalid_at, replaced, data.decode(codec, HANDLERS[mode]).encode()


# --- What weir says ------------------------------------------------------------


def frame(charset: Any, mode: Any, splits: Any, data: Any) -> Any:
    return (
        struct.pack(
            f"<B{len(charset)}sBH{len(splits)}II",
            len(charset),
            charset.encode(),
            mode,
            len(splits),
            *splits,
            len(data),
        )
        + data
    )


def weir_says(cases: Any) -> Iterator[Any]:
    """Yields (case, answer) for each (charset, mode, splits, data, ...)."""
    with tempfile.TemporaryFile() as frames, tempfile.TemporaryFile() as answers:
        for case in cases:
            frames.write(frame(*case[:4]))
        frames.seek(0)
        subprocess.run([sys.argv[1]], stdin=frames, stdout=answers, check=True)
        answers.seek(0)
        for case in cases:
            status, invalid_at, replaced, length = struct.unpack("<iqQI", answers.read(24))
            yield case, (status, invalid_at, replaced, answers.read(length))


class Mismatch(Exception):
    pass


def compare(cases: Any) -> Any:
    """Each case: (charset, mode, splits, data, codec, bytes of byte-order mark)."""
    for case, said in weir_says(cases):
        charset, mode, splits, data, codec, mark = case
        expected = python_says(codec, mode, data[mark:], mark)
        if said != expected:
            raise Mismatch(
                f"{charset} {HANDLERS[mode]} split at {list(splits)}\n"
                f"bytes    {data.hex()}\n"
                f"expected {expected[:3]} {expected[3].hex()}\n"
                f"got      {said[:3]} {said[3].hex()}"
            )
    return len(cases)


# --- Tests ---------------------------------------------------------------------


def every_sequence_of_two_bytes_in_utf_8(rng: Any) -> Any:
    pairs = [bytes((a, b)) for a in range(256) for b in range(256)]
    return compare([("utf-8", REPLACE, (), pair, "utf-8", 0) for pair in pairs])


def every_three_and_four_bytes_at_the_edges_in_utf_8(rng: Any) -> Any:
    cases = []
    for lead in (0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF3, 0xF4, 0xF5):
        for a in EDGES:
            for b in EDGES:
                for tail in (b"", b"\x80", b"A", b"\xc2"):
                    data = bytes((lead, a, b)) + tail
                    split = (rng.randrange(len(data)),)
                    cases.append(("utf-8", rng.randrange(3), split, data, "utf-8", 0))
    return compare(cases)


def random_bytes_in_utf_8(rng: Any) -> Any:
    cases = []
    for i in range(90000):
        length = rng.randrange(24)
        data = rng.randbytes(length) if i % 3 == 0 else bytes(rng.choices(EDGES, k=length))
        cases.append(("utf-8", i % 3, random_splits(rng, length), data, "utf-8", 0))
    return compare(cases)


def mutated_text_in_utf_8(rng: Any) -> Any:
    cases = []
    for i in range(90000):
        data = mutate(rng, random_text(rng).encode())
        cases.append(("utf-8", i % 3, random_splits(rng, len(data)), data, "utf-8", 0))
    return compare(cases)


def valid_text_in_utf_8(rng: Any) -> Any:
    cases = []
    for i in range(30000):
        data = random_text(rng, 20).encode()
        cases.append(("utf-8", i % 3, random_splits(rng, len(data)), data, "utf-8", 0))
    return compare(cases)


MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff")


def compare_wide(rng: Any, family: Any, surrogates: Any, boms: Any) -> Any:
    cases = []
    for i in range(24000):
        charset, codec, mark = rng.choice(boms)
        data = random_text(rng, 8).encode(codec)
        if i % 2:
            data += rng.choice(surrogates).to_bytes(
                len("a".encode(codec)), "big" if codec.endswith("be") else "little"
            )
            data += random_text(rng, 4).encode(codec)
            data = mutate(rng, data) if i % 4 == 1 else data
        if not mark and charset == family and data.startswith(MARKS):
            continue  # it happens to begin with a mark
        data = mark + data
        cases.append((charset, i % 3, random_splits(rng, len(data)), data, codec, len(mark)))
    return compare(cases)


def utf_16_with_and_without_a_mark_and_with_lone_surrogates(rng: Any) -> Any:
    return compare_wide(
        rng,
        "utf-16",
        (0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0x41),
        (
            ("utf-16", "utf-16-le", b""),
            ("utf-16", "utf-16-le", b"\xff\xfe"),
            ("utf-16", "utf-16-be", b"\xfe\xff"),
            ("utf-16le", "utf-16-le", b""),
            ("UTF-16BE", "utf-16-be", b""),
        ),
    )


def utf_32_with_and_without_a_mark_and_out_of_range(rng: Any) -> Any:
    return compare_wide(
        rng,
        "utf-32",
        (0xD800, 0xDFFF, 0x110000, 0x7FFFFFFF, 0x41),
        (
            ("utf-32", "utf-32-le", b""),
            ("utf-32", "utf-32-le", b"\xff\xfe\0\0"),
            ("utf-32", "utf-32-be", b"\0\0\xfe\xff"),
            ("utf-32le", "utf-32-le", b""),
            ("UTF-32BE", "utf-32-be", b""),
        ),
    )


def characters_of(codec: Any, exceptions: Any) -> Iterator[Any]:
    """Every character that the codec has, as bytes, but the exceptions."""
    for number in (*range(0xD800), *range(0xE000, 0x110000)):
        try:
            data = chr(number).encode(codec)
        except UnicodeEncodeError:
            continue
        if data.hex() not in exceptions:
            yield data


def compare_legacy(rng: Any, charset: Any) -> Any:
    codec, exceptions = LEGACY[charset]
    characters = list(characters_of(codec, exceptions))
    cases = []
    for at in range(0, len(characters), 500):  # each character once
        data = b"".join(characters[at : at + 500])
        cases.append((charset, STRICT, random_splits(rng, len(data)), data, codec, 0))
    for _ in range(3000):  # any of them beside any other, split anywhere
        data = b"".join(rng.choices(characters, k=rng.randrange(20)))
        cases.append((charset, STRICT, random_splits(rng, len(data)), data, codec, 0))
    compare(cases)
    return len(characters) + 3000


def the_listed_exceptions_and_nothing_else(rng: Any) -> Any:
    cases = [
        (charset, STRICT, (), bytes.fromhex(data), allowed)
        for charset, (_, exceptions) in LEGACY.items()
        for data, allowed in exceptions.items()
    ]
    for (charset, _, _, data, allowed), (status, _, _, utf8) in weir_says(cases):
        if data.decode(LEGACY[charset][0]) != chr(allowed[0]):
            raise Mismatch(f"Python has changed its mind about {charset} {data.hex()}")
        said = ord(utf8.decode()) if status == 0 else None
        if said not in allowed:
            raise Mismatch(f"{charset} {data.hex()}: got {said}, allowed are {allowed}")
    return len(cases)


TESTS = [
    every_sequence_of_two_bytes_in_utf_8,
    every_three_and_four_bytes_at_the_edges_in_utf_8,
    random_bytes_in_utf_8,
    mutated_text_in_utf_8,
    valid_text_in_utf_8,
    utf_16_with_and_without_a_mark_and_with_lone_surrogates,
    utf_32_with_and_without_a_mark_and_out_of_range,
    *((f"every character of {charset}", charset) for charset in LEGACY),
    the_listed_exceptions_and_nothing_else,
]


def main() -> Any:
    seed = int(os.environ.get("SEED", "1"))
    failed = False
    print(f"1..{len(TESTS)}")
    print(f"# SEED={seed}")
    test: Any
    for number, test in enumerate(TESTS, 1):
        rng = random.Random(seed * 1000 + number)
        name = test[0] if isinstance(test, tuple) else test.__name__.replace("_", " ")
        try:
            count = compare_legacy(rng, test[1]) if isinstance(test, tuple) else test(rng)
            print(f"ok {number} - {name}: {count} cases", flush=True)
        except (Mismatch, OSError, subprocess.SubprocessError, struct.error) as error:
            failed = True
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
