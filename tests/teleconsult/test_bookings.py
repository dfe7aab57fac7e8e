"""The live consultation: what can be booked, by whom, and what becomes of it."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from notifications.sending import build
from teleconsult import clock, language_chain, slots, workflow
from teleconsult.enums import Action, BookingStatus, ReturnReason, Status
from teleconsult.exceptions import (
    AlreadyBooked,
    BookingChanged,
    BookingOver,
    HoldEnded,
    NoConsultation,
    NotAllowed,
    SlotTaken,
)
from teleconsult.language_chain import Gap
from teleconsult.models import (
    AvailabilityException,
    AvailabilityRule,
    Booking,
    Event,
    Request,
    SpecialistProfile,
    VisitingDay,
    WaitingEntry,
)
from teleconsult.permissions import Actor
from teleconsult.tasks import release_holds
from tests.teleconsult import consulting
from vault.trail import TrailEntry

pytestmark = pytest.mark.django_db
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def case(doctor: User) -> Request:
    return consulting.make_bookable(doctor)


def mails(kind: str = "consultation") -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=f"teleconsult/mail/{kind}").order_by("created_at"))


# --- what is offered ---


def test_slots_follow_the_weekly_pattern(case: Request):
    now = timezone.now()
    offered = consulting.free(case)

    assert offered
    hours = {slot.start.astimezone(clock.MILAN).hour for slot in offered}
    assert all(slot.end - slot.start == datetime.timedelta(minutes=30) for slot in offered)
    assert offered[0].start >= now + datetime.timedelta(hours=24)
    assert len({slot.key for slot in offered}) == len(offered)
    assert hours == set(range(9, 17))


def test_days_off_extra_hours_and_visits_change_them(case: Request, doctor: User):
    before = consulting.free(case)
    day = (timezone.now() + datetime.timedelta(days=5)).date()
    AvailabilityException.objects.create(person=doctor, kind="off", first_day=day, last_day=day)
    visit = day + datetime.timedelta(days=2)
    VisitingDay.objects.create(
        person=doctor,
        day=visit,
        city="Abu Dhabi",
        country="AE",
        zone="Asia/Dubai",
        starts_at=datetime.time(10),
        ends_at=datetime.time(12),
    )
    evening = day + datetime.timedelta(days=4)
    AvailabilityException.objects.create(
        person=doctor,
        kind="extra",
        first_day=evening,
        last_day=evening,
        starts_at=datetime.time(19),
        ends_at=datetime.time(20),
    )

    after = consulting.free(case)

    def on(slots: list[Any], wanted: datetime.date) -> list[Any]:
        return [slot for slot in slots if slot.start.date() == wanted]

    assert len(on(before, day)) == 16
    assert on(after, day) == []
    assert [slot.place.city for slot in on(after, visit)] == ["Abu Dhabi"] * 4
    assert {slot.place.mode for slot in on(after, visit)} == {"in_person"}
    assert on(after, visit)[0].start.hour == 6
    assert len(on(after, evening)) == 18


def test_of_the_same_hours_in_two_places_the_same_are_offered_whichever_was_typed_first(facility: Facility):
    """Else a time that is shown by video may be another one, and taken, when it is pressed."""
    doctors = [consulting.add_specialist(facility, hours=False) for _number in range(2)]
    for doctor, modes in zip(doctors, (("remote", "in_person"), ("in_person", "remote")), strict=True):
        for mode in modes:
            consulting.add_hours(doctor, weekdays=[0], mode=mode)

    cases = [consulting.make_bookable(doctor) for doctor in doctors]

    now = timezone.now()
    first, second = (slots.slots_of(case, doctor, now=now) for case, doctor in zip(cases, doctors, strict=True))
    assert first
    assert [slot.key for slot in first] == [slot.key for slot in second]


def test_without_a_consultation_in_the_protocol_nothing_is_held(case: Request):
    case.protocol.includes_consultation = None
    case.protocol.save()

    with pytest.raises(NoConsultation):
        consulting.hold(case)


@pytest.mark.parametrize(
    ("language", "spoken", "pairs", "gap"),
    [
        ("en", ["en"], [], None),
        ("ar", ["it"], [("ar", "it")], None),
        ("ar", ["it"], [("it", "ar")], None),
        ("ar", ["it"], [("fr", "it")], Gap.INTERPRETER),
        ("ar", [], [("ar", "it")], Gap.SPECIALIST),
    ],
)
def test_a_slot_is_offered_only_where_the_languages_meet(
    facility: Facility, language: str, spoken: list[str], pairs: list[tuple[str, str]], gap: Gap | None
):
    doctor = consulting.add_specialist(facility)
    SpecialistProfile.objects.update(languages=spoken)
    for pair in pairs:
        consulting.add_interpreter(pair)
    case = consulting.make_bookable(doctor, language=language)

    chain = language_chain.chain_of(case, doctor)

    assert chain.gaps == ((gap,) if gap else ())
    assert bool(consulting.free(case)) == (gap is None)


def test_the_answer_must_be_in_a_language_someone_there_speaks(facility: Facility):
    doctor = consulting.add_specialist(facility, "en")
    case = consulting.make_bookable(doctor, language="en")
    case.protocol.report_languages = ["fr"]

    assert language_chain.chain_of(case, doctor).gaps == (Gap.REPORT,)


def test_an_interpreter_who_is_busy_or_away_gives_no_slot(facility: Facility):
    doctor, other = consulting.add_specialist(facility, "it"), consulting.add_specialist(facility, "it")
    interpreter = consulting.add_interpreter(("ar", "it"), hours=False)
    consulting.add_hours(interpreter.user, 9, 11)
    first, second = (consulting.make_bookable(one, language="ar") for one in (doctor, other))
    offered = consulting.free(first)

    booking = consulting.book(first, offered[0])

    assert booking.interpreter == interpreter
    assert booking.visit_language == "it"
    assert {slot.end - slot.start for slot in offered} == {datetime.timedelta(minutes=45)}
    assert max(slot.end.astimezone(clock.MILAN).time() for slot in offered) <= datetime.time(11)
    keys = {slot.key for slot in consulting.free(second)}
    assert keys == {slot.key for slot in offered} - {offered[0].key}


# --- hold and confirm ---


def test_hold_and_confirm(case: Request, doctor: User):
    slot = consulting.free(case)[0]

    held = consulting.hold(case, slot)
    assert held.status == BookingStatus.HELD
    assert mails() == []
    booked = workflow.confirm_booking(booking=held, by=Actor.author(case), seen_version=held.version)

    assert booked.status == BookingStatus.CONFIRMED
    assert (booked.starts_at, booked.ends_at) == (slot.start, slot.end)
    assert [mail.to for mail in mails()] == [case.email]
    assert [mail.to for mail in mails("consultation_staff")] == [doctor.email]
    assert case.events.filter(action=Action.CONFIRM_BOOKING).count() == 1
    assert TrailEntry.objects.of_case(case).filter(detail="confirm_booking", object_id=str(booked.pk)).exists()
    assert slot.key not in {one.key for one in consulting.free(case)}


def test_a_lost_answer_pressed_again_makes_one_row(case: Request):
    key, slot = uuid.uuid4(), consulting.free(case)[0].key
    about = {"request": case, "by": Actor.author(case), "slot": slot, "idempotency_key": key}

    held = [workflow.hold_slot(**about) for _time in range(2)]
    booked = [
        workflow.confirm_booking(booking=held[0], by=Actor.author(case), seen_version=held[0].version)
        for _time in range(2)
    ]

    assert held[0] == held[1] == booked[0] == booked[1]
    assert Booking.objects.count() == 1
    assert case.events.filter(action=Action.CONFIRM_BOOKING).count() == 1
    assert len(mails()) == 1


def test_somebody_elses_time_is_not_free(case: Request, doctor: User):
    other, slot = consulting.make_bookable(doctor), consulting.free(case)[0]
    consulting.hold(other, slot)

    with pytest.raises(SlotTaken):
        consulting.hold(case, slot)


def test_after_ten_minutes_the_time_is_free_again(case: Request, doctor: User):
    # Not the next one: eleven minutes later it may be too near to be booked.
    other, slot = consulting.make_bookable(doctor), consulting.free(case)[5]
    held = consulting.hold(other, slot)

    with time_machine.travel(timezone.now() + 11 * MINUTE):
        assert slot.key in {one.key for one in consulting.free(case)}
        mine = consulting.hold(case, slot)
        with pytest.raises(HoldEnded):
            workflow.confirm_booking(booking=held, by=Actor.author(other), seen_version=held.version)

    assert mine.status == BookingStatus.HELD
    held.refresh_from_db()
    assert held.status == BookingStatus.RELEASED


def test_another_choice_lets_the_first_go(case: Request):
    first, second = consulting.free(case)[:2]
    held = consulting.hold(case, first)

    again = consulting.hold(case, second)

    held.refresh_from_db()
    assert (held.status, again.status) == (BookingStatus.RELEASED, BookingStatus.HELD)
    assert first.key in {one.key for one in consulting.free(case)}


def test_one_consultation_a_request(case: Request):
    consulting.book(case)

    with pytest.raises(AlreadyBooked):
        consulting.hold(case)


def test_staff_book_in_one_step(case: Request, coordinator: User):
    slot = consulting.free(case)[0]

    booking = workflow.book(request=case, by=Actor.staff(coordinator), slot=slot.key, idempotency_key=uuid.uuid4())

    assert booking.is_confirmed


@pytest.mark.parametrize("who", ["stranger", "administrator", "editor", "facility_editor"])
def test_strangers_book_nothing(case: Request, who: str, request: pytest.FixtureRequest):
    booked = consulting.book(case)
    by = Actor.staff(request.getfixturevalue(who))

    for deed in (
        lambda: workflow.cancel_booking(booking=booked, by=by, seen_version=booked.version),
        lambda: workflow.move_booking(booking=booked, by=by, seen_version=booked.version, slot="x"),
        lambda: workflow.record_done(booking=booked, by=by, seen_version=booked.version),
        lambda: workflow.join_waiting(request=case, by=by),
    ):
        with pytest.raises(NotAllowed):
            deed()


# --- the database has the last word ---


def copy_of(booking: Booking, **fields: Any) -> Booking:
    """Return a second booking as like the first as the database allows."""
    names = [field.attname for field in Booking._meta.concrete_fields if field.attname not in {"id", "room"}]
    values = {name: getattr(booking, name) for name in names} | {"idempotency_key": uuid.uuid4()} | fields
    return Booking(**values)


@pytest.mark.parametrize("status", [BookingStatus.HELD, BookingStatus.CONFIRMED])
@pytest.mark.parametrize("person", ["specialist", "interpreter", "request"])
def test_the_database_refuses_two_at_once(facility: Facility, person: str, status: BookingStatus):
    doctors = [consulting.add_specialist(facility, "it") for _number in range(2)]
    interpreters = [consulting.add_interpreter(("ar", "it")) for _number in range(2)]
    cases = [consulting.make_bookable(doctor, language="ar") for doctor in doctors]
    booked = consulting.book(cases[0])
    others = {
        "specialist_id": doctors[1].pk,
        "interpreter_id": next(one.pk for one in interpreters if one != booked.interpreter),
        "request_id": cases[1].pk,
    }
    shared = {name: value for name, value in others.items() if name != f"{person}_id"}
    half = TimestamptzRange(booked.starts_at + 15 * MINUTE, booked.ends_at + 15 * MINUTE)
    state = {"status": status, "hold_until": timezone.now() + 10 * MINUTE, "period": half}

    with pytest.raises(IntegrityError, match=f"booking_(one_a_request|{person}_once)"), transaction.atomic():
        copy_of(booked, **shared, **state).save(force_insert=True)

    copy_of(booked, **others, **state).save(force_insert=True)
    ended = {"status": BookingStatus.CANCELLED, "ended_at": timezone.now()}
    copy_of(booked, **shared, **{**state, **ended}).save(force_insert=True)


def test_one_after_the_other_is_no_overlap(facility: Facility):
    doctor = consulting.add_specialist(facility)
    cases = [consulting.make_bookable(doctor) for _number in range(2)]
    first, second = consulting.free(cases[0])[:2]

    assert first.end == second.start
    assert [consulting.book(case, slot).is_confirmed for case, slot in zip(cases, (first, second), strict=True)]


# --- move and cancel ---


def test_moving_keeps_the_entry_and_frees_the_old_time(case: Request, doctor: User):
    old, new = consulting.free(case)[0], consulting.free(case)[5]
    booked = consulting.book(case, old)

    moved = workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=new.key)

    assert (moved.pk, moved.uid) == (booked.pk, booked.uid)
    assert moved.sequence == booked.sequence + 1
    assert moved.starts_at == new.start
    # The way in that was shown for the old time leads nowhere.
    assert moved.room != booked.room
    assert old.key in {one.key for one in consulting.free(consulting.make_bookable(doctor))}
    again = workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=new.key)
    assert again.sequence == moved.sequence
    assert len(mails()) == 2


def test_the_time_of_the_booking_that_is_moved_counts_as_free(case: Request, doctor: User):
    booking = consulting.book(case)

    assert booking.starts_at not in {slot.start for slot in consulting.free(case)}
    assert booking.starts_at in {slot.start for slot in slots.slots_of(case, doctor, besides=booking.pk)}


def test_an_interpreter_who_joins_by_a_move_is_booked_and_the_other_released(facility: Facility):
    doctor = consulting.add_specialist(facility, "it")
    first = consulting.add_interpreter(("ar", "it"))
    case = consulting.make_bookable(doctor, language="ar")
    booked = consulting.book(case)
    second = consulting.add_interpreter(("ar", "it"))
    AvailabilityRule.objects.filter(person=first.user).delete()
    to = consulting.free(case)[3]

    workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=to.key)

    news = {(mail.to, mail.context["news"]) for mail in mails("consultation_staff") if mail.to != doctor.email}
    assert news == {
        (first.user.email, "confirmed"),
        (first.user.email, "cancelled"),
        (second.user.email, "confirmed"),
    }
    assert [mail.context["news"] for mail in mails()] == ["confirmed", "moved"]


def test_a_move_to_a_taken_time_changes_nothing(case: Request, doctor: User):
    first, second = consulting.free(case)[:2]
    booked = consulting.book(case, first)
    consulting.book(consulting.make_bookable(doctor), second)

    with pytest.raises(SlotTaken):
        workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=second.key)

    booked.refresh_from_db()
    assert booked.starts_at == first.start
    assert booked.sequence == 0


def test_a_consultation_near_is_cancelled_but_not_moved_by_the_patient(case: Request):
    booked = consulting.book(case)
    slot = consulting.free(case)[20]

    with time_machine.travel(booked.starts_at - datetime.timedelta(hours=2)):
        with pytest.raises(BookingChanged, match="too near"):
            workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=slot.key)
        cancelled = workflow.cancel_booking(booking=booked, by=Actor.author(case), seen_version=booked.version)

    assert cancelled.status == BookingStatus.CANCELLED


def test_cancelling_frees_the_time_and_tells_everybody_once(case: Request, doctor: User):
    booked = consulting.book(case)
    slot = booked.starts_at

    for _time in range(2):
        workflow.cancel_booking(booking=booked, by=Actor.author(case), seen_version=booked.version)

    booked.refresh_from_db()
    assert (booked.status, booked.cancelled_by, booked.sequence) == (BookingStatus.CANCELLED, "patient", 1)
    assert [mail.context["news"] for mail in mails()] == ["confirmed", "cancelled"]
    assert [mail.context["news"] for mail in mails("consultation_staff")] == ["confirmed", "cancelled"]
    assert slot in {one.start for one in consulting.free(case)}


def test_what_has_begun_is_not_cancelled(case: Request):
    booked = consulting.book(case)

    with time_machine.travel(booked.starts_at + MINUTE), pytest.raises(BookingOver):
        workflow.cancel_booking(booking=booked, by=Actor.author(case), seen_version=booked.version)


def test_whoever_saw_an_older_version_reads_so(case: Request, coordinator: User):
    booked = consulting.book(case)
    new, other = consulting.free(case)[5:7]
    workflow.move_booking(booking=booked, by=Actor.staff(coordinator), seen_version=booked.version, slot=new.key)

    with pytest.raises(BookingChanged):
        workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=other.key)
    with pytest.raises(BookingChanged):
        workflow.cancel_booking(booking=booked, by=Actor.author(case), seen_version=booked.version)


def test_withdrawing_and_returning_end_the_booking(doctor: User):
    withdrawn, returned = (consulting.make_bookable(doctor) for _number in range(2))
    bookings = [consulting.book(case) for case in (withdrawn, returned)]

    workflow.withdraw(request=withdrawn, by=Actor.author(withdrawn), seen_version=withdrawn.version)
    workflow.return_to_triage(
        request=returned, by=Actor.staff(doctor), seen_version=returned.version, reason=ReturnReason.NO_CAPACITY
    )

    for booking in bookings:
        booking.refresh_from_db()
        assert booking.status == BookingStatus.CANCELLED
    assert [mail.context["news"] for mail in mails()] == ["confirmed", "confirmed", "cancelled", "cancelled"]


CHOOSE, NEWS, SIGN_IN = "choose another time", "There is news about your request.", "sign-in page"


def by_patient(booking: Booking, case: Request) -> None:
    workflow.cancel_booking(booking=booking, by=Actor.author(case), seen_version=booking.version)


def by_return(booking: Booking, case: Request) -> None:
    workflow.return_to_triage(
        request=case,
        by=Actor.staff(booking.specialist),
        seen_version=case.version,
        reason=ReturnReason.NO_CAPACITY,
    )


def by_question(booking: Booking, case: Request) -> None:
    doctor = Actor.staff(booking.specialist)
    workflow.ask_question(request=case, by=doctor, seen_version=case.version, text="Since when?")
    workflow.cancel_booking(booking=booking, by=doctor, seen_version=booking.version)


def by_withdrawal(booking: Booking, case: Request) -> None:
    workflow.withdraw(request=case, by=Actor.author(case), seen_version=case.version)


def by_erasure(booking: Booking, case: Request) -> None:
    workflow.erase(request=case, by=Actor.author(case), seen_version=case.version)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        (by_patient, {CHOOSE, SIGN_IN}),
        (by_return, {NEWS, SIGN_IN}),
        (by_question, {NEWS, SIGN_IN}),
        (by_withdrawal, {SIGN_IN}),
        (by_erasure, set()),
    ],
)
def test_the_cancellation_says_only_what_can_still_be_done(
    case: Request, ends: Callable[[Booking, Request], None], says: set[str]
):
    booked = consulting.book(case)
    case.refresh_from_db()

    ends(booked, case)

    mail = build(next(row for row in mails() if row.context.get("news") == "cancelled"))
    html = mail.alternatives[0].content
    assert "This consultation is cancelled." in mail.body
    assert {sentence for sentence in (CHOOSE, NEWS, SIGN_IN) if sentence in html} == says
    assert {sentence for sentence in (CHOOSE, NEWS) if sentence in mail.body} == says - {SIGN_IN}
    assert ("/my-request/" in mail.body) == (SIGN_IN in says)


# --- the waiting list ---


def test_the_first_who_waits_is_told_once_and_nothing_is_booked(doctor: User):
    booked, first, second = (consulting.make_bookable(doctor) for _number in range(3))
    booking = consulting.book(booked)
    entries = [workflow.join_waiting(request=case, by=Actor.author(case)) for case in (first, second)]
    assert workflow.join_waiting(request=first, by=Actor.author(first)) == entries[0]

    workflow.cancel_booking(booking=booking, by=Actor.author(booked), seen_version=booking.version)

    assert [row.told_at is not None for row in WaitingEntry.objects.order_by("joined_at")] == [True, False]
    assert [mail.about for mail in mails("waiting_list")] == [str(first.pk)]
    assert Booking.objects.unended().count() == 0
    again = consulting.book(booked)
    workflow.cancel_booking(booking=again, by=Actor.author(booked), seen_version=again.version)
    assert [mail.about for mail in mails("waiting_list")] == [str(first.pk), str(second.pk)]


def test_a_forgotten_hold_is_freed_and_told_of(doctor: User):
    forgetful, waiting = (consulting.make_bookable(doctor) for _number in range(2))
    held = consulting.hold(forgetful, consulting.free(forgetful)[5])
    workflow.join_waiting(request=waiting, by=Actor.author(waiting))

    release_holds(timezone.now())
    held.refresh_from_db()
    assert held.status == BookingStatus.HELD
    for _time in range(2):
        release_holds(timezone.now() + 11 * MINUTE)

    held.refresh_from_db()
    assert held.status == BookingStatus.RELEASED
    assert len(mails("waiting_list")) == 1


def test_who_leaves_the_queue_is_not_told(doctor: User):
    booked, gone = (consulting.make_bookable(doctor) for _number in range(2))
    booking = consulting.book(booked)
    workflow.join_waiting(request=gone, by=Actor.author(gone))
    for _time in range(2):
        workflow.leave_waiting(request=gone, by=Actor.author(gone))

    workflow.cancel_booking(booking=booking, by=Actor.author(booked), seen_version=booking.version)

    assert mails("waiting_list") == []
    assert gone.events.filter(action=Action.LEAVE_WAITING).count() == 1


# --- what became of it ---


def test_late_done_and_no_show_are_recorded_by_the_specialist_after_it_began(case: Request, doctor: User):
    booked = consulting.book(case)
    by = Actor.staff(doctor)
    with pytest.raises(BookingChanged):
        workflow.record_done(booking=booked, by=by, seen_version=booked.version)

    with time_machine.travel(booked.starts_at + 20 * MINUTE):
        late = workflow.record_late(booking=booked, by=by, seen_version=booked.version, minutes=15)
        done = workflow.record_done(booking=late, by=by, seen_version=late.version)

    assert (done.status, done.minutes_late) == (BookingStatus.DONE, 15)
    assert list(Event.objects.filter(request=case, action__startswith="record").values_list("action", flat=True)) == [
        "record_late",
        "record_done",
    ]
    with pytest.raises(AlreadyBooked, match="is over"):
        consulting.hold(case)


def test_nobody_came(case: Request, doctor: User):
    booked = consulting.book(case)

    with time_machine.travel(booked.ends_at):
        missed = workflow.record_no_show(booking=booked, by=Actor.staff(doctor), seen_version=booked.version)

    assert missed.status == BookingStatus.NO_SHOW


# --- who sees it ---


def test_who_sees_a_booking(
    facility: Facility, coordinator: User, facility_office: User, stranger: User, administrator: User
):
    doctor, colleague = (consulting.add_specialist(facility, "it") for _number in range(2))
    interpreter, other = consulting.add_interpreter(("ar", "it")), consulting.add_interpreter(("fr", "it"))
    case = consulting.make_bookable(doctor, language="ar")
    held = consulting.hold(case)

    assert not Booking.objects.visible_to(interpreter.user).exists()
    workflow.confirm_booking(booking=held, by=Actor.author(case), seen_version=held.version)

    for person in (coordinator, facility_office, doctor, interpreter.user):
        assert Booking.objects.visible_to(person).count() == 1
    for person in (stranger, administrator, colleague, other.user):
        assert Booking.objects.visible_to(person).count() == 0
    assert not Request.objects.visible_to(interpreter.user).exists()
    assert workflow.allowed_actions(interpreter.user, case) == ()


def test_nothing_in_the_rows_tells_of_health(case: Request):
    consulting.book(case)

    with connection.cursor() as cursor:
        cursor.execute("SELECT b::text FROM teleconsult_booking b")
        row = cursor.fetchone()[0]
    assert case.question not in row
    assert case.patient_name not in row
    assert Booking.objects.get().room not in row


def test_a_status_in_which_nothing_is_booked(case: Request, coordinator: User):
    case.refresh_from_db()
    assert case.status == Status.WITH_SPECIALIST
    workflow.return_to_triage(
        request=case, by=Actor.staff(coordinator), seen_version=case.version, reason=ReturnReason.RECALLED
    )

    assert Action.HOLD_SLOT not in workflow.allowed_actions(Actor.author(case), Request.objects.get(pk=case.pk))
