"""Treatments, conditions, specialties and the body: lists, single pages, and facilities side by side."""

from typing import Any

from django.db.models import OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from facilities.map import map_of
from facilities.models import Facility
from publishing.labels import labels_of, states_along
from taxonomy.models import BodyDistrict, Specialty
from taxonomy.pages import CatalogueDetail, CatalogueList, CataloguePage, FilteredList
from taxonomy.rows import instances, rows_along
from treatments.comparison import Comparison
from treatments.district import DistrictPage
from treatments.filters import ConditionFilter, TreatmentFilter
from treatments.models import Condition, Treatment
from treatments.plate import Figure, plate_of
from treatments.structured_data import condition_data, specialty_data, treatment_data


class TreatmentList(FilteredList):
    """All treatments."""

    queryset = Treatment.objects.published().with_facility_count()
    filterset_class = TreatmentFilter
    template_name = "treatments/treatment_list.html"


class TreatmentDetail(CatalogueDetail):
    """What a treatment is, and who offers it: confirmed first, then what the hospital has not confirmed yet."""

    queryset = Treatment.objects.published()
    related = ("specialty",)
    template_name = "treatments/treatment_detail.html"

    def get_queryset(self) -> QuerySet:
        """Load the districts and the state of its text in the same query."""
        districts = BodyDistrict.objects.filter(treatments=OuterRef("pk")).in_language(self.language)
        return (
            super()
            .get_queryset()
            .annotate(
                district_rows=rows_along(districts), text_states=states_along(Treatment, "summary", self.language)
            )
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the treatment."""
        treatment = self.object
        conditions = list(treatment.conditions.published().in_language(self.language).without("summary", self.language))
        offers = list(treatment.offers.public().with_promise().with_certificates().with_facility(self.language))
        return super().get_context_data(
            conditions=conditions,
            districts=instances(BodyDistrict, treatment.district_rows),
            offers=offers,
            confirmed_count=sum(offer.is_confirmed for offer in offers),
            # What the hospitals say themselves; a general protocol says nothing about this treatment.
            protocols=treatment.protocols.in_force().saying_for_whom().select_related("facility"),
            map=map_of(offer.facility for offer in offers),
            text_labels=labels_of(treatment, "summary", treatment.text_states),
            structured_data=treatment_data(treatment, conditions, [offer.facility for offer in offers]),
            **kwargs,
        )


class ConditionList(FilteredList):
    """All conditions."""

    queryset = Condition.objects.published().with_counts(treatments=Treatment.objects.published())
    filterset_class = ConditionFilter
    template_name = "treatments/condition_list.html"


class ConditionDetail(CatalogueDetail):
    """What a condition is, and its treatments with the number of facilities for each."""

    queryset = Condition.objects.published()
    related = ("specialty",)
    template_name = "treatments/condition_detail.html"

    def get_queryset(self) -> QuerySet:
        """Load the districts and the state of its text in the same query."""
        districts = BodyDistrict.objects.filter(conditions=OuterRef("pk")).in_language(self.language)
        return (
            super()
            .get_queryset()
            .annotate(
                district_rows=rows_along(districts), text_states=states_along(Condition, "summary", self.language)
            )
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the condition."""
        condition = self.object
        treatments = list(condition.treatments.published().with_facility_count().in_language(self.language))
        return super().get_context_data(
            treatments=treatments,
            districts=instances(BodyDistrict, condition.district_rows),
            text_labels=labels_of(condition, "summary", condition.text_states),
            structured_data=condition_data(condition, treatments),
            **kwargs,
        )


class SpecialtyList(CatalogueList):
    """All specialties with the number of facilities that list each."""

    queryset = Specialty.objects.with_counts(facilities=Facility.objects.published())
    template_name = "treatments/specialty_list.html"


class SpecialtyDetail(CatalogueDetail):
    """A specialty: its treatments, its conditions, the facilities that list it."""

    queryset = Specialty.objects.all()
    template_name = "treatments/specialty_detail.html"

    def get_queryset(self) -> QuerySet:
        """Load the districts in the same query."""
        districts = BodyDistrict.objects.filter(specialties=OuterRef("pk")).in_language(self.language)
        return super().get_queryset().annotate(district_rows=rows_along(districts))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the specialty."""
        specialty = self.object
        facilities = specialty.facilities.published().in_language(self.language).without("summary", self.language)
        return super().get_context_data(
            facilities=facilities,
            districts=instances(BodyDistrict, specialty.district_rows),
            structured_data=specialty_data(specialty, facilities),
            **cures_of(specialty, self.language),
            **kwargs,
        )


class BodyList(CatalogueList):
    """The body with its districts; `?figure=child` shows a child's."""

    queryset = BodyDistrict.objects.with_counts(treatments=Treatment.objects.published())
    template_name = "treatments/body_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the plate."""
        figure = Figure(self.request.GET.get("figure", ""), self.request.path)
        context = super().get_context_data(**kwargs)
        plate = plate_of(context["object_list"], figure)
        return context | {"figure": figure, "plate": plate, "words_so_far": _("For a child") if figure.is_child else ""}


class BodyDetail(CatalogueDetail):
    """A part of the body: its conditions, treatments and specialties, for an adult or for a child."""

    queryset = BodyDistrict.objects.all()
    context_object_name = "district"
    template_name = "treatments/body_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the district."""
        figure = Figure(self.request.GET.get("figure", ""), self.request.path)
        shown = DistrictPage(self.object, self.language, is_child=figure.is_child)
        return super().get_context_data(figure=figure, shown=shown, structured_data=shown.structured_data, **kwargs)


class Compare(CataloguePage, TemplateView):
    """Up to four facilities side by side; a form of its own chooses them without script."""

    template_name = "treatments/compare.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the address asks to compare."""
        return super().get_context_data(comparison=Comparison(self.request.GET, self.language), **kwargs)


def cures_of(entry: Specialty, language: str) -> dict[str, QuerySet]:
    """Return conditions and treatments of a specialty, with their numbers."""
    conditions = entry.conditions.published().with_counts(treatments=Treatment.objects.published())
    treatments = entry.treatments.published().with_facility_count()
    return {
        "conditions": conditions.in_language(language).without("summary", language),
        "treatments": treatments.in_language(language).without("summary", language),
    }
