"""How far a facility is from the airports, in a straight line."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from facilities.models import Facility
from facilities.querysets import EARTH_RADIUS_KM

DATA = Path(__file__).parent / "data" / "airports.yaml"


@dataclass(frozen=True)
class Airport:
    """An airport by its IATA code; degrees WGS84."""

    iata: str
    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Distance:
    """The way from an airport as the crow flies, in whole kilometres."""

    airport: Airport
    kilometres: int


@cache
def airports() -> list[Airport]:
    """Return the airports of Lombardy."""
    return [Airport(**row) for row in yaml.safe_load(DATA.read_text(encoding="utf-8"))["airports"]]


def from_airports(facility: Facility) -> list[Distance]:
    """Return the distance from each airport, nearest first."""
    distances = [Distance(airport, round(kilometres(facility, airport))) for airport in airports()]
    return sorted(distances, key=lambda distance: distance.kilometres)


def kilometres(facility: Facility, airport: Airport) -> float:
    """Return the great-circle distance (haversine)."""
    here, there = math.radians(facility.latitude), math.radians(airport.latitude)
    eastward = math.radians(airport.longitude - facility.longitude)
    half = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(eastward / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))
