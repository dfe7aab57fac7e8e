"""Reminders of consultations, computed from the booking when they are due: each once, and none too late."""

import datetime
import logging
from functools import partial

from django.db import transaction
from django.utils import timezone

from notifications.jobs import alone
from teleconsult import consultation_mails
from teleconsult.consultation_mails import LATEST, REMINDERS
from teleconsult.enums import ReminderState
from teleconsult.models import Booking, ConsultationReminder

logger = logging.getLogger(__name__)


def send_due(now: datetime.datetime | None = None) -> int:
    """Send the reminders that are due; return how many were sent."""
    moment = now or timezone.now()
    sent: list[bool] = []
    for hours in REMINDERS:
        for booking in _due(hours, moment):
            alone(partial(_send_one, booking, hours, moment, sent))
    return sum(sent)


def _send_one(booking: Booking, hours: int, now: datetime.datetime, sent: list[bool]) -> None:
    sent.append(_send(booking.pk, hours, now))


def due_at(booking: Booking, hours: int) -> datetime.datetime:
    """Return when a reminder is due: so many hours of real time before."""
    return booking.starts_at - datetime.timedelta(hours=hours)


def _due(hours: int, now: datetime.datetime) -> list[Booking]:
    """Return what begins within these hours and was not reminded of for its present time."""
    soon = Booking.objects.confirmed().filter(
        period__startswith__gt=now, period__startswith__lte=now + datetime.timedelta(hours=hours)
    )
    told = ConsultationReminder.objects.filter(booking__in=soon, hours_before=hours)
    known = set(told.values_list("booking_id", "sequence"))
    return [row for row in soon if (row.pk, row.sequence) not in known and _applies(row, hours)]


def _applies(booking: Booking, hours: int) -> bool:
    # Who books five days before is not reminded seven days before.
    return booking.agreed_at is not None and due_at(booking, hours) > booking.agreed_at


@transaction.atomic
def _send(booking_id: object, hours: int, now: datetime.datetime) -> bool:
    """Send one reminder, unless the consultation was moved or cancelled or another worker was faster."""
    rows = Booking.objects.confirmed().with_people().select_for_update(of=("self",))
    booking = rows.filter(pk=booking_id, period__startswith__gt=now).first()
    if booking is None or not _applies(booking, hours) or due_at(booking, hours) > now:
        return False
    is_late = now - due_at(booking, hours) > LATEST
    state = ReminderState.TOO_LATE if is_late else ReminderState.POSTED
    _row, is_first = ConsultationReminder.objects.get_or_create(
        booking=booking,
        sequence=booking.sequence,
        hours_before=hours,
        defaults={"state": state, "decided_at": now},
    )
    if not is_first:
        return False
    if is_late:
        logger.warning("reminder too late", extra={"booking": str(booking.pk), "hours": hours})
        return False
    consultation_mails.remind(booking, hours, due_at(booking, hours))
    return True
