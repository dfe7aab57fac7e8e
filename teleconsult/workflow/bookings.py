"""The live consultation: hold a time, confirm it, move it, cancel it, wait for one, record what became of it.

Each step locks the request, then the calendars of everybody who could be booked (always in the same order, so that
two steps wait for each other and never lock each other out), then looks again. The exclusion constraints of the
database stand behind that: whatever this code does, no two people get one time.
"""

import datetime
import uuid
from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from psycopg.types.range import TimestamptzRange

from accounts.models import User
from teleconsult import consultation_mails, slots
from teleconsult.consultation_mails import Afterwards, News
from teleconsult.enums import Action, BookingStatus, Role
from teleconsult.exceptions import (
    AlreadyBooked,
    BookingChanged,
    BookingOver,
    HoldEnded,
    IllegalStep,
    NotAllowed,
    SlotTaken,
)
from teleconsult.language_chain import Chain, chain_of
from teleconsult.models import Booking, Interpreter, Request, WaitingEntry
from teleconsult.models.bookings import make_room
from teleconsult.permissions import Actor
from teleconsult.slots import Slot
from teleconsult.transitions import BOOKABLE
from teleconsult.workflow import freeing
from teleconsult.workflow.freeing import Freed
from teleconsult.workflow.steps import Step, begin, finish
from vault.trail import ActorKind

HOLD = datetime.timedelta(minutes=10)
# Of an advisory lock: first half of its key, "book".
CALENDAR_LOCK = 0x626F6F6B
MOST_LATE = 240


@transaction.atomic
def hold_slot(*, request: Request, by: Actor, slot: str, idempotency_key: uuid.UUID) -> Booking:
    """Keep a time for ten minutes, with specialist and interpreter; `slot` is a `Slot.key`.

    Another time that the request holds is let go. Raises NoConsultation, AlreadyBooked and SlotTaken.
    """
    step = begin(request, Action.HOLD_SLOT, by)
    known = Booking.objects.filter(idempotency_key=idempotency_key, request=step.request).first()
    if known:
        return known
    specialist = _specialist_of(step)
    chain = chain_of(step.request, specialist)
    people = {specialist.pk, *_people(chain)}
    lock_calendars(people)
    freed = [*freeing.release_forgotten(people, step.now), *_let_go(step)]
    found = _find(step, specialist, chain, slot)
    booking = _write(
        Booking(
            request=step.request,
            facility=step.request.assignment.facility,
            specialist=specialist,
            patient_language=chain.patient,
            report_language=chain.report,
            hold_until=step.now + HOLD,
            created_at=step.now,
            idempotency_key=idempotency_key,
        ),
        found,
        chain,
    )
    finish(step, about=booking)
    freeing.tell_waiting(freed, step.now)
    return booking


@transaction.atomic
def confirm_booking(*, booking: Booking, by: Actor, seen_version: int) -> Booking:
    """Make a held time a promise; confirmed already, it changes nothing. Raises HoldEnded."""
    step = begin(booking.request, Action.CONFIRM_BOOKING, by)
    row = _locked(booking, step)
    if row.is_confirmed and row.version == seen_version + 1:
        return row
    if row.status == BookingStatus.RELEASED:
        raise HoldEnded
    # Not over by the clock alone: nobody else took it, and it is still there.
    if not row.is_held or row.version != seen_version or row.has_begun(step.now):
        raise BookingChanged
    row.status, row.hold_until, row.agreed_at = BookingStatus.CONFIRMED, None, step.now
    row.version += 1
    row.save()
    WaitingEntry.objects.waiting().filter(request=step.request).update(left_at=step.now)
    finish(step, about=row)
    consultation_mails.tell(News.CONFIRMED, row)
    return row


@transaction.atomic
def book(*, request: Request, by: Actor, slot: str, idempotency_key: uuid.UUID) -> Booking:
    """Hold and confirm in one step: staff book while they speak with the patient."""
    booking = hold_slot(request=request, by=by, slot=slot, idempotency_key=idempotency_key)
    return confirm_booking(booking=booking, by=by, seen_version=1)


