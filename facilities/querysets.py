"""Words to ask for facilities."""

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models import F, FloatField, Q, Value
from django.db.models.functions import ACos, Cos, Greatest, Least, Radians, Sin
from django.utils import timezone

from facilities.enums import RankingCategory, StaffRole
from publishing.enums import FactState
from taxonomy.querysets import TranslatedQuerySet

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
        """Add `distance_km`, in a straight line (great circle), nearest first; degrees WGS84."""
        cosine = Cos(Radians(Value(latitude))) * Cos(Radians(F("latitude"))) * Cos(
            Radians(F("longitude")) - Radians(Value(longitude))
        ) + Sin(Radians(Value(latitude))) * Sin(Radians(F("latitude")))
        # Rounding can push the cosine of a point with itself just over one.
        bounded = Least(Value(1.0), Greatest(Value(-1.0), cosine))
        distance = Value(EARTH_RADIUS_KM) * ACos(bounded, output_field=FloatField())
        return self.annotate(distance_km=distance).order_by("distance_km")


class AccreditationQuerySet(models.QuerySet):
    """A list of certificates."""

    def in_date(self, on: datetime.date | None = None) -> Self:
        """Keep those whose end date is known and not past: the others are history."""
        return self.filter(valid_until__gte=on or timezone.localdate())


class RankingQuerySet(models.QuerySet):
    """A list of places in rankings."""

    def confirmed(self) -> Self:
        """Keep places of published facilities that a page gives."""
        return self.filter(state=FactState.VERIFIED, facility__is_published=True, facility__is_demo=False)

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
