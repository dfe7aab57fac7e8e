"""Who waits for a time is told when one that she can take becomes free, whichever way that happened."""

import datetime
from collections.abc import Callable, Sequence

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import clock, workflow
from teleconsult.enums import ConsultationMode, ExceptionKind, ReturnReason
from teleconsult.exceptions import AlreadyBooked
from teleconsult.models import (
    AvailabilityException,
    AvailabilityRule,
    Booking,
    Interpreter,
    Request,
    VisitingDay,
    WaitingEntry,
)
from teleconsult.permissions import Actor
from teleconsult.slots import Slot
from teleconsult.tasks import keep_bookings
from tests.teleconsult import consulting

pytestmark = pytest.mark.django_db
MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def idle(facility: Facility) -> User:
    """Return a specialist who has no hours."""
    return consulting.add_specialist(facility, hours=False)


def waiting(doctor: User, **answers: str) -> Request:
    case = consulting.make_bookable(doctor, **answers)
    workflow.join_waiting(request=case, by=Actor.author(case))
    return case


def told() -> list[Request]:
    """Return who was told, in order; each entry with its one mail."""
    entries = WaitingEntry.objects.filter(told_at__isnull=False).order_by("joined_at")
    mails = OutboxMessage.objects.filter(kind="teleconsult/mail/waiting_list")
    assert sorted(mail.about for mail in mails) == sorted(str(entry.request_id) for entry in entries)
    return [entry.request for entry in entries.select_related("request")]


def cancel(booking: Booking) -> Booking:
    by = Actor.author(booking.request)
    return workflow.cancel_booking(booking=booking, by=by, seen_version=booking.version)


def move(booking: Booking, slot: Slot) -> Booking:
    by = Actor.author(booking.request)
    return workflow.move_booking(booking=booking, by=by, seen_version=booking.version, slot=slot.key)


def extra_hours(person: User, start: datetime.time, end: datetime.time, in_days: int = 10) -> None:
    """Add hours of one day as the specialist does herself."""
    day = timezone.localdate() + in_days * DAY
    workflow.add_exception(
        by=Actor.staff(person), kind=ExceptionKind.EXTRA, first_day=day, last_day=day, starts_at=start, ends_at=end
    )


# --- a hold that is let go ---


def test_a_forgotten_hold_that_another_booking_sweeps_away_is_told_of(doctor: User):
    forgetful, other = (consulting.make_bookable(doctor) for _number in range(2))
    first, second = consulting.free(other)[5:7]
    consulting.hold(forgetful, first)
    waits = waiting(doctor)

    with time_machine.travel(timezone.now() + 11 * MINUTE):
        consulting.hold(other, second)

    assert told() == [waits]


def test_a_forgotten_hold_that_another_takes_at_once_is_nobodys_news(doctor: User):
    forgetful, other = (consulting.make_bookable(doctor) for _number in range(2))
    slot = consulting.free(other)[5]
    consulting.hold(forgetful, slot)
    waiting(doctor)

    with time_machine.travel(timezone.now() + 11 * MINUTE):
        consulting.hold(other, slot)

    assert told() == []


def test_each_of_several_forgotten_holds_reaches_another(doctor: User):
    forgetful = [consulting.make_bookable(doctor) for _number in range(2)]
    other = consulting.make_bookable(doctor)
    for case, slot in zip(forgetful, consulting.free(other)[5:7], strict=True):
        consulting.hold(case, slot)
    queue = [waiting(doctor) for _number in range(3)]

    with time_machine.travel(timezone.now() + 11 * MINUTE):
        consulting.hold(other, consulting.free(other)[9])

    assert told() == queue[:2]


def test_another_choice_tells_of_the_first(doctor: User):
    case = consulting.make_bookable(doctor)
    first, second = consulting.free(case)[5:7]
    consulting.hold(case, first)
    waits = waiting(doctor)

    consulting.hold(case, second)

    assert told() == [waits]


def test_nobody_is_told_of_a_time_she_let_go_herself(doctor: User):
    case = waiting(doctor)
    first, second = consulting.free(case)[5:7]
    consulting.hold(case, first)

    consulting.hold(case, second)
    with time_machine.travel(timezone.now() + 11 * MINUTE):
        keep_bookings()

    assert Booking.objects.taken(timezone.now() + 11 * MINUTE).count() == 0
    assert told() == []


