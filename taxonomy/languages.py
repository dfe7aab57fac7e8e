"""The languages of the portal: tags, direction, and their names in each other (CLDR)."""

import unicodedata
from collections import Counter
from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency
from babel.units import format_unit

# Code in the address → tag for `lang` and hreflang.
BCP47 = {
    "en": "en",
    "it": "it",
    "ar": "ar",
    "zh-hans": "zh-Hans",
    "es": "es",
    "fr": "fr",
    "de": "de",
    "ru": "ru",
}
RIGHT_TO_LEFT = {"ar"}
# English is British: 12 March 2026, not March 12, 2026.
CLDR = {code: tag.replace("-", "_") for code, tag in BCP47.items()} | {"en": "en_GB"}

# Characters that turn the reading direction around: "fdp.exe" would read as "exe.pdf".
TURNING = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}


def direction(code: str) -> str:
    """Return `rtl` or `ltr` for a language code."""
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"


def direction_of(text: str, code: str) -> str:
    """Return the direction of most letters of somebody's words, of the language `code` where they have none.

    The first letter alone, as HTML's `auto` has it, would turn an Arabic text around that begins with a drug's name.
    """
    kinds = Counter(unicodedata.bidirectional(sign) for sign in text)
    to_left, to_right = kinds["R"] + kinds["AL"], kinds["L"]
    return direction(code) if to_left == to_right else "rtl" if to_left > to_right else "ltr"


def isolated(name: str) -> str:
    """Return a name that keeps its own direction, brackets and all, inside a sentence of another (Unicode isolates)."""
    return f"\u2068{name}\u2069"


def without_tricks(text: str) -> str:
    """Return text without NUL and without characters that turn the reading direction around."""
    return "".join(char for char in text if char != "\x00" and unicodedata.bidirectional(char) not in TURNING)


def locale(code: str) -> Locale:
    """Return the CLDR locale of a language code."""
    return Locale.parse(CLDR[code])


def language_name(tag: str, in_language: str) -> str:
    """Return the name of a language, for example `tr`, as a reader of `in_language` says it."""
    name = locale(in_language).languages.get(BCP47.get(tag, tag).replace("-", "_"))
    return name or tag


def column(code: str) -> str:
    """Return the ending of a translated column: `zh-hans` → `zh_hans`."""
    return code.replace("-", "_")


def euros(amount: Decimal, code: str) -> str:
    """Return an amount in euro as the language writes it, without empty cents."""
    place = locale(code)
    pattern = place.currency_formats["standard"].pattern
    if amount % 1 == 0:
        pattern = pattern.replace("0.00", "0")
    return format_currency(amount, "EUR", format=pattern, locale=place, currency_digits=False)


def kilometres(number: int, code: str) -> str:
    """Return a distance as the language writes it: `45 km`, `45 км`, `45公里`."""
    return format_unit(number, "length-kilometer", length="short", locale=locale(code))
