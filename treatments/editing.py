"""What of conditions, treatments, offers and protocols is edited through changes, and by whom."""

from typing import Any

from django.db.models import Model

from facilities.editing import PROVENANCE
from publishing.editing import Kind, Values, register
from taxonomy.collation import sort_keys
from treatments.models import Condition, Offer, Protocol, Treatment


def sort_keys_of(cure: Any) -> Values:
    """Return the keys by which a condition or treatment is sorted."""
    return sort_keys(cure, "name")


def both_sides(offer: Any) -> list[Model]:
    """Return the treatment and the facility on whose pages an offer is shown."""
    return [offer.facility, offer.treatment]


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
    # A version of a protocol is never edited: requests were checked against it.
    register(Kind(Protocol, facility="facility_id"))
