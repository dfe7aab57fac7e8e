"""Which signs our fonts can print, read from the table `cmap` of each face (OpenType, formats 4 and 12)."""

import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from typesetting.press import FONTS

# Faces of running text; headings are our own words.
FACES = ("SourceSans3-Regular.ttf", "NotoSansArabic-Regular.ttf", "NotoSansSC-Regular.ttf")
FALLBACK = FONTS / "fallback"
# Drawn by no font: line ends, joiners, directions, variation selectors.
INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}
# Among those, what stands for a shape of old scripts that none of our fonts has.
VISIBLE_FORMATS = re.compile("[\U000110bd\U000110cd\U00013430-\U0001343f]")
# PDF/UA refuses them, whatever the font.
FORBIDDEN = re.compile("[\x00\ufeff\ufffe]")
REPLACEMENT = "\u25a1"


@cache
def printable() -> bytes:
    """Return the code points that have a shape in some face, one bit each: as a set they would take 5 MB."""
    bits = bytearray(0x110000 // 8)
    for path in (*(FONTS / name for name in FACES), *sorted(FALLBACK.glob("*.[ot]tf"))):
        for code in _codes_of(path):
            bits[code >> 3] |= 1 << (code & 7)
    return bytes(bits)


def unprintable(texts: Iterable[str]) -> list[str]:
    """Return the signs no face can draw, each once, in order."""
    return list(dict.fromkeys(sign for text in texts for sign in text if not _can_be_drawn(sign)))


def with_replacements(text: str) -> str:
    """Return a text in which a box stands for each sign that no face can draw, without what a PDF may not have."""
    return "".join(sign if _can_be_drawn(sign) else REPLACEMENT for sign in FORBIDDEN.sub("", text))


def _can_be_drawn(sign: str) -> bool:
    code = ord(sign)
    if printable()[code >> 3] >> (code & 7) & 1 or "\ufe00" <= sign <= "\ufe0f":
        return True
    return unicodedata.category(sign) in INVISIBLE and not VISIBLE_FORMATS.match(sign)


def _codes_of(path: Path) -> Iterator[int]:
    data = path.read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    for number in range(tables):
        tag, _sum, start, _length = struct.unpack_from(">4sLLL", data, 12 + 16 * number)
        if tag == b"cmap":
            count = struct.unpack_from(">H", data, start + 2)[0]
            for entry in range(count):
                offset = struct.unpack_from(">HHL", data, start + 4 + 8 * entry)[2]
                yield from _codes_at(data, start + offset)


def _codes_at(data: bytes, at: int) -> Iterator[int]:
    form = struct.unpack_from(">H", data, at)[0]
    if form == 12:
        groups = struct.unpack_from(">L", data, at + 12)[0]
        for group in range(groups):
            first, last, glyph = struct.unpack_from(">LLL", data, at + 16 + 12 * group)
            yield from (code for code in range(first, last + 1) if glyph + code - first)
    elif form == 4:
        segments = struct.unpack_from(">H", data, at + 6)[0] // 2
        ends = struct.unpack_from(f">{segments}H", data, at + 14)
        starts = struct.unpack_from(f">{segments}H", data, at + 16 + 2 * segments)
        deltas = struct.unpack_from(f">{segments}H", data, at + 16 + 4 * segments)
        offsets_at = at + 16 + 6 * segments
        offsets = struct.unpack_from(f">{segments}H", data, offsets_at)
        for index, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
            for code in range(first, last + 1):
                glyph = code
                if offset:
                    glyph = struct.unpack_from(">H", data, offsets_at + 2 * index + offset + 2 * (code - first))[0]
                if glyph and (glyph + delta) & 0xFFFF and code != 0xFFFF:
                    yield code
