"""The papers of a request."""

import datetime
import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teleconsult.enums import Role
from teleconsult.models.requests import Request
from teleconsult.querysets import DocumentQuerySet
from treatments.enums import DocumentKind
from vault.data_classes import DataClass
from vault.fields import SealedJSONField, SealedTextField
from vault.files import FileState, StoredFile
from vault.previews import KINDS


class Document(models.Model):
    """A paper of the patient: the sealed file, and what the patient says about it."""

    data_class = DataClass.OPERATIONAL
    # The patient had a checklist before her and chose "another document".
    NO_LINE = 0

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="documents")
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="document")
    # Code of DocumentKind. Sealed: "pathology" tells of an illness.
    kind = SealedTextField(_("kind"), key="request.data_key", default=DocumentKind.OTHER)
    # ISO date on the paper itself.
    issued_on = SealedTextField(_("date on the document"), key="request.data_key", blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    # Key of the line of the checklist it answers (treatments.RequiredDocument), NO_LINE, or nothing where there was no
    # checklist; sealed as the kind is.
    requirement = SealedJSONField(_("answers"), key="request.data_key", null=True, blank=True)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.PATIENT)
    added_at = models.DateTimeField(_("added"), default=timezone.now)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["added_at"]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_being_read(self) -> bool:
        """Return whether a worker still finds out what the file is, or what its pictures show."""
        file = self.file
        is_looked_at = file.is_readable and file.kind in KINDS
        return file.state in {FileState.RECEIVED, FileState.JUDGED} or (is_looked_at and not hasattr(file, "look"))

    @property
    def issued_date(self) -> datetime.date | None:
        return datetime.date.fromisoformat(self.issued_on) if self.issued_on else None

    @property
    def kind_label(self) -> str:
        return str(DocumentKind(self.kind).label)
