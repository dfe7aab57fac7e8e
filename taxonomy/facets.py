"""Filters of a list as facets: several values each, counted as the other filters leave them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.db.models import Count, QuerySet
from django.http import QueryDict

# A value of the address and the words a reader sees for it.
Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class FacetChoice:
    """A value that can be ticked, and how many rows it would leave."""

    value: str
    label: str
    count: int
    is_checked: bool


@dataclass(frozen=True)
class Facet:
    """One group of filters, as templates/components/facets.html prints it."""

    name: str
    legend: str
    choices: list[FacetChoice]


@dataclass(frozen=True)
class ActiveFilter:
    """A filter in force, and the address of the list without it."""

    text: str
    url: str


class KnownValuesField(forms.MultipleChoiceField):
    """Several of the known values; an unknown one is left out, never an error."""

    def to_python(self, value: Any) -> list[str]:
        """Keep what is known, each once, in the order of the choices."""
        wanted = set(super().to_python(value))
        return [known for known, _label in self.choices if known in wanted]


class FacetFilter(django_filters.Filter):
    """A filter by some of the known values.

    `word` is the word of the queryset that keeps them; `count_by` the lookup whose values are the choices.
    """

    field_class = KnownValuesField

    def __init__(self, *, word: str, count_by: str, label: str) -> None:
        super().__init__(label=label)
        self.word = word
        self.count_by = count_by

    def filter(self, rows: QuerySet, values: list[str]) -> QuerySet:
        """Keep the rows of the chosen values, all of them where none is chosen."""
        return getattr(rows, self.word)(values) if values else rows


class FacetedFilterSet(django_filters.FilterSet):
    """The filters of a list. For each filter `x` a subclass has a method `x_choices`."""

    def __init__(self, data: QueryDict, queryset: QuerySet, *, language: str) -> None:
        super().__init__(data, queryset)
        self.language = language
        for name, facet in self.filters.items():
            facet.extra["choices"] = getattr(self, f"{name}_choices")()

    @cached_property
    def chosen(self) -> dict[str, list[str]]:
        """Return the known values in force by name."""
        self.form.full_clean()
        return self.form.cleaned_data

    @property
    def has_unknown_values(self) -> bool:
        """Return whether the address asks for something that does not exist."""
        return any(
            value and value not in self.chosen[name] for name in self.filters for value in self.data.getlist(name)
        )

    @property
    def number_in_force(self) -> int:
        return sum(len(values) for values in self.chosen.values())

    @cached_property
    def facets(self) -> list[Facet]:
        """Return the groups of filters; a value that would leave nothing is not offered."""
        return [facet for name in self.filters if (facet := self._facet(name)).choices]

    def active_filters(self, path: str) -> list[ActiveFilter]:
        """Return each filter in force with the address that takes it away."""
        labels = {name: dict(facet.extra["choices"]) for name, facet in self.filters.items()}
        return [
            ActiveFilter(labels[name][value], self._address_without(path, name, value))
            for name, values in self.chosen.items()
            for value in values
        ]

    def _facet(self, name: str) -> Facet:
        facet = self.filters[name]
        counts = self._counts(name)
        choices = [
            FacetChoice(value, label, counts.get(value, 0), value in self.chosen[name])
            for value, label in facet.extra["choices"]
        ]
        return Facet(name, facet.label, [choice for choice in choices if choice.count or choice.is_checked])

    def _counts(self, name: str) -> dict[str, int]:
        """Return how many rows each value of a facet has, as the other facets leave them."""
        rows = self.queryset
        for other, values in self.chosen.items():
            if other != name:
                rows = self.filters[other].filter(rows, values)
        return dict(rows.order_by().values_list(self.filters[name].count_by).annotate(rows=Count("pk", distinct=True)))

    def _address_without(self, path: str, name: str, value: str) -> str:
        query = self.data.copy()
        query.pop("page", None)
        for filter_name, values in self.chosen.items():
            query.setlist(filter_name, [kept for kept in values if (filter_name, kept) != (name, value)])
        return f"{path}?{query.urlencode()}".removesuffix("?")
