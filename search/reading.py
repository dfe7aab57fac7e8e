"""What search reads of the index and of the catalogue: terms, things found through others, what results show.

Statements are written out: the same words are read for every search, and building them anew costs more than running
them. What may be found is asked of the catalogue at each search (`search.things`), whatever the index knows.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from search.things import SOURCES
from treatments.models import Offer

Key = tuple[str, int]
# Kind, object, language, origin, text, words.
TermRow = tuple[str, int, str, str, str, list[str]]
# Terms read for one query: those with all words, those with some.
MOST_WITH_ALL = 160
MOST_WITH_SOME = 240
# Facilities read for one treatment or specialty: a page shows fewer.
MOST_THROUGH = 60

FIND_TERMS = """
    SELECT kind, object_id, language, origin, text, words
    FROM search_term WHERE forms @@ %s::tsquery
    ORDER BY ts_rank(forms, %s::tsquery, 2)
             * CASE WHEN language IN (%s, '') THEN 1.5 WHEN language = 'en' THEN 1.2 ELSE 1 END
             * CASE WHEN origin = 'text' THEN 4 ELSE 10 END DESC, id
    LIMIT %s
"""
FIND_LINKS = """
    SELECT 'condition', condition_id, treatment_id
    FROM treatments_treatment_conditions WHERE condition_id = ANY(%s)
    UNION ALL
    SELECT 'treatment', way.id, offered.facility_id
    FROM unnest(%s::bigint[]) AS way (id) CROSS JOIN LATERAL (
        SELECT facility_id FROM ({offers}) AS offer WHERE treatment_id = way.id LIMIT %s
    ) AS offered
    UNION ALL
    SELECT 'specialty', way.id, listed.facility_id
    FROM unnest(%s::bigint[]) AS way (id) CROSS JOIN LATERAL (
        SELECT facility_id FROM facilities_facility_specialties WHERE specialty_id = way.id ORDER BY id LIMIT %s
    ) AS listed
"""
# English is read only where the page's language lacks something.
READ_SHOWN = """
    SELECT entry.kind, entry.object_id, entry.slug, entry.language, entry.name, entry.summary, entry.specialty,
           entry.subkind, entry.city, entry.province, entry.sort_key, entry.facilities, entry.treatments, entry.facets
    FROM unnest(%s::text[], %s::bigint[]) AS wanted (kind, object_id)
    JOIN search_entry AS entry USING (kind, object_id)
    WHERE ({living}) AND (entry.language = %s OR entry.language = %s AND NOT EXISTS (
        SELECT FROM search_entry AS own
        WHERE own.kind = entry.kind AND own.object_id = entry.object_id AND own.language = %s
          AND own.name <> '' AND (own.summary <> '' OR own.specialty <> '')
    ))
"""


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


def terms(some: str, whole: str, telling: str, language: str) -> list[TermRow]:
    """Return terms that answer the tsquery `some`, and those that answer `whole`, in the order of `telling`.

    An empty `whole` asks for nothing more.
    """
    statement, values = f"({FIND_TERMS})", [some, some, language, MOST_WITH_SOME]
    if whole:
        statement += f" UNION ({FIND_TERMS})"
        values += [whole, telling, language, MOST_WITH_ALL]
    return fetch(statement, values)


def links(conditions: list[int], treatments: list[int], specialties: list[int]) -> list[tuple[str, int, int]]:
    """Return (kind, id, id of what is found through it): treatments of conditions, facilities of the others.

    What may not be found is dropped when the hits are read.
    """
    if not (conditions or treatments or specialties):
        return []
    offers, values = offers_statement()
    statement = FIND_LINKS.format(offers=offers)
    return fetch(statement, [conditions, treatments, *values, MOST_THROUGH, specialties, MOST_THROUGH])


def shown(keys: Iterable[Key], language: str) -> dict[tuple[Key, str], Shown]:
    """Return things that may be found now by key and language: the page's, and English where that lacks a text."""
    wanted = sorted(keys)
    if not wanted:
        return {}
    living, values = living_statement(is_demo=settings.DEMO)
    kinds, ids = [kind for kind, _id in wanted], [object_id for _kind, object_id in wanted]
    rows = fetch(READ_SHOWN.format(living=living), [kinds, ids, *values, language, settings.LANGUAGE_CODE, language])
    return {((row[0], row[1]), row[3]): Shown(*row) for row in rows}


def fetch(statement: str, values: list[Any]) -> list[Any]:
    """Run a statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


@functools.cache
def offers_statement() -> tuple[str, list[Any]]:
    """Return the public offers as a statement, the confirmed ones first."""
    offers = Offer.objects.public().order_by("-state", "facility_id").values_list("facility_id", "treatment_id")
    statement, values = offers.query.sql_with_params()
    return statement, list(values)


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
