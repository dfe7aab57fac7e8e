"""What the patient allowed, and when."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from facilities.models import Facility
from teleconsult.enums import ConsentDecision, ConsentPurpose
from teleconsult.models.requests import Request
from teleconsult.querysets import ConsentQuerySet
from vault.data_classes import DataClass


class Consent(models.Model):
    """One decision of the patient; grant and revoke are two rows, never an update (trigger in the database)."""

    data_class = DataClass.OPERATIONAL
    is_append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="consents")
    # 1 for the first decision of the request: the last one about a purpose holds.
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=20, choices=ConsentPurpose.choices)
    facility = models.ForeignKey(Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=ConsentDecision.choices)
    # The very text that was on the screen: version, language, SHA-256.
    text_version = models.CharField(max_length=20)
    text_language = models.CharField(max_length=10)
    text_hash = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["request", "number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="consent_number_once"),
            models.CheckConstraint(
                condition=Q(purpose=ConsentPurpose.FACILITY, facility__isnull=False)
                | Q(purpose=ConsentPurpose.COORDINATION, facility__isnull=True),
                name="consent_names_its_facility",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}: {self.get_decision_display()}"
