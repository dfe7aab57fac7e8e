"""The filters of the list of facilities."""

from django.utils.translation import gettext_lazy as _

from facilities.enums import FacilityKind, Ownership, Province
from publishing.templatetags.text import text_of
from taxonomy.facets import Choices, FacetedFilterSet, FacetFilter
from taxonomy.models import Specialty


class FacilityFilter(FacetedFilterSet):
    """Facilities by province, kind, ownership and specialty."""

    province = FacetFilter(word="in_provinces", count_by="province", label=_("Province"))
    kind = FacetFilter(word="of_kinds", count_by="kind", label=_("Kind of hospital"))
    ownership = FacetFilter(word="of_ownerships", count_by="ownership", label=_("Public or private"))
    specialty = FacetFilter(word="with_specialties", count_by="specialties__slug", label=_("Specialty"))

    def province_choices(self) -> Choices:
        """Return the twelve provinces."""
        return [(province.value, str(province.label)) for province in Province]

    def kind_choices(self) -> Choices:
        """Return the kinds of facility."""
        return [(kind.value, str(kind.label)) for kind in FacilityKind]

    def ownership_choices(self) -> Choices:
        """Return public and private."""
        return [(ownership.value, str(ownership.label)) for ownership in Ownership]

    def specialty_choices(self) -> Choices:
        """Return the specialties in the order of the language."""
        return [(row.slug, text_of(row, "name").value) for row in Specialty.objects.in_language(self.language)]
