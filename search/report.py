"""Measures the search against queries with known answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from search.find import find

OVERALL = "all"


@dataclass(frozen=True)
class Query:
    """What a patient types on a page of a language; one of the things (kind:slug) must be among the first three."""

    language: str
    typed: str
    expect: frozenset[str]
    # Plain, misspelt, half_typed or other_language.
    how: str
    # About half of them are not tuned for.
    is_held_out: bool


@dataclass(frozen=True)
class Outcome:
    """A query with what was found first."""

    query: Query
    found: list[str]

    @property
    def is_first(self) -> bool:
        return bool(self.found) and self.found[0] in self.query.expect

    @property
    def is_among_three(self) -> bool:
        return any(slug in self.query.expect for slug in self.found[:3])


@dataclass(frozen=True)
class Row:
    """The figures of one language, 0 to 1; those of the queries held out also by themselves."""

    name: str
    count: int
    at_1: float
    at_3: float
    held_out_at_1: float
    held_out_at_3: float


@dataclass(frozen=True)
class Report:
    """The figures by language, all languages last, and the queries that failed."""

    rows: list[Row]
    misses: list[Outcome]


def read_queries(folder: Path) -> list[Query]:
    """Return the queries of `<language>.yaml` files."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        for row in yaml.safe_load(path.read_text(encoding="utf-8"))["queries"]:
            expect, is_held_out = frozenset(row["expect"]), row.get("held_out", False)
            found.append(Query(path.stem, str(row["typed"]), expect, row["how"], is_held_out))
    return found


def report(queries: Iterable[Query]) -> Report:
    """Ask every query."""
    outcomes = [Outcome(query, first_three(query)) for query in queries]
    languages = sorted({outcome.query.language for outcome in outcomes})
    rows = [figures(code, [one for one in outcomes if one.query.language == code]) for code in languages]
    misses = [outcome for outcome in outcomes if not outcome.is_among_three]
    return Report([*rows, figures(OVERALL, outcomes)], misses)


def first_three(query: Query) -> list[str]:
    """Return what a reader sees first, as kind:slug."""
    return [f"{hit.kind}:{hit.slug}" for hit in find(query.typed, query.language, limit=3).hits]


def figures(name: str, outcomes: list[Outcome]) -> Row:
    """Return the figures of some outcomes."""
    held_out = [one for one in outcomes if one.query.is_held_out]
    return Row(
        name,
        len(outcomes),
        share([one.is_first for one in outcomes]),
        share([one.is_among_three for one in outcomes]),
        share([one.is_first for one in held_out]),
        share([one.is_among_three for one in held_out]),
    )


def share(answers: list[bool]) -> float:
    """Return how many of the answers are yes, 0 to 1."""
    return sum(answers) / len(answers) if answers else 0.0
