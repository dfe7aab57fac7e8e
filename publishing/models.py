"""Where facts and texts come from, who stands behind them, and how an edit becomes public."""

import datetime
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from publishing.enums import (
    LINKED_SOURCES,
    OPEN_STATES,
    ChangeAction,
    ChangeState,
    FactState,
    ReportKind,
    ReportState,
    SourceKind,
    TextStatus,
)
from publishing.querysets import ChangeQuerySet, ErrorReportQuerySet
from vault.data_classes import DataClass
from vault.fields import SealedTextField


class Provenance(models.Model):
    """The one shape of every fact's origin: source, its kind, the day it was read, how sure it is."""

    source = models.CharField(_("source"), max_length=600, blank=True)
    source_kind = models.CharField(
        _("kind of source"), max_length=20, choices=SourceKind.choices, default=SourceKind.PUBLIC_KNOWLEDGE
    )
    read_on = models.DateField(_("read on"), null=True, blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=FactState.choices, default=FactState.UNVERIFIED, db_index=True
    )

    class Meta:
        abstract = True

    @property
    def is_confirmed(self) -> bool:
        return self.state == FactState.VERIFIED

    @property
    def provenance_state(self) -> str:
        """Return the word for templates/components/provenance.html."""
        return "confirmed" if self.is_confirmed else "indicative"

    @property
    def source_url(self) -> str:
        """Return the address to link, empty where the source is to be named only."""
        is_link = self.source.startswith(("http://", "https://")) and self.source_kind in LINKED_SOURCES
        return self.source if is_link else ""

    @property
    def source_name(self) -> str:
        """Return how the source is named: the host of a linked page, else what kind of source it is."""
        host = urlsplit(self.source_url).hostname or ""
        return host.removeprefix("www.") or str(SourceKind(self.source_kind).label)


class TextState(models.Model):
    """Who stands behind one field of one object in one language."""

    data_class = DataClass.PUBLIC

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.BigIntegerField()
    field = models.CharField(max_length=60)
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    status = models.CharField(max_length=12, choices=TextStatus.choices)
    # SHA-256 of the English text this one was written from: when English changes, this one is out of date.
    source_hash = models.CharField(max_length=64, blank=True)
    is_medically_reviewed = models.BooleanField(default=False)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id", "field", "language"], name="text_state_once_per_text"
            )
        ]

    def __str__(self) -> str:
        return f"{self.field} ({self.language}): {self.get_status_display()}"


class LoadedRow(models.Model):
    """What the loader last wrote to one row: it may overwrite that, and nothing an editor changed since."""

    data_class = DataClass.PUBLIC

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    # Column → SHA-256 of the value last written.
    hashes = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["content_type", "key"], name="loaded_row_once")]

    def __str__(self) -> str:
        return self.key


class CatalogueLoad(models.Model):
    """One run of the loader that changed or confirmed the catalogue."""

    data_class = DataClass.PUBLIC

    loaded_at = models.DateTimeField(default=timezone.now)
    checked_on = models.DateField()
    digest = models.CharField(max_length=64)

    class Meta:
        get_latest_by = "loaded_at"

    def __str__(self) -> str:
        return f"{self.checked_on}"

    @staticmethod
    def last_checked_on() -> datetime.date | None:
        """Return the day on which the facts of the newest load were collected."""
        return CatalogueLoad.objects.order_by("-loaded_at").values_list("checked_on", flat=True).first()


class PublicWrite(models.Model):
    """A transaction that wrote to a public table, noted by a trigger for an hour; see publishing.freshness."""

    data_class = DataClass.OPERATIONAL

    transaction_id = models.BigIntegerField(primary_key=True)
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.transaction_id}"


class Change(models.Model):
    """A proposed edit of one published object; catalogue tables hold what is published, nothing else.

    Once published it stays as history; a change that takes it back names it in `undoes`.
    """

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(_("what"), max_length=8, choices=ChangeAction.choices, default=ChangeAction.EDIT)
    content_type = models.ForeignKey(ContentType, verbose_name=_("kind"), on_delete=models.PROTECT)
    # Of a row to be added: null until it is published.
    object_id = models.BigIntegerField(_("object"), null=True, blank=True)
    # The facility whose editors may see this change; null for objects of the association.
    facility_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    title = models.CharField(_("about"), max_length=300)
    # Column → hash of the published value the author saw: publishing refuses when one has changed since.
    seen = models.JSONField(default=dict)
    # One hash of all of `seen`; of a row to be added, of the columns by which it must be the only one.
    base_version = models.CharField(max_length=64)
    # Column → [before, after].
    fields = models.JSONField(_("fields"), default=dict)
    state = models.CharField(_("state"), max_length=12, choices=ChangeState.choices, default=ChangeState.SUBMITTED)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.PROTECT, related_name="changes"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    note = models.TextField(_("note to the author"), blank=True)
    undoes = models.ForeignKey(
        "self", verbose_name=_("takes back"), null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-changed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id"],
                condition=models.Q(state__in=OPEN_STATES),
                name="change_one_open_per_object",
            ),
            models.UniqueConstraint(
                fields=["content_type", "base_version"],
                condition=models.Q(state__in=OPEN_STATES, action=ChangeAction.ADD),
                name="change_one_open_addition",
            ),
            models.CheckConstraint(
                condition=models.Q(object_id__isnull=False)
                | models.Q(action=ChangeAction.ADD) & ~models.Q(state=ChangeState.PUBLISHED),
                name="change_has_an_object",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=OPEN_STATES, decided_at__isnull=True)
                | ~models.Q(state__in=OPEN_STATES) & models.Q(decided_at__isnull=False),
                name="change_decided_when_closed",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_waiting(self) -> bool:
        return self.state == ChangeState.SUBMITTED

    @property
    def mark(self) -> str:
        """Return what tells one saved state of the change from the next."""
        return f"{self.pk}:{self.changed_at.isoformat()}"

    def after(self) -> dict[str, Any]:
        """Return column → proposed value."""
        return {name: after for name, (_before, after) in self.fields.items()}


class ErrorReport(models.Model):
    """What a reader found wrong on a page; nobody is asked for a name or an address, so nobody is answered.

    The words are sealed all the same: people write about themselves.
    """

    LONGEST = 1000
    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    content_type = models.ForeignKey(ContentType, verbose_name=_("kind of page"), on_delete=models.PROTECT)
    object_id = models.BigIntegerField(_("object"))
    # The facility whose editors may see this report; null for pages of the association.
    facility_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    title = models.CharField(_("about"), max_length=300)
    kind = models.CharField(_("what is wrong"), max_length=10, choices=ReportKind.choices)
    words = SealedTextField(_("in the reader's words"), max_length=LONGEST, data_class=DataClass.HEALTH)
    language = models.CharField(_("language of the page"), max_length=10, choices=settings.LANGUAGES)
    state = models.CharField(_("state"), max_length=10, choices=ReportState.choices, default=ReportState.OPEN)
    created_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    objects = ErrorReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("error report")
        verbose_name_plural = _("error reports")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=ReportState.OPEN, decided_at__isnull=True)
                | ~models.Q(state=ReportState.OPEN) & models.Q(decided_at__isnull=False),
                name="error_report_decided_when_closed",
            )
        ]

    def __str__(self) -> str:
        return self.title
