"""Facilities on the map of Lombardy, as templates/components/map.html draws it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.http import urlencode

from facilities.enums import Province
from facilities.models import Facility


@dataclass(frozen=True)
class Dot:
    """A facility, in units of the drawing."""

    x: float
    y: float
    is_here: bool = False


@dataclass(frozen=True)
class ProvinceOnMap:
    """A province, how many of the facilities stand in it, and the address of their list."""

    code: str
    name: str
    count: int
    url: str


@dataclass(frozen=True)
class FacilityMap:
    """What the component is given."""

    provinces: list[ProvinceOnMap]
    dots: list[Dot] = field(default_factory=list)

    @property
    def number_of_provinces(self) -> int:
        """Return in how many provinces there is a facility."""
        return sum(1 for province in self.provinces if province.count)


def dot(facility: Facility, *, is_here: bool = False) -> Dot:
    """Return the place of a facility; the drawing is linear in degrees WGS84 at the latitude of Lombardy."""
    x = 203.024 * facility.longitude - 1723.333
    y = 13535.439 - 290.156 * facility.latitude
    return Dot(round(x, 1), round(y, 1), is_here)


def map_of(facilities: Iterable[Facility]) -> FacilityMap:
    """Return the map of some facilities; each province leads to all facilities in it."""
    shown = list(facilities)
    counts = Counter(facility.province for facility in shown)
    address = reverse("facilities:facility_list")
    provinces = [
        ProvinceOnMap(code, str(name), counts[code], f"{address}?{urlencode({'province': code})}")
        for code, name in Province.choices
    ]
    return FacilityMap(provinces, [dot(facility) for facility in shown])
