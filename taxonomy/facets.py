"""Filters of a list as facets: known values, counted as the other filters leave them.

Which rows have which value is asked for once and counted in memory until something public changes; see taxonomy.marks.
"""

import functools
import heapq
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, NullIf
from django.http import QueryDict
from django.utils.functional import Promise

from taxonomy.languages import column
from taxonomy.marks import NO_ROWS, Mark, Marks, Names, Part, asked_at_once, part

# A value of the address and the words a reader sees for it.
Choices = list[tuple[str, str]]
Words = str | Promise
# More than anyone ticks; the rest of a longer address is left out.
MOST_VALUES = 40
LONGEST_VALUE = 160
# So many choices of a facet are seen at once; the others unfold.
SHOWN_AT_ONCE = 8


@dataclass(frozen=True)
class FacetChoice:
    """A value that can be ticked, and how many rows it would leave; no number where it is not counted."""

    value: str
    label: str
    count: int | None
    is_checked: bool


@dataclass(frozen=True)
class Facet:
    """One group of filters, as templates/components/facets.html prints it."""

    name: str
    legend: Words
    choices: list[FacetChoice]
    kind: str = ""
    is_open: bool = False
    note: Words = ""
    # A field to look for a value by its words, where there are too many to list.
    words_name: str = ""
    words: str = ""
    words_label: Words = ""

    @property
    def is_single(self) -> bool:
        return self.kind == "radio"

    @property
    def first_choices(self) -> list[FacetChoice]:
        """Return what is seen at once: the first ones, and whatever is ticked."""
        if self.is_single or len(self.choices) <= SHOWN_AT_ONCE + 1:
            return self.choices
        return self.choices[:SHOWN_AT_ONCE] + [choice for choice in self.choices[SHOWN_AT_ONCE:] if choice.is_checked]

    @property
    def more_choices(self) -> list[FacetChoice]:
        shown = {choice.value for choice in self.first_choices}
        return [choice for choice in self.choices if choice.value not in shown]


@dataclass(frozen=True)
class ActiveFilter:
    """A filter in force, and the address of the list without it."""

    text: str
    url: str


@dataclass(frozen=True)
class Order:
    """An order of the list, and the address of the list in it."""

    name: str
    text: Words
    url: str
    is_chosen: bool


@dataclass(frozen=True)
class Counted:
    """A value with its words, what it is sorted by, and the number of rows that have it."""

    value: str
    label: str
    place: str
    count: int


class KnownValuesField(forms.MultipleChoiceField):
    """Several of the known values; an unknown one is left out, never an error."""

    def to_python(self, value: Any) -> list[str]:
        """Keep what is known, each once, in the order of the choices."""
        wanted = set(super().to_python(value))
        return [known for known, _label in self.choices if known in wanted]


class KnownValueField(KnownValuesField):
    """One of the known values: the first that the address names."""

    def to_python(self, value: Any) -> list[str]:
        known = {known for known, _label in self.choices}
        return [wanted for wanted in forms.MultipleChoiceField.to_python(self, value) if wanted in known][:1]


