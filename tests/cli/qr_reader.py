"""Reads QR codes of error correction level L (ISO/IEC 18004) from their modules, without
correcting errors, and takes the modules out of PNG, SVG and text."""

import re
import struct
import zlib

Modules = list[list[int]]

# By version, from 1 on: bytes of error correction in a block, and the number of blocks.
CORRECTION = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28]
CORRECTION += [28, 28, 30, 30, 26]
BLOCKS = (1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12)

BORDER = 4


def inner(modules: Modules) -> Modules:
    """Without the light border."""
    side = len(modules)
    assert all(len(row) == side for row in modules), [len(row) for row in modules]
    for y, row in enumerate(modules):
        for x, module in enumerate(row):
            if min(x, y, side - 1 - x, side - 1 - y) < BORDER:
                assert module == 0, (x, y)
    return [row[BORDER:-BORDER] for row in modules[BORDER:-BORDER]]


def of_text(text: str) -> Modules:
    """Of half blocks, two rows a line."""
    rows: Modules = []
    for line in text.splitlines():
        pairs = [" ▀▄█".index(block) for block in line]
        rows += [[pair & 1 for pair in pairs], [pair >> 1 for pair in pairs]]
    if not any(rows[-1]) and len(rows) > len(rows[0]):
        rows.pop()  # an odd number of rows
    return inner(rows)


def of_svg(text: str) -> Modules:
    """Of one path of horizontal runs."""
    side = int(re.findall(r'viewBox="0 0 (\d+) \1"', text)[0])
    modules = [[0] * side for _ in range(side)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", text):
        for at in range(int(length)):
            modules[int(y)][int(x) + at] = 1
    return inner(modules)


def of_png(data: bytes, scale: int = 4) -> Modules:
    """Of 1 bit of grey."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert crc == zlib.crc32(kind + body), kind
        chunks[kind] = body
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"], list(chunks)
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert width == height and rest == [1, 0, 0, 0, 0], (width, height, rest)
    lines, line = zlib.decompress(chunks[b"IDAT"]), 1 + (width + 7) // 8
    assert len(lines) == height * line
    pixels = [
        [1 - (lines[y * line + 1 + x // 8] >> 7 - x % 8 & 1) for x in range(width)]
        for y in range(height)
    ]
    modules = [row[::scale] for row in pixels[::scale]]
    for y, row in enumerate(pixels):
        assert row == [modules[y // scale][x // scale] for x in range(width)], y
    return inner(modules)


def is_masked(mask: int, y: int, x: int) -> bool:
    return (
        (y + x) % 2,
        y % 2,
        x % 3,
        (y + x) % 3,
        (y // 2 + x // 3) % 2,
        y * x % 2 + y * x % 3,
        (y * x % 2 + y * x % 3) % 2,
        ((y + x) % 2 + y * x % 3) % 2,
    )[mask] == 0


def alignment(version: int, side: int) -> list[int]:
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return [6] + sorted(side - 7 - i * step for i in range(count - 1))


def is_data(version: int, side: int, y: int, x: int, centres: list[int]) -> bool:
    near, far = 9, side - 8
    if 6 in (y, x) or (y < near and (x < near or x >= far)) or (y >= far and x < near):
        return False
    if version >= 7 and ((y < 6 and x >= side - 11) or (x < 6 and y >= side - 11)):
        return False
    corners = ((6, 6), (6, side - 7), (side - 7, 6))
    return not any(
        abs(y - row) <= 2 and abs(x - column) <= 2
        for row in centres
        for column in centres
        if (row, column) not in corners
    )


def read_bits(modules: Modules) -> tuple[int, list[int]]:
    side = len(modules)
    version = (side - 17) // 4
    places = [(8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)]
    places += [(y, 8) for y in (7, 5, 4, 3, 2, 1, 0)]
    form = int("".join(str(modules[y][x]) for y, x in places), 2) ^ 0x5412
    assert form >> 13 == 1, "another level of error correction"
    mask, centres, bits, upwards = form >> 10 & 7, alignment(version, side), [], True
    for right in [*range(side - 1, 6, -2), 5, 3, 1]:
        for y in range(side - 1, -1, -1) if upwards else range(side):
            for x in (right, right - 1):
                if is_data(version, side, y, x, centres):
                    bits.append(modules[y][x] ^ is_masked(mask, y, x))
        upwards = not upwards
    return version, bits


def read_code(modules: Modules) -> bytes:
    version, bits = read_bits(modules)
    count, blocks = len(bits) // 8, BLOCKS[version - 1]
    words = [int("".join(map(str, bits[8 * i : 8 * i + 8])), 2) for i in range(count)]
    short = count // blocks - CORRECTION[version - 1]
    lengths = [short + (i >= blocks - count % blocks) for i in range(blocks)]
    data: list[list[int]] = [[] for _ in lengths]
    stream = iter(words)
    for i in range(max(lengths)):
        for block, length in zip(data, lengths):
            if i < length:
                block.append(next(stream))
    number = int.from_bytes(bytes(word for block in data for word in block), "big")
    left, text = sum(lengths) * 8, b""

    def take(size: int) -> int:
        nonlocal left
        left -= size
        return number >> left & (1 << size) - 1

    while left >= 4 and (mode := take(4)) != 0:
        assert mode == 4, f"not bytes: {mode}"
        text += bytes(take(8) for _ in range(take(8 if version < 10 else 16)))
    return text
