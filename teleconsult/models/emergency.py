"""Opening a case that is not one's own, in an emergency: a reason, a second person, a short time."""

import datetime
import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from teleconsult.models.requests import Request
from vault.data_classes import DataClass
from vault.fields import SealedTextField

# An emergency does not wait longer for the second person.
WAITS = datetime.timedelta(hours=1)


class EmergencyAccessQuerySet(models.QuerySet):
    """A list of emergency openings."""

    def live(self) -> Self:
        """Keep those that a second person has confirmed and whose time is not over."""
        return self.filter(ends_at__gt=timezone.now())

    def waiting(self) -> Self:
        """Keep those that a second person can still confirm."""
        return self.filter(confirmed_at__isnull=True, asked_at__gt=timezone.now() - WAITS)


class EmergencyAccess(models.Model):
    """One opening of a case by a coordinator of another office: asked for by one person, confirmed by another."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="emergency_accesses")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    # Read by the second person, who decides by it.
    reason = SealedTextField(key="request.data_key", blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = EmergencyAccessQuerySet.as_manager()

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True, ends_at__isnull=True)
                | (
                    Q(confirmed_by__isnull=False, confirmed_at__isnull=False, ends_at__gt=F("confirmed_at"))
                    & ~Q(confirmed_by=F("asked_by"))
                ),
                name="emergency_access_by_two",
            )
        ]

    def __str__(self) -> str:
        return f"{self.request}, {self.asked_at:%Y-%m-%d %H:%M}"
