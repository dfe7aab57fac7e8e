"""Words to ask for cures."""

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, ExpressionWrapper, F, Max, Min, OuterRef, Q, Subquery
from django.utils import timezone

from publishing.enums import FactState
from taxonomy.languages import column
from taxonomy.querysets import TranslatedQuerySet, columns_of_others, row_count
from taxonomy.rows import rows_along

if TYPE_CHECKING:
    from facilities.models import Facility
    from treatments.models import Treatment

PUBLIC_STATES = [FactState.VERIFIED, FactState.INDICATIVE]


class CureQuerySet(TranslatedQuerySet):
    """What lists of conditions and of treatments have in common."""

    def published(self) -> Self:
        return self.filter(is_published=True)

    def of_specialties(self, slugs: Iterable[str]) -> Self:
        return self.filter(specialty__slug__in=slugs)

    def of_districts(self, slugs: Iterable[str]) -> Self:
        """Keep what belongs to any of the body districts, each once."""
        rows = self.model.objects.filter(body_districts__slug__in=slugs)
        return self.filter(pk__in=rows.order_by().values("pk"))

    def with_paediatric(self) -> Self:
        """Add `is_paediatric`: by its own name or by its specialty it is for children."""
        by_name = Q(slug__startswith="paediatric-") | Q(specialty__slug__startswith="paediatric")
        return self.annotate(is_paediatric=ExpressionWrapper(by_name, output_field=models.BooleanField()))


class ConditionQuerySet(CureQuerySet):
    """A list of conditions."""


class TreatmentQuerySet(CureQuerySet):
    """A list of treatments."""

    def of_kinds(self, kinds: Iterable[str]) -> Self:
        return self.filter(kind__in=kinds)

    def with_facility_count(self) -> Self:
        """Add to public treatments `facility_count` (published facilities with a public offer), `confirmed_count`."""
        offers = self._offers().filter(treatment=OuterRef("pk"), facility__is_published=True)
        # Of a treatment that is public itself: its own table need not be asked again for each offer.
        public, confirmed = offers.filter(state__in=PUBLIC_STATES), offers.filter(state=FactState.VERIFIED)
        return self.annotate(facility_count=row_count(public), confirmed_count=row_count(confirmed))

    def offered_in(self, provinces: Iterable[str]) -> Self:
        """Keep what a facility in any of the provinces offers."""
        offers = self._offers().public().filter(facility__province__in=provinces)
        return self.filter(pk__in=offers.order_by().values("treatment"))

    def confirmed(self) -> Self:
        """Keep what at least one hospital has confirmed."""
        return self.filter(pk__in=self._offers().confirmed().order_by().values("treatment"))

    def public_offers(self) -> "OfferQuerySet":
        """Return the public offers of these treatments."""
        return self._offers().public().filter(treatment__in=self.order_by())

    def _offers(self) -> "OfferQuerySet":
        return apps.get_model("treatments.Offer").objects.all()


