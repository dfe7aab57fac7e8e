"""Time zones as a reader chooses them: by place, with the distance from UTC today."""

import datetime
import zoneinfo
from functools import cache

from babel.core import get_global
from babel.dates import get_timezone_location
from django.utils import timezone

from taxonomy.collation import sort_key
from taxonomy.languages import locale
from teleconsult.clock import offset_of

# Old names and plain offsets are no places.
AREAS = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@cache
def known_zones() -> frozenset[str]:
    """Return the IANA names of zones with a place."""
    return frozenset(name for name in zoneinfo.available_timezones() if name.startswith(AREAS))


def zone_choices(language: str) -> list[tuple[str, str]]:
    """Return (zone, place and distance from UTC), in the order of the language."""
    return _zone_choices(language, timezone.localdate())


@cache
def _zone_choices(language: str, day: datetime.date) -> list[tuple[str, str]]:
    # The day is part of the key: distances from UTC change twice a year.
    noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
    choices = []
    for name in known_zones():
        place = get_timezone_location(zoneinfo.ZoneInfo(name), locale=locale(language))
        choices.append((name, f"{place} ({offset_of(noon.astimezone(zoneinfo.ZoneInfo(name)))})"))
    return sorted(choices, key=lambda choice: sort_key(choice[1], language))


def zone_of_country(code: str) -> str:
    """Return the main zone of a country or region (CLDR); Milan's where CLDR names none."""
    zones = get_global("territory_zones").get(code.upper(), [])
    return next((zone for zone in zones if zone in known_zones()), "Europe/Rome")
