"""Many people at one time, on real connections. Each race is shown first with lock and constraint off."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from notifications.models import OutboxMessage
from teleconsult import consultation_mails, consultation_reminders, slots, workflow
from teleconsult.consultation_reminders import due_at
from teleconsult.exceptions import AlreadyBooked, BookingChanged, SlotTaken
from teleconsult.models import Booking, ConsultationReminder, Request, WaitingEntry
from teleconsult.permissions import Actor
from teleconsult.workflow import bookings
from tests.teleconsult import consulting, factories
from tests.teleconsult.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 6
# A machine that has other work may begin the last of them late.
MEETING_SECONDS = 120
CONSTRAINTS = ("booking_specialist_once", "booking_interpreter_once")


@contextmanager
def without_constraints() -> Iterator[None]:
    """Take the last word away from the database."""
    with connection.cursor() as cursor:
        kept = {}
        for name in CONSTRAINTS:
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
            kept[name] = cursor.fetchone()[0]
            cursor.execute(f"ALTER TABLE teleconsult_booking DROP CONSTRAINT {name}")
    try:
        yield
    finally:
        Booking.objects.all().delete()
        with connection.cursor() as cursor:
            for name, definition in kept.items():
                cursor.execute(f"ALTER TABLE teleconsult_booking ADD CONSTRAINT {name} {definition}")


@pytest.fixture
def doctor(transactional_db: None) -> User:
    return consulting.add_specialist(factories.make_facility())


@pytest.fixture
def crowd(doctor: User) -> list[Request]:
    return [consulting.make_bookable(doctor) for _number in range(CROWD)]


def holders(crowd: list[Request], key: str) -> list[Callable[[], Booking]]:
    def hold(case: Request) -> Callable[[], Booking]:
        return lambda: workflow.hold_slot(request=case, by=Actor.author(case), slot=key, idempotency_key=uuid.uuid4())

    return [hold(case) for case in crowd]


def meet_before_writing(monkeypatch: pytest.MonkeyPatch, parties: int) -> None:
    """Let everybody find the time free before anybody takes it."""
    barrier, found = threading.Barrier(parties, timeout=MEETING_SECONDS), slots.slots_of

    def find(*args: Any, **kwargs: Any) -> list[slots.Slot]:
        result = found(*args, **kwargs)
        barrier.wait()
        return result

    monkeypatch.setattr(slots, "slots_of", find)


def test_one_of_many_gets_the_time_and_the_others_read_a_sentence(crowd: list[Request]):
    key = consulting.free(crowd[0])[0].key

    results = at_once(holders(crowd, key))

    assert Counter(type(result).__name__ for result in results) == {"Booking": 1, "SlotTaken": CROWD - 1}
    assert Booking.objects.taken().count() == 1


def test_without_lock_and_constraint_many_would_get_it(crowd: list[Request], monkeypatch: pytest.MonkeyPatch):
    key = consulting.free(crowd[0])[0].key
    monkeypatch.setattr(bookings, "lock_calendars", lambda *args, **kwargs: None)
    meet_before_writing(monkeypatch, CROWD)

    with without_constraints():
        results = at_once(holders(crowd, key))

        assert Counter(type(result).__name__ for result in results) == {"Booking": CROWD}


def test_without_the_lock_the_database_still_gives_it_to_one(crowd: list[Request], monkeypatch: pytest.MonkeyPatch):
    key = consulting.free(crowd[0])[0].key
    monkeypatch.setattr(bookings, "lock_calendars", lambda *args, **kwargs: None)
    two = crowd[:2]
    meet_before_writing(monkeypatch, len(two))

    results = at_once(holders(two, key))

    assert sorted(type(result).__name__ for result in results) == ["Booking", "SlotTaken"]


def test_one_interpreter_is_not_given_to_two_specialists(transactional_db: None):
    facility = factories.make_facility()
    doctors = [consulting.add_specialist(facility, "it") for _number in range(CROWD)]
    consulting.add_interpreter(("ar", "it"))
    cases = [consulting.make_bookable(doctor, language="ar") for doctor in doctors]
    key = consulting.free(cases[0])[0].key

    results = at_once(holders(cases, key))

    assert Counter(type(result).__name__ for result in results) == {"Booking": 1, "SlotTaken": CROWD - 1}


def test_two_interpreters_serve_two_specialists_and_nobody_waits_for_ever(transactional_db: None):
    facility = factories.make_facility()
    doctors = [consulting.add_specialist(facility, "it") for _number in range(CROWD)]
    for _number in range(2):
        consulting.add_interpreter(("ar", "it"))
    cases = [consulting.make_bookable(doctor, language="ar") for doctor in doctors]
    key = consulting.free(cases[0])[0].key

    results = at_once(holders(cases, key))

    assert Counter(type(result).__name__ for result in results) == {"Booking": 2, "SlotTaken": CROWD - 2}
    assert Booking.objects.values("interpreter").distinct().count() == 2


def test_pressed_many_times_at_once_it_is_one_hold_and_one_booking(crowd: list[Request]):
    case, key, form = crowd[0], consulting.free(crowd[0])[0].key, uuid.uuid4()
    hold = {"request": case, "by": Actor.author(case), "slot": key, "idempotency_key": form}

    held = at_once([lambda: workflow.hold_slot(**hold)] * CROWD)
    booked = at_once(
        [lambda: workflow.confirm_booking(booking=held[0], by=Actor.author(case), seen_version=held[0].version)] * CROWD
    )

    assert {result.pk for result in [*held, *booked]} == {Booking.objects.get().pk}
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/consultation").count() == 1


def test_one_patient_choosing_many_times_at_once_has_one(crowd: list[Request]):
    case, offered = crowd[0], consulting.free(crowd[0])[:CROWD]

    def choose(slot: slots.Slot) -> Callable[[], Booking]:
        return lambda: consulting.hold(case, slot)

    results = at_once([choose(slot) for slot in offered])

    assert {type(result) for result in results} == {Booking}
    assert Booking.objects.taken().count() == 1


def test_two_who_swap_their_times_never_lock_each_other_out(crowd: list[Request]):
    first, second = crowd[:2]
    times = consulting.free(first)[:4]
    booked = [consulting.book(case, slot) for case, slot in zip((first, second), times, strict=False)]

    def move(booking: Booking, key: str) -> Callable[[], Booking]:
        by = Actor.author(booking.request)
        return lambda: workflow.move_booking(booking=booking, by=by, seen_version=booking.version, slot=key)

    results = at_once([move(booked[0], times[1].key), move(booked[1], times[0].key)])

    assert {type(result) for result in results} == {SlotTaken}
    assert {row.starts_at for row in Booking.objects.confirmed()} == {times[0].start, times[1].start}


def test_moved_and_cancelled_at_once_one_of_the_two_holds(crowd: list[Request]):
    booked, to = consulting.book(crowd[0]), consulting.free(crowd[0])[7]
    about = {"booking": booked, "by": Actor.author(crowd[0]), "seen_version": booked.version}

    results = at_once([lambda: workflow.move_booking(**about, slot=to.key), lambda: workflow.cancel_booking(**about)])

    assert sorted(type(result).__name__ for result in results) == ["Booking", "BookingChanged"]
    assert any(isinstance(result, BookingChanged) for result in results)


def test_two_times_freed_at_once_reach_two_who_wait(crowd: list[Request]):
    booked = [consulting.book(case, slot) for case, slot in zip(crowd, consulting.free(crowd[0])[:2], strict=False)]
    for case in crowd[2:5]:
        workflow.join_waiting(request=case, by=Actor.author(case))

    def cancel(booking: Booking) -> Callable[[], Booking]:
        by = Actor.author(booking.request)
        return lambda: workflow.cancel_booking(booking=booking, by=by, seen_version=booking.version)

    at_once([cancel(booking) for booking in booked])

    told = WaitingEntry.objects.order_by("joined_at").values_list("told_at", flat=True)
    assert [moment is not None for moment in told] == [True, True, False]


def test_two_cases_that_leave_at_once_reach_two_who_wait(crowd: list[Request], monkeypatch: pytest.MonkeyPatch):
    """No calendar is locked here, and both look at the queue at the same moment: neither keeps it from the other."""
    for case, slot in zip(crowd, consulting.free(crowd[0])[:2], strict=False):
        consulting.book(case, slot)
    for case in crowd[2:5]:
        workflow.join_waiting(request=case, by=Actor.author(case))
    barrier, tell = threading.Barrier(2, timeout=MEETING_SECONDS), consultation_mails.tell_waiting

    def both_tell(entry: WaitingEntry) -> None:
        barrier.wait()
        tell(entry)

    monkeypatch.setattr(consultation_mails, "tell_waiting", both_tell)

    def leave(case: Request) -> Callable[[], Request]:
        case.refresh_from_db()
        return lambda: workflow.withdraw(request=case, by=Actor.author(case), seen_version=case.version)

    results = at_once([leave(case) for case in crowd[:2]])

    assert {type(result) for result in results} == {Request}
    told = WaitingEntry.objects.order_by("joined_at").values_list("told_at", flat=True)
    assert [moment is not None for moment in told] == [True, True, False]


def test_two_workers_remind_once(crowd: list[Request], monkeypatch: pytest.MonkeyPatch):
    booked = consulting.book(crowd[0], consulting.free(crowd[0])[-1])
    now = due_at(booked, 168)
    barrier, find = threading.Barrier(2, timeout=MEETING_SECONDS), consultation_reminders._due

    def both_find(hours: int, moment: Any) -> list[Booking]:
        found = find(hours, moment)
        barrier.wait()
        return found

    monkeypatch.setattr(consultation_reminders, "_due", both_find)

    results = at_once([lambda: consultation_reminders.send_due(now)] * 2)

    assert sorted(results) == [0, 1]
    assert ConsultationReminder.objects.count() == 1
    news = [row.context["news"] for row in OutboxMessage.objects.filter(kind="teleconsult/mail/consultation")]
    assert news.count("reminder") == 1


def test_hundreds_on_tens_of_times(doctor: User):
    """Forty people want twenty times at once, each tries the list until one is hers: none is left over or shared."""
    cases = [consulting.make_bookable(doctor) for _number in range(40)]
    # Not the next ones: before the last of the forty has tried them all they may be too near to be booked.
    keys = [slot.key for slot in consulting.free(cases[0])[20:40]]

    def take(number: int) -> str:
        case = cases[number]
        try:
            for step in range(len(keys)):
                key = keys[(number + step) % len(keys)]
                try:
                    held = workflow.hold_slot(
                        request=case, by=Actor.author(case), slot=key, idempotency_key=uuid.uuid4()
                    )
                    workflow.confirm_booking(booking=held, by=Actor.author(case), seen_version=held.version)
                    return "booked"
                except SlotTaken:
                    continue
            return "none left"
        except AlreadyBooked:
            return "twice"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = Counter(pool.map(take, range(len(cases))))

    assert results == {"booked": 20, "none left": 20}
    confirmed = Booking.objects.confirmed().filter(period__startswith__gt=timezone.now())
    assert len({row.starts_at for row in confirmed}) == confirmed.count() == 20
