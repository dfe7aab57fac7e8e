"""Countries and regions by ISO 3166-1 code, named by CLDR; always labelled "country or region"."""

from functools import cache

from taxonomy.collation import sort_key
from taxonomy.languages import locale

# CLDR also lists groupings and codes that are no place to write from.
NOT_A_PLACE = {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO", "AC", "CP", "CQ", "DG", "TA", "EA", "IC"}


@cache
def country_choices(language: str) -> list[tuple[str, str]]:
    """Return (code, name) of every country or region, in the order of the language."""
    names = {str(code): str(name) for code, name in locale(language).territories.items()}
    places = [(code, names[code]) for code in names if len(code) == 2 and code.isalpha() and code not in NOT_A_PLACE]
    return sorted(places, key=lambda place: sort_key(place[1], language))


def country_name(code: str, language: str) -> str:
    """Return the name of a country or region; the code itself where CLDR has none."""
    return locale(language).territories.get(code.upper(), code.upper())


def is_country(code: str) -> bool:
    """Return whether the code names a country or region."""
    return code.upper() in dict(country_choices("en"))
