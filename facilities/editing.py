"""What of a facility's listing is edited through changes, and by whom."""

from typing import Any

from django.db.models import Model

from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from publishing import permissions
from publishing.editing import Kind, register
from taxonomy.collation import sort_keys

PROVENANCE = ("source", "source_kind", "read_on", "state")


def facility_of(edited: Any) -> list[Model]:
    """Return the facility on whose page a row is shown."""
    return [edited.facility]


def register_kinds() -> None:
    """Tell publishing about the tables of this app."""
    permissions.register_facilities(Facility.objects.edited_by)
    register(
        Kind(
            Facility,
            fields=(
                *("official_name", "short_name", "usual_name", "summary", "kind", "ownership", "group"),
                *("irccs_discipline", "address", "postal_code", "city", "province", "latitude", "longitude"),
                *("regional_code", "website", "is_website_verified", "international_url", "has_inpatient_care"),
                *("specialties", "is_published", "verified_on", "note"),
            ),
            of_facility=("usual_name", "summary", "group", "address", "website", "international_url"),
            facility="pk",
            derive=lambda facility: sort_keys(facility, "usual_name", "short_name"),
        )
    )
    register(
        Kind(
            Accreditation,
            fields=(
                *("facility", "body", "level", "certificate", "register_url", "last_known_year"),
                *("valid_from", "valid_until", *PROVENANCE, "note"),
            ),
            of_facility=("certificate", "register_url", "valid_from", "valid_until"),
            facility="facility_id",
            shown_on=facility_of,
        )
    )
    # Facts and places in rankings are the association's: a hospital does not rank itself.
    register(Kind(FacilityFact, fields=("value", "year", *PROVENANCE, "note"), shown_on=facility_of))
    register(
        Kind(
            Ranking,
            fields=("world_rank", "world_rank_to", "italian_rank", *PROVENANCE, "note"),
            shown_on=facility_of,
        )
    )
