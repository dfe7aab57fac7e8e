"""How a time becomes free again: the booking ends, who must know is told, and whoever waits for a time hears of it.

What was freed is a value. A step gathers it, and tells of it when it has taken what it takes itself: a time that goes
from one hand to the next is nobody's news.
"""

import datetime
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from teleconsult import consultation_mails, slots
from teleconsult.consultation_mails import Afterwards, News
from teleconsult.enums import ENDED_STATUSES, BookingStatus, Role, Status
from teleconsult.language_chain import chain_of
from teleconsult.models import Booking, LanguagePair, Request, WaitingEntry
from teleconsult.slots import PersonTime, Slot, Window
from teleconsult.transitions import BOOKABLE


@dataclass(frozen=True)
class Freed(PersonTime):
    """A time in which a specialist or an interpreter can be booked again."""

    # The request that let it go: for whoever waits there it is no news.
    left_by: uuid.UUID | None = None


def times_of(booking: Booking) -> list[Freed]:
    """Return what becomes free where a booking ends or moves away, of specialist and interpreter."""
    people = [booking.specialist_id, *([booking.interpreter.user_id] if booking.interpreter else [])]
    return [Freed(pk, booking.starts_at, booking.ends_at, booking.request_id) for pk in people]


def gained(person_id: uuid.UUID, before: Sequence[Window], after: Sequence[Window]) -> list[Freed]:
    """Return the hours of a person that she did not have before, at that place."""
    return [
        Freed(person_id, start, end)
        for window in after
        for start, end in slots.remainder(
            (window.start, window.end), [(one.start, one.end) for one in before if one.place == window.place]
        )
    ]


def cancel(booking: Booking, role: Role, now: datetime.datetime, afterwards: Afterwards) -> list[Freed]:
    """End a booking by a decision, and return what that frees; of one that was only held nobody had heard."""
    if not booking.is_confirmed:
        return release(booking, now)
    freed = times_of(booking)
    consultation_mails.forget_reminders(booking)
    booking.status, booking.cancelled_by, booking.ended_at = BookingStatus.CANCELLED, role, now
    booking.version += 1
    booking.sequence += 1
    booking.save()
    consultation_mails.tell(News.CANCELLED, booking, afterwards)
    return freed


def release(booking: Booking, now: datetime.datetime) -> list[Freed]:
    """Let a held time go, and return what that frees."""
    booking.status, booking.ended_at = BookingStatus.RELEASED, now
    booking.version += 1
    booking.save(update_fields=["status", "ended_at", "version"])
    return times_of(booking)


def release_forgotten(people: set[uuid.UUID], now: datetime.datetime) -> list[Freed]:
    """Free the holds of these specialists and interpreters (people) whose ten minutes are over; return what was."""
    rows = Booking.objects.with_forgotten_hold(now).filter(Q(specialist__in=people) | Q(interpreter__user__in=people))
    locked = rows.select_related("interpreter").select_for_update(of=("self",)).order_by("pk")
    return [freed for booking in locked for freed in release(booking, now)]


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
    afterwards = _afterwards_of(request)
    freed = [
        time
        for booking in booked.with_people().select_for_update(of=("self",))
        for time in cancel(booking, role, now, afterwards)
    ]
    tell_waiting(freed, now)


def tell_of_new_days(midnight: datetime.datetime, days: int) -> list[WaitingEntry]:
    """Tell those who had nothing to choose from of the last days that can be booked since a midnight (UTC)."""
    people = set(WaitingEntry.objects.waiting().values_list("specialist", flat=True))
    until = midnight + slots.HORIZON
    since = until - days * slots.ONE_DAY
    hours = slots.windows_of_all(people, since, until)
    new = [Freed(pk, max(one.start, since), min(one.end, until)) for pk in people for one in hours[pk]]
    return tell_waiting(new, midnight, only_if_first=True)


def tell_waiting(freed: Sequence[Freed], now: datetime.datetime, *, only_if_first: bool = False) -> list[WaitingEntry]:
    """Tell those who wait of the freed times they could take: each time to one person, the first come first.

    Nothing is booked for them. A time is news for somebody if she can take it now and could not before; with
    `only_if_first`, if there was no other she could take.
    """
    since, until = slots.in_sight(now)
    freed = [time for time in freed if time.end > since and time.start < until]
    told: list[WaitingEntry] = []
    promised: list[PersonTime] = []
    left: Sequence[PersonTime] = freed
    for entry in _who_may_gain(freed, now) if freed else ():
        slot = _news_for(entry, freed, left, promised, now, only_if_first)
        if slot is None or not _mark(entry):
            continue
        consultation_mails.tell_waiting(entry)
        told.append(entry)
        promised += slot.times
        left = _without(left, promised)
        if not left:
            break
    return told


