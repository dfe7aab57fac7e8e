"""The outbox: what is sent to whom, when, in which language, with what result."""

import uuid
from typing import Any

from django.conf import settings
from django.core import mail
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.enums import MessageState
from notifications.querysets import OutboxQuerySet
from vault.data_classes import DataClass
from vault.fields import KeyedHashField, SealedJSONField, SealedTextField


def new_message_id(row_id: uuid.UUID) -> str:
    """Return the Message-ID of a row: the same for each try, so that a second copy is known as one."""
    host = settings.PUBLIC_URL.split("//")[-1].split("/")[0].split(":")[0]
    return f"<{row_id.hex}@{host or mail.DNS_NAME.get_fqdn()}>"


class OutboxMessage(models.Model):
    """One message to one recipient, once per event."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Where its templates stand: `accounts/mail/invitation` → accounts/mail/invitation.subject.txt, .txt, .html.
    kind = models.CharField(_("kind"), max_length=100)
    to = SealedTextField(_("recipient"), max_length=320, data_class=DataClass.IDENTITY)
    to_key = KeyedHashField(purpose="email", db_index=True)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    zone = models.CharField(_("time zone"), max_length=64)
    context = SealedJSONField(_("content"), default=dict, data_class=DataClass.HEALTH)
    attachments = SealedJSONField(_("attachments"), default=list, data_class=DataClass.HEALTH)
    # The id of what it is about (a request, a booking): to cancel or erase what belongs to it.
    about = models.CharField(_("about"), max_length=100, blank=True)
    dedupe_key = models.CharField(_("event"), max_length=200, blank=True)
    message_id = models.CharField(_("Message-ID"), max_length=300, unique=True, editable=False)

    state = models.CharField(_("state"), max_length=10, choices=MessageState.choices, default=MessageState.WAITING)
    # Not sent earlier; moved on after a try that failed.
    not_before = models.DateTimeField(_("not before"), default=timezone.now)
    # Not sent later: a reminder of what has begun helps nobody. Empty: however late.
    not_after = models.DateTimeField(_("not after"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    # A sender that has not reported back by then is taken for dead.
    leased_until = models.DateTimeField(_("taken until"), null=True, blank=True)
    # The kind of error, never its words: they quote addresses.
    last_error = models.CharField(_("last error"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("written"), default=timezone.now, editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    erased_at = models.DateTimeField(_("content removed"), null=True, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key", "to_key"], condition=~models.Q(dedupe_key=""), name="notifications_once_per_event"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=MessageState.SENDING) | models.Q(leased_until__isnull=False),
                name="notifications_sending_has_a_lease",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=MessageState.SENT) | models.Q(sent_at__isnull=False),
                name="notifications_sent_has_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"],
                condition=models.Q(state__in=[MessageState.WAITING, MessageState.SENDING]),
                name="notifications_due",
            ),
            models.Index(fields=["about"], condition=~models.Q(about=""), name="notifications_about"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Give a new row its Message-ID."""
        self.name()
        super().save(*args, **kwargs)

    def name(self) -> None:
        """Give a row its Message-ID, if it has none."""
        self.message_id = self.message_id or new_message_id(self.pk)


class JobRun(models.Model):
    """A periodic job that was done for a period, or is under way; see `notifications.jobs`."""

    data_class = DataClass.OPERATIONAL

    job = models.CharField(max_length=100)
    period = models.CharField(max_length=40)
    # Empty while a worker is at it, or was when it died.
    done_at = models.DateTimeField(default=timezone.now, null=True)
    # A worker that died lets another begin after this.
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "period"], name="notifications_job_once_per_period")]

    def __str__(self) -> str:
        return f"{self.job} {self.period}"