class FacetFilter(django_filters.Filter):
    """A filter by some of the known values, kept by a word of the queryset."""

    field_class: type[forms.Field] = KnownValuesField
    is_single = False
    # Whether it takes rows away; one that does not adds something to them.
    narrows = True

    def __init__(self, *, word: str, label: Words, is_open: bool = False, note: Words = "") -> None:
        super().__init__(label=label)
        self.word = word
        self.is_open = is_open
        self.note = note

    @property
    def name(self) -> str:
        return str(self.field_name)

    def filter(self, rows: QuerySet, values: list[str]) -> QuerySet:
        """Keep the rows of the chosen values, all of them where none is chosen."""
        return getattr(rows, self.word)(values) if values else rows

    def choices(self) -> Choices:
        """Return the values that the code knows."""
        return []

    def choices_of(self, asked: list[str]) -> Choices:
        """Return the values that code or marks know, among them those asked for."""
        return self.choices()

    def parts(self, rows: QuerySet) -> list[Part]:
        """Return, as parts of a statement, which of the rows have which value."""
        raise NotImplementedError

    def mark(self, value: str) -> str:
        """Return under which mark the rows of a value stand."""
        return value

    def offered(self, counts: dict[str, int]) -> list[str]:
        """Return the values to choose from, of those that leave rows."""
        return list(counts)

    def worded(self, value: str, label: str) -> str:
        """Return the words for a value; `label` is what the database says of it."""
        return label

    def shown(self, counted: list[Counted], chosen: list[str], known: dict[str, str]) -> list[FacetChoice]:
        """Return the choices in their order; one that would leave nothing only if it is chosen."""
        counts = {row.value: row.count for row in counted}
        if listed := self.choices():
            labels = dict(listed)
        else:
            rows = sorted(counted, key=lambda row: (row.place, row.value))
            labels = {row.value: self.worded(row.value, row.label) for row in rows}
            labels |= {value: known[value] for value in chosen if value not in labels}
        return [
            FacetChoice(value, label, counts.get(value, 0), value in chosen)
            for value, label in labels.items()
            if counts.get(value) or value in chosen
        ]

    def on_chip(self, value: str, label: str) -> str:
        """Return the words of a chip, which stands without the legend."""
        return label

    def facet(self, counted: list[Counted], chosen: list[str], known: dict[str, str]) -> Facet:
        choices = self.shown(counted, chosen, known)
        kind = "radio" if self.is_single else ""
        return Facet(self.name, self.label, choices, kind, self.is_open or bool(chosen), self.note)


class EnumFacet(FacetFilter):
    """A column with fixed choices; `path` is where `counted` rows have it, `counted` a word of the queryset."""

    def __init__(self, *, enum: Any, path: str, counted: str = "", count: str = "pk", **options: Any) -> None:
        super().__init__(**options)
        self.enum = enum
        self.path = path
        self.counted = counted
        self.count = count

    def choices(self) -> Choices:
        return [(choice.value, str(choice.label)) for choice in self.enum]

    def parts(self, rows: QuerySet) -> list[Part]:
        counted = getattr(rows, self.counted)() if self.counted else rows
        return [part(self.name, counted, value=F(self.path), marked=self.count)]


