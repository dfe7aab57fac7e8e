"""Treatments, conditions, specialties and the body: lists, single pages, and facilities side by side."""

from typing import Any

from django.db.models import QuerySet
from django.views.generic import TemplateView

from facilities.map import map_of
from facilities.models import Facility
from publishing.labels import labels_of
from taxonomy.models import BodyDistrict, Specialty
from taxonomy.pages import CatalogueDetail, CatalogueList, CataloguePage, FilteredList
from treatments.comparison import Comparison
from treatments.filters import ConditionFilter, TreatmentFilter
from treatments.models import Condition, Treatment
from treatments.plate import plate_of
from treatments.structured_data import condition_data, treatment_data


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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the treatment."""
        treatment = self.object
        conditions = list(treatment.conditions.published().in_language(self.language).without("summary", self.language))
        offers = list(treatment.offers.public().with_promise().with_facility(self.language))
        return super().get_context_data(
            conditions=conditions,
            districts=treatment.body_districts.in_language(self.language),
            offers=offers,
            confirmed_count=sum(offer.is_confirmed for offer in offers),
            map=map_of(offer.facility for offer in offers),
            text_labels=labels_of(treatment, "summary"),
            structured_data=treatment_data(treatment, conditions),
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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the condition."""
        condition = self.object
        treatments = list(condition.treatments.published().with_facility_count().in_language(self.language))
        return super().get_context_data(
            treatments=treatments,
            districts=condition.body_districts.in_language(self.language),
            text_labels=labels_of(condition, "summary"),
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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the specialty."""
        facilities = self.object.facilities.published().in_language(self.language).without("summary", self.language)
        return super().get_context_data(
            facilities=facilities,
            districts=self.object.body_districts.in_language(self.language),
            **cures_of(self.object, self.language),
            **kwargs,
        )


class BodyList(CatalogueList):
    """The body with its districts."""

    queryset = BodyDistrict.objects.with_counts(treatments=Treatment.objects.published())
    template_name = "treatments/body_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the plate."""
        context = super().get_context_data(**kwargs)
        return context | {"plate": plate_of(context["object_list"])}


class BodyDetail(CatalogueDetail):
    """A part of the body: its specialties, conditions and treatments."""

    queryset = BodyDistrict.objects.all()
    context_object_name = "district"
    template_name = "treatments/body_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what belongs to the district."""
        specialties = self.object.specialties.with_counts(facilities=Facility.objects.published())
        return super().get_context_data(
            specialties=specialties.in_language(self.language), **cures_of(self.object, self.language), **kwargs
        )


class Compare(CataloguePage, TemplateView):
    """Up to four facilities side by side; a form of its own chooses them without script."""

    template_name = "treatments/compare.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the address asks to compare."""
        return super().get_context_data(comparison=Comparison(self.request.GET, self.language), **kwargs)


def cures_of(entry: Specialty | BodyDistrict, language: str) -> dict[str, QuerySet]:
    """Return conditions and treatments of a specialty or a body district, with their numbers."""
    conditions = entry.conditions.published().with_counts(treatments=Treatment.objects.published())
    treatments = entry.treatments.published().with_facility_count()
    return {
        "conditions": conditions.in_language(language).without("summary", language),
        "treatments": treatments.in_language(language).without("summary", language),
    }