def test_who_holds_a_time_already_leaves_the_news_to_the_next(doctor: User):
    booked = consulting.book(consulting.make_bookable(doctor))
    choosing, next_one = waiting(doctor), waiting(doctor)
    consulting.hold(choosing)

    cancel(booked)

    assert told() == [next_one]


def test_a_consultation_is_moved_to_a_time_whose_hold_was_forgotten(doctor: User):
    forgetful, case = (consulting.make_bookable(doctor) for _number in range(2))
    slots = consulting.free(case)
    consulting.hold(forgetful, slots[5])
    booked = consulting.book(case, slots[9])
    waits = waiting(doctor)

    with time_machine.travel(timezone.now() + 11 * MINUTE):
        moved = move(booked, slots[5])

    assert moved.starts_at == slots[5].start
    # Of the two times one is taken again: the other is one person's news.
    assert told() == [waits]


# --- an interpreter who is free again ---


@pytest.fixture
def doctors(facility: Facility) -> list[User]:
    """Return two specialists who need an interpreter for most patients."""
    return [consulting.add_specialist(facility, "it") for _number in range(2)]


@pytest.fixture
def interpreter() -> Interpreter:
    return consulting.add_interpreter(("ar", "it"))


def test_an_interpreter_who_is_free_again_is_news_for_those_who_need_her(doctors: list[User], interpreter: Interpreter):
    booked = consulting.book(consulting.make_bookable(doctors[0], language="ar"))
    waiting(doctors[1], language="it")
    waiting(doctors[1], language="ru")
    needs_her = waiting(doctors[1], language="ar")

    cancel(booked)

    assert told() == [needs_her]


def test_where_another_interpreter_was_free_all_the_time_it_is_no_news(doctors: list[User], interpreter: Interpreter):
    second = consulting.add_interpreter(("ar", "it"))
    # The one who would be chosen first is the one who becomes free.
    booked = consulting.book(consulting.make_bookable(doctors[0], language="ar"))
    assert booked.interpreter_id == min(interpreter.pk, second.pk)
    waiting(doctors[1], language="ar")

    cancel(booked)

    assert told() == []


def test_one_time_of_an_interpreter_is_one_persons_news(doctors: list[User], interpreter: Interpreter):
    booked = consulting.book(consulting.make_bookable(doctors[0], language="ar"))
    first = waiting(doctors[1], language="ar")
    waiting(doctors[0], language="ar")

    cancel(booked)

    assert told() == [first]


@pytest.mark.parametrize(
    "frees",
    [
        pytest.param(lambda booking: move(booking, consulting.free(booking.request)[-1]), id="moved"),
        pytest.param(
            lambda booking: workflow.withdraw(
                request=booking.request, by=Actor.author(booking.request), seen_version=booking.request.version
            ),
            id="withdrawn",
        ),
        pytest.param(
            lambda booking: workflow.return_to_triage(
                request=booking.request,
                by=Actor.staff(booking.specialist),
                seen_version=booking.request.version,
                reason=ReturnReason.NO_CAPACITY,
            ),
            id="returned",
        ),
    ],
)
def test_however_her_time_becomes_free(
    doctors: list[User], interpreter: Interpreter, frees: Callable[[Booking], object]
):
    case = consulting.make_bookable(doctors[0], language="ar")
    booking = consulting.book(case, consulting.free(case)[5])
    booking.request.refresh_from_db()
    waits = waiting(doctors[1], language="ar")

    frees(booking)

    assert told() == [waits]


def test_a_hold_with_an_interpreter_that_was_forgotten(doctors: list[User], interpreter: Interpreter):
    case = consulting.make_bookable(doctors[0], language="ar")
    consulting.hold(case, consulting.free(case)[5])
    waits = waiting(doctors[1], language="ar")

    with time_machine.travel(timezone.now() + 11 * MINUTE):
        keep_bookings()

    assert told() == [waits]


