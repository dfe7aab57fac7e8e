"""Row first, message later: how every app sends something.

with transaction.atomic():
    request.save()
    outbox.post("teleconsult/mail/submitted", to=…, language="ar", about=str(request.pk), dedupe_key=f"{event.pk}")
"""

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.template.loader import get_template
from django.utils import timezone

from notifications.addresses import validate_mailbox
from notifications.content import pack
from notifications.enums import MessageState
from notifications.models import OutboxMessage
from notifications.querysets import OutboxQuerySet
from vault.doorbell import tasks_of
from vault.keys import email_hash

logger = logging.getLogger(__name__)

PARTS = (".subject.txt", ".txt", ".html")
# Seconds without ringing after a broker did not answer: the sweep sends meanwhile, and nobody waits for each message.
SILENCE = 30.0
IMPATIENT = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 0}


class NotInTransaction(Exception):
    """A message must be written in the transaction of what it tells."""


@dataclass(frozen=True)
class Attachment:
    """A small text file sent along, for example a calendar entry."""

    name: str
    content_type: str
    text: str


def post(
    kind: str,
    *,
    to: str,
    language: str,
    zone: str = settings.PORTAL_TIME_ZONE,
    about: str = "",
    context: Mapping[str, Any] | None = None,
    attachments: Sequence[Attachment] = (),
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    dedupe_key: str = "",
) -> OutboxMessage:
    """Write a message in this transaction and return its row; the row that is there already if the event was told.

    `kind` is where its templates stand: "accounts/mail/invitation" is rendered from accounts/mail/invitation
    .subject.txt, .txt and .html. `context` holds plain values, dates and times, and no health information.
    After `not_after` it is cancelled instead of sent.
    `dedupe_key` names the event: it is told once to each recipient, even after a cancellation. Raises
    NotInTransaction, ValidationError (address), TemplateDoesNotExist, ValueError (language), TypeError (context)
    and ZoneInfoNotFoundError.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("Post inside transaction.atomic(): else the event may be lost or told in vain.")
    address = to.strip()
    validate_mailbox(address)
    if language not in dict(settings.LANGUAGES):
        raise ValueError(f"{language!r} is not a language of the portal.")
    ZoneInfo(zone)
    for part in PARTS:
        get_template(kind + part)
    values = {
        "kind": kind,
        "to": address,
        "to_key": email_hash(address),
        "language": language,
        "zone": zone,
        "about": about,
        "context": pack(context or {}),
        "attachments": [asdict(attachment) for attachment in attachments],
        "not_before": not_before or timezone.now(),
        "not_after": not_after,
        "dedupe_key": dedupe_key,
    }
    message, is_new = _write(values)
    if is_new and message.not_before <= timezone.now():
        transaction.on_commit(partial(ring, message.pk), robust=True)
    return message


def cancel(*, dedupe_key: str = "", about: str = "", kind: str = "") -> int:
    """Cancel what still waits for an event, or about a thing (of one kind, if given); return how many.

    A message that a sender has already taken goes out.
    """
    return _named(dedupe_key=dedupe_key, about=about, kind=kind).cancel(timezone.now())


def erase(*, about: str | Collection[str]) -> int:
    """Cancel what waits about a thing, or several, and forget address and text of all messages; return how many."""
    now = timezone.now()
    if not about:
        raise ValueError("Name the thing (about).")
    rows = OutboxMessage.objects.filter(about__in=[about] if isinstance(about, str) else about)
    rows.unended().update(state=MessageState.CANCELLED, ended_at=now)
    return rows.forget(now)


def ring(message_id: uuid.UUID) -> None:
    """Tell a worker that a message waits; a broker that is gone costs at most about a second, once a while."""
    if doorbell.is_silent():
        return
    try:
        send = tasks_of("notifications").send
        send.apply_async([str(message_id)], producer=wires.producer(send.app), retry=False)
    except Exception as error:
        wires.cut()
        doorbell.silence()
        logger.warning("doorbell silent", extra={"outbox_id": str(message_id), "error": type(error).__name__})


class Wires(threading.local):
    """Connections to the broker, one for each thread: making one costs more than all the rest of a message.

    Their options are impatient, for the worker's would wait longer. One that the broker has closed meanwhile is made
    anew by the client itself; after any other trouble it is cut, and the next ring makes another.
    """

    def __init__(self) -> None:
        self._producer: Any = None
        self._of: tuple[int, str] = (0, "")

    def producer(self, app: Any) -> Any:
        """Return what sends to the broker of an app; a process that was forked makes its own."""
        of = (os.getpid(), app.conf.broker_url)
        if self._producer is None or self._of != of:
            self._producer = app.amqp.Producer(app.connection_for_write(transport_options=IMPATIENT))
            self._of = of
        return self._producer

    def cut(self) -> None:
        """Close the connection of this thread."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):
                producer.connection.release()


class Doorbell:
    """Remembers, in this process, that the broker did not answer."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def is_silent(self) -> bool:
        """Return whether ringing would only cost time."""
        with self._lock:
            return time.monotonic() < self._until

    def silence(self) -> None:
        """Do not ring for a while."""
        with self._lock:
            self._until = time.monotonic() + SILENCE

    def listen(self) -> None:
        """Ring again at once."""
        with self._lock:
            self._until = 0.0


wires = Wires()
doorbell = Doorbell()


def _write(values: dict[str, Any]) -> tuple[OutboxMessage, bool]:
    message = OutboxMessage(**values)
    if not message.dedupe_key:
        message.save(force_insert=True)
        return message, True
    message.name()
    # One statement decides who was first, whoever else tells the same event now.
    OutboxMessage.objects.bulk_create([message], ignore_conflicts=True)
    told = OutboxMessage.objects.filter(dedupe_key=message.dedupe_key, to_key=message.to_key)
    is_new = told.values_list("pk", flat=True).get() == message.pk
    return (message, True) if is_new else (told.get(), False)


def _named(*, dedupe_key: str = "", about: str = "", kind: str = "") -> OutboxQuerySet:
    if not dedupe_key and not about:
        raise ValueError("Name the event (dedupe_key) or the thing (about).")
    named = {"dedupe_key": dedupe_key, "about": about, "kind": kind}
    return OutboxMessage.objects.filter(**{name: value for name, value in named.items() if value})
