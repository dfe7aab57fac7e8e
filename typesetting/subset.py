"""Makes the two faces of Chinese: python -m typesetting.subset NotoSansSC_400Regular.ttf NotoSansCJK-Regular.ttc.

The first is what most texts need and is read in a moment; the second is the rest (rare signs of names, traditional
ones, Hangul), read only for a text that has one. Needs fontTools (`pip install fonttools`), which the portal does not.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import opencc
from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent / "fonts"
COMMON = FONTS / "NotoSansSC-Regular.ttf"
REST = FONTS / "fallback" / "NotoSansCJKsc-Regular.otf"
# Which face of the collection is the simplified Chinese one.
SIMPLIFIED = 2
# Each simplified character with its traditional forms, parted by blanks.
TRADITIONAL_FORMS = Path(opencc.__file__).parent / "dictionary" / "STCharacters.txt"
# ASCII, Latin-1, general punctuation, CJK punctuation, full-width forms.
PUNCTUATION = (
    range(0x20, 0x7F),
    range(0xA0, 0x100),
    range(0x2010, 0x205F),
    range(0x3000, 0x3040),
    range(0xFF01, 0xFFE7),
)


def gb_2312(first_bytes: Iterable[int]) -> set[str]:
    """Return the characters of some rows of GB 2312-1980 in its EUC form."""
    pairs = (bytes((first, second)) for first in first_bytes for second in range(0xA1, 0xFF))
    return {pair.decode("gb2312", errors="ignore") for pair in pairs} - {""}


def characters() -> set[str]:
    """Return all of GB 2312, the traditional forms of its 3,755 commonest characters, and punctuation."""
    simplified = gb_2312(range(0xA1, 0xF8))
    common = gb_2312(range(0xB0, 0xD8))
    pairs = [line.split("\t") for line in TRADITIONAL_FORMS.read_text(encoding="utf-8").splitlines()]
    traditional = {form for character, forms in pairs if character in common for form in forms.split()}
    return simplified | traditional | {chr(code) for codes in PUNCTUATION for code in codes}


def make_common(whole: str) -> None:
    """Write the face of common signs."""
    options = subset.Options(hinting=False, layout_features=["kern", "liga", "locl", "ccmp", "mark", "mkmk", "palt"])
    options.name_IDs = ["*"]
    font = subset.load_font(whole, options)
    _write(font, options, COMMON, map(ord, characters()))


def make_rest(collection: str) -> None:
    """Write the face of every other sign; letters of Korean in parts are joined."""
    options = subset.Options(hinting=False, layout_features=["ccmp", "ljmo", "vjmo", "tjmo"], font_number=SIMPLIFIED)
    options.name_IDs = ["*"]
    font = subset.load_font(collection, options)
    known = set(TTFont(COMMON).getBestCmap()) - {ord(" ")}
    _write(font, options, REST, set(font.getBestCmap()) - known)


def _write(font: TTFont, options: subset.Options, target: Path, codes: Iterable[int]) -> None:
    wanted = subset.Subsetter(options)
    wanted.populate(unicodes=sorted(codes))
    wanted.subset(font)
    subset.save_font(font, str(target), options)


if __name__ == "__main__":
    make_common(sys.argv[1])
    make_rest(sys.argv[2])
