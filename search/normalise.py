"""Brings words of eight languages into one form, the same when they are indexed and when they are searched.

`normalise` gives the form by which two spellings are equal; `words` adds, for each word, the other spellings under
which it is to be found too (`ue` for `ü`, `e` for `ae`, an Arabic word without its article). Nothing here raises.
"""

import functools
import importlib.resources
import re
import unicodedata
from dataclasses import dataclass

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
ARABIC_LETTER = re.compile("[\u0620-\u064a\u066e-\u06d3]")
CYRILLIC_LETTER = re.compile("[\u0400-\u04ff]")
HAN_LETTER = re.compile(f"[{HAN}]")
# A run of Han characters, or a run of letters and digits of any other script. Nothing longer is a word.
WORD = re.compile(f"[{HAN}]{{1,80}}|[^\\W_{HAN}]{{1,80}}")
# ICD codes are written with a point or without: I21.9, 35.21.
CODE_POINT = re.compile(r"(?<=\b[a-z]\d\d)\.(?=\d)|(?<=\b\d\d)\.(?=\d{1,2}\b)")
CODE = re.compile(r"[a-z]\d\d\d{0,2}|\d{4}|\d{3}")
# Articles and prepositions that French and Italian tie to the next word, and the English genitive.
ELISION = re.compile(r"\b(?:l|d|c|j|m|n|s|t|qu|un|dell|nell|all|dall|sull|quest|coll|bell)['](?=\w)|['](?:s|t)\b")
APOSTROPHES = str.maketrans(dict.fromkeys("’ʼ‘`´＇ʹ′", "'"))
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue"}
ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11", "xii": "12"}
# Also plain words in some language: found under either.
ROMAN_MAYBE = {"i": "1", "v": "5"}
SINGLE = {
    **dict.fromkeys("أإآٱٲٳٵ", "ا"),
    **dict.fromkeys("ىیېےئ", "ي"),
    "ؤ": "و",
    "ة": "ه",
    "ۀ": "ه",
    "ہ": "ه",
    "ھ": "ه",
    "ک": "ك",
    "گ": "غ",
    "پ": "ب",
    "چ": "ج",
    "ڤ": "ف",
    "ء": "",
    "ё": "е",
    "ı": "i",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "μ": "u",
}
LETTERS = str.maketrans(SINGLE)
# Longest first: with the article and a tied word, the article alone.
ARABIC_ARTICLES = ("وبال", "وال", "بال", "كال", "فال", "ولل", "لل", "ال")
ARABIC_TIED = ("و", "ب", "ل", "ك", "ف")
ARABIC_ENDINGS = ("ها", "ان", "ات", "ون", "ين", "يه", "تي", "ته", "تك", "نا", "ه", "ي")
CYRILLIC_SOUNDS = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e j z i i k l m n o p r s t u f h s c s s - i - e u a".split(),
        strict=True,
    )
)
ARABIC_SOUNDS = dict(
    zip("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", "a b t t j h k d d r z s s s d t z a g f k k l m n h w i".split(), strict=True)
)
SOUNDS = str.maketrans({sign: sound.replace("-", "") for sign, sound in {**CYRILLIC_SOUNDS, **ARABIC_SOUNDS}.items()})
# Spellings that sound alike, in the order in which they are replaced.
ALIKE = (
    ("ph", "f"),
    ("th", "t"),
    ("rh", "r"),
    ("sch", "s"),
    ("ch", "k"),
    ("sh", "s"),
    ("ck", "k"),
    ("qu", "k"),
    ("ae", "e"),
    ("oe", "e"),
    ("x", "ks"),
    ("y", "i"),
    ("z", "s"),
    ("w", "v"),
    ("j", "i"),
    ("h", ""),
)
SOFT_C = re.compile(r"c(?=[eiy])")
SHORTEST_MISSPELT = 3
LONGEST_WITH_DELETIONS = 9
REPEATED = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its normal form, and the other forms under which it is found."""

    text: str
    others: frozenset[str] = frozenset()

    @property
    def forms(self) -> frozenset[str]:
        return self.others | {self.text}

    @property
    def is_han(self) -> bool:
        return HAN_LETTER.match(self.text) is not None


def normalise(text: str) -> str:
    """Return the words of a text in their normal form, one blank between them; the same again for its own result."""
    return " ".join(fold(raw) for raw in raw_words(text) if fold(raw))


def words(text: str) -> list[Word]:
    """Return the words of a text in order; a run of Han characters is one word, see `han_units`."""
    found = []
    for raw in raw_words(text):
        folded = fold(raw)
        if folded:
            found.append(Word(folded, frozenset(other_forms(raw, folded) - {folded})))
    return found


def raw_words(text: str) -> list[str]:
    """Cut a text into words: hyphens, slashes and points part words, apostrophes and invisible signs vanish."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(sign for sign in text if unicodedata.category(sign) not in {"Cf", "Cc"} or sign.isspace())
    text = CODE_POINT.sub("", ELISION.sub(" ", text.translate(APOSTROPHES)))
    # Vowel points and the stretching of Arabic stand inside words: they go before words are cut.
    text = "".join(sign for sign in text if sign != "ـ" and not "\u064b" <= sign <= "\u065f" and sign != "\u0670")
    return WORD.findall(text.translate(simplified()))


