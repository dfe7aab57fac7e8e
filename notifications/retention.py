"""How long the outbox keeps address and text of a message."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from notifications.models import OutboxMessage
from vault.retention import Due, Rule


class OldBodies(Rule):
    """Address and text of what was sent, given up or cancelled; the row stays as a record."""

    batch = 500

    @property
    def says(self) -> str:
        return f"Messages: address and text, {settings.OUTBOX_BODY_DAYS} days after the end"

    def due(self, now: datetime) -> Iterator[Due]:
        old = now - timedelta(days=settings.OUTBOX_BODY_DAYS)
        rows = OutboxMessage.objects.ended_before(old).order_by("ended_at")
        for pk, kind in rows.values_list("pk", "kind").iterator():
            yield Due(pk, f"{kind} {pk}")

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        OutboxMessage.objects.filter(pk__in=[due.id for due in batch], erased_at=None).erase_bodies(now)

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        for message in OutboxMessage.objects.filter(pk__in=[due.id for due in batch]).iterator():
            if message.to or message.context or message.attachments:
                yield f"Message {message.pk} still has its text."
