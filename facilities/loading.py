"""Facilities, their facts, accreditations and places in rankings, from data files to batches."""

from typing import Any

from facilities.enums import FacilityKind, Ownership, Province, RankingCategory
from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from publishing.loading.batches import Batch, Row, TranslatedText
from publishing.loading.files import Book, Record
from publishing.loading.provenance import FACT_FIELDS, NOTE, Cited, Sources, require_source
from publishing.loading.shapes import (
    Choice,
    Day,
    Degrees,
    Field,
    Flag,
    Many,
    Reference,
    Shape,
    Slug,
    Text,
    Web,
    Whole,
    rows,
)
from publishing.loading.texts import Texts, columns, originals, read_texts
from taxonomy.collation import sort_keys
from taxonomy.languages import BCP47, column

# The box around Lombardy that the database holds too.
LATITUDE = Degrees(low=44.6, high=46.7, of="latitude")
LONGITUDE = Degrees(low=8.4, high=11.5, of="longitude")

YEAR = Whole(low=1000, high=2100)
YEAR_OR_NONE = Whole(low=1000, high=2100, is_required=False)
NAME_OR_NONE = Text(maximum=120, is_required=False)


def _fact(**more: Field) -> Shape:
    return Shape(is_required=False, fields={**more, **FACT_FIELDS, "note": NOTE})


FACTS: dict[str, Field] = {
    "founded": _fact(value=YEAR),
    "irccs_since": _fact(value=YEAR),
    "beds": _fact(value=Whole(low=1, high=20_000), year=YEAR_OR_NONE),
    "university_affiliation": _fact(value=Text(maximum=300)),
    "health_lombardy_member": _fact(value=Flag()),
    "irccs_discipline": _fact(value=Text(maximum=300)),
    "coordinates": _fact(precision=Text(maximum=300)),
}
ACCREDITATION = Shape(
    fields={
        "body": Text(maximum=60),
        "level": Text(maximum=200),
        "certificate": Text(maximum=80, is_required=False),
        "register_url": Web(is_required=False),
        "year": YEAR_OR_NONE,
        "valid_from": Day(is_required=False),
        "valid_until": Day(is_required=False),
        **FACT_FIELDS,
        "note": NOTE,
    }
)
FACILITY = Shape(
    fields={
        "slug": Slug(),
        "official_name": Text(maximum=300),
        "short_name": Text(maximum=120),
        "kind": Choice(choices=FacilityKind, of="kind"),
        "ownership": Choice(choices=Ownership, of="ownership"),
        "group": NAME_OR_NONE,
        "address": Text(maximum=200),
        "postal_code": Text(of="postal code", pattern=r"\d{5}"),
        "city": Text(maximum=80),
        "province": Choice(choices=Province, of="province"),
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
        "regional_code": Text(maximum=20, is_required=False),
        "website": Web(is_required=False),
        "website_verified": Flag(),
        "international_url": Web(is_required=False),
        "inpatient_care": Flag(default=True, is_required=False),
        "specialties": Many(of=Reference(to="specialty")),
        "facts": Shape(fields=FACTS),
        "accreditations": Many(of=ACCREDITATION, is_required=False),
        "notes": Many(of=Text(maximum=600), is_required=False),
        "sources": Many(of=Cited(is_required=True), is_required=False),
    }
)
FACILITY_TEXT = Shape(
    fields={
        "usual_name": Text(maximum=200, is_required=False),
        "irccs_discipline": Text(maximum=300, is_required=False),
        "summary": Text(maximum=2000, is_required=False),
    }
)
RANKING = Shape(
    fields={
        "publisher": Text(maximum=120),
        "ranking": Text(maximum=120),
        "edition": Whole(low=2000, high=2100),
        "category": Choice(choices=RankingCategory, of="category"),
        "facility": Reference(to="facility"),
        "world_rank": Whole(low=1, is_required=False),
        "world_rank_to": Whole(low=1, is_required=False),
        "italian_rank": Whole(low=1, is_required=False),
        **FACT_FIELDS,
        "note": NOTE,
    }
)
# Keys of a facility that are called like its columns.
SAME_COLUMNS = (
    *(
        "slug",
        "official_name",
        "short_name",
        "kind",
        "ownership",
        "group",
        "address",
        "postal_code",
        "city",
        "province",
    ),
    *("latitude", "longitude", "regional_code", "website", "international_url"),
)
FACILITY_TEXTS = (
    TranslatedText("usual_name"),
    TranslatedText("summary"),
    TranslatedText("irccs_discipline"),
)


def plan(book: Book, sources: Sources, *, folder: str = "facilities/data") -> list[Batch]:
    """Return the batches of this app's tables; what is wrong in the files is noted in the book."""
    found = list(rows(book, f"{folder}/facilities.yaml", "facilities", FACILITY, kind="facility"))
    texts = read_texts(book, f"{folder}/texts", {"facilities": ("facility", FACILITY_TEXT)})["facilities"]
    ranks = list(rows(book, f"{folder}/rankings.yaml", "rankings", RANKING))
    return plan_facilities(book, sources, found, texts) + [
        Batch(
            Ranking,
            [_ranking(row, book, sources) for row in ranks],
            key_fields=("facility", "publisher", "ranking", "edition", "category"),
            parents={"facility": Facility},
            withdrawn={"state": "unverified"},
        )
    ]


