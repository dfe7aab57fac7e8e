"""Conditions, treatments, offers and second-opinion protocols, from data files to batches."""

import decimal
from collections.abc import Mapping
from typing import Any

from facilities.models import Facility
from publishing.enums import FactState
from publishing.loading.batches import Batch, Frozen, Row, TranslatedText
from publishing.loading.files import Book, Record
from publishing.loading.provenance import FACT_FIELDS, Cited, Sources, require_source
from publishing.loading.shapes import (
    Choice,
    Day,
    Flag,
    Language,
    Many,
    Reference,
    Shape,
    Slug,
    Text,
    Whole,
    rows,
)
from publishing.loading.texts import Texts, columns, originals, read_texts
from taxonomy.collation import sort_keys
from taxonomy.languages import column
from taxonomy.models import Specialty
from treatments.enums import ClockStart, DocumentKind, OfferBasis, TreatmentKind
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment
from treatments.versions import NO_RULES

# Category of three characters, a dot, up to two more.
ICD10 = Text(of="ICD-10 code", pattern=r"[A-Z]\d{2}(\.\d{1,2})?")
# Two digits, a dot, one or two more: volume 3, procedures.
ICD9CM = Text(of="ICD-9-CM code", pattern=r"\d{2}\.\d{1,2}")

CONDITION = Shape(
    fields={
        "slug": Slug(),
        "specialty": Reference(to="specialty"),
        "body_districts": Many(of=Reference(to="body district")),
        "icd10": Many(of=ICD10),
    }
)
TREATMENT = Shape(
    fields={
        "slug": Slug(),
        "kind": Choice(choices=TreatmentKind, of="kind"),
        "specialty": Reference(to="specialty"),
        "body_districts": Many(of=Reference(to="body district")),
        "icd9cm": Many(of=ICD9CM),
        "icd9cm_newer": Many(of=ICD9CM, is_required=False),
        "conditions": Many(of=Reference(to="condition")),
    }
)
CURE_TEXT = Shape(
    fields={
        "name": Text(maximum=200),
        "synonyms": Many(of=Text(maximum=200), is_required=False),
        "summary": Text(maximum=2000, is_required=False),
    }
)
CURE_TEXTS = (TranslatedText("name"), TranslatedText("synonyms", is_optional=True), TranslatedText("summary"))

OFFER = Shape(
    fields={
        "facility": Reference(to="facility"),
        "treatment": Reference(to="treatment"),
        "basis": Choice(choices=OfferBasis, of="basis"),
        "also": Cited(),
        **FACT_FIELDS,
    }
)
# The state an offer has when its flag `verified` is set; without the flag it waits for an editor.
STATE_OF_BASIS = {
    OfferBasis.SITE: FactState.VERIFIED,
    OfferBasis.SOURCE: FactState.VERIFIED,
    OfferBasis.PUBLIC_KNOWLEDGE: FactState.INDICATIVE,
    OfferBasis.UNCONFIRMED: FactState.UNVERIFIED,
}

# A request keeps the version it was checked against.
IN_USE = "requests were checked against this version: leave it, and add the next `version` with its own `valid_from`"
AGE = Whole(low=0, high=120, is_required=False)
DAYS = Whole(low=1, high=3650, is_required=False)
FEE = Shape(
    is_required=False,
    fields={
        "amount": Whole(low=0, high=900_000, is_required=False),
        # An amount that nobody has confirmed stays in the editors' note.
        "confirmed": Flag(is_required=False),
        "on_request": Flag(is_required=False),
        "note": Text(maximum=300, is_required=False),
    },
)
PROMISE = Shape(
    is_required=False,
    fields={
        "working_days": Whole(low=1, high=365, is_required=False),
        "approximate": Flag(is_required=False),
        "clock_starts": Choice(choices=ClockStart, of="start of the clock"),
        # The days count anew when further papers that were asked for have arrived.
        "restarts": Flag(is_required=False),
    },
)
REQUIRED_DOCUMENT = Shape(
    fields={"kind": Choice(choices=DocumentKind, of="kind of document"), "maximum_age_days": DAYS},
)
PROTOCOL = Shape(
    fields={
        "slug": Slug(),
        "version": Whole(low=1, high=1000),
        "facility": Reference(to="facility"),
        "treatments": Many(of=Reference(to="treatment")),
        "document_languages": Many(of=Language()),
        "report_languages": Many(of=Language(), is_required=False),
        "minimum_age": AGE,
        "maximum_age": AGE,
        "fee": FEE,
        "promise": PROMISE,
        "includes_consultation": Flag(default=None, is_required=False),
        "follow_up_questions": Whole(low=0, high=100, is_required=False),
        "follow_up_days": DAYS,
        "update_months": Whole(low=1, high=120, is_required=False),
        "required_documents": Many(of=REQUIRED_DOCUMENT),
        "valid_from": Day(),
        "valid_until": Day(is_required=False),
        "verified": Flag(),
        "sources": Many(of=Cited(is_required=True)),
        "notes": Many(of=Text(maximum=600), is_required=False),
    }
)
DOCUMENT_TEXT = Shape(fields={"what": Text(maximum=300), "only_when": Text(maximum=200, is_required=False)})
PROTOCOL_TEXT = Shape(
    fields={
        "name": Text(maximum=200),
        "for_whom": Text(maximum=500),
        "exclusions": Many(of=Text(maximum=300), is_required=False),
        "translation_rule": Text(maximum=500, is_required=False),
        "fee_note": Text(maximum=500, is_required=False),
        "documents": Many(of=DOCUMENT_TEXT, is_required=False),
    }
)
PROTOCOL_FIELDS = ("name", "for_whom", "exclusions", "translation_rule", "fee_note")


