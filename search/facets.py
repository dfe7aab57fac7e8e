"""The filters of the page of results, counted from the hits themselves: the database is not asked again."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from facilities.enums import Province
from search.enums import Kind
from search.find import Hit, Results
from search.ways_in import WaysIn
from taxonomy.facets import ActiveFilter, Facet, FacetChoice

# Name in the address → what stands before the value in search.models.Entry.facets.
IN_ENTRY = {"specialty": "specialty", "district": "body_district", "province": "province"}
LEGENDS = {
    "kind": _("Kinds of results"),
    "specialty": _("Specialty"),
    "district": _("Part of the body"),
    "province": _("Province"),
}
# Unfolded from the start.
OPEN = {"kind", "specialty"}


class ResultFacets:
    """Some results as an address filters them: several values of a filter widen it, several filters narrow."""

    def __init__(self, results: Results, asked: QueryDict, ways: WaysIn) -> None:
        self._results = results
        self._asked = asked
        self._ways = ways

    @cached_property
    def chosen(self) -> dict[str, list[str]]:
        """Return the known values in force by filter; the nearest guesses are not filtered."""
        if not self._results.has_hits:
            return {name: [] for name in LEGENDS}
        return {name: [value for value in self._labels[name] if value in self._wanted(name)] for name in LEGENDS}

    @property
    def has_unknown_values(self) -> bool:
        """Return whether the address asks for something that does not exist."""
        return any(value not in self.chosen[name] for name in LEGENDS for value in self._wanted(name))

    @property
    def number_in_force(self) -> int:
        return sum(len(values) for values in self.chosen.values())

    @cached_property
    def hits(self) -> list[Hit]:
        """Return the hits that are left, in their order."""
        return list(self._fitting(self.chosen))

    @cached_property
    def counts(self) -> Counter[Kind]:
        """Return how many hits of each kind are left."""
        return Counter(hit.kind for hit in self.hits)

    @cached_property
    def facets(self) -> list[Facet]:
        """Return the filters that would change something; what most hits have comes first."""
        if not self._results.has_hits:
            return []
        return [facet for name in LEGENDS if len((facet := self._facet(name)).choices) > 1 or self.chosen[name]]

    def active_filters(self, path: str) -> list[ActiveFilter]:
        """Return each filter in force with the address that takes it away."""
        return [
            ActiveFilter(self._labels[name][value], self.address(path, **{name: [v for v in values if v != value]}))
            for name, values in self.chosen.items()
            for value in values
        ]

    def address(self, path: str, **instead: list[str]) -> str:
        """Return the address with these results, some filters changed."""
        return f"{path}?{self.query(**instead).urlencode()}"

    def query(self, **instead: list[str]) -> QueryDict:
        """Return what was typed and the filters in force, as an address carries them: nothing unknown, no page."""
        query = QueryDict(mutable=True)
        query["q"] = self._results.query
        for name, values in (self.chosen | instead).items():
            if values:
                query.setlist(name, values)
        return query

    @cached_property
    def _labels(self) -> Mapping[str, dict[str, str]]:
        return {
            "kind": {kind.value: str(kind.label) for kind in Kind},
            "specialty": self._ways.names(Kind.SPECIALTY),
            "district": self._ways.names(Kind.BODY_DISTRICT),
            "province": {province.value: str(province.label) for province in Province},
        }

    @cached_property
    def _values(self) -> list[tuple[Hit, dict[str, set[str]]]]:
        """Return each hit with its values by filter."""
        return [(hit, values_of(hit)) for hit in self._results.hits]

    def _wanted(self, name: str) -> set[str]:
        return {value for value in self._asked.getlist(name) if value}

    def _fitting(self, chosen: Mapping[str, list[str]]) -> Iterable[Hit]:
        for hit, values in self._values:
            if all(not wanted or values[name].intersection(wanted) for name, wanted in chosen.items()):
                yield hit

    def _facet(self, name: str) -> Facet:
        others = {other: values for other, values in self.chosen.items() if other != name}
        kept = {hit.key for hit in self._fitting(others)}
        counts = Counter(value for hit, values in self._values if hit.key in kept for value in values[name])
        choices = [
            FacetChoice(value=value, label=label, count=counts[value], is_checked=value in self.chosen[name])
            for value, label in self._labels[name].items()
            if counts[value] or value in self.chosen[name]
        ]
        if name != "kind":
            choices.sort(key=lambda choice: -counts[choice.value])
        is_open = name in OPEN or bool(self.chosen[name])
        return Facet(name=name, legend=LEGENDS[name], choices=choices, is_open=is_open)


def values_of(hit: Hit) -> dict[str, set[str]]:
    """Return the values of a hit by filter."""
    held: dict[str, set[str]] = {"kind": {hit.kind.value}, **{name: set() for name in IN_ENTRY}}
    names = {prefix: name for name, prefix in IN_ENTRY.items()}
    for facet in hit.shown.facets:
        prefix, _colon, value = facet.partition(":")
        if prefix in names:
            held[names[prefix]].add(value)
    return held
