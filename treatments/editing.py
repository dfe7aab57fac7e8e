"""What of conditions, treatments, offers and protocols is edited through changes, and by whom."""

from typing import Any

from django.db.models import Model

from facilities.editing import PROVENANCE
from publishing.editing import Kind, Values, register
from taxonomy.collation import sort_keys
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment
from treatments.versions import prepare_document, prepare_protocol

# The rules of a protocol, as its hospital may propose them.
RULES = (
    *("name", "for_whom", "exclusions", "translation_rule", "fee_note", "treatments", "document_languages"),
    *("minimum_age", "maximum_age", "fee", "is_fee_on_request", "promised_working_days", "is_promise_approximate"),
    *("clock_starts", "restarts_with_documents", "report_languages", "includes_consultation"),
    *("follow_up_questions", "follow_up_days", "update_months"),
    *("valid_from", "valid_until"),
)


def sort_keys_of(cure: Any) -> Values:
    """Return the keys by which a condition or treatment is sorted."""
    return sort_keys(cure, "name")


def both_sides(offer: Any) -> list[Model]:
    """Return the treatment and the facility on whose pages an offer is shown."""
    return [offer.facility, offer.treatment]


def all_it_is_for(protocol: Any) -> list[Model]:
    """Return the facility and the treatments on whose pages a protocol is shown."""
    return [protocol.facility, *protocol.treatments.all()]


def register_kinds() -> None:
    """Tell publishing about the tables of this app."""
    cure = ("name", "synonyms", "summary", "specialty", "body_districts", "is_published")
    register(Kind(Condition, fields=(*cure, "icd10"), derive=sort_keys_of))
    register(Kind(Treatment, fields=(*cure, "kind", "conditions", "icd9cm", "icd9cm_newer"), derive=sort_keys_of))
    register(
        Kind(
            Offer,
            fields=("facility", "treatment", *PROVENANCE, "note"),
            of_facility=PROVENANCE,
            facility="facility_id",
            is_list_of_facility=True,
            shown_on=both_sides,
        )
    )
    register(
        Kind(
            Protocol,
            fields=("slug", "facility", *RULES, *PROVENANCE, "note"),
            of_facility=RULES,
            facility="facility_id",
            is_list_of_facility=True,
            shown_on=all_it_is_for,
            prepare=prepare_protocol,
        )
    )
    paper = ("position", "kind", "what", "only_when", "maximum_age_days")
    register(
        Kind(
            RequiredDocument,
            fields=("protocol", *paper),
            of_facility=paper,
            facility="protocol__facility_id",
            is_list_of_facility=True,
            shown_on=lambda document: all_it_is_for(document.protocol),
            prepare=prepare_document,
        )
    )