def plan(book: Book, sources: Sources, *, folder: str = "treatments/data") -> list[Batch]:
    """Return the batches of this app's tables; what is wrong in the files is noted in the book."""
    conditions = list(rows(book, f"{folder}/conditions.yaml", "conditions", CONDITION, kind="condition"))
    treatments = list(rows(book, f"{folder}/treatments.yaml", "treatments", TREATMENT, kind="treatment"))
    offers = list(rows(book, f"{folder}/offers.yaml", "offers", OFFER))
    protocols = list(rows(book, f"{folder}/protocols.yaml", "protocols", PROTOCOL, kind="protocol"))
    texts = read_texts(
        book,
        f"{folder}/texts",
        {
            "conditions": ("condition", CURE_TEXT),
            "treatments": ("treatment", CURE_TEXT),
            "protocols": ("protocol", PROTOCOL_TEXT),
        },
    )
    return [
        _cures(Condition, [_condition(row, texts["conditions"]) for row in conditions]),
        _cures(Treatment, [_treatment(row, texts["treatments"], book) for row in treatments]),
        *plan_offers(book, sources, offers),
        *plan_protocols(book, sources, protocols, texts["protocols"]),
    ]


def _cures(model: type[Condition] | type[Treatment], found: list[Row]) -> Batch:
    return Batch(
        model,
        found,
        parents={"specialty": Specialty},
        texts=CURE_TEXTS,
        derive=lambda cure: sort_keys(cure, "name"),
        withdrawn={"is_published": False},
    )


def _cure(row: Record, texts: Texts, values: dict[str, Any], links: dict[str, list[str]]) -> Row:
    """Return a condition or treatment with its texts; names and English synonyms stand in the facts."""
    values |= {"slug": row["slug"], "specialty": row["specialty"], "is_published": True}
    values |= columns(texts, row["slug"], ("name", "synonyms", "summary"))
    links |= {"body_districts": list(row["body_districts"])}
    from_facts = originals("name") | originals("synonyms", languages=["en"])
    return Row(row["slug"], values, row.place(), links=links, originals=from_facts)


def _condition(row: Record, texts: Texts) -> Row:
    return _cure(row, texts, {"icd10": list(row["icd10"])}, {})


def _treatment(row: Record, texts: Texts, book: Book) -> Row:
    for code in row["icd9cm_newer"]:
        if code not in row["icd9cm"]:
            book.problem(row.place("icd9cm_newer"), f"{code!r} is not among the codes of icd9cm")
    values = {"kind": row["kind"], "icd9cm": list(row["icd9cm"]), "icd9cm_newer": list(row["icd9cm_newer"])}
    return _cure(row, texts, values, {"conditions": list(row["conditions"])})


def plan_offers(book: Book, sources: Sources, found: list[Record]) -> list[Batch]:
    """Return the batch of which facility offers which treatment."""
    return [
        Batch(
            Offer,
            [_offer(row, book, sources) for row in found],
            key_fields=("facility", "treatment"),
            parents={"facility": Facility, "treatment": Treatment},
            withdrawn={"state": FactState.UNVERIFIED},
        )
    ]


def _offer(row: Record, book: Book, sources: Sources) -> Row:
    require_source(row, book)
    key = f"{row['facility']}/{row['treatment']}"
    book.define("offer", key, row.place())
    state = STATE_OF_BASIS[OfferBasis(row["basis"])] if row["verified"] else FactState.UNVERIFIED
    values = {
        "facility": row["facility"],
        "treatment": row["treatment"],
        "note": f"also: {sources.resolve(row['also'])}" if row["also"] else "",
        **sources.columns(row["source"], is_verified=row["verified"], state=state),
    }
    return Row(key, values, row.place())


