"""How a message leaves: claimed with a lease, rendered for its recipient, sent, recorded.

At least once, and recognisably the same: a sender that dies between sending and recording is repeated after its
lease with the same Message-ID, by which mail systems (and our spool) know the second copy. See docs/adr/0006.
"""

import contextlib
import logging
import re
import smtplib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.template import Context
from django.template.loader import get_template
from django.utils import timezone, translation

from notifications.content import unpack
from notifications.enums import MessageState
from notifications.models import OutboxMessage
from notifications.querysets import OutboxQuerySet
from taxonomy.languages import BCP47, direction

logger = logging.getLogger(__name__)

# Longer than a task may live (CELERY_TASK_TIME_LIMIT), so that a lease ends only after its sender.
LEASE = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 60)
# Waits after the first, second … try; after the try that follows the last one a person must look.
BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
MAXIMUM_ATTEMPTS = len(BACKOFF) + 1
TOO_LATE = "TooLate"
SWEEP_MESSAGES = 500
SWEEP_SECONDS = 60.0


@dataclass(frozen=True)
class Language:
    """The language as templates/components/email.html names it."""

    code: str
    bcp47: str
    direction: str


def send_one(row_id: UUID) -> bool:
    """Send a message if it is due and nobody else has it; return whether it was sent."""
    return _send(OutboxMessage.objects.filter(pk=row_id), limit=1, seconds=float("inf")) == 1


def send_due(*, limit: int = SWEEP_MESSAGES, seconds: float = SWEEP_SECONDS) -> int:
    """Send what is due until nothing is left, `limit` are tried or the time is up; return how many were sent."""
    return _send(OutboxMessage.objects.all(), limit=limit, seconds=seconds)


def claim(messages: OutboxQuerySet) -> OutboxMessage | None:
    """Take the first due message that no other sender holds; give up those whose senders died each time."""
    while True:
        with transaction.atomic():
            # One row at a time: a row locked in passing would look taken to the sender it was rung for.
            message = messages.due(timezone.now()).select_for_update(skip_locked=True).first()
            if message is None:
                return None
            if message.not_after and message.not_after < timezone.now():
                _drop(message)
                continue
            if message.attempts < MAXIMUM_ATTEMPTS:
                message.state = MessageState.SENDING
                message.attempts += 1
                message.leased_until = timezone.now() + LEASE
                message.save(update_fields=["state", "attempts", "leased_until"])
                return message
            _give_up(message, "SenderLost")


def deliver(message: OutboxMessage, connection: BaseEmailBackend) -> bool:
    """Render, send and record a claimed message; return whether it was sent. Errors are recorded, not raised."""
    try:
        connection.send_messages([build(message)])
    except Exception as error:  # whatever went wrong, the row must say so and be tried again
        _record_error(message, error)
        return False
    now = timezone.now()
    _record(message, state=MessageState.SENT, sent_at=now, ended_at=now, leased_until=None, last_error="")
    logger.info("sent", extra=_public(message))
    return True


def build(message: OutboxMessage) -> EmailMultiAlternatives:
    """Return the mail in the recipient's language, direction and time zone."""
    language = Language(message.language, BCP47[message.language], direction(message.language))
    with translation.override(message.language), timezone.override(ZoneInfo(message.zone)):
        content = unpack(message.context) | {
            "language": language,
            "zone": message.zone,
            "portal_url": settings.PUBLIC_URL,
        }
        # One line, whatever somebody typed: a subject cannot add a header.
        subject = " ".join(_render(f"{message.kind}.subject.txt", content, is_html=False).split())
        # Empty blocks leave empty lines behind.
        text = re.sub(r"\n{3,}", "\n\n", _render(f"{message.kind}.txt", content, is_html=False).strip()) + "\n"
        html = _render(f"{message.kind}.html", content | {"subject": subject}, is_html=True).strip() + "\n"
    mail = EmailMultiAlternatives(
        subject, text, settings.DEFAULT_FROM_EMAIL, [message.to], headers=_headers(message, language)
    )
    mail.attach_alternative(html, "text/html")
    for attachment in message.attachments:
        mail.attach(attachment["name"], attachment["text"], attachment["content_type"])
    return mail


