"""The texts of a catalogue: one file a language, slug → texts."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from publishing.loading.files import Book, Place, Record
from publishing.loading.shapes import Shape, Wrong
from taxonomy.languages import column

LANGUAGES = [code for code, _name in settings.LANGUAGES]
# Language → slug → texts.
Texts = dict[str, dict[str, Record]]


def read_texts(
    book: Book, folder: str, sections: Mapping[str, tuple[str, Shape]], *, languages: Iterable[str] = LANGUAGES
) -> dict[str, Texts]:
    """Return the texts of every section; `sections` gives each its kind and the shape of one entry."""
    found: dict[str, Texts] = {section: {} for section in sections}
    for language in languages:
        path = f"{folder}/{language}.yaml"
        whole = book.read(path)
        for key in whole.keys() - sections.keys():
            book.problem(whole.place(key), f"unknown key {key!r}; known are {', '.join(sections)}")
        for section, (kind, shape) in sections.items():
            found[section][language] = _section(book, path, whole, section, kind, shape)
    return found


def _section(book: Book, path: str, whole: Record, section: str, kind: str, shape: Shape) -> dict[str, Record]:
    """Return slug → texts of one section of one file; every slug must be known, every known one present."""
    entries = whole.get(section)
    if not isinstance(entries, Record):
        book.problem(whole.place(section), f"missing key {section!r}, a mapping of slug to texts")
        return {}
    for slug, line in entries.repeated:
        book.problem(Place(path, line), f"duplicate {kind} {slug!r}, first in {entries.place(slug)}")
    found = {}
    for slug, entry in entries.items():
        there = entries.place(slug)
        if not book.knows(kind, slug):
            book.problem(there, f"unknown {kind} {slug!r}")
            continue
        try:
            found[slug] = shape.clean(entry, there, book)
        except Wrong as wrong:
            book.problem(there, f"{slug}: {wrong}")
    is_needed = any(rule.is_required for rule in shape.fields.values())
    for slug in book.known.get(kind, {}).keys() - entries.keys() if is_needed else ():
        book.problem(entries.place(), f"no texts for {kind} {slug!r}")
    _refuse_twins(book, found, kind)
    return found


def _refuse_twins(book: Book, entries: dict[str, Record], kind: str) -> None:
    """Note two things of one kind that a reader could not tell apart by name."""
    first: dict[str, str] = {}
    for slug, entry in entries.items():
        name = str(entry.get("name") or "").casefold()
        if name and first.setdefault(name, slug) != slug:
            book.problem(entry.place("name"), f"duplicate name: {kind} {first[name]!r} is called {entry['name']!r} too")


def columns(texts: Texts, slug: str, fields: Iterable[str]) -> dict[str, Any]:
    """Return column → text of one thing in every language; what is not written is empty."""
    found: dict[str, Any] = {}
    for language, entries in texts.items():
        entry: Mapping[str, Any] = entries.get(slug) or {}
        for name in fields:
            value = entry.get(name)
            found[f"{name}_{column(language)}"] = list(value) if isinstance(value, list) else value or ""
    return found


def originals(*fields: str, languages: Iterable[str] = ("en", "it")) -> frozenset[str]:
    """Return the columns whose texts stand in the facts themselves; all others were written by a model."""
    return frozenset(f"{name}_{column(language)}" for name in fields for language in languages)
