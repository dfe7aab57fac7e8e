"""The filters of the lists of conditions and treatments."""

from django.utils.translation import gettext_lazy as _

from publishing.templatetags.text import text_of
from taxonomy.facets import Choices, FacetedFilterSet, FacetFilter
from taxonomy.models import BodyDistrict, Specialty
from taxonomy.querysets import TranslatedQuerySet
from treatments.enums import TreatmentKind


def named(rows: TranslatedQuerySet, language: str) -> Choices:
    """Return slug and name of each row, in the order of the language."""
    return [(row.slug, text_of(row, "name").value) for row in rows.in_language(language)]


class ConditionFilter(FacetedFilterSet):
    """Conditions by part of the body and by specialty."""

    district = FacetFilter(word="of_districts", count_by="body_districts__slug", label=_("Part of the body"))
    specialty = FacetFilter(word="of_specialties", count_by="specialty__slug", label=_("Specialty"))

    def district_choices(self) -> Choices:
        """Return the body districts."""
        return named(BodyDistrict.objects.all(), self.language)

    def specialty_choices(self) -> Choices:
        """Return the specialties."""
        return named(Specialty.objects.all(), self.language)


class TreatmentFilter(ConditionFilter):
    """Treatments likewise, and by kind."""

    kind = FacetFilter(word="of_kinds", count_by="kind", label=_("Kind of treatment"))

    def kind_choices(self) -> Choices:
        """Return the kinds of treatment."""
        return [(kind.value, str(kind.label)) for kind in TreatmentKind]