def next_try(attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after so many tries, or None for never."""
    return now + BACKOFF[attempts - 1] if attempts <= len(BACKOFF) else None


def is_final(error: Exception) -> bool:
    """Return whether the mail server refused the recipient for good (5xx): trying again only looks like abuse."""
    return isinstance(error, smtplib.SMTPRecipientsRefused) and all(
        isinstance(code, int) and code >= 500 for code, _text in error.recipients.values()
    )


def error_kind(error: Exception) -> str:
    """Return the kind of an error with the mail server's code, never its words."""
    code = getattr(error, "smtp_code", "")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = ",".join(sorted({str(code) for code, _text in error.recipients.values()}))
    return f"{type(error).__name__} {code}".strip()[:100]


def _send(messages: OutboxQuerySet, *, limit: int, seconds: float) -> int:
    """Send what is due among these over one connection; without a mail server everything stays as it is."""
    if not messages.due(timezone.now()).exists():
        return 0
    connection = get_connection()
    end = time.monotonic() + seconds
    sent = 0
    try:
        for _number in range(limit):
            # Opened before a message is claimed: a server that is away costs no message one of its tries.
            connection.open()
            message = claim(messages) if time.monotonic() < end else None
            if message is None:
                break
            if deliver(message, connection):
                sent += 1
            else:
                # It may have died on this message; the next one gets a fresh one.
                _close(connection)
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("mail server away", extra={"error": error_kind(error)})
    finally:
        _close(connection)
    return sent


def _close(connection: BaseEmailBackend) -> None:
    with contextlib.suppress(OSError, smtplib.SMTPException):
        connection.close()


def _render(template: str, content: dict[str, Any], *, is_html: bool) -> str:
    """Return a template's text; plain text is not HTML and is not escaped."""
    return get_template(template).template.render(Context(dict(content), autoescape=is_html))


def _headers(message: OutboxMessage, language: Language) -> dict[str, str]:
    return {
        "Message-ID": message.message_id,
        # Django's own "-0000" says that the zone is unknown.
        "Date": format_datetime(timezone.now()),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": language.bcp47,
    }


def _record_error(message: OutboxMessage, error: Exception) -> None:
    now = timezone.now()
    again = None if is_final(error) else next_try(message.attempts, now)
    kind = error_kind(error)
    if again is None:
        _give_up(message, kind)
        return
    _record(message, state=MessageState.WAITING, not_before=again, leased_until=None, last_error=kind)
    logger.warning("not sent", extra=_public(message) | {"error": kind}, exc_info=error)


def _give_up(message: OutboxMessage, kind: str) -> None:
    _record(message, state=MessageState.FAILED, ended_at=timezone.now(), leased_until=None, last_error=kind)
    logger.error("given up", extra=_public(message) | {"error": kind})


def _drop(message: OutboxMessage) -> None:
    """Cancel what is too late to be of use, and say so in the row."""
    message.state, message.ended_at = MessageState.CANCELLED, timezone.now()
    message.leased_until, message.last_error = None, TOO_LATE
    message.save(update_fields=["state", "ended_at", "leased_until", "last_error"])
    logger.warning("too late", extra=_public(message))


def _record(message: OutboxMessage, **values: Any) -> None:
    """Write the result, unless the lease ended meanwhile and another sender has the row: its count of tries differs."""
    mine = OutboxMessage.objects.filter(pk=message.pk, state=MessageState.SENDING, attempts=message.attempts)
    if mine.update(**values):
        for name, value in values.items():
            setattr(message, name, value)


def _public(message: OutboxMessage) -> dict[str, Any]:
    return {"outbox_id": str(message.pk), "kind": message.kind, "attempt": message.attempts}
