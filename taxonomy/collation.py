"""Keys by which names are sorted in each language.

PostgreSQL runs here without ICU, in byte order: the order of a language is in a stored key.
"""

import re
import unicodedata
from typing import Any

from taxonomy.languages import BCP47, column
from taxonomy.pinyin import syllables

ARABIC_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
ARABIC_ARTICLE = re.compile(r"(^|\s)ال(?=\S{2})")
ARABIC_LETTERS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي"})


def sort_key(name: str, language: str) -> str:
    """Return the key that puts `name` in the place where a reader of the language looks for it."""
    if language == "zh-hans":
        name = " ".join(syllables(name))
    elif language == "ar":
        name = ARABIC_ARTICLE.sub(r"\1", ARABIC_MARKS.sub("", name)).translate(ARABIC_LETTERS)
    elif language == "ru":
        name = name.casefold().replace("ё", "е")
        return re.sub(r"[^\w]+", " ", name).strip()
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return re.sub(r"[^\w]+", " ", plain.casefold().replace("ß", "ss")).strip()[:300]


def sort_keys(entry: Any, *fields: str) -> dict[str, str]:
    """Return column → key of every language, from the first field that holds a name.

    A translated field counts in the language, then in English; an untranslated one as it is.
    """
    return {f"sort_key_{column(code)}": sort_key(_name(entry, fields, column(code)), code) for code in BCP47}


def _name(entry: Any, fields: tuple[str, ...], ending: str) -> str:
    """Return the first name there is: field by field, in the language, then in English, else untranslated."""
    for field in fields:
        attributes = (f"{field}_{ending}", f"{field}_en") if hasattr(entry, f"{field}_en") else (field,)
        for attribute in attributes:
            if getattr(entry, attribute, None):
                return str(getattr(entry, attribute))
    return ""