def fold(raw: str) -> str:
    """Return a word without accents, with one form of letters and digits that only look different."""
    if raw.isascii():
        return ROMAN.get(raw, raw)
    letters = []
    for sign in raw:
        if sign == "й":
            letters.append(sign)
            continue
        plain = unicodedata.normalize("NFD", sign)
        letters += [part for part in plain if not unicodedata.category(part).startswith("M")]
    text = "".join(digit(sign) for sign in unicodedata.normalize("NFC", "".join(letters)))
    text = text.casefold().translate(LETTERS).translate(simplified())
    # A sign that no rule knows may have brought along something that is no part of a word.
    return ROMAN.get(text, text) if WORD.fullmatch(text) else "".join(WORD.findall(text))


def digit(sign: str) -> str:
    """Return a decimal digit of any script as 0 to 9, any other sign as it is."""
    value = unicodedata.decimal(sign, None)
    return sign if value is None else str(value)


def other_forms(raw: str, folded: str) -> set[str]:
    """Return the other spellings of a word: German `ue` for ü, `e` for `ae`, Arabic without its article."""
    forms = set()
    if any(umlaut in raw for umlaut in UMLAUTS):
        forms.add(fold("".join(UMLAUTS.get(sign, sign) for sign in raw)))
    if len(folded) > 4 and ("ae" in folded or "oe" in folded):
        forms.add(folded.replace("ae", "e").replace("oe", "e"))
    if folded in ROMAN_MAYBE:
        forms.add(ROMAN_MAYBE[folded])
    if ARABIC_LETTER.match(folded):
        forms |= arabic_forms(folded)
    return forms


def arabic_forms(word: str) -> set[str]:
    """Return an Arabic word without its article and without words of one letter tied to it."""
    forms = set()
    for article in ARABIC_ARTICLES:
        if word.startswith(article) and len(word) - len(article) >= 3:
            forms.add(word.removeprefix(article))
            break
    for tied in ARABIC_TIED:
        if word.startswith(tied) and len(word) >= 5:
            forms.add(word[1:])
    return forms


def arabic_stem(word: str) -> str:
    """Return an Arabic word without article and the commonest endings, after Larkey's light10."""
    for article in ARABIC_ARTICLES:
        if word.startswith(article) and len(word) - len(article) >= 3:
            word = word.removeprefix(article)
            break
    for ending in ARABIC_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
    return word


def han_units(run: str) -> list[str]:
    """Return the pairs of neighbours in a run of Han characters; the character itself where there is one only."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def sound(word: str) -> str:
    """Return a rough key of how a word sounds, in ASCII: misspelt and transliterated words come close to each other."""
    text = word.translate(SOUNDS)
    text = SOFT_C.sub("s", text)
    for spelling, alike in ALIKE:
        text = text.replace(spelling, alike)
    text = REPEATED.sub(r"\1", text.replace("c", "k").replace("q", "k"))
    return text if text.isascii() else ""


def deletions(word: str) -> list[str]:
    """Return a short word and what is left when any one letter goes: words one slip apart share one of these."""
    if not SHORTEST_MISSPELT <= len(word) <= LONGEST_WITH_DELETIONS or HAN_LETTER.match(word) or word.isdigit():
        return []
    return sorted({word, *(word[:at] + word[at + 1 :] for at in range(len(word)))})


@functools.cache
def simplified() -> dict[int, str]:
    """Return the table of traditional to simplified characters (OpenCC), followed to its end."""
    file = importlib.resources.files("opencc") / "dictionary" / "TSCharacters.txt"
    pairs = dict(line.split("\t", 1) for line in file.read_text(encoding="utf-8").splitlines() if "\t" in line)
    simple = {sign: choices.split()[0] for sign, choices in pairs.items()}
    table = {}
    for sign in simple:
        end = sign
        seen = set()
        while end in simple and end not in seen:
            seen.add(end)
            end = simple[end]
        table[ord(sign)] = end
    return table
