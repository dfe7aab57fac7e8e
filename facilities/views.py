"""Facilities: the list with filters and map, one facility, and what a reader found wrong about it."""

from collections.abc import Iterable
from typing import Any

from django.core.paginator import Page
from django.db.models import OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.views.generic import FormView

from accounts.networks import network_of
from facilities.distances import from_airports
from facilities.enums import Province
from facilities.filters import FacilityFilter
from facilities.forms import ReportForm
from facilities.map import Place, ProvinceOnMap, View, dot, map_of, results_map
from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from facilities.rankings import newest_places
from facilities.structured_data import facility_data
from publishing.enums import FactState
from publishing.labels import labels_of, states_along
from publishing.reports import report_error
from taxonomy.models import Specialty
from taxonomy.pages import CatalogueDetail, FilteredList, PrivatePage
from taxonomy.rows import instances, rows_along
from vault import limits

HOUR = 3600
# From so many treatments on, a phone shows each specialty closed.
LONG_LIST = 12
# Enough for someone who reads a whole listing; a flood is none.
REPORTS_PER_NETWORK = 10
REPORTS_PER_FACILITY = 100


class FacilityList(FilteredList):
    """All facilities, and the same on the map."""

    queryset = Facility.objects.published()
    filterset_class = FacilityFilter
    filterset: FacilityFilter
    template_name = "facilities/facility_list.html"
    paginate_by = 30

    @property
    def has_unknown_values(self) -> bool:
        """Return whether the address asks for something that does not exist, a view of the map included."""
        return super().has_unknown_values or (bool(self.asked_view) and View.asked(self.asked_view) is None)

    @property
    def asked_view(self) -> str:
        return self.request.GET.get("map", "")

    def get_queryset(self) -> QuerySet:
        """Load what the cards show."""
        certificates = Prefetch("accreditations", Accreditation.objects.vouched(), to_attr="certificates_in_date")
        rows = super().get_queryset().without("summary", self.language)
        return rows.with_promise().prefetch_related(certificates)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the map of everything the filters leave, whatever page of the list is shown."""
        context = super().get_context_data(**kwargs)
        return context | {
            "airport": self.filterset.chosen_airport,
            "is_about_treatments": bool(self.filterset.chosen["treatment"]),
            "map": results_map(
                self.on_map(context["page_obj"]),
                view=View.asked(self.asked_view) or View(),
                provinces=self.provinces(),
                address=lambda view: f"{self.filterset.address(self.request.path, map=view)}#map",
            ),
        }

    def on_map(self, page: Page) -> Iterable[Place]:
        """Return all facilities that the filters leave."""
        return self.filterset.sites if page.has_other_pages() else page.object_list

    def provinces(self) -> list[ProvinceOnMap]:
        """Return the provinces as filters that keep the others; the chosen one leads back to all."""
        chosen = self.filterset.chosen["province"]
        return [
            ProvinceOnMap(
                code,
                str(name),
                self.filterset.count_of("province", code),
                f"{self.filterset.address(self.request.path, province='' if chosen == [code] else code)}#map",
                is_chosen=code in chosen,
            )
            for code, name in Province.choices
        ]


class FacilityDetail(CatalogueDetail):
    """One facility: who vouches for it, what it treats, how to ask it, how to get there."""

    queryset = Facility.objects.published()
    template_name = "facilities/facility_detail.html"

    def get_queryset(self) -> QuerySet:
        """Load certificates, ranks, facts, specialties and the state of its text in the same query."""
        here, unpublished = {"facility": OuterRef("pk")}, {"state": FactState.UNVERIFIED}
        return (
            super()
            .get_queryset()
            .annotate(
                accreditation_rows=rows_along(Accreditation.objects.exclude(**unpublished).filter(**here)),
                ranking_rows=rows_along(Ranking.objects.exclude(**unpublished).filter(**here)),
                fact_rows=rows_along(FacilityFact.objects.exclude(**unpublished).filter(**here)),
                specialty_rows=rows_along(
                    Specialty.objects.filter(facilities=OuterRef("pk")).in_language(self.language)
                ),
                text_states=states_along(Facility, "summary", self.language),
            )
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the facility; offers and protocols are reached over their relation."""
        facility = self.object
        today = timezone.localdate()
        accreditations = instances(Accreditation, facility.accreditation_rows)
        specialties = instances(Specialty, facility.specialty_rows)
        offers = list(facility.offers.public().with_treatment(self.language))
        return super().get_context_data(
            facts={fact.name: fact for fact in instances(FacilityFact, facility.fact_rows)},
            accreditations=[(row, row.validity(today)) for row in accreditations],
            places=newest_places(instances(Ranking, facility.ranking_rows)),
            specialties=specialties,
            offers=offers,
            is_long=len(offers) > LONG_LIST,
            protocols=facility.protocols.in_force().prefetch_related("required_documents"),
            distances=from_airports(facility),
            map=map_of([facility]),
            here=[dot(facility, is_here=True)],
            ask_query=urlencode({"facility": facility.slug}),
            text_labels=labels_of(facility, "summary", facility.text_states),
            structured_data=facility_data(facility, specialties, accreditations),
            **kwargs,
        )


class FacilityReport(PrivatePage, FormView):
    """Say what is wrong on the page of a facility."""

    form_class = ReportForm
    template_name = "facilities/facility_report.html"

    @cached_property
    def facility(self) -> Facility:
        """Return the facility; 404 where there is none."""
        return get_object_or_404(Facility.objects.published(), slug=self.kwargs["slug"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the facility, and whether a report has just been sent."""
        return super().get_context_data(facility=self.facility, is_sent="sent" in self.request.GET, **kwargs)

    def get_success_url(self) -> str:
        return reverse("facilities:facility_report", args=[self.facility.slug]) + "?sent=1"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form of a facility that exists."""
        return self.render_to_response(self.get_context_data())

    def form_valid(self, form: ReportForm) -> HttpResponse:
        """Keep the report for those who edit the listing; too many are answered in words."""
        if not self._may_send():
            return render(self.request, "429.html", status=429)
        report_error(
            about=self.facility,
            facility_id=self.facility.pk,
            language=translation.get_language() or "en",
            **form.cleaned_data,
        )
        return HttpResponseRedirect(self.get_success_url())

    def _may_send(self) -> bool:
        is_calm = limits.allow("facilities.report", network_of(self.request), REPORTS_PER_NETWORK, HOUR)
        return is_calm and limits.allow("facilities.report.about", self.facility.slug, REPORTS_PER_FACILITY, HOUR)