@transaction.atomic
def move_booking(*, booking: Booking, by: Actor, seen_version: int, slot: str) -> Booking:
    """Give a confirmed consultation another time: the old one is free in the same moment, its calendar entry moves.

    Moved to that time already, it changes nothing. Raises SlotTaken and BookingChanged.
    """
    step = begin(booking.request, Action.MOVE_BOOKING, by)
    specialist = _specialist_of(step)
    chain = chain_of(step.request, specialist)
    people = {specialist.pk, *_people(chain)}
    row = _locked(booking, step, people)
    if row.is_confirmed and row.version == seen_version + 1 and _key(row) == slot:
        return row
    _check_changeable(row, step, seen_version)
    freed = [*freeing.release_forgotten(people, step.now), *freeing.times_of(row)]
    found = _find(step, specialist, chain, slot, besides=row.pk)
    consultation_mails.forget_reminders(row)
    row.agreed_at = step.now
    row.version += 1
    row.sequence += 1
    # Whoever was shown the way into the room of the old time, and comes no more, does not find the new one.
    row.room = make_room()
    joins = row.interpreter_id != found.interpreter_id
    if row.interpreter is not None and joins:
        consultation_mails.tell_who_leaves(row, row.interpreter)
    row = _write(row, found, chain)
    finish(step, about=row)
    consultation_mails.tell(News.MOVED, row, interpreter_joins=joins)
    freeing.tell_waiting(freed, step.now)
    return row


@transaction.atomic
def cancel_booking(*, booking: Booking, by: Actor, seen_version: int) -> Booking:
    """Cancel a consultation, or let a held time go; cancelled already, it changes nothing."""
    step = begin(booking.request, Action.CANCEL_BOOKING, by)
    row = _locked(booking, step)
    if row.status in {BookingStatus.CANCELLED, BookingStatus.RELEASED}:
        return row
    if row.is_confirmed:
        _check_changeable(row, step, seen_version)
    elif not row.is_held:
        raise BookingChanged
    can_choose = step.request.status in BOOKABLE
    freed = freeing.cancel(row, step.role, step.now, Afterwards.CHOOSE if can_choose else Afterwards.READ_NEWS)
    finish(step, about=row)
    freeing.tell_waiting(freed, step.now)
    return row


@transaction.atomic
def join_waiting(*, request: Request, by: Actor) -> WaitingEntry:
    """Ask to be told when a time becomes free; asked twice, one place in the queue."""
    step = begin(request, Action.JOIN_WAITING, by)
    known = WaitingEntry.objects.waiting().filter(request=step.request).first()
    if known:
        return known
    _check_may_choose(step)
    if Booking.objects.confirmed().filter(request=step.request).exists():
        raise AlreadyBooked
    entry = WaitingEntry.objects.create(request=step.request, specialist=_specialist_of(step), joined_at=step.now)
    finish(step, about=entry)
    return entry


@transaction.atomic
def leave_waiting(*, request: Request, by: Actor) -> None:
    """Leave the queue; who is not in it changes nothing."""
    step = begin(request, Action.LEAVE_WAITING, by)
    if WaitingEntry.objects.waiting().filter(request=step.request).update(left_at=step.now):
        finish(step)


@transaction.atomic
def record_late(*, booking: Booking, by: Actor, seen_version: int, minutes: int) -> Booking:
    """Record how many minutes late the consultation began."""
    step, row = _to_record(booking, Action.RECORD_LATE, by, seen_version)
    row.minutes_late = max(1, min(minutes, MOST_LATE))
    row.version += 1
    row.save()
    finish(step, about=row)
    return row


@transaction.atomic
def record_done(*, booking: Booking, by: Actor, seen_version: int) -> Booking:
    """Record that the consultation took place."""
    return _end(booking, Action.RECORD_DONE, by, seen_version, BookingStatus.DONE)


@transaction.atomic
def record_no_show(*, booking: Booking, by: Actor, seen_version: int) -> Booking:
    """Record that the patient did not come."""
    return _end(booking, Action.RECORD_NO_SHOW, by, seen_version, BookingStatus.NO_SHOW)


@transaction.atomic
def release_hold(*, booking: Booking, now: datetime.datetime) -> bool:
    """Free a time whose ten minutes are over; return whether it was this call that did it."""
    lock_calendars({booking.specialist_id, *_interpreting(booking)})
    rows = Booking.objects.with_forgotten_hold(now).select_related("interpreter")
    row = rows.select_for_update(of=("self",)).filter(pk=booking.pk).first()
    if row is None:
        return False
    freeing.tell_waiting(freeing.release(row, now), now)
    return True


def lock_calendars(people: Iterable[uuid.UUID]) -> None:
    """Wait until nobody else books these people, until the transaction ends."""
    with connection.cursor() as cursor:
        for half in sorted({int.from_bytes(pk.bytes[:4], signed=True) for pk in people}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CALENDAR_LOCK, half])


def _specialist_of(step: Step) -> User:
    assignment = step.request.assignment
    if assignment is None or assignment.specialist is None:
        raise IllegalStep
    return assignment.specialist


