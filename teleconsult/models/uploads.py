"""Papers on their way in."""

import uuid
from typing import Any

from django.db import models

from teleconsult.models.requests import Request
from teleconsult.querysets import DocumentUploadQuerySet
from treatments.enums import DocumentKind
from vault.data_classes import DataClass
from vault.fields import SealedJSONField
from vault.incoming import IncomingFile


class DocumentUpload(models.Model):
    """A file that is arriving in chunks, and what the patient says about it; whole, it becomes a `Document`."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="uploads")
    incoming = models.OneToOneField(IncomingFile, on_delete=models.PROTECT, related_name="document_upload")
    # As of a document: kind, issued_on, language, requirement; and by what the file is known when it is chosen again.
    said = SealedJSONField(key="request.data_key", default=dict)
    # The header Upload-Metadata as it came: the protocol wants it back.
    metadata = SealedJSONField(key="request.data_key", default=str, blank=True)
    # Begun twice, as after a lost answer, one row.
    idempotency_key = models.UUIDField(default=uuid.uuid4, editable=False)

    objects = DocumentUploadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "idempotency_key"], name="document_upload_begun_once")
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def name(self) -> str:
        return self.incoming.name

    @property
    def kind_label(self) -> str:
        return str(DocumentKind(self.said["kind"]).label)

    @property
    def fingerprint(self) -> str:
        """Return by what a browser knows the file again; empty where it could not tell."""
        return str(self.said.get("fingerprint", ""))

    @property
    def percent(self) -> int:
        """Return how much of it has arrived."""
        return 100 * self.incoming.received // self.incoming.size

    def details(self) -> dict[str, Any]:
        """Return the part of what was said that a document keeps."""
        return {name: self.said[name] for name in ("kind", "issued_on", "language")}
