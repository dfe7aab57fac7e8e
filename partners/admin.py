"""Institutions abroad and agreements, for the association's editors."""

from django.contrib import admin

from facilities.admin import PROVENANCE, OfFacilityAdmin
from partners.models import Agreement, Institution
from publishing.admin import CatalogueAdmin


@admin.register(Institution)
class InstitutionAdmin(CatalogueAdmin):
    """Institutions abroad."""

    list_display = ["name", "country", "kind", "state", "waits"]
    list_filter = ["state", "kind", "country"]
    search_fields = ["name", "slug"]
    told = ("slug",)
    facts = (
        *("country", "name", "name_given", "correction", "kind", "website", "is_website_verified", "has_memorandum"),
        *(*PROVENANCE, "note"),
    )


@admin.register(Agreement)
class AgreementAdmin(OfFacilityAdmin):
    """Agreements between facilities and institutions abroad."""

    list_display = ["__str__", "facility", "other_party", "met_on", "state", "waits"]
    list_filter = ["state", "facility"]
    search_fields = ["title_en", "title_it", "slug", "other_party"]
    told = ("slug",)
    facts = (
        *("facility", "other_party", "countries", "met_on", "framework_signed_on"),
        *(*PROVENANCE, "note"),
    )