def test_hours_of_an_interpreter_are_news_for_those_who_need_her(doctors: list[User]):
    interpreter = consulting.add_interpreter(("ar", "it"), hours=False)
    queue = [waiting(doctor, language="ar") for doctor in doctors]
    waiting(doctors[0], language="it")

    extra_hours(interpreter.user, datetime.time(10, 30), datetime.time(11, 15))

    assert told() == queue[:1]


# --- only who can take it ---


def test_a_time_too_short_for_the_first_is_told_to_the_next(facility: Facility):
    doctor = consulting.add_specialist(facility, "it", hours=False)
    consulting.add_interpreter(("ar", "it"))
    extra_hours(doctor, datetime.time(10), datetime.time(10, 30))
    booked = consulting.book(consulting.make_bookable(doctor, language="it"))
    waiting(doctor, language="ar")
    fits = waiting(doctor, language="it")

    cancel(booked)

    assert told() == [fits]


def test_free_times_elsewhere_make_no_news_of_a_time_too_near(doctor: User):
    booked = consulting.book(consulting.make_bookable(doctor))
    waiting(doctor)

    with time_machine.travel(booked.starts_at - 2 * 60 * MINUTE):
        cancel(booked)

    assert told() == []


def test_without_a_chain_of_languages_nobody_is_told(facility: Facility):
    doctor = consulting.add_specialist(facility, "it")
    booked = consulting.book(consulting.make_bookable(doctor, language="it"))
    waiting(doctor, language="ru")

    cancel(booked)

    assert told() == []


# --- languages that are added ---


def speak(person: User, *languages: str) -> None:
    workflow.save_languages(by=Actor.staff(person), languages=languages)


def test_a_language_is_news_for_who_could_take_nothing_before(facility: Facility):
    doctor = consulting.add_specialist(facility, "it")
    waiting(doctor, language="it")
    queue = [waiting(doctor, language="ru") for _number in range(2)]

    speak(doctor, "it", "ru")

    assert told() == queue


def test_of_a_language_as_many_are_told_as_there_are_times(facility: Facility):
    doctor = consulting.add_specialist(facility, "it", hours=False)
    extra_hours(doctor, datetime.time(10), datetime.time(10, 30))
    queue = [waiting(doctor, language="ru") for _number in range(2)]

    speak(doctor, "it", "ru")

    assert told() == queue[:1]


def test_a_time_that_needs_no_interpreter_any_more_is_no_news(facility: Facility):
    doctor = consulting.add_specialist(facility, "it", hours=False)
    consulting.add_interpreter(("ru", "it"))
    extra_hours(doctor, datetime.time(10), datetime.time(10, 45))
    case = waiting(doctor, language="ru")
    assert len(consulting.free(case)) == 1

    speak(doctor, "it", "ru")

    assert told() == []


def test_who_holds_a_time_hears_of_no_language(facility: Facility):
    doctor = consulting.add_specialist(facility, "it")
    consulting.add_interpreter(("ru", "it"))
    case = waiting(doctor, language="ru")
    consulting.hold(case)

    speak(doctor, "it", "ru")

    assert told() == []


# --- hours that are added or come back ---


def test_as_many_are_told_as_there_are_new_times(idle: User):
    queue = [waiting(idle) for _number in range(3)]

    extra_hours(idle, datetime.time(10), datetime.time(11))

    assert told() == queue[:2]


def test_hours_that_were_there_already_are_no_news(doctor: User):
    waiting(doctor)

    extra_hours(doctor, datetime.time(10), datetime.time(11))
    by = Actor.staff(doctor)
    workflow.save_languages(by=by, languages=["en", "it"])
    workflow.add_exception(
        by=by, kind=ExceptionKind.OFF, first_day=timezone.localdate(), last_day=timezone.localdate() + 9 * DAY
    )

    assert told() == []


def weekly(person: User, **fields: object) -> Sequence[AvailabilityRule]:
    values = {
        "weekdays": [timezone.localdate().weekday()],
        "starts_at": datetime.time(10),
        "ends_at": datetime.time(10, 30),
        "mode": ConsultationMode.REMOTE,
        "first_day": timezone.localdate(),
    }
    return workflow.add_rule(by=Actor.staff(person), **{**values, **fields})


