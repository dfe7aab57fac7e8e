"""How a patient comes back without a password."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from teleconsult.enums import AccessLevel
from teleconsult.models.requests import Request
from teleconsult.querysets import PatientSessionQuerySet, ReceiptQuerySet
from vault.data_classes import DataClass
from vault.fields import SealedTextField


class Receipt(models.Model):
    """The private link to a request; of its secret only a hash is kept.

    Two may live side by side: the one that opens everything, and one that waits to take its place.
    """

    data_class = DataClass.OPERATIONAL
    data_classes = {"secret_hash": DataClass.IDENTITY}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="receipts")
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Empty: asked for with the mailed code alone; it opens the status until a coordinator knows who it is.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(ended_at__isnull=True, confirmed_at__isnull=False),
                name="receipt_one_confirmed",
            ),
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(ended_at__isnull=True, confirmed_at__isnull=True),
                name="receipt_one_waiting",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class AccessCode(models.Model):
    """A one-time code sent to the mailbox, for one browser; a look-up that found nothing leaves such a row too."""

    data_class = DataClass.OPERATIONAL
    # Over within hours: not in a backup, for a restore must let nobody in.
    is_momentary = True
    data_classes = {"code_hash": DataClass.IDENTITY, "browser_hash": DataClass.IDENTITY}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, null=True, blank=True, on_delete=models.PROTECT, related_name="access_codes")
    level = models.CharField(max_length=10, choices=AccessLevel.choices)
    code_hash = models.CharField(max_length=64)
    browser_hash = models.CharField(max_length=64)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=3), name="access_code_three_tries"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="access_code_period"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class PatientSession(models.Model):
    """A patient who came in; no Django user, a table and a cookie of its own."""

    data_class = DataClass.OPERATIONAL
    # Over within hours: not in a backup, for a restore must let nobody in.
    is_momentary = True
    data_classes = {"token_hash": DataClass.IDENTITY}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="sessions")
    token_hash = models.CharField(max_length=64, unique=True)
    level = models.CharField(max_length=10, choices=AccessLevel.choices)
    # The secret of a new receipt, until the patient says it is kept.
    unconfirmed_secret = SealedTextField(key="request.data_key", data_class=DataClass.IDENTITY, blank=True)
    # When a fresh mailed code was last entered in it, for what asks for one.
    renewed_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = PatientSessionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["request", "ended_at"], name="patient_session_open")]

    def __str__(self) -> str:
        return str(self.pk)