class EntryFacet(FacetFilter):
    """Entries of the catalogue by slug.

    `entries` returns all there are; `path` leads to the entry from the rows, or from the rows of the word `counted`,
    of which `count` are counted.
    """

    def __init__(
        self,
        *,
        entries: Callable[[], QuerySet],
        path: str,
        counted: str = "",
        count: str = "pk",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.entries = entries
        self.path = path
        self.counted = counted
        self.count = count

    def parts(self, rows: QuerySet) -> list[Part]:
        counted = getattr(rows, self.counted)() if self.counted else rows
        entry_id = F(f"{self.path}__id")
        return [part(self.name, counted, value=F(f"{self.path}__slug"), place=entry_id, marked=self.count)]

    def names(self, values: list[str]) -> Part:
        """Return, as a part of a statement, names and sort keys of the values that exist."""
        rows = self.entries().filter(slug__in=values)
        ending = column(self.parent.language)
        # The name in the language, else in English.
        label = Coalesce(NullIf(F(f"name_{ending}"), Value("")), F("name_en"), Value(""), output_field=TextField())
        place = Coalesce(F(f"sort_key_{ending}"), Value(""), output_field=TextField())
        return part(self.name, rows, value=F("slug"), label=label, place=place)


class ValueFacet(FacetFilter):
    """Values as the database holds them.

    The word `counted` returns rows with `facet_key`, `facet_words` and `facet_order`; `count` names what is counted.
    """

    def __init__(
        self,
        *,
        counted: str,
        count: str,
        worded: Callable[[str, str], str] | None = None,
        on_chip: Callable[[str], str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.counted = counted
        self.count = count
        self._worded = worded
        self._on_chip = on_chip

    def parts(self, rows: QuerySet) -> list[Part]:
        counted = getattr(rows, self.counted)()
        texts = {"value": F("facet_key"), "label": F("facet_words"), "place": F("facet_order")}
        return [part(self.name, counted, **texts, marked=self.count)]

    def choices_of(self, asked: list[str]) -> Choices:
        marks = self.parent.marks.of(self.name)
        return [(value, self.worded(value, marks[value].words[0])) for value in asked if value in marks]

    def worded(self, value: str, label: str) -> str:
        return self._worded(value, label) if self._worded else label

    def on_chip(self, value: str, label: str) -> str:
        return self._on_chip(label) if self._on_chip else label


class LimitFacet(FacetFilter):
    """One of some limits, each with all rows below it; the word of the queryset takes the number."""

    field_class = KnownValueField
    is_single = True

    def __init__(self, *, limits: Iterable[int], worded: Callable[[int], str], **options: Any) -> None:
        super().__init__(**options)
        self.limits = list(limits)
        self._worded = worded

    def filter(self, rows: QuerySet, values: list[str]) -> QuerySet:
        return getattr(rows, self.word)(int(values[0])) if values else rows

    def choices(self) -> Choices:
        return [(str(limit), self._worded(limit)) for limit in self.limits]

    def parts(self, rows: QuerySet) -> list[Part]:
        return [part(self.name, getattr(rows, self.word)(limit), value=Value(str(limit))) for limit in self.limits]


class SwitchFacet(FacetFilter):
    """Yes, or no matter."""

    field_class = KnownValueField
    value = "yes"

    def __init__(self, *, words: Words, **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def filter(self, rows: QuerySet, values: list[str]) -> QuerySet:
        return getattr(rows, self.word)() if values else rows

    def choices(self) -> Choices:
        return [(self.value, str(self.words))]

    def parts(self, rows: QuerySet) -> list[Part]:
        return [part(self.name, getattr(rows, self.word)(), value=Value(self.value))]


class WordsFacet(EntryFacet):
    """Entries that are too many to list: the most frequent ones, those chosen, and those with the words typed.

    The words are of the address and narrow no list; they only say which choices to offer.
    """

    longest_words = 80

    def __init__(self, *, words_label: Words, **options: Any) -> None:
        super().__init__(**options)
        self.words_label = words_label

    @property
    def words_name(self) -> str:
        return f"{self.name}_words"

    @property
    def typed(self) -> str:
        return self.parent.data.get(self.words_name, "").strip()

    @property
    def words(self) -> str:
        """Return the words typed; empty where they cannot be looked for."""
        typed = " ".join(self.typed.split())
        return "" if "\0" in typed or len(typed) > self.longest_words else typed

    def offered(self, counts: dict[str, int]) -> list[str]:
        """Return those chosen, and of those with the words typed the most frequent."""
        chosen = [value for value in counts if value in self.parent.chosen[self.name]]
        others = counts.keys() - chosen
        if self.words:
            others &= set(self.entries().filter(self._with_words()).order_by().values_list("slug", flat=True))
        marks = self.parent.marks.of(self.name)
        return chosen + heapq.nsmallest(
            SHOWN_AT_ONCE, others, key=lambda value: (-counts[value], int(marks[value].words[1]))
        )

    def shown(self, counted: list[Counted], chosen: list[str], known: dict[str, str]) -> list[FacetChoice]:
        """Return the most frequent first, after those that are chosen."""
        rows = sorted(counted, key=lambda row: (row.value not in chosen, -row.count, row.place))
        labels = {value: known[value] for value in chosen}
        labels |= {row.value: row.label for row in rows}
        counts = {row.value: row.count for row in rows}
        return [FacetChoice(value, label, counts.get(value, 0), value in chosen) for value, label in labels.items()]

    def facet(self, counted: list[Counted], chosen: list[str], known: dict[str, str]) -> Facet:
        facet = super().facet(counted, chosen, known)
        return replace(
            facet,
            is_open=facet.is_open or bool(self.words),
            words_name=self.words_name,
            words=self.words,
            words_label=self.words_label,
        )

    def _with_words(self) -> Q:
        """Return the condition that name or other names hold every word, in the reader's language or in English."""
        condition = Q()
        for word in self.words.split():
            anywhere = Q()
            for ending in {column(self.parent.language), "en"}:
                for name in ("name", "synonyms"):
                    anywhere |= Q(**{f"{name}_{ending}__icontains": word})
            condition &= anywhere
        return condition


class FacetedFilterSet(django_filters.FilterSet):
    """The filters of a list. What the address asks for and nobody knows is left out.

    `version` is a function that returns what differs once a row or a value has changed.
    """

    version: Callable[[], str]

    # Filter → the filter without which it says nothing.
    needs: dict[str, str] = {}

    def __init__(self, data: QueryDict, queryset: QuerySet, *, language: str) -> None:
        super().__init__(data, queryset)
        self.language = language
        self.marks = Marks.current(type(self), version=type(self).version, ask=self._ask)
        for name, choices in self._known_choices().items():
            self.filters[name].extra["choices"] = choices

    @cached_property
    def chosen(self) -> dict[str, list[str]]:
        """Return the known values in force by name."""
        self.form.full_clean()
        chosen = dict(self.form.cleaned_data)
        return {name: [] if self._is_idle(name, chosen) else values for name, values in chosen.items()}

    @cached_property
    def order_name(self) -> str:
        """Return the order asked for, else the first there is; empty where there is one only."""
        names = list(self.order_choices())
        asked = self.data.get("sort", "")
        return asked if asked in names else next(iter(names), "")

    @property
    def has_unknown_values(self) -> bool:
        """Return whether the address asks for something that does not exist."""
        unknown = any(
            value and value not in self.chosen[name] for name in self.filters for value in self.data.getlist(name)
        )
        unused = any(facet.typed and not facet.words for facet in self._facets_with_words)
        orders = [asked for asked in self.data.getlist("sort") if asked and asked != self.order_name]
        return unknown or unused or bool(orders)

    @property
    def number_in_force(self) -> int:
        return sum(len(values) for values in self.chosen.values())

    @property
    def is_looked_through(self) -> bool:
        """Return whether the reader looks for a value by its words just now."""
        return any(facet.words for facet in self._facets_with_words)

    @cached_property
    def facets(self) -> list[Facet]:
        """Return the groups of filters that have something to choose."""
        found = []
        for name, facet in self.filters.items():
            shown = facet.facet(self.counted.get(name, []), self.chosen[name], self._labels(name))
            if shown.choices or shown.words:
                found.append(shown)
        return found

    @cached_property
    def counted(self) -> dict[str, list[Counted]]:
        """Return for each filter its values with the number of rows, as the other filters leave them."""
        counts = {name: self._counts(name) for name in self.filters}
        names = self._names({name: list(counts[name]) for name in self._entries})
        for name in counts.keys() - names.keys():
            names[name] = {value: self._mark(name, value).words for value in counts[name]}
        return {
            name: [Counted(value, *names[name][value], count) for value, count in found.items() if value in names[name]]
            for name, found in counts.items()
        }

    @property
    def number_of_rows(self) -> int:
        """Return how many rows have all that is chosen."""
        return self._kept_rows.bit_count()

    def count_of(self, name: str, value: str) -> int:
        """Return how many rows a value of a filter would leave."""
        return next((row.count for row in self.counted[name] if row.value == value), 0)

    def is_kept(self, pk: int) -> bool:
        """Return whether a row has all that is chosen."""
        return bool(self.marks.bit(pk) & self._kept_rows)

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        """Keep the rows that have all that is chosen, in the order asked for."""
        return self.ordered(self._narrowed(queryset, self.chosen))

    def order_choices(self) -> dict[str, Words]:
        """Return the orders to choose from, the usual one first; none where there is one only."""
        return {}

    def ordered(self, rows: QuerySet) -> QuerySet:
        """Return the rows in the order asked for."""
        return rows

    def orders(self, path: str) -> list[Order]:
        """Return the orders with their addresses."""
        usual = next(iter(self.order_choices()), "")
        return [
            Order(name, words, self.address(path, sort="" if name == usual else name), name == self.order_name)
            for name, words in self.order_choices().items()
        ]

    def active_filters(self, path: str) -> list[ActiveFilter]:
        """Return each filter in force with the address that takes it away."""
        return [
            ActiveFilter(facet.on_chip(value, self._labels(name)[value]), self._address_without(path, name, value))
            for name, facet in self.filters.items()
            for value in self.chosen[name]
        ]

    def query(self, **changes: str | list[str]) -> QueryDict:
        """Return what the address asks for and is known, with some of it changed."""
        values: dict[str, str | list[str]] = dict(self.chosen)
        values |= {facet.words_name: facet.words for facet in self._facets_with_words}
        values["sort"] = self.order_name if self.order_name != next(iter(self.order_choices()), "") else ""
        query = QueryDict(mutable=True)
        for name, value in (values | changes).items():
            kept = [value] if isinstance(value, str) else value
            query.setlist(name, [item for item in kept if item])
        return query

    def address(self, path: str, **changes: str | list[str]) -> str:
        """Return the address of the list with some of what it asks for changed."""
        return f"{path}?{self.query(**changes).urlencode()}".removesuffix("?")

    @cached_property
    def _in_force(self) -> list[str]:
        """Return the filters that take rows away."""
        return [name for name, values in self.chosen.items() if values and self.filters[name].narrows]

    def _mark(self, name: str, value: str) -> Mark:
        return self.marks.of(name).get(self.filters[name].mark(value), NO_ROWS)

    @cached_property
    def _kept_rows(self) -> int:
        return self._kept()

    def _kept(self, *, without: str = "") -> int:
        """Return the rows that have all that is chosen, of all filters but one."""
        kept = self.marks.every
        for name in self._in_force:
            if name != without:
                kept &= functools.reduce(operator.or_, (self._mark(name, value).rows for value in self.chosen[name]))
        return kept

    def _counts(self, name: str) -> dict[str, int]:
        """Return the values of a filter to choose from, with the rows that each would leave."""
        facet, kept = self.filters[name], self._kept(without=name)
        values = [value for value, _label in facet.choices()] or self.marks.of(name)
        counts = {value: count for value in values if (count := (self._mark(name, value).rows & kept).bit_count())}
        return {value: counts[value] for value in facet.offered(counts)}

    def _ask(self) -> list[Part]:
        """Return the parts of the statement that asks for all marks; the first one holds every row."""
        every: QuerySet = self.queryset.model._default_manager.all()
        parts = [part for facet in self.filters.values() for part in facet.parts(every)]
        return [part("", self.queryset, value=Value("")), *parts]

    @property
    def _facets_with_words(self) -> list[WordsFacet]:
        return [facet for facet in self.filters.values() if isinstance(facet, WordsFacet)]

    @property
    def _entries(self) -> list[str]:
        return [name for name, facet in self.filters.items() if isinstance(facet, EntryFacet)]

    def _known_choices(self) -> dict[str, Choices]:
        """Return the known values of each filter; of the entries those in the address only."""
        known = {name: facet.choices_of(self._asked(name)) for name, facet in self.filters.items()}
        for name, names in self._names({name: self._asked(name) for name in self._entries}).items():
            known[name] = [(value, label) for value, (label, _place) in names.items()]
        return known

    def _names(self, wanted: dict[str, list[str]]) -> Names:
        """Return names and sort keys of those entries that exist; each is asked for once."""
        known = self.marks.names.setdefault(self.language, {})
        missing = {
            name: unknown
            for name, slugs in wanted.items()
            if (unknown := [slug for slug in slugs if slug not in known.setdefault(name, {})])
        }
        asked = [self.filters[name].names(slugs) for name, slugs in missing.items()]
        for name, slug, label, place, _ids in asked_at_once(asked):
            known[name][slug] = label, place
        return {
            name: {slug: known[name][slug] for slug in slugs if slug in known[name]} for name, slugs in wanted.items()
        }

    def _asked(self, name: str) -> list[str]:
        """Return the values of the address that are worth a question."""
        values = [value for value in self.data.getlist(name) if value and "\0" not in value]
        return [value for value in values if len(value) <= LONGEST_VALUE][:MOST_VALUES]

    def _is_idle(self, name: str, chosen: dict[str, list[str]]) -> bool:
        return name in self.needs and not chosen.get(self.needs[name])

    def _labels(self, name: str) -> dict[str, str]:
        return dict(self.filters[name].extra["choices"])

    def _narrowed(self, rows: QuerySet, chosen: dict[str, list[str]]) -> QuerySet:
        for name, values in chosen.items():
            if not self._is_idle(name, chosen):
                rows = self.filters[name].filter(rows, values)
        return rows

    def _address_without(self, path: str, name: str, value: str) -> str:
        gone: dict[str, str | list[str]] = {name: [kept for kept in self.chosen[name] if kept != value]}
        gone |= {other: "" for other, needed in self.needs.items() if needed == name and not gone[name]}
        return self.address(path, **gone)