@contextmanager
def telling_of_languages(*, specialist: User | None = None) -> Iterator[None]:
    """Tell those who wait of what a change of languages opens: of one specialist, or of the interpreters.

    Nobody's hours change, so no time is freed; but one may become a slot for somebody for whom it was none.
    """
    now = timezone.now()
    before = {entry.pk: {slot.start for slot in _offered(entry, now)} for entry in _who_looks(now, specialist)}
    yield
    promised: list[PersonTime] = []
    for entry in _who_looks(now, specialist):
        known = before.get(entry.pk, set())
        slot = next((slot for slot in _offered(entry, now, promised) if slot.start not in known), None)
        if slot is not None and _mark(entry):
            consultation_mails.tell_waiting(entry)
            promised += slot.times


def _offered(entry: WaitingEntry, now: datetime.datetime, promised: Sequence[PersonTime] = ()) -> list[Slot]:
    return slots.slots_of(entry.request, entry.specialist, now=now, also_taken=promised)


def _who_may_gain(freed: Iterable[Freed], now: datetime.datetime) -> QuerySet[WaitingEntry]:
    """Return who waits for one of these people, or for a specialist and may need one of these interpreters."""
    people = {time.person_id for time in freed}
    pairs = LanguagePair.objects.filter(interpreter__user__in=people).values_list("first", "second")
    languages = {language for pair in pairs for language in pair}
    return _who_looks(now).filter(Q(specialist__in=people) | Q(request__language__in=languages))


def _who_looks(now: datetime.datetime, specialist: User | None = None) -> QuerySet[WaitingEntry]:
    """Return who waits for a time, of this specialist or of any, and is not choosing one already."""
    waiting = WaitingEntry.objects.waiting().filter(request__status__in=BOOKABLE)
    if specialist is not None:
        waiting = waiting.filter(specialist=specialist)
    holding = Booking.objects.taken(now).values("request")
    return waiting.exclude(request__in=holding).select_related("specialist", "request__office", "request__protocol")


def _news_for(
    entry: WaitingEntry,
    freed: Iterable[Freed],
    left: Iterable[PersonTime],
    promised: Sequence[PersonTime],
    now: datetime.datetime,
    only_if_first: bool,
) -> Slot | None:
    """Return the first slot somebody can take now and could not while the freed times were taken."""
    request, specialist = entry.request, entry.specialist
    chain = chain_of(request, specialist)
    # No consultation lasts a day.
    near = min(time.start for time in left) - slots.ONE_DAY, max(time.end for time in left) + slots.ONE_DAY
    within = None if only_if_first else near
    offered = slots.slots_of(request, specialist, chain=chain, now=now, also_taken=promised, within=within)
    touched = [slot for slot in offered if any(mine.meets(time) for mine in slot.times for time in left)]
    if not touched:
        return None
    others = [time for time in freed if time.left_by != request.pk]
    taken = [*promised, *others]
    before = slots.slots_of(request, specialist, chain=chain, now=now, also_taken=taken, within=within)
    if before and only_if_first:
        return None
    known = {slot.key for slot in before}
    return next((slot for slot in touched if slot.key not in known), None)


def _mark(entry: WaitingEntry) -> bool:
    """Note that somebody is told; return whether she still waits.

    Whom another transaction has in hand is passed over: she is told of another time, or leaves the queue.
    """
    row = WaitingEntry.objects.waiting().select_for_update(skip_locked=True).filter(pk=entry.pk)
    return bool(row) and bool(WaitingEntry.objects.filter(pk=entry.pk).update(told_at=timezone.now()))


def _without(times: Iterable[PersonTime], taken: Iterable[PersonTime]) -> list[PersonTime]:
    return [
        PersonTime(time.person_id, start, end)
        for time in times
        for start, end in slots.remainder(
            (time.start, time.end), [(one.start, one.end) for one in taken if one.person_id == time.person_id]
        )
    ]


def _afterwards_of(request: Request) -> Afterwards:
    """Return what a patient can do whose case leaves its specialist."""
    if request.status == Status.ERASED:
        return Afterwards.NOTHING
    return Afterwards.READ if request.status in ENDED_STATUSES else Afterwards.READ_NEWS
