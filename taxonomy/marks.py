"""Which rows of a list have which value of its filters, as bits: asked for once, counted in memory.

What is asked stays until something public changes. A count is then as fast at 100,000 offers as at ten.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.aggregates import StringAgg
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

COLUMNS = ("facet_name", "facet_value", "facet_label", "facet_place")
# By what they belong to: the marks of one version of the catalogue.
_kept: dict[object, "Marks"] = {}

# Words and sort key.
Name = tuple[str, str]
# Filter → value → name.
Names = dict[str, dict[str, Name]]


@dataclass(frozen=True)
class Part:
    """Some rows of a statement: filter, value, words, sort key, and the ids of the rows that have the value."""

    rows: QuerySet


@dataclass(frozen=True, slots=True)
class Mark:
    """A value: its name where it is the same in every language, and its rows as bits."""

    words: Name
    rows: int


NO_ROWS = Mark(("", ""), 0)


@dataclass(frozen=True)
class Marks:
    """All values of the filters of a list; the bits of `every` are its rows."""

    version: str
    every: int
    values: dict[str, dict[str, Mark]]
    # Language → names of entries, as far as a page has needed them.
    names: dict[str, Names] = field(default_factory=dict)
    # Whatever else a list shows of all its rows.
    more: dict[str, Any] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)

    @classmethod
    def current(cls, owner: object, *, version: Callable[[], str], ask: Callable[[], list[Part]]) -> "Marks":
        """Return the marks of a list; the first part has its rows.

        Inside a transaction nothing is kept: it sees what may never be committed.
        """
        # Asked for before the rows, so that a write in between is seen next time.
        if connection.in_atomic_block:
            return cls._made("", ask())
        now, kept = version(), _kept.get(owner)
        if kept is None or kept.version != now:
            kept = _kept[owner] = cls._made(now, ask())
        return kept

    @classmethod
    def _made(cls, version: str, parts: list[Part]) -> "Marks":
        asked = list(asked_at_once(parts))
        places = {int(pk): place for name, *_words, pks in asked if not name for place, pk in enumerate(pks.split(","))}
        values: dict[str, dict[str, Mark]] = {}
        for name, value, label, place, pks in asked:
            # A row without an entry comes with none.
            if name and value is not None and (rows := _bits(pks, places)):
                values.setdefault(name, {})[value] = Mark((label, place), rows)
        return cls(version, (1 << len(places)) - 1, values, _places=places)

    def of(self, name: str) -> dict[str, Mark]:
        """Return the marks of one filter."""
        return self.values.get(name, {})

    def bit(self, pk: int) -> int:
        """Return the bit of a row; none where the row is new since."""
        place = self._places.get(pk)
        return 0 if place is None else 1 << place


def _bits(pks: str, places: dict[int, int]) -> int:
    found = bytearray(len(places) // 8 + 1)
    for pk in pks.split(","):
        place = places.get(int(pk))
        if place is not None:
            found[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def part(
    name: str,
    rows: QuerySet,
    *,
    value: Combinable,
    label: Combinable | None = None,
    place: Combinable | None = None,
    marked: str = "pk",
) -> Part:
    """Return the values of one filter; `marked` is the id of the row of the list, which may come more than once."""
    texts = dict(zip(COLUMNS, (Value(name), value, label or Value(""), place or Value("")), strict=True))
    shown = plain(rows).annotate(**{key: Cast(expression, TextField()) for key, expression in texts.items()})
    ids = StringAgg(Cast(marked, TextField()), ",")
    return Part(shown.values(*COLUMNS).annotate(facet_rows=ids).values_list(*COLUMNS, "facet_rows"))


def plain(rows: QuerySet) -> QuerySet:
    """Return the rows without order; django-modeltranslation's own querysets lose the order of the columns."""
    found: QuerySet = QuerySet(rows.model, query=rows.query.chain())
    return found.order_by()


def asked_at_once(parts: list[Part]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield the rows of all parts, asked for in one statement, which is put together from those of the ORM."""
    statements, values = [], list[Any]()
    for each in parts:
        with suppress(EmptyResultSet):
            sql, params = each.rows.query.sql_with_params()
            statements.append(f"({sql})")
            values += params
    if not statements:
        return
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(statements), values)
        yield from cursor.fetchall()
