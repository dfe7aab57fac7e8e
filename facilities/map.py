"""Facilities on the map of Lombardy, as templates/components/map.html draws it."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from facilities.distances import airports
from facilities.enums import Province
from facilities.models import Facility

# Units of the drawing.
WIDTH, HEIGHT = 600, 575
# Two pins never stand nearer, in units of the whole map: 24 px on a phone of 360 px, where a unit is 0.54 px.
GAP = 46
# The nearest view shows 7 km; what still stands together there is fanned out.
NEAREST = 5
# A view leaves so much air around the pins it was opened for.
AIR = 1.5
# An airport under a pin is moved aside so far, its sign being half as wide.
ASIDE = 30
# So far from its middle the code of an airport reaches, a pin's half included.
BESIDE = 74


class Place(Protocol):
    """What the map of results needs to know of a facility."""

    slug: str
    short_name: str
    city: str
    latitude: float
    longitude: float


class Site(NamedTuple):
    """As much of a facility as the map of results needs."""

    slug: str
    short_name: str
    city: str
    latitude: float
    longitude: float


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
    is_chosen: bool = False


@dataclass(frozen=True)
class FacilityMap:
    """What the component is given."""

    provinces: list[ProvinceOnMap]
    dots: list[Dot] = field(default_factory=list)

    @property
    def number_of_provinces(self) -> int:
        """Return in how many provinces there is a facility."""
        return sum(1 for province in self.provinces if province.count)


@dataclass(frozen=True)
class Pin:
    """A facility, or several that stand too near to tell apart; it leads to the one or to a nearer view."""

    x: float
    y: float
    count: int
    name: str
    url: str


@dataclass(frozen=True)
class AirportOnMap:
    """An airport with its sign."""

    x: float
    y: float
    iata: str
    name: str
    # Its code stands beside the sign, or below where a pin stands beside it.
    is_code_below: bool


@dataclass(frozen=True)
class View:
    """The part of the map that is shown: a middle, and how often the whole map was halved."""

    x: int = WIDTH // 2
    y: int = HEIGHT // 2
    level: int = 0

    @classmethod
    def asked(cls, address: str) -> Self | None:
        """Return the view that an address names, None where there is no such view."""
        found = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})-([0-9])", address)
        if not found:
            return None
        x, y, level = map(int, found.groups())
        return cls(x, y, level) if x <= WIDTH and y <= HEIGHT and 1 <= level <= NEAREST else None

    @classmethod
    def around(cls, points: list[tuple[float, float]], *, beyond: int) -> Self:
        """Return the nearest view that holds all points, nearer than the level `beyond`."""
        xs, ys = [x for x, _y in points], [y for _x, y in points]
        room = min(WIDTH / max((max(xs) - min(xs)) * AIR, 1), HEIGHT / max((max(ys) - min(ys)) * AIR, 1))
        level = min(max(math.floor(math.log2(room)), beyond + 1), NEAREST)
        return cls(round((max(xs) + min(xs)) / 2), round((max(ys) + min(ys)) / 2), level)

    @property
    def address(self) -> str:
        return f"{self.x}-{self.y}-{self.level}"

    @property
    def scale(self) -> float:
        """Return how many units of the whole map one unit of this view is."""
        return 1 / 2**self.level

    @property
    def first_corner(self) -> tuple[float, float]:
        left = min(max(self.x - WIDTH * self.scale / 2, 0), WIDTH * (1 - self.scale))
        top = min(max(self.y - HEIGHT * self.scale / 2, 0), HEIGHT * (1 - self.scale))
        return left, top

    @property
    def last_corner(self) -> tuple[float, float]:
        left, top = self.first_corner
        return left + WIDTH * self.scale, top + HEIGHT * self.scale

    @property
    def box(self) -> str:
        """Return the `viewBox`."""
        return " ".join(f"{side:.2f}" for side in (*self.first_corner, WIDTH * self.scale, HEIGHT * self.scale))

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point is in sight."""
        (left, top), (right, bottom) = self.first_corner, self.last_corner
        return left <= x <= right and top <= y <= bottom


@dataclass
class Cluster:
    """Facilities that stand together, around the middle of their places."""

    members: list[Place]
    points: list[tuple[float, float]]

    @property
    def x(self) -> float:
        return sum([x for x, _y in self.points]) / len(self.points)

    @property
    def y(self) -> float:
        return sum([y for _x, y in self.points]) / len(self.points)

    @property
    def town(self) -> str:
        """Return the town where most of them stand."""
        return Counter(facility.city for facility in self.members).most_common(1)[0][0]

    def take(self, other: "Cluster") -> None:
        """Take in another."""
        self.members += other.members
        self.points += other.points


@dataclass(frozen=True)
class ResultsMap:
    """The results of a list on the map: every one of them in exactly one pin of the whole map."""

    view: View
    provinces: list[ProvinceOnMap]
    pins: list[Pin]
    airports: list[AirportOnMap]
    # The address of the whole map, empty where it is shown.
    whole_url: str


