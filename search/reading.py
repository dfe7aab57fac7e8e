"""What search reads of the index and of the catalogue: terms, things found through others, what results show.

Statements are written out: the same words are read for every search, and building them anew costs more than running
them. What may be found is asked of the catalogue at each search (`search.things`), whatever the index knows.
"""

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from search.enums import Kind
from search.things import SOURCES

Key = tuple[str, int]
# Kind, object, language, origin, text, words.
TermRow = tuple[str, int, str, str, str, list[str]]
# Terms, and descriptions, read for one query.
MOST_TERMS = 220
# Read for all things found through which others are found; at least so many for each.
MOST_THROUGH = 48
LEAST_THROUGH = 8

# Names and words of a thing, or descriptions: each has an index of its own, because descriptions hold everything.
# ts_rank would take most of the time where a word is common: which of the units typed a term holds, in the words
# nearest to them, and how short it is, choose as well among the terms that ranking then scores.
FIND_TERMS = """
    SELECT kind, object_id, language, origin, text, {words}
    FROM search_term WHERE origin {is_text} 'text' AND forms @@ %s::tsquery
    ORDER BY {held} DESC, language IN (%s, '') DESC, language = 'en' DESC, cardinality(words), id
    LIMIT %s
"""
HOLDS = "(forms @@ %s::tsquery)"
# What is found through things of a kind; statements that are not needed are not even planned.
LINKS = {
    Kind.CONDITION: """
        SELECT 'condition', way.id, linked.treatment_id
        FROM unnest(%s::bigint[]) AS way (id) CROSS JOIN LATERAL (
            SELECT treatment_id FROM treatments_treatment_conditions WHERE condition_id = way.id ORDER BY id LIMIT %s
        ) AS linked
    """,
    Kind.TREATMENT: """
        SELECT 'treatment', way.id, offered.facility_id
        FROM unnest(%s::bigint[]) AS way (id) CROSS JOIN LATERAL (
            SELECT facility_id FROM treatments_offer
            WHERE treatment_id = way.id AND state IN ('verified', 'indicative')
            ORDER BY state DESC, facility_id LIMIT %s
        ) AS offered
    """,
    Kind.SPECIALTY: """
        SELECT 'specialty', way.id, listed.facility_id
        FROM unnest(%s::bigint[]) AS way (id) CROSS JOIN LATERAL (
            SELECT facility_id FROM facilities_facility_specialties WHERE specialty_id = way.id ORDER BY id LIMIT %s
        ) AS listed
    """,
}
# English is read only where the page's language lacks something.
READ_SHOWN = """
    SELECT entry.kind, entry.object_id, entry.slug, entry.language, entry.name, entry.summary, entry.specialty,
           entry.subkind, entry.city, entry.province, entry.sort_key, entry.facilities, entry.treatments, entry.facets
    FROM ({wanted}) AS wanted (kind, object_id)
    JOIN search_entry AS entry USING (kind, object_id)
    WHERE ({living}) AND (entry.language = %s OR entry.language = %s AND NOT EXISTS (
        SELECT FROM search_entry AS own
        WHERE own.kind = entry.kind AND own.object_id = entry.object_id AND own.language = %s
          AND own.name <> '' AND (own.summary <> '' OR own.specialty <> '')
    ))
"""
WANTED = "SELECT * FROM unnest(%s::text[], %s::bigint[])"
AND_ALL_OF = " UNION SELECT kind, object_id FROM search_entry WHERE language = %s AND kind = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Shown:
    """A thing in one language as results show it; see search.models.Entry."""

    kind: str
    object_id: int
    slug: str
    language: str
    name: str
    summary: str
    specialty: str
    subkind: str
    city: str
    province: str
    sort_key: str
    facilities: int
    treatments: int
    facets: list[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What terms are to hold, as tsqueries."""

    # Any of the rarer units; of the rarest ones, for descriptions.
    some: str
    rarest: str
    # Each unit by the words nearest to it, with what it counts; by any word it may mean.
    nearest: list[tuple[str, float]]
    units: list[str]


def terms(wanted: Wanted, language: str) -> list[TermRow]:
    """Return names and words that hold some of the units, those that hold all of them first."""
    return _terms(wanted, language, "<>", "words", [wanted.some])


def descriptions(wanted: Wanted, language: str) -> list[tuple[str, int, str, str, str, list[bool]]]:
    """Return descriptions likewise, with which of the units each holds instead of its many words."""
    held = f"ARRAY[{', '.join(HOLDS for _unit in wanted.units)}]"
    return _terms(wanted, language, "=", held, [*wanted.units, wanted.rarest])


def _terms(wanted: Wanted, language: str, is_text: str, words: str, asked: list[str]) -> list[Any]:
    held = " + ".join(f"CASE WHEN {HOLDS} THEN {weight:.4f}::float8 ELSE 0 END" for _unit, weight in wanted.nearest)
    statement = FIND_TERMS.format(words=words, is_text=is_text, held=f"({held})")
    nearest = [unit for unit, _weight in wanted.nearest]
    return fetch(statement, [*asked, *nearest, language, MOST_TERMS])


def links(ways: Mapping[Kind, Collection[int]]) -> list[tuple[str, int, int]]:
    """Return (kind, id, id of what is found through it): treatments of conditions, facilities of the others.

    What may not be found is dropped when the hits are read.
    """
    parts, values = [], []
    for kind, ids in ways.items():
        if ids:
            parts.append(LINKS[kind])
            values += [list(ids), max(MOST_THROUGH // len(ids), LEAST_THROUGH)]
    return fetch(" UNION ALL ".join(parts), values) if parts else []


def shown(keys: Iterable[Key], language: str, all_of: Collection[Kind] = ()) -> dict[tuple[Key, str], Shown]:
    """Return things that may be found now by key and language: the page's, and English where that lacks a text.

    Everything of the kinds `all_of` comes along in the same statement.
    """
    wanted = sorted(keys)
    if not (wanted or all_of):
        return {}
    living, conditions = living_statement(is_demo=settings.DEMO)
    statement, values = WANTED, [[kind for kind, _id in wanted], [object_id for _kind, object_id in wanted]]
    if all_of:
        statement += AND_ALL_OF
        values += [settings.LANGUAGE_CODE, list(all_of)]
    values += [*conditions, language, settings.LANGUAGE_CODE, language]
    rows = fetch(READ_SHOWN.format(wanted=statement, living=living), values)
    return {((row[0], row[1]), row[3]): Shown(*row) for row in rows}


def fetch(statement: str, values: list[Any]) -> list[Any]:
    """Run a statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


@functools.cache
def living_statement(*, is_demo: bool) -> tuple[str, list[Any]]:
    """Return the condition under which an entry may be found, of the kind it is; not the same in the demo."""
    conditions, values = [], []
    for source in SOURCES:
        statement, filled = source.public().order_by().values_list("pk").query.sql_with_params()
        conditions.append(
            f"entry.kind = %s AND EXISTS (SELECT FROM ({statement}) AS living (id) WHERE living.id = entry.object_id)"
        )
        values += [source.kind.value, *filled]
    return " OR ".join(conditions), values