def plan_protocols(book: Book, sources: Sources, found: list[Record], texts: Texts) -> list[Batch]:
    """Return the batches of protocols and of the papers they ask for."""
    return [
        Batch(
            Protocol,
            [_protocol(row, texts, sources, book) for row in found],
            key_fields=("slug", "version"),
            parents={"facility": Facility},
            texts=(
                *(TranslatedText(name) for name in ("name", "for_whom", "exclusions", "translation_rule", "fee_note")),
            ),
            withdrawn={"state": FactState.UNVERIFIED},
            frozen=Frozen(lambda protocol: protocol.pk is not None and protocol.is_used, IN_USE, loose=NO_RULES),
        ),
        Batch(
            RequiredDocument,
            [paper for row in found for paper in _required_documents(row, texts)],
            key_fields=("protocol", "position"),
            parents={"protocol": Protocol},
            texts=(TranslatedText("what"), TranslatedText("only_when")),
            frozen=Frozen(lambda paper: paper.protocol.is_used, IN_USE),
        ),
    ]


def _protocol(row: Record, texts: Texts, sources: Sources, book: Book) -> Row:
    """Return one version of a protocol; its first source is the one shown, the others go to the editors."""
    _compare_languages(row, texts, book)
    fee, promise = row["fee"] or {}, row["promise"] or {}
    amount = fee.get("amount")
    same = ("slug", "version", "facility", "minimum_age", "maximum_age", "includes_consultation", "follow_up_questions")
    values: dict[str, Any] = {
        name: row[name] for name in (*same, "follow_up_days", "update_months", "valid_from", "valid_until")
    }
    values |= {
        "document_languages": list(row["document_languages"]),
        "report_languages": list(row["report_languages"]),
        "fee": decimal.Decimal(amount) if amount is not None and fee["confirmed"] else None,
        "is_fee_on_request": fee.get("on_request", False),
        "promised_working_days": promise.get("working_days"),
        "is_promise_approximate": promise.get("approximate", False),
        "clock_starts": promise.get("clock_starts", ""),
        "restarts_with_documents": promise.get("restarts", False),
        "note": "\n".join(_protocol_notes(row, sources)),
    }
    values |= columns(texts, row["slug"], PROTOCOL_FIELDS)
    for name, value in values.items():
        if name.startswith("exclusions_"):
            values[name] = "\n".join(value)
    if values["fee"] is not None and fee["on_request"]:
        book.problem(row.place("fee"), "a confirmed amount is not told on request")
    if row["valid_until"] and row["valid_until"] < row["valid_from"]:
        book.problem(row.place("valid_until"), "ends before it begins")
    if row["verified"] and not row["sources"]:
        book.problem(row.place("verified"), "verified, but no source is named")
    values |= sources.columns(next(iter(row["sources"]), ""), is_verified=row["verified"])
    key = f"{row['slug']}/{row['version']}"
    return Row(key, values, row.place(), links={"treatments": list(row["treatments"])})


def _protocol_notes(row: Record, sources: Sources) -> list[str]:
    """Return what only editors read: further sources, and a fee nobody has confirmed."""
    fee = row["fee"] or {}
    notes = list(row["notes"])
    if fee.get("amount") is not None and not fee["confirmed"]:
        notes.append(f"Fee not confirmed: {fee['amount']} EUR")
    notes += [fee["note"]] if fee.get("note") else []
    return notes + [f"also: {sources.resolve(source)}" for source in row["sources"][1:]]


def _required_documents(row: Record, texts: Texts) -> list[Row]:
    """Return the papers of a protocol in their order, with their words in every language."""
    found = []
    for position, paper in enumerate(row["required_documents"], start=1):
        values = {
            "protocol": f"{row['slug']}/{row['version']}",
            "position": position,
            "kind": paper["kind"],
            "maximum_age_days": paper["maximum_age_days"],
        }
        for language, entries in texts.items():
            entry = entries.get(row["slug"])
            words = entry["documents"] if entry else []
            word: Mapping[str, str] = words[position - 1] if position <= len(words) else {}
            for name in ("what", "only_when"):
                values[f"{name}_{column(language)}"] = word.get(name, "")
        found.append(Row(f"{row['slug']}/{row['version']}/{position}", values, paper.place()))
    return found


def _compare_languages(row: Record, texts: Texts, book: Book) -> None:
    """Note a language that names another number of papers or exclusions: a patient would be told less."""
    asked = len(row["required_documents"])
    english = texts.get("en", {}).get(row["slug"])
    excluded = len(english["exclusions"]) if english else 0
    for entries in texts.values():
        entry = entries.get(row["slug"])
        if entry is None:
            continue
        named, excluding = len(entry["documents"]), len(entry["exclusions"])
        if named != asked:
            book.problem(entry.place("documents"), f"{row['slug']}: {named} documents, the protocol asks for {asked}")
        if excluding != excluded:
            book.problem(entry.place("exclusions"), f"{row['slug']}: {excluding} exclusions, English has {excluded}")
