"""The languages of the portal: tags, direction, and their names in each other (CLDR)."""

from babel import Locale

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
# Arabic of the Gulf and of this portal's codes: Western digits, see product.md.
CLDR = {code: tag.replace("-", "_") for code, tag in BCP47.items()}


def direction(code: str) -> str:
    """Return `rtl` or `ltr` for a language code."""
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"


def locale(code: str) -> Locale:
    """Return the CLDR locale of a language code."""
    return Locale.parse(CLDR[code])


def language_name(tag: str, in_language: str) -> str:
    """Return the name of a language, for example `tr`, as a reader of `in_language` says it."""
    name = locale(in_language).languages.get(CLDR.get(tag, tag))
    return name or tag


def column(code: str) -> str:
    """Return the ending of a translated column: `zh-hans` → `zh_hans`."""
    return code.replace("-", "_")
