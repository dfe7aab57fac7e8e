"""The filters of the lists of conditions and treatments."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from facilities.enums import Province
from publishing.freshness import public_version
from taxonomy.facets import EntryFacet, EnumFacet, FacetedFilterSet, SwitchFacet
from taxonomy.models import BodyDistrict, Specialty
from treatments.enums import TreatmentKind


class ProvinceFacet(EnumFacet):
    """Provinces in which something is offered."""

    def on_chip(self, value: str, label: str) -> str:
        """Say that the province is where a treatment is offered."""
        return gettext("Offered in: %(province)s") % {"province": label}


class ConditionFilter(FacetedFilterSet):
    """Conditions by part of the body and by specialty."""

    version = staticmethod(public_version)

    district = EntryFacet(
        word="of_districts",
        entries=BodyDistrict.objects.all,
        path="body_districts",
        label=_("Part of the body"),
        is_open=True,
    )
    specialty = EntryFacet(word="of_specialties", entries=Specialty.objects.all, path="specialty", label=_("Specialty"))


class TreatmentFilter(ConditionFilter):
    """Treatments likewise, by kind, and by who offers them."""

    kind = EnumFacet(word="of_kinds", enum=TreatmentKind, path="kind", label=_("Kind of treatment"))
    province = ProvinceFacet(
        word="offered_in",
        enum=Province,
        path="facility__province",
        counted="public_offers",
        count="treatment",
        label=_("Province where it is offered"),
    )
    confirmed = SwitchFacet(word="confirmed", words=_("Confirmed by at least one hospital"), label=_("How sure we are"))
