"""Facilities: the list with filters and map, and one facility."""

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.http import urlencode

from facilities.distances import from_airports
from facilities.filters import FacilityFilter
from facilities.map import dot, map_of
from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from facilities.structured_data import facility_data
from publishing.enums import FactState
from publishing.labels import labels_of
from taxonomy.models import Specialty
from taxonomy.pages import CatalogueDetail, FilteredList


class FacilityList(FilteredList):
    """All facilities, and the same on the map."""

    queryset = Facility.objects.published()
    filterset_class = FacilityFilter
    template_name = "facilities/facility_list.html"
    # Fewer than a hundred: one page, so that list and map show the same.
    paginate_by = 100

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the map of what the filters leave."""
        context = super().get_context_data(**kwargs)
        return context | {"map": map_of(context["page_obj"].object_list)}


class FacilityDetail(CatalogueDetail):
    """One facility: who vouches for it, what it treats, how to ask it, how to get there."""

    queryset = Facility.objects.published()
    template_name = "facilities/facility_detail.html"

    def get_queryset(self) -> Any:
        """Load certificates, ranks, facts and specialties with it."""
        published = FacilityFact.objects.exclude(state=FactState.UNVERIFIED)
        return (
            super()
            .get_queryset()
            .prefetch_related(
                Prefetch("accreditations", Accreditation.objects.exclude(state=FactState.UNVERIFIED)),
                Prefetch("rankings", Ranking.objects.exclude(state=FactState.UNVERIFIED)),
                Prefetch("facts", published),
                Prefetch("specialties", Specialty.objects.in_language(self.language)),
            )
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the facility; offers and protocols are reached over their relation."""
        facility = self.object
        offers = facility.offers.public().with_treatment(self.language)
        today = timezone.localdate()
        return super().get_context_data(
            facts={fact.name: fact for fact in facility.facts.all()},
            accreditations=[(row, row.validity(today)) for row in facility.accreditations.all()],
            offers=list(offers),
            protocols=facility.protocols.in_force().prefetch_related("required_documents"),
            distances=from_airports(facility),
            map=map_of([facility]),
            here=[dot(facility, is_here=True)],
            ask_query=urlencode({"facility": facility.slug}),
            text_labels=labels_of(facility, "summary"),
            structured_data=facility_data(facility),
            **kwargs,
        )
