"""Papers of one request that a second one reads, by reference: there is one file and one key."""

from django.db import models
from django.utils import timezone

from teleconsult.models.documents import Document
from teleconsult.models.requests import Request
from vault.data_classes import DataClass


class SharedDocument(models.Model):
    """A document of the first request, read in the one that a referral began."""

    data_class = DataClass.OPERATIONAL

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="shared_documents")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="shares")
    shared_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["shared_at"]
        constraints = [models.UniqueConstraint(fields=["request", "document"], name="shared_document_once")]

    def __str__(self) -> str:
        return f"{self.document}, {self.request}"
