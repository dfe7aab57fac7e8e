"""From the flags of the facts to source, kind of source and state.

The registry `publishing/data/sources.yaml` gives short names to sources that are quoted often; the curated table
`publishing/data/source_kinds.yaml` says what kind of page a host is. A host that is in neither is a secondary source.
"""

import datetime
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from publishing.enums import FactState, SourceKind
from publishing.loading.files import Book, Place, Record
from publishing.loading.shapes import AnyList, Choice, Day, Field, Flag, Many, Shape, Text, Web, Wrong, expect

SOURCES = "publishing/data/sources.yaml"
KINDS = "publishing/data/source_kinds.yaml"
PUBLIC_KNOWLEDGE = "public-knowledge"

SOURCE = Shape(
    fields={
        "id": Text(maximum=40, of="id", pattern=r"[a-z0-9_]+"),
        "url": Web(is_required=False),
        "name": Text(is_required=False),
        "about": Text(maximum=300, is_required=False),
    }
)
KIND_OF_SOURCE = Choice(choices=SourceKind, of="kind of source")


@dataclass(frozen=True, kw_only=True)
class Cited(Field):
    """A source: an id of the registry, a web address, or words for a page without one."""

    is_required: bool = False

    def clean(self, value: Any, place: Place, book: Book) -> str:
        text = expect(value, str).strip()
        if text.startswith(("http://", "https://")):
            Web().clean(text, place, book) if len(text) <= 200 else None
        if not text or len(text) > 600:
            raise Wrong(f"a source has 1 to 600 characters, not {len(text)}")
        return text

    def empty(self) -> str:
        return ""


FACT_FIELDS: dict[str, Field] = {"source": Cited(), "verified": Flag()}
NOTE = Text(maximum=300, is_required=False)


@dataclass
class Sources:
    """The registry: the day on which all was read, what ids stand for, what kind each page is."""

    checked_on: datetime.date
    ids: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def resolve(self, cited: str) -> str:
        """Return the address or the words an id stands for; anything else as it is."""
        return self.ids.get(cited, cited)

    def kind(self, cited: str) -> str:
        """Return the kind of a source; no source counts as general knowledge."""
        source = self.resolve(cited)
        if not source or source == PUBLIC_KNOWLEDGE:
            return SourceKind.PUBLIC_KNOWLEDGE
        host = (urlsplit(source).hostname or "") if source.startswith(("http://", "https://")) else ""
        known = self.hosts.get(host.removeprefix("www.")) if host else self.names.get(source)
        return known or SourceKind.SECONDARY

    def columns(self, cited: str, *, is_verified: bool, state: str = "") -> dict[str, Any]:
        """Return the columns of `Provenance`; the state follows from the flags where none is given."""
        kind = self.kind(cited)
        is_named = kind != SourceKind.PUBLIC_KNOWLEDGE
        return {
            "source": self.resolve(cited) if is_named else "",
            "source_kind": kind,
            "read_on": self.checked_on if is_named else None,
            "state": state or self._state(cited, is_verified=is_verified),
        }

    def _state(self, cited: str, *, is_verified: bool) -> FactState:
        # "public-knowledge" is indicative whatever `verified` says: well established, but no page was read.
        if self.resolve(cited) == PUBLIC_KNOWLEDGE:
            return FactState.INDICATIVE
        return FactState.VERIFIED if cited and is_verified else FactState.UNVERIFIED


def read_sources(book: Book) -> Sources:
    """Read the registry and the table of kinds."""
    registry = Shape(fields={"checked_on": Day(), "sources": AnyList()}).clean(
        book.read(SOURCES), Place(SOURCES, 1), book
    )
    sources = Sources(checked_on=registry["checked_on"] or datetime.date.min)
    for item, line in zip(registry["sources"], registry["sources"].lines, strict=True):
        try:
            row = SOURCE.clean(item, Place(SOURCES, line), book)
        except Wrong as wrong:
            book.problem(Place(SOURCES, line), str(wrong))
            continue
        if row["id"] and book.define("source", row["id"], row.place("id")):
            sources.ids[row["id"]] = row["url"] or row["name"]
            if not (row["url"] or row["name"]):
                book.problem(row.place(), f"source {row['id']!r} has neither url nor name")
    kinds = book.read(KINDS)
    sources.hosts = _kinds(kinds, "hosts", book)
    sources.names = _kinds(kinds, "names", book)
    for key in kinds.keys() - {"hosts", "names"}:
        book.problem(kinds.place(key), f"unknown key {key!r}; known are hosts, names")
    return sources


def _kinds(table: Record, section: str, book: Book) -> dict[str, str]:
    """Return host or name → kind; a host stands without "www."."""
    found: dict[str, str] = {}
    entries = table.get(section)
    if not isinstance(entries, Record):
        book.problem(table.place(section), f"missing key {section!r}, a mapping of kind to list")
        return found
    for kind, items in entries.items():
        try:
            KIND_OF_SOURCE.clean(kind, entries.place(kind), book)
            cleaned = Many(of=Text()).clean(items, entries.place(kind), book)
        except Wrong as wrong:
            book.problem(entries.place(kind), str(wrong))
            continue
        found.update(dict.fromkeys((item.removeprefix("www.") for item in cleaned), kind))
    return found


def require_source(row: Record, book: Book) -> None:
    """Note a fact that is called verified and names no source."""
    if row["verified"] and not row["source"]:
        book.problem(row.place("verified"), "verified, but no source is named")
