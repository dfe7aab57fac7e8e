"""Institutions and agreements, from data files to batches."""

from typing import Any

from facilities.models import Facility
from partners.enums import InstitutionKind
from partners.models import Agreement, Institution
from publishing.enums import FactState
from publishing.loading.batches import Batch, Row, TranslatedText
from publishing.loading.files import Book, Record
from publishing.loading.provenance import FACT_FIELDS, NOTE, Sources, require_source
from publishing.loading.shapes import Choice, Country, Day, Flag, Many, Reference, Shape, Slug, Text, Web, rows
from publishing.loading.texts import Texts, columns, read_texts

FOLDER = "partners/data"
PARTNER = Shape(
    fields={
        "slug": Slug(),
        "country": Country(),
        "name": Text(maximum=200),
        "kind": Choice(choices=InstitutionKind, of="kind"),
        "name_given": Text(maximum=200, is_required=False),
        "correction": Text(maximum=200, is_required=False),
        "memorandum": Flag(is_required=False),
        "website": Web(is_required=False),
        "website_verified": Flag(is_required=False),
        **FACT_FIELDS,
        "note": NOTE,
    }
)
AGREEMENT = Shape(
    fields={
        "slug": Slug(),
        "facility": Reference(to="facility"),
        "other_party": Text(maximum=200),
        "countries": Many(of=Country()),
        "met_on": Day(is_required=False),
        "framework_signed_on": Day(is_required=False),
        **FACT_FIELDS,
        "note": NOTE,
    }
)
AGREEMENT_TEXT = Shape(fields={"title": Text(maximum=200), "summary": Text(maximum=2000)})


def plan(book: Book, sources: Sources) -> list[Batch]:
    """Return the batches of this app's tables; what is wrong in the files is noted in the book."""
    partners = list(rows(book, f"{FOLDER}/partners.yaml", "partners", PARTNER, kind="partner"))
    agreements = list(rows(book, f"{FOLDER}/agreements.yaml", "agreements", AGREEMENT, kind="agreement"))
    texts = read_texts(book, f"{FOLDER}/texts", {"agreements": ("agreement", AGREEMENT_TEXT)})["agreements"]
    return [
        Batch(
            Institution,
            [_institution(row, book, sources) for row in partners],
            withdrawn={"state": FactState.UNVERIFIED},
        ),
        Batch(
            Agreement,
            [_agreement(row, texts, book, sources) for row in agreements],
            parents={"facility": Facility},
            texts=(TranslatedText("title"), TranslatedText("summary")),
            withdrawn={"state": FactState.UNVERIFIED},
        ),
    ]


def _institution(row: Record, book: Book, sources: Sources) -> Row:
    """Return one institution: the corrected name, and the given one for editors."""
    require_source(row, book)
    same = ("slug", "country", "name", "kind", "name_given", "correction", "website", "note")
    values: dict[str, Any] = {name: row[name] for name in same}
    values |= {"is_website_verified": row["website_verified"], "has_memorandum": row["memorandum"]}
    values |= sources.columns(row["source"], is_verified=row["verified"])
    return Row(row["slug"], values, row.place())


def _agreement(row: Record, texts: Texts, book: Book, sources: Sources) -> Row:
    require_source(row, book)
    same = ("slug", "facility", "other_party", "met_on", "framework_signed_on", "note")
    values: dict[str, Any] = {name: row[name] for name in same} | {"countries": list(row["countries"])}
    values |= columns(texts, row["slug"], ("title", "summary"))
    return Row(row["slug"], values | sources.columns(row["source"], is_verified=row["verified"]), row.place())
