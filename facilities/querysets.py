"""Words to ask for facilities."""

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models import CharField, F, FloatField, Func, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import ASin, Cast, Concat, Cos, Least, LPad, Power, Radians, Sin, Sqrt
from django.utils import timezone

from facilities.enums import RankingCategory, StaffRole
from publishing.enums import FactState
from taxonomy.querysets import TranslatedQuerySet, row_count

if TYPE_CHECKING:
    from taxonomy.models import Specialty

EARTH_RADIUS_KM = 6371.0088


class FacilityQuerySet(TranslatedQuerySet):
    """A list of facilities; words chain."""

    def published(self) -> Self:
        return self.filter(is_published=True)

    def with_specialty(self, specialty: "Specialty") -> Self:
        return self.filter(specialties=specialty)

    def with_specialties(self, slugs: Iterable[str]) -> Self:
        """Keep what lists any of the specialties, each once."""
        rows = self.model.objects.filter(specialties__slug__in=slugs)
        return self.filter(pk__in=rows.order_by().values("pk"))

    def in_provinces(self, codes: Iterable[str]) -> Self:
        return self.filter(province__in=codes)

    def of_kinds(self, kinds: Iterable[str]) -> Self:
        return self.filter(kind__in=kinds)

    def of_ownerships(self, ownerships: Iterable[str]) -> Self:
        return self.filter(ownership__in=ownerships)

    def edited_by(self, user: AbstractBaseUser) -> Self:
        """Return the facilities whose listing this person may edit today."""
        return self.with_staff(user, StaffRole.FACILITY_EDITOR)

    def with_staff(self, user: AbstractBaseUser, role: str) -> Self:
        """Return the facilities at which the person holds the role today."""
        today = timezone.localdate()
        current = Q(memberships__until__isnull=True) | Q(memberships__until__gt=today)
        return self.filter(
            current, memberships__user=user, memberships__role=role, memberships__since__lte=today
        ).distinct()

    def near(self, latitude: float, longitude: float) -> Self:
        """Add `distance_km`, in a straight line (great circle, haversine), nearest first; degrees WGS84."""
        northward = (Radians(F("latitude")) - Radians(Value(latitude))) / 2
        eastward = (Radians(F("longitude")) - Radians(Value(longitude))) / 2
        half = Power(Sin(northward), 2) + Cos(Radians(Value(latitude))) * Cos(Radians(F("latitude"))) * Power(
            Sin(eastward), 2
        )
        # Rounding can push the sine of an arc just over one.
        arc = ASin(Least(Value(1.0), Sqrt(half)), output_field=FloatField())
        return self.annotate(distance_km=Value(2 * EARTH_RADIUS_KM) * arc).order_by("distance_km")

    def within(self, kilometres: float) -> Self:
        """Keep what is at most so far away; call it after `near`."""
        return self.filter(distance_km__lte=kilometres)

    def offering(self, slugs: Iterable[str]) -> Self:
        """Keep what has a public offer of any of the treatments."""
        offers = self._related("offers").public().filter(treatment__slug__in=slugs)
        return self.filter(pk__in=offers.order_by().values("facility"))

    def accredited_by(self, bodies: Iterable[str]) -> Self:
        """Keep what has a certificate of any of the bodies that is in date today."""
        in_date = self._related("accreditations").vouched().filter(body__in=bodies)
        return self.filter(pk__in=in_date.order_by().values("facility"))

    def ranked_in(self, keys: Iterable[str]) -> Self:
        """Keep what has a confirmed place in any of the lists, by `facet_key` of RankingQuerySet.as_lists."""
        places = self._related("rankings").confirmed().as_lists().filter(facet_key__in=keys)
        return self.filter(pk__in=places.order_by().values("facility"))

    def in_networks(self, slugs: Iterable[str]) -> Self:
        """Keep what has a confirmed role in any of the networks."""
        roles = self._related("network_roles").published().filter(network__slug__in=slugs)
        return self.filter(pk__in=roles.order_by().values("facility"))

    def members(self) -> Self:
        """Keep what takes part in Health Lombardy, as a source says."""
        yes = self._related("facts").filter(name="health_lombardy_member", value="yes", state=FactState.VERIFIED)
        return self.filter(pk__in=yes.values("facility"))

    def accepting_documents_in(self, tags: Iterable[str]) -> Self:
        """Keep what reads documents in any of the languages, by its second-opinion protocols in force."""
        protocols = self._related("protocols").in_force().filter(document_languages__overlap=list(tags))
        return self.filter(pk__in=protocols.order_by().values("facility"))

    def promising_within(self, days: int) -> Self:
        """Keep what promises a second opinion within so many working days."""
        protocols = self._related("protocols").in_force().filter(promised_working_days__lte=days)
        return self.filter(pk__in=protocols.order_by().values("facility"))

    def including_consultation(self) -> Self:
        """Keep what includes a live consultation in a second opinion; a hospital that does not say is left out."""
        protocols = self._related("protocols").in_force().filter(includes_consultation=True)
        return self.filter(pk__in=protocols.order_by().values("facility"))

    def with_promise(self) -> Self:
        """Add `promised_days`, the shortest promise of its protocols in force, and `is_promise_approximate`."""
        promises = (
            self._related("protocols")
            .in_force()
            .filter(facility=OuterRef("pk"), promised_working_days__isnull=False)
            .order_by("promised_working_days", "is_promise_approximate")
        )
        return self.annotate(
            promised_days=Subquery(promises.values("promised_working_days")[:1]),
            is_promise_approximate=Subquery(promises.values("is_promise_approximate")[:1]),
        )

    def with_confirmed(self, slugs: Iterable[str]) -> Self:
        """Add `confirmed_count`: how many of the treatments the facility has confirmed."""
        offers = self._related("offers").confirmed().filter(facility=OuterRef("pk"), treatment__slug__in=slugs)
        return self.annotate(confirmed_count=row_count(offers))

    def public_offers(self) -> models.QuerySet:
        """Return the public offers of these facilities."""
        return self._related("offers").public().filter(facility__in=self.order_by())

    def bodies_in_date(self) -> models.QuerySet:
        """Return their certificates in date, by body."""
        rows = self._related("accreditations").vouched().filter(facility__in=self.order_by())
        return rows.annotate(facet_key=F("body"), facet_words=F("body"), facet_order=F("body"))

    def lists_of_rankings(self) -> models.QuerySet:
        """Return their confirmed places, by list."""
        return self._related("rankings").confirmed().as_lists().filter(facility__in=self.order_by())

    def roles_in_networks(self) -> models.QuerySet:
        """Return their confirmed roles in networks."""
        return self._related("network_roles").published().filter(facility__in=self.order_by())

    def document_languages(self) -> models.QuerySet:
        """Return their protocols in force, one row a language in which documents are accepted."""
        rows = self._related("protocols").in_force().filter(facility__in=self.order_by())
        tag = Func(F("document_languages"), function="UNNEST", output_field=CharField())
        return rows.annotate(facet_key=tag, facet_words=Value(""), facet_order=Value(""))

    def _related(self, name: str) -> Any:
        """Return all rows of a relation; apps above hang theirs on a facility."""
        return self.model._meta.get_field(name).related_model._default_manager.all()