def test_a_new_rule_reaches_all_it_has_a_time_for_and_the_same_again_nobody(idle: User):
    queue = [waiting(idle) for _number in range(3)]

    weekly(idle)
    assert told() == queue
    late = waiting(idle)
    weekly(idle)

    assert late not in told()


def test_a_rule_for_two_days_tells_two(idle: User):
    queue = [waiting(idle) for _number in range(3)]
    first = timezone.localdate() + 10 * DAY

    weekly(idle, weekdays=range(7), first_day=first, last_day=first + DAY)

    assert told() == queue[:2]


def test_a_day_off_that_is_taken_back_gives_its_times_back(idle: User):
    day = timezone.localdate() + 10 * DAY
    off = AvailabilityException.objects.create(person=idle, kind=ExceptionKind.OFF, first_day=day, last_day=day)
    extra_hours(idle, datetime.time(10), datetime.time(11))
    queue = [waiting(idle) for _number in range(3)]
    assert told() == []

    for _time in range(2):
        workflow.remove_line(by=Actor.staff(idle), model=AvailabilityException, pk=off.pk)

    assert told() == queue[:2]


def visit(person: User, day: datetime.date) -> VisitingDay:
    return workflow.add_visit(
        by=Actor.staff(person),
        day=day,
        city="Abu Dhabi",
        country="AE",
        zone="Asia/Dubai",
        starts_at=datetime.time(16),
        ends_at=datetime.time(17),
        mode=ConsultationMode.IN_PERSON,
    )


def test_a_visiting_day_tells_of_its_own_times_though_the_hours_were_hers_at_home(doctor: User):
    queue = [waiting(doctor) for _number in range(3)]

    visit(doctor, timezone.localdate() + 10 * DAY)

    assert told() == queue[:2]


def test_a_visiting_day_that_is_taken_back_gives_back_the_hours_of_the_week(idle: User):
    day = timezone.localdate() + 10 * DAY
    row = visit(idle, day)
    weekly(idle, weekdays=[day.weekday()], first_day=day, last_day=day)
    queue = [waiting(idle) for _number in range(2)]

    workflow.remove_line(by=Actor.staff(idle), model=VisitingDay, pk=row.pk)

    assert [slot.start.astimezone(clock.MILAN).hour for slot in consulting.free(queue[0])] == [10]
    assert told() == queue[:1]


def test_hours_that_end_tell_nobody(idle: User):
    rules = weekly(idle, weekdays=range(2))
    waiting(idle)
    before = consulting.free(waiting(idle))

    workflow.remove_line(by=Actor.staff(idle), model=AvailabilityRule, pk=rules[0].pk)

    assert 0 < len(consulting.free(Request.objects.first())) < len(before)
    assert told() == []


# --- a new day comes into sight ---


def test_each_day_one_more_can_be_booked_and_those_who_had_none_hear_of_it(idle: User):
    """Hours on one weekday far away; on the day on which they come into sight the portal stands still."""
    first = timezone.now().date() + 64 * DAY
    weekly(idle, weekdays=[first.weekday()], starts_at=datetime.time(9), ends_at=datetime.time(10), first_day=first)
    queue = [waiting(idle) for _number in range(3)]

    for days in range(5):
        with time_machine.travel(timezone.now() + days * DAY):
            keep_bookings()
    assert told() == []
    with time_machine.travel(timezone.now() + 6 * DAY):
        for _time in range(2):
            keep_bookings()

        assert len(consulting.free(queue[0])) == 2
    assert told() == queue[:2]


def test_who_could_choose_already_hears_nothing_of_a_new_day(doctor: User):
    waiting(doctor)

    with time_machine.travel(timezone.now() + 6 * DAY):
        keep_bookings()

    assert told() == []


# --- who may wait ---


def test_who_cannot_book_cannot_wait_either(doctor: User):
    case = consulting.make_bookable(doctor)
    booked = consulting.book(case)

    with time_machine.travel(booked.ends_at + MINUTE), pytest.raises(AlreadyBooked, match="is over"):
        workflow.join_waiting(request=case, by=Actor.author(case))
    assert not WaitingEntry.objects.exists()