def _people(chain: Chain) -> set[uuid.UUID]:
    return set(Interpreter.objects.filter(pk__in=chain.interpreters).values_list("user_id", flat=True))


def _interpreting(booking: Booking) -> set[uuid.UUID]:
    return {booking.interpreter.user_id} if booking.interpreter else set()


def _let_go(step: Step) -> list[Freed]:
    """Let the time go that the request holds, and return what that frees; AlreadyBooked where one is confirmed."""
    _check_may_choose(step)
    held = []
    for row in Booking.objects.unended().with_people().filter(request=step.request).select_for_update(of=("self",)):
        if row.is_confirmed:
            raise AlreadyBooked
        held.append(row)
    return [freed for row in held for freed in freeing.release(row, step.now)]


def _check_may_choose(step: Step) -> None:
    """Raise AlreadyBooked where a consultation was held: another one is the office's to arrange."""
    rows = Booking.objects.filter(request=step.request)
    held = rows.filter(status__in=[BookingStatus.DONE, BookingStatus.NO_SHOW])
    unrecorded = rows.confirmed().filter(period__endswith__lte=step.now)
    if step.by.kind == ActorKind.PATIENT and (held.exists() or unrecorded.exists()):
        raise AlreadyBooked(consultation_mails.was_held())
    if unrecorded.exists():
        raise AlreadyBooked(consultation_mails.not_recorded())


def _find(step: Step, specialist: User, chain: Chain, key: str, besides: uuid.UUID | None = None) -> Slot:
    """Return the slot as it is now, with an interpreter who is free."""
    offered = slots.slots_of(step.request, specialist, chain=chain, now=step.now, besides=besides)
    found = next((slot for slot in offered if slot.key == key), None)
    if found is None:
        raise SlotTaken
    return found


def _write(booking: Booking, slot: Slot, chain: Chain) -> Booking:
    """Put a booking at a time; whatever went before, the database has the last word."""
    here = [moment.astimezone(slots.ZoneInfo(slot.place.zone)) for moment in (slot.start, slot.end)]
    booking.period = TimestamptzRange(slot.start, slot.end)
    booking.zone, booking.mode = slot.place.zone, slot.place.mode
    booking.city, booking.country = slot.place.city, slot.place.country
    booking.promised_on = here[0].date()
    booking.promised_start, booking.promised_end = (moment.time() for moment in here)
    booking.interpreter_id = slot.interpreter_id
    booking.visit_language = chain.visit_with(slot.interpreter_id)
    try:
        with transaction.atomic():
            booking.save()
    except IntegrityError as error:
        raise SlotTaken from error
    return Booking.objects.with_people().get(pk=booking.pk)


def _locked(booking: Booking, step: Step, others: Iterable[uuid.UUID] = ()) -> Booking:
    """Return the row as it is now, with its calendars locked before it."""
    lock_calendars({booking.specialist_id, *_interpreting(booking), *others})
    return Booking.objects.with_people().select_for_update(of=("self",)).get(pk=booking.pk, request=step.request)


def _check_changeable(row: Booking, step: Step, seen_version: int) -> None:
    if not row.is_confirmed or row.version != seen_version:
        raise BookingChanged
    if row.has_begun(step.now):
        raise BookingOver
    notice = datetime.timedelta(hours=settings.BOOKING_NOTICE_HOURS)
    if step.action == Action.MOVE_BOOKING and step.by.kind == ActorKind.PATIENT and row.starts_at - step.now < notice:
        raise BookingChanged(consultation_mails.too_near())


def _to_record(booking: Booking, action: Action, by: Actor, seen_version: int) -> tuple[Step, Booking]:
    step = begin(booking.request, action, by)
    row = _locked(booking, step)
    is_hers = by.user is not None and row.specialist_id == by.user.pk
    if not is_hers and step.role != Role.COORDINATOR:
        raise NotAllowed
    # Who takes part says so as soon as it has begun, the office when it is over.
    since = row.starts_at if is_hers else row.ends_at
    if not row.is_confirmed or row.version != seen_version or since > step.now:
        raise BookingChanged
    return step, row


def _end(booking: Booking, action: Action, by: Actor, seen_version: int, status: BookingStatus) -> Booking:
    step, row = _to_record(booking, action, by, seen_version)
    row.status, row.ended_at = status, step.now
    row.version += 1
    row.save()
    finish(step, about=row)
    return row


def _key(booking: Booking) -> str:
    return f"{booking.starts_at.astimezone(datetime.UTC):{slots.KEY_FORMAT}}-{booking.mode}"
