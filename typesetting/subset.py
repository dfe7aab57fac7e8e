"""Makes NotoSansSC-Regular.ttf from the whole face: python -m typesetting.subset NotoSansSC_400Regular.ttf.

Needs fontTools (`pip install fonttools`), which the portal does not.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import opencc
from fontTools import subset

FONT = Path(__file__).parent / "fonts" / "NotoSansSC-Regular.ttf"
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


def main(whole: str) -> None:
    """Write the subset beside the other faces."""
    options = subset.Options(hinting=False, layout_features=["kern", "liga", "locl", "ccmp", "mark", "mkmk", "palt"])
    options.name_IDs = ["*"]
    font = subset.load_font(whole, options)
    wanted = subset.Subsetter(options)
    wanted.populate(text="".join(sorted(characters())))
    wanted.subset(font)
    subset.save_font(font, str(FONT), options)


if __name__ == "__main__":
    main(sys.argv[1])
