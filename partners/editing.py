"""What of institutions and agreements is edited through changes, by the association's editors."""

from facilities.editing import PROVENANCE
from partners.models import Agreement, Institution
from publishing.editing import Kind, register


def register_kinds() -> None:
    """Tell publishing about the tables of this app."""
    register(
        Kind(
            Institution,
            fields=(
                *("country", "name", "name_given", "correction", "kind", "website", "is_website_verified"),
                *("has_memorandum", *PROVENANCE, "note"),
            ),
        )
    )
    register(
        Kind(
            Agreement,
            fields=(
                *("title", "summary", "facility", "other_party", "countries", "met_on", "framework_signed_on"),
                *(*PROVENANCE, "note"),
            ),
        )
    )
