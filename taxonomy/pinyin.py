"""Spells Chinese in Latin letters, for the order of names and for what is typed without a Chinese keyboard.

pypinyin takes 18 MB of every process, and with its phrases 60. pinyin.txt holds what it knows, a spelling a line, and
takes 2. It is made anew, where pypinyin is installed, with: python -m taxonomy.pinyin
"""

import importlib
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("pinyin.txt")
TONES = str.maketrans("", "", "1234")


class Spellings:
    """What pinyin.txt says: characters as one string, in which the place of a character gives its syllable."""

    def __init__(self) -> None:
        self._phrases: dict[str, str] = {}
        self._syllables: list[str] = []
        self._ends: list[int] = []
        parts = []
        for line in FILE.read_text(encoding="utf-8").splitlines():
            spelling, is_entry, spelt = line.partition("\t")
            if not is_entry:
                continue
            if " " in spelling:
                self._phrases.update(dict.fromkeys(spelt.split(" "), spelling))
            else:
                parts.append(spelt)
                self._syllables.append(spelling)
                self._ends.append((self._ends or [0])[-1] + len(spelt))
        self._characters = "".join(parts)
        self._longest = max(map(len, self._phrases))

    def cut(self, text: str, *, with_tones: bool) -> Iterator[str]:
        """Yield the syllables of a text, and what is not Chinese as it is; the longest known phrase goes first."""
        at = start = 0
        while at < len(text):
            spelling, length = self._spelling(text, at)
            if spelling:
                if start < at:
                    yield text[start:at]
                yield from (spelling if with_tones else spelling.translate(TONES)).split(" ")
                start = at + length
            at += length
        if start < at:
            yield text[start:]

    def _spelling(self, text: str, at: int) -> tuple[str, int]:
        """Return how the phrase or character at a place is spelt, and its length."""
        # No Chinese sign comes before; most names are in other letters.
        if text[at] < "\u3007":
            return "", 1
        for length in range(min(self._longest, len(text) - at), 1, -1):
            if spelling := self._phrases.get(text[at : at + length]):
                return spelling, length
        place = self._characters.find(text[at])
        return (self._syllables[bisect(self._ends, place)] if place >= 0 else ""), 1


@cache
def spellings() -> Spellings:
    """Return what pinyin.txt says, read once, when the first Chinese name is spelt."""
    return Spellings()


def syllables(text: str, *, with_tones: bool = True) -> list[str]:
    """Return how a Chinese text is spelt, the tone of a syllable as a number after it; other words stay whole."""
    return list(spellings().cut(text, with_tones=with_tones))


def write() -> None:
    """Write the characters that pypinyin knows, and its phrases that are not spelt as their characters are."""
    single = importlib.import_module("pypinyin.pinyin_dict").pinyin_dict
    phrases = importlib.import_module("pypinyin.phrases_dict").phrases_dict
    to_number = importlib.import_module("pypinyin.contrib.tone_convert").to_tone3

    spelt: dict[str, list[str]] = defaultdict(list)
    for code, reading in sorted(single.items()):
        spelt[to_number(reading.split(",")[0])].append(chr(code))
    characters = {character: syllable for syllable, found in spelt.items() for character in found}
    for phrase, readings in sorted(phrases.items()):
        spelling = [to_number(syllable[0]) for syllable in readings]
        if spelling != [characters.get(character) for character in phrase]:
            spelt[" ".join(spelling)].append(phrase)
    lines = ["# From pypinyin (MIT, github.com/mozillazg/python-pinyin): characters; phrases not spelt as theirs are."]
    for spelled, found in sorted(spelt.items()):
        lines.append(f"{spelled}\t{(' ' if ' ' in spelled else '').join(found)}")
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