def place_of(latitude: float, longitude: float) -> tuple[float, float]:
    """Return x and y of a place; the drawing is linear in degrees WGS84 at the latitude of Lombardy."""
    return round(203.024 * longitude - 1723.333, 1), round(13535.439 - 290.156 * latitude, 1)


def dot(facility: Facility, *, is_here: bool = False) -> Dot:
    """Return the place of a facility."""
    return Dot(*place_of(facility.latitude, facility.longitude), is_here)


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


def results_map(
    facilities: Iterable[Place],
    *,
    view: View,
    provinces: list[ProvinceOnMap],
    address: Callable[[str], str],
) -> ResultsMap:
    """Return the map of the results of a list; `address` gives the address of the list with another view."""
    clusters = clusters_of(facilities, view)
    pins = [pin for cluster in clusters for pin in pins_of(cluster, view, address)]
    return ResultsMap(view, provinces, pins, airports_on(view, pins), address("") if view.level else "")


def clusters_of(facilities: Iterable[Place], view: View) -> list[Cluster]:
    """Return what is in sight of a view, by cells first and then by nearness: each a gap from the next."""
    gap, (left, top), (right, bottom) = GAP * view.scale, view.first_corner, view.last_corner
    cells: dict[tuple[int, int], Cluster] = defaultdict(lambda: Cluster([], []))
    for facility in facilities:
        x, y = place_of(facility.latitude, facility.longitude)
        if left <= x <= right and top <= y <= bottom:
            cluster = cells[int(x / gap), int(y / gap)]
            cluster.members.append(facility)
            cluster.points.append((x, y))
    clusters = sorted(cells.values(), key=lambda cluster: (-len(cluster.members), cluster.x, cluster.y))
    # A cluster moves when it takes in another, so that a second look may find a new neighbour.
    while (fewer := joined(clusters, gap)) and len(fewer) < len(clusters):
        clusters = fewer
    return clusters


def joined(clusters: list[Cluster], gap: float) -> list[Cluster]:
    """Return the clusters, each with its nearest neighbours taken in."""
    kept: list[tuple[Cluster, float, float]] = []
    for cluster in clusters:
        x, y = cluster.x, cluster.y
        near = [(math.hypot(x - other_x, y - other_y), place) for place, (_c, other_x, other_y) in enumerate(kept)]
        distance, place = min(near, default=(gap, 0))
        if distance < gap:
            taker = kept[place][0]
            taker.take(cluster)
            kept[place] = (taker, taker.x, taker.y)
        else:
            kept.append((cluster, x, y))
    return [cluster for cluster, _x, _y in kept]


def pins_of(cluster: Cluster, view: View, address: Callable[[str], str]) -> list[Pin]:
    """Return one pin for the cluster; in the nearest view one for each of its facilities, fanned out."""
    if len(cluster.members) == 1:
        return [pin_of(cluster.members[0], *cluster.points[0])]
    if view.level < NEAREST:
        nearer = View.around(cluster.points, beyond=view.level)
        x, y = round(cluster.x, 1), round(cluster.y, 1)
        return [Pin(x, y, len(cluster.members), cluster_name(cluster), address(nearer.address))]
    radius = GAP * view.scale / (2 * math.sin(math.pi / len(cluster.members)))
    turns = [2 * math.pi * number / len(cluster.members) for number in range(len(cluster.members))]
    return [
        pin_of(facility, cluster.x + radius * math.sin(turn), cluster.y - radius * math.cos(turn))
        for facility, turn in zip(cluster.members, turns, strict=True)
    ]


def pin_of(facility: Place, x: float, y: float) -> Pin:
    """Return the pin of one facility."""
    name = gettext("%(name)s, %(town)s") % {"name": facility.short_name, "town": facility.city}
    return Pin(round(x, 2), round(y, 2), 1, name, reverse("facilities:facility_detail", args=[facility.slug]))


def cluster_name(cluster: Cluster) -> str:
    """Return what the pin of several facilities says."""
    count = len(cluster.members)
    words = ngettext(
        "%(count)s hospital near %(town)s: enlarge the map",
        "%(count)s hospitals near %(town)s: enlarge the map",
        count,
    )
    return words % {"count": count, "town": cluster.town}


def airports_on(view: View, pins: list[Pin]) -> list[AirportOnMap]:
    """Return the airports in sight, moved aside where a pin would cover them."""
    found = []
    for airport in airports():
        x, y = place_of(airport.latitude, airport.longitude)
        for pin in pins:
            away_x, away_y = x - pin.x, y - pin.y
            distance = math.hypot(away_x, away_y)
            if 0 < distance < ASIDE * view.scale:
                reach = ASIDE * view.scale / distance
                x, y = pin.x + away_x * reach, pin.y + away_y * reach
        if view.holds(x, y):
            is_beside = any(0 < pin.x - x < BESIDE * view.scale and abs(pin.y - y) < ASIDE * view.scale for pin in pins)
            found.append(AirportOnMap(round(x, 2), round(y, 2), airport.iata, airport.name, is_beside))
    return found