class AccreditationQuerySet(models.QuerySet):
    """A list of certificates."""

    def in_date(self, on: datetime.date | None = None) -> Self:
        """Keep those whose end date is known and not past: the others are history."""
        return self.filter(valid_until__gte=on or timezone.localdate())

    def vouched(self) -> Self:
        """Keep those in date today that a page confirms."""
        return self.in_date().filter(state=FactState.VERIFIED)


class RankingQuerySet(models.QuerySet):
    """A list of places in rankings."""

    def confirmed(self) -> Self:
        """Keep places of published facilities that a page gives."""
        return self.filter(state=FactState.VERIFIED, facility__is_published=True, facility__is_demo=False)

    def as_lists(self) -> Self:
        """Add the list as a filter knows it: `facet_key`, `facet_words` (ranking|edition|category), `facet_order`."""
        words = Concat(
            F("ranking"), Value("|"), Cast("edition", TextField()), Value("|"), F("category"), output_field=TextField()
        )
        key = Func(
            words, Value("[^A-Za-z0-9]+"), Value("-"), Value("g"), function="REGEXP_REPLACE", output_field=TextField()
        )
        # The newest edition first, in it the list of whole hospitals, then by category.
        age = LPad(Cast(Value(9999) - F("edition"), TextField()), 4, Value("0"))
        is_part = models.Case(models.When(category=RankingCategory.OVERALL, then=Value("0")), default=Value("1"))
        return self.annotate(
            facet_key=Func(key, function="LOWER"),
            facet_words=words,
            facet_order=Concat(age, is_part, F("ranking"), F("category"), output_field=TextField()),
        )

    def of_whole_hospitals(self) -> Self:
        """Keep places in the world over all specialties, the newest edition first, the best place first."""
        return self.filter(category=RankingCategory.OVERALL, world_rank__isnull=False).order_by(
            "-edition", "world_rank"
        )


class MembershipQuerySet(models.QuerySet):
    """A list of staff roles."""

    def current(self) -> Self:
        """Keep the roles held today."""
        today = timezone.localdate()
        return self.filter(Q(until__isnull=True) | Q(until__gt=today), since__lte=today)
