"""Networks and roles in them, for the association's editors."""

from django.contrib import admin

from ecosystem.models import Network, NetworkRole
from facilities.admin import PROVENANCE, OfFacilityAdmin
from publishing.admin import CatalogueAdmin


@admin.register(Network)
class NetworkAdmin(CatalogueAdmin):
    """Networks of hospitals."""

    list_display = ["__str__", "kind", "specialty", "is_published", "waits"]
    list_filter = ["kind", "is_published"]
    list_select_related = ["specialty"]
    search_fields = ["name_en", "name_it", "slug"]
    told = ("slug",)
    facts = ("kind", "specialty", "is_published", "note")


@admin.register(NetworkRole)
class NetworkRoleAdmin(OfFacilityAdmin):
    """What facilities do in networks."""

    list_display = ["network", "facility", "role", "state", "waits"]
    list_filter = ["state", "role", "network", "facility"]
    list_select_related = ["facility", "network"]
    search_fields = ["network__slug", "facility__short_name"]
    facts = ("network", "facility", "role", *PROVENANCE, "note")