def plan_facilities(
    book: Book, sources: Sources, found: list[Record], texts: Texts, *, is_demo: bool = False
) -> list[Batch]:
    """Return the batches of facilities, their facts and accreditations."""
    return [
        Batch(
            Facility,
            [_facility(row, texts, sources, is_demo=is_demo) for row in found],
            parents={},
            texts=FACILITY_TEXTS,
            derive=lambda facility: sort_keys(facility, "usual_name", "short_name"),
            withdrawn={"is_published": False},
        ),
        Batch(
            FacilityFact,
            [fact for row in found for fact in _facts(row, book, sources)],
            key_fields=("facility", "name"),
            parents={"facility": Facility},
            withdrawn={"state": "unverified"},
        ),
        Batch(
            Accreditation,
            [certificate for row in found for certificate in _accreditations(row, book, sources)],
            key_fields=("facility", "body", "level"),
            parents={"facility": Facility},
            withdrawn={"state": "unverified"},
        ),
    ]


def _facility(row: Record, texts: Texts, sources: Sources, *, is_demo: bool) -> Row:
    """Return one facility with its texts in every language."""
    values: dict[str, Any] = {name: row[name] for name in SAME_COLUMNS}
    values |= {
        "is_website_verified": row["website_verified"],
        "has_inpatient_care": row["inpatient_care"],
        "is_published": True,
        "is_demo": is_demo,
        "verified_on": sources.checked_on,
        "sources": [sources.resolve(source) for source in row["sources"]],
        "note": "\n".join(row["notes"]),
    }
    values |= columns(texts, row["slug"], ("usual_name", "summary", "irccs_discipline"))
    discipline = row["facts"]["irccs_discipline"]
    # The decree's own words, in Italian; the other languages are translations.
    values["irccs_discipline_it"] = discipline["value"] if discipline else ""
    from_facts = set(originals("irccs_discipline", languages=["it"]))
    for code in BCP47:
        name = f"usual_name_{column(code)}"
        # Where a language has no name of its own, its readers use the Italian short name.
        if not values[name]:
            values[name] = row["short_name"]
            from_facts.add(name)
    return Row(
        row["slug"],
        values,
        row.place(),
        links={"specialties": list(row["specialties"])},
        originals=frozenset(from_facts),
    )


def _facts(row: Record, book: Book, sources: Sources) -> list[Row]:
    """Return the facility's known facts, each with its source."""
    found = []
    for name, fact in row["facts"].items():
        if not fact:
            continue
        require_source(fact, book)
        value, note = fact.get("value"), fact["note"]
        if name == FacilityFact.Name.COORDINATES:
            value = f"{row['latitude']}, {row['longitude']}"
            note = "; ".join(part for part in (fact["precision"], note) if part)
        values = {
            "facility": row["slug"],
            "name": name,
            "value": ("yes" if value else "no") if isinstance(value, bool) else str(value),
            "year": fact.get("year"),
            "note": note,
            **sources.columns(fact["source"], is_verified=fact["verified"]),
        }
        found.append(Row(f"{row['slug']}/{name}", values, fact.place()))
    return found


def _accreditations(row: Record, book: Book, sources: Sources) -> list[Row]:
    """Return the facility's certificates; one without an end date is history."""
    found = []
    for certificate in row["accreditations"]:
        require_source(certificate, book)
        key = f"{row['slug']}/{certificate['body']}/{certificate['level']}"
        if not book.define("accreditation", key, certificate.place()):
            continue
        same = ("body", "level", "certificate", "register_url", "valid_from", "valid_until", "note")
        values = {name: certificate[name] for name in same}
        values |= {"facility": row["slug"], "last_known_year": certificate["year"]}
        values |= sources.columns(certificate["source"], is_verified=certificate["verified"])
        found.append(Row(key, values, certificate.place()))
    return found


def _ranking(row: Record, book: Book, sources: Sources) -> Row:
    """Return one place in a list: a rank, or a range where the pages give no more."""
    require_source(row, book)
    keys = ("facility", "publisher", "ranking", "edition", "category")
    key = "/".join(str(row[name]) for name in keys)
    book.define("ranking", key, row.place())
    first, last = row["world_rank"], row["world_rank_to"]
    if first is None and last is None and row["italian_rank"] is None:
        book.problem(row.place(), "a ranking needs world_rank, world_rank_to or italian_rank")
    if first is not None and last is not None and last < first:
        book.problem(row.place("world_rank_to"), f"world_rank_to {last} is before world_rank {first}")
    values = {name: row[name] for name in (*keys, "world_rank", "world_rank_to", "italian_rank", "note")}
    return Row(key, values | sources.columns(row["source"], is_verified=row["verified"]), row.place())
