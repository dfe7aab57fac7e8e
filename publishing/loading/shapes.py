"""What the rows of a data file must look like; each field says in words what is wrong with a value."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.db.models import TextChoices

from publishing.loading.files import Book, Place, Record, Sequence
from taxonomy.countries import is_country
from taxonomy.languages import CLDR, locale

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TYPE_NAMES = {
    bool: "yes or no",
    str: "a text",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    datetime.date: "a date",
    type(None): "nothing",
}


class Wrong(Exception):
    """A value is not what its field asks for; the text says why."""


def type_name(value: object) -> str:
    """Return what a value is in plain words."""
    return next((name for kind, name in TYPE_NAMES.items() if isinstance(value, kind)), type(value).__name__)


def expect(value: Any, *kinds: type) -> Any:
    """Return the value when it is of a kind; YAML's yes and no are never taken for numbers."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise Wrong(f"expected {TYPE_NAMES[kinds[0]]}, found {type_name(value)} ({str(value)[:60]})")
    return value


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value of a row. A field that is not required may be left out or be null."""

    is_required: bool = True

    def clean(self, value: Any, place: Place, book: Book) -> Any:
        """Return the value to store; raise `Wrong`."""
        raise NotImplementedError

    def empty(self) -> Any:
        """Return what stands for a value that is left out."""
        return None


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text, trimmed; `of` names the kind of code and `pattern` how one looks."""

    maximum: int = 600
    of: str = "value"
    pattern: str = ""

    def clean(self, value: Any, place: Place, book: Book) -> str:
        text = expect(value, str).strip()
        if not text and self.is_required:
            raise Wrong("is empty")
        if len(text) > self.maximum:
            raise Wrong(f"is longer than {self.maximum} characters ({len(text)})")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise Wrong(f"bad {self.of} {text!r}")
        return text

    def empty(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class Slug(Text):
    """The immutable name of a thing in addresses."""

    maximum: int = 120
    of: str = "slug"
    pattern: str = SLUG.pattern


@dataclass(frozen=True, kw_only=True)
class Web(Field):
    """A web address."""

    def clean(self, value: Any, place: Place, book: Book) -> str:
        text = expect(value, str).strip()
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or "." not in parts.netloc or len(text) > 200 or " " in text:
            raise Wrong(f"bad web address {text!r}")
        return text

    def empty(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of the values of an enumeration."""

    choices: type[TextChoices]
    of: str

    def clean(self, value: Any, place: Place, book: Book) -> str:
        if expect(value, str) not in self.choices.values:
            raise Wrong(f"unknown {self.of} {value!r}; known are {', '.join(self.choices.values)}")
        return str(value)

    def empty(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    """Yes or no; `default` stands for a value that is left out."""

    default: bool | None = False

    def clean(self, value: Any, place: Place, book: Book) -> bool:
        return expect(value, bool)

    def empty(self) -> bool | None:
        return self.default


@dataclass(frozen=True, kw_only=True)
class Whole(Field):
    """A whole number between two bounds."""

    low: int = 0
    high: int = 32767

    def clean(self, value: Any, place: Place, book: Book) -> int:
        if not self.low <= expect(value, int) <= self.high:
            raise Wrong(f"{value} is not between {self.low} and {self.high}")
        return value


@dataclass(frozen=True, kw_only=True)
class Degrees(Field):
    """A coordinate, WGS84 decimal degrees, inside a box."""

    low: float
    high: float
    of: str

    def clean(self, value: Any, place: Place, book: Book) -> float:
        degrees = float(expect(value, int, float))
        if not self.low <= degrees <= self.high:
            raise Wrong(f"bad coordinate: {self.of} {degrees} is outside Lombardy ({self.low} to {self.high})")
        return degrees


@dataclass(frozen=True, kw_only=True)
class Day(Field):
    """A calendar day, written 2026-11-21."""

    def clean(self, value: Any, place: Place, book: Book) -> datetime.date:
        if isinstance(value, datetime.datetime):
            raise Wrong("expected a date without a time")
        return expect(value, datetime.date)


@dataclass(frozen=True, kw_only=True)
class Country(Field):
    """A country or region by its ISO 3166-1 code of two capital letters."""

    def clean(self, value: Any, place: Place, book: Book) -> str:
        if not re.fullmatch("[A-Z]{2}", expect(value, str)) or not is_country(value):
            raise Wrong(f"bad country code {value!r}")
        return value


@dataclass(frozen=True, kw_only=True)
class Language(Field):
    """A language by its tag, of the portal (zh-hans) or of CLDR (tr)."""

    def clean(self, value: Any, place: Place, book: Book) -> str:
        if expect(value, str) not in CLDR and value not in locale("en").languages:
            raise Wrong(f"bad language code {value!r}")
        return value


@dataclass(frozen=True, kw_only=True)
class Reference(Field):
    """The key of a thing that is defined in another file, read before."""

    to: str

    def clean(self, value: Any, place: Place, book: Book) -> str:
        if not book.knows(self.to, expect(value, str)):
            raise Wrong(f"unknown {self.to} {value!r}")
        return value


@dataclass(frozen=True, kw_only=True)
class Many(Field):
    """A list of fields of one kind; values stand in it once, mappings may be alike."""

    of: Field

    def clean(self, value: Any, place: Place, book: Book) -> Sequence:
        items = expect(value, list)
        found = Sequence()
        for item, line in zip(items, items.lines, strict=True):
            there = Place(place.file, line)
            try:
                cleaned = self.of.clean(item, there, book)
                if cleaned in found and not isinstance(cleaned, Record):
                    raise Wrong(f"{item!r} is in the list twice")
            except Wrong as wrong:
                book.problem(there, str(wrong))
                continue
            found.append(cleaned)
            found.lines.append(line)
        return found

    def empty(self) -> Sequence:
        return Sequence()


@dataclass(frozen=True, kw_only=True)
class Shape(Field):
    """A mapping with known keys."""

    fields: dict[str, Field] = field(default_factory=dict)

    def clean(self, value: Any, place: Place, book: Book) -> Record:
        given = expect(value, dict)
        cleaned = Record(given.file, given.line)
        cleaned.lines = dict(given.lines)
        for key, line in given.repeated:
            book.problem(Place(given.file, line), f"key {key!r} stands here twice")
        for key in given.keys() - self.fields.keys():
            book.problem(given.place(key), f"unknown key {key!r}; known are {', '.join(self.fields)}")
        for key, rule in self.fields.items():
            cleaned[key] = self._one(key, rule, given, book)
        return cleaned

    @staticmethod
    def _one(key: str, rule: Field, given: Record, book: Book) -> Any:
        """Return one cleaned value, or its empty one after noting what is wrong."""
        there = given.place(key)
        if given.get(key) is None:
            if rule.is_required:
                book.problem(there, f"missing key {key!r}" if key not in given else f"{key}: must not be null")
            return rule.empty()
        try:
            return rule.clean(given[key], there, book)
        except Wrong as wrong:
            book.problem(there, f"{key}: {wrong}")
            return rule.empty()


@dataclass(frozen=True, kw_only=True)
class AnyList(Field):
    """A list whose items are checked by the reader."""

    def clean(self, value: Any, place: Place, book: Book) -> Sequence:
        return expect(value, list)

    def empty(self) -> Sequence:
        return Sequence()


def rows(book: Book, path: str, section: str, shape: Shape, *, kind: str = "") -> Iterator[Record]:
    """Yield the sound rows of the one list a file holds; a kind makes the rows' slugs known under it."""
    whole = Shape(fields={section: AnyList()}).clean(book.read(path), Place(path, 1), book)
    for item, line in zip(whole[section], whole[section].lines, strict=True):
        before = len(book.problems)
        try:
            row = shape.clean(item, Place(path, line), book)
        except Wrong as wrong:
            book.problem(Place(path, line), str(wrong))
            continue
        # An unsound row is known all the same: what points to it need not be reported as well.
        is_new = not kind or not row["slug"] or book.define(kind, row["slug"], row.place("slug"))
        if is_new and len(book.problems) == before:
            yield row
