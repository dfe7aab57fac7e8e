"""What staff are typing: kept while they type, so that the end of a session loses no word."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from teleconsult.models.requests import Request
from vault.data_classes import DataClass
from vault.fields import SealedJSONField


class TypedText(models.Model):
    """What one person has typed into one form of one request and has not sent yet; nobody else reads it."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="typed_texts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # Name of the step whose form it is.
    form = models.CharField(max_length=30)
    # By name of the field; gone with the request's key.
    values = SealedJSONField(key="request.data_key", default=dict)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["saved_at"]
        constraints = [models.UniqueConstraint(fields=["request", "user", "form"], name="typed_text_once")]

    def __str__(self) -> str:
        return self.form
