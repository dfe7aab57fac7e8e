"""Words of an emergency. Whoever writes one is told to call for help; nothing is stored, scored or refused."""

import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parent / "data" / "red_flags.yaml"
# Written without spaces between words, or with particles joined to them: a phrase may begin anywhere.
WITHOUT_WORD_BOUNDS = {"zh-hans", "ar"}
_ARABIC_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
_ARABIC_SHAPES = str.maketrans("أإآٱىة", "اااايه")


def mentions_emergency(text: str) -> bool:
    """Return whether a text holds words of an emergency in any language of the portal."""
    plain = _plain(text)
    return any(pattern.search(plain) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    phrases = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(_pattern(language, words) for language, words in phrases.items())


def _pattern(language: str, phrases: list[str]) -> re.Pattern[str]:
    options = "|".join(re.escape(_plain(phrase)) for phrase in phrases)
    return re.compile(options if language in WITHOUT_WORD_BOUNDS else rf"(?<!\w)(?:{options})(?!\w)")


def _plain(text: str) -> str:
    """Return text without case, accents, Arabic vowel marks and double blanks, apostrophes made one."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char) or char in "\u0306")
    bare = unicodedata.normalize("NFC", bare).replace("’", "'")
    bare = _ARABIC_MARKS.sub("", bare).translate(_ARABIC_SHAPES)
    return re.sub(r"\s+", " ", bare).strip()
