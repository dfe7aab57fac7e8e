"""How the outbox is read."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast, Concat

from notifications.enums import MessageState

ENDED = (MessageState.SENT, MessageState.FAILED, MessageState.CANCELLED)


def _no_look_up() -> Concat:
    """Return a value of the row itself: the rule "once per event and recipient" goes on holding."""
    return Concat(Value("erased-"), Cast("id", models.CharField()))


class OutboxQuerySet(models.QuerySet):
    """Words to read the outbox; a message is sent only from `due()`."""

    def waiting(self) -> Self:
        """Return what no sender has taken yet."""
        return self.filter(state=MessageState.WAITING)

    def due(self, now: datetime) -> Self:
        """Return what may be sent now, and what a sender took and never brought back; the oldest first."""
        waiting = Q(state=MessageState.WAITING, not_before__lte=now)
        lost = Q(state=MessageState.SENDING, leased_until__lte=now)
        return self.filter(waiting | lost).order_by("not_before")

    def unended(self) -> Self:
        """Return what is still to be sent or on its way."""
        return self.exclude(state__in=ENDED)

    def dead_letters(self) -> Self:
        """Return what was given up and waits for a person."""
        return self.filter(state=MessageState.FAILED)

    def ended_before(self, moment: datetime) -> Self:
        """Return what was sent, given up or cancelled before a moment and still holds its text."""
        return self.filter(state__in=ENDED, ended_at__lt=moment, erased_at=None)

    def try_again(self, now: datetime) -> int:
        """Send dead letters that still have their text once more, with all tries anew; return how many."""
        return (
            self.dead_letters()
            .filter(erased_at=None)
            .update(state=MessageState.WAITING, attempts=0, not_before=now, ended_at=None)
        )

    def cancel(self, now: datetime) -> int:
        """Cancel what is still waiting; return how many."""
        return self.waiting().update(state=MessageState.CANCELLED, ended_at=now)

    def forget(self, now: datetime) -> int:
        """Empty address and text, and even the look-up of the address: nothing tells whose message it was."""
        return self.update(to="", to_key=_no_look_up(), context={}, attachments=[], erased_at=now)

    def erase_bodies(self, now: datetime) -> int:
        """Empty address and text for good; the row stays as a record that something was sent."""
        return self.update(to="", context={}, attachments=[], erased_at=now)
