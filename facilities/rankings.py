"""A hospital's places in a list over the years: the newest, and those before it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from facilities.models import Ranking


@dataclass(frozen=True)
class Place:
    """The newest place in one category of a list, with the earlier ones, newest first."""

    newest: Ranking
    earlier: list[Ranking] = field(default_factory=list)


def newest_places(rankings: Iterable[Ranking]) -> list[Place]:
    """Return one place for each list and category; newest edition first, then all specialties, then by category."""
    places: dict[tuple[str, str, str], Place] = {}
    for ranking in sorted(rankings, key=lambda row: (-row.edition, row.category != "overall", row.category)):
        key = (ranking.publisher, ranking.ranking, ranking.category)
        if key in places:
            places[key].earlier.append(ranking)
        else:
            places[key] = Place(ranking)
    return list(places.values())