class OfferQuerySet(models.QuerySet):
    """A list of treatments at facilities."""

    def public(self) -> Self:
        """Keep confirmed and indicative offers of published facilities and treatments."""
        return self.filter(state__in=PUBLIC_STATES, facility__is_published=True, treatment__is_published=True)

    def confirmed(self) -> Self:
        return self.public().filter(state=FactState.VERIFIED)

    def counted_by_state(self) -> dict[str, int]:
        """Return how many there are in each state."""
        return dict(self.order_by().values_list("state").annotate(number_of_rows=Count("pk")))

    def confirmed_first(self) -> Self:
        # "verified" sorts after "indicative".
        return self.order_by("-state")

    def with_facility(self, code: str) -> Self:
        """Load the facility of each, without its long texts, in the order of the language."""
        facility = apps.get_model("facilities.Facility")
        unwanted = columns_of_others(facility, code, "facility__")
        texts = [f"facility__summary{ending}" for ending in {"", "_en", f"_{column(code)}"}]
        return (
            self.select_related("facility")
            .defer(*unwanted, *texts)
            .order_by("-state", f"facility__sort_key_{column(code)}", "facility__slug")
        )

    def with_treatment(self, code: str) -> Self:
        """Load the treatment of each with its specialty, without long texts, in the order of the language."""
        treatment = apps.get_model("treatments.Treatment")
        specialty = apps.get_model("taxonomy.Specialty")
        ending = column(code)
        unwanted = columns_of_others(treatment, code, "treatment__")
        unwanted += columns_of_others(specialty, code, "treatment__specialty__")
        texts = [f"treatment__summary{part}" for part in {"", "_en", f"_{ending}"}]
        return (
            self.select_related("treatment__specialty")
            .defer(*unwanted, *texts)
            .order_by(f"treatment__specialty__sort_key_{ending}", "-state", f"treatment__sort_key_{ending}")
        )

    def with_promise(self) -> Self:
        """Add what the facility promises for a second opinion on the treatment: `promised_days`, `is_approximate`."""
        protocols = apps.get_model("treatments.Protocol").objects.in_force()
        promises = protocols.filter(
            Q(treatments=OuterRef("treatment")) | Q(treatments__isnull=True),
            facility=OuterRef("facility"),
            promised_working_days__isnull=False,
        ).order_by(F("treatments").asc(nulls_last=True), "slug")
        return self.annotate(
            promised_days=Subquery(promises.values("promised_working_days")[:1]),
            is_approximate=Subquery(promises.values("is_promise_approximate")[:1]),
        )

    def with_certificates(self) -> Self:
        """Add `certificate_rows`: the certificates of the facility that are in date today."""
        certificates = apps.get_model("facilities.Accreditation").objects.vouched().only("body", "valid_until")
        return self.annotate(certificate_rows=rows_along(certificates.filter(facility=OuterRef("facility"))))


class ProtocolQuerySet(models.QuerySet):
    """A list of second-opinion protocols."""

    def in_force(self, on: datetime.date | None = None) -> Self:
        """Keep verified protocols valid on a day (today by default), the newest version of each."""
        day = on or timezone.localdate()
        valid = self.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gt=day),
            valid_from__lte=day,
            state=FactState.VERIFIED,
            facility__is_published=True,
        )
        newer = self.model.objects.filter(
            slug=OuterRef("slug"), version__gt=OuterRef("version"), valid_from__lte=day, state=FactState.VERIFIED
        )
        return valid.filter(~Exists(newer))

    def saying_for_whom(self) -> Self:
        """Keep those that say for whom they are or when not; English is the source of every other language."""
        ages = Q(minimum_age__isnull=False) | Q(maximum_age__isnull=False)
        return self.filter(Q(for_whom_en__gt="") | Q(exclusions_en__gt="") | ages).order_by("facility", "slug")

    def promised_working_days(self) -> tuple[int | None, int | None]:
        """Return the shortest and the longest promise; None where nothing is promised."""
        days = self.aggregate(shortest=Min("promised_working_days"), longest=Max("promised_working_days"))
        return days["shortest"], days["longest"]

    def for_treatment(self, treatment: "Treatment") -> Self:
        """Keep the general protocols of facilities that offer a treatment, and those that name it."""
        offering = apps.get_model("treatments.Offer").objects.public().filter(treatment=treatment)
        general = Q(treatments__isnull=True, facility__in=offering.values("facility"))
        return self.filter(Q(treatments=treatment) | general).distinct()

    def for_request(self, facility: "Facility", treatment_slug: str) -> Self:
        """Keep what applies to a treatment ("" for none) at a facility; one that names the treatment comes first."""
        named = Q(treatments__slug=treatment_slug) if treatment_slug else Q(pk__in=[])
        general = Q(treatments__isnull=True)
        return (
            self.filter(Q(facility=facility) & (named | general))
            .annotate(is_named=Count("treatments"))
            .order_by("-is_named", "slug")
            .distinct()
        )
