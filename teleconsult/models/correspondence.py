"""What is written about a request: between patient and staff, and among staff."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from facilities.models import Facility
from teleconsult.enums import Direction, Role
from teleconsult.models.requests import Request
from vault.data_classes import DataClass
from vault.fields import SealedTextField


class Message(models.Model):
    """What patient and staff write to each other."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="messages")
    direction = models.CharField(max_length=20, choices=Direction.choices)
    role = models.CharField(max_length=20, choices=Role.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    facility = models.ForeignKey(Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    body = SealedTextField(key="request.data_key")
    language = models.CharField(max_length=10, blank=True)
    sent_at = models.DateTimeField(default=timezone.now)
    # Of the form that wrote it: pressed twice, one row.
    idempotency_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    class Meta:
        ordering = ["sent_at"]

    def __str__(self) -> str:
        return f"{self.get_direction_display()}, {self.sent_at:%Y-%m-%d %H:%M}"


class InternalNote(models.Model):
    """What staff write for each other; a table of its own, so that it can never reach the patient."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="internal_notes")
    role = models.CharField(max_length=20, choices=Role.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Notes of a facility are read at that facility only; those of the office at the office only.
    facility = models.ForeignKey(Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    body = SealedTextField(key="request.data_key")
    written_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    class Meta:
        ordering = ["written_at"]

    def __str__(self) -> str:
        return f"{self.written_at:%Y-%m-%d %H:%M}"
