"""What a patient typed and has not saved yet."""

import uuid

from django.db import models
from django.utils import timezone

from teleconsult.models.requests import Request
from vault.data_classes import DataClass
from vault.fields import SealedJSONField


class KeptWords(models.Model):
    """The words in the fields of one page, kept while they are typed and gone once they are saved or sent."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="kept_words")
    # The page they were typed on: `question`, `message`.
    page = models.CharField(max_length=20)
    words = SealedJSONField(key="request.data_key", default=dict)
    typed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "page"], name="kept_words_once_a_page")]

    def __str__(self) -> str:
        return self.page
