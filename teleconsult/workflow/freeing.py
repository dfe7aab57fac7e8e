"""How a time becomes free again: the booking ends, who must know is told, and whoever waits for a time hears of it."""

import datetime
import uuid

from django.utils import timezone

from accounts.models import User
from teleconsult import consultation_mails, slots
from teleconsult.consultation_mails import News
from teleconsult.enums import BookingStatus, Role
from teleconsult.models import Booking, Request, WaitingEntry
from teleconsult.transitions import BOOKABLE


def cancel(booking: Booking, role: Role, now: datetime.datetime) -> None:
    """End a booking by a decision; of one that was only held nobody had heard."""
    was_confirmed = booking.is_confirmed
    consultation_mails.forget_reminders(booking)
    booking.status = BookingStatus.CANCELLED if was_confirmed else BookingStatus.RELEASED
    booking.cancelled_by = role if was_confirmed else ""
    booking.ended_at = now
    booking.version += 1
    booking.sequence += 1 if was_confirmed else 0
    booking.save()
    if was_confirmed:
        consultation_mails.tell(News.CANCELLED, booking)
    tell_waiting(booking.specialist, now)


def end_bookings(
    request: Request, role: Role, now: datetime.datetime, *, keep: User | None = None, is_silent: bool = False
) -> None:
    """End what is booked when the case leaves its specialist: access and consultation follow the assignment."""
    booked = Booking.objects.unended().filter(request=request, period__endswith__gt=now)
    waiting = WaitingEntry.objects.waiting().filter(request=request)
    if keep is not None:
        booked, waiting = booked.exclude(specialist=keep), waiting.exclude(specialist=keep)
    waiting.update(left_at=now)
    if is_silent:
        booked.filter(status=BookingStatus.HELD).update(status=BookingStatus.RELEASED, ended_at=now)
        booked.update(status=BookingStatus.CANCELLED, cancelled_by=role, ended_at=now)
        return
    for booking in booked.with_people().select_for_update(of=("self",)):
        cancel(booking, role, now)


def tell_waiting(specialist: User, now: datetime.datetime | None = None) -> WaitingEntry | None:
    """Tell the first who waits for a time of this specialist and could take one; nothing is booked for her."""
    moment = now or timezone.now()
    waiting = WaitingEntry.objects.waiting().filter(specialist=specialist, request__status__in=BOOKABLE)
    # Two times that become free at once reach two people: a row in another's hand is passed over.
    for entry in waiting.select_related("request__office", "request__protocol").select_for_update(
        of=("self",), skip_locked=True
    ):
        if slots.slots_of(entry.request, specialist, now=moment):
            entry.told_at = moment
            entry.save(update_fields=["told_at"])
            consultation_mails.tell_waiting(entry)
            return entry
    return None


def release_forgotten(people: set[uuid.UUID], now: datetime.datetime) -> int:
    """Free the holds of these specialists and interpreters (people) whose ten minutes are over."""
    rows = Booking.objects.with_forgotten_hold(now)
    mine = rows.filter(specialist__in=people) | rows.filter(interpreter__user__in=people)
    return Booking.objects.filter(pk__in=mine.values("pk"), status=BookingStatus.HELD).update(
        status=BookingStatus.RELEASED, ended_at=now
    )
