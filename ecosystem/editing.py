"""What of networks is edited through changes, by the association's editors."""

from ecosystem.models import Network, NetworkRole
from facilities.editing import PROVENANCE, facility_of
from publishing.editing import Kind, register
from taxonomy.collation import sort_keys


def register_kinds() -> None:
    """Tell publishing about the tables of this app."""
    register(
        Kind(
            Network,
            fields=("name", "kind", "specialty", "is_published", "note"),
            derive=lambda network: sort_keys(network, "name"),
        )
    )
    register(
        Kind(
            NetworkRole,
            fields=("network", "facility", "role", *PROVENANCE, "note"),
            shown_on=facility_of,
        )
    )
