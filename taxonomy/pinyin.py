"""Spells Chinese in Latin letters, for the order of names.

The list of phrases of pypinyin takes 45 MB of every process. Four in five of them are spelt as their characters are one
by one; the others stand in pinyin.txt, a phrase a line, and cost 5 MB. Made anew with: python -m taxonomy.pinyin
"""

import importlib
import os
from pathlib import Path

# Read by pypinyin when it is imported.
os.environ["PYPINYIN_NO_PHRASES"] = "1"
from pypinyin import Style, lazy_pinyin, load_phrases_dict

PHRASES = Path(__file__).with_name("pinyin.txt")


def syllables(text: str, *, with_tones: bool = True) -> list[str]:
    """Return how a Chinese text is spelt, the tone of a syllable as a number after it; other words stay whole."""
    return lazy_pinyin(text, style=Style.TONE3 if with_tones else Style.NORMAL)


def read() -> None:
    """Teach pypinyin the phrases."""
    lines = PHRASES.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if not line.startswith("#"))
    load_phrases_dict({phrase: [[syllable] for syllable in spelt.split()] for phrase, spelt in pairs})


def write() -> None:
    """Write the phrases that are not spelt as their characters are."""
    lines = ["# Phrases of pypinyin (MIT, github.com/mozillazg/python-pinyin) not spelt as their characters are alone."]
    for phrase, spelt in sorted(importlib.import_module("pypinyin.phrases_dict").phrases_dict.items()):
        found = [syllable[0] for syllable in spelt]
        if lazy_pinyin(phrase, style=Style.TONE) != found:
            lines.append(f"{phrase}\t{' '.join(found)}")
    PHRASES.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
else:
    read()
