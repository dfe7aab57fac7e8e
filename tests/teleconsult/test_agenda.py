"""The consultations as staff read them, and those of which nobody has said yet what became of them."""

import datetime

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from accounts.models import User
from facilities.models import Facility
from teleconsult import agenda, workflow
from teleconsult.agenda import AgendaItem, agenda_of
from teleconsult.appointments import Appointment
from teleconsult.enums import BookingStatus, ExceptionKind, ReturnReason
from teleconsult.exceptions import AlreadyBooked, BookingChanged, NotAllowed
from teleconsult.models import AvailabilityRule, Booking, Interpreter, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import consulting
from tests.teleconsult.browsing import Browser

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
MOST = 3
SENTENCE = "Record first what became of the last consultation"


@pytest.fixture
def case(doctor: User) -> Request:
    return consulting.make_bookable(doctor)


def past(case: Request, days_ago: int, status: str = BookingStatus.DONE) -> Booking:
    """Return a consultation of so many days ago."""
    now = timezone.now()
    start = now - days_ago * DAY
    return Booking.objects.create(
        request=case,
        facility=case.assignment.facility,
        specialist=case.assignment.specialist,
        status=status,
        period=TimestamptzRange(start, start + datetime.timedelta(minutes=30)),
        zone="Europe/Rome",
        promised_on=start.date(),
        promised_start=datetime.time(9),
        promised_end=datetime.time(9, 30),
        patient_language="en",
        visit_language="en",
        agreed_at=start - DAY,
        ended_at=None if status == BookingStatus.CONFIRMED else start,
    )


def coming(reader: User) -> list[Booking]:
    return [item.booking for day in agenda_of(reader).coming for item in day.items]


def shown(items: list[AgendaItem]) -> list[Booking]:
    return [item.booking for item in items]


def text_of(reader: User, url: str) -> str:
    client = Client()
    sign_in(client, reader)
    return client.get(url).content.decode()


def test_many_that_are_over_push_none_out_that_comes(case: Request, doctor: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agenda, "MOST_SHOWN", MOST)
    for days_ago in range(1, MOST + 2):
        past(case, days_ago)
    booked = consulting.book(consulting.make_bookable(doctor))

    assert coming(doctor) == [booked]
    assert len(agenda_of(doctor).past) == MOST


def test_many_that_come_push_out_none_that_waits_to_be_recorded(
    facility: Facility, doctor: User, coordinator: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(agenda, "MOST_SHOWN", MOST)
    unrecorded = past(consulting.make_bookable(doctor), 2, BookingStatus.CONFIRMED)
    for _number in range(MOST + 1):
        consulting.book(consulting.make_bookable(doctor))

    assert shown(agenda_of(coordinator).to_record) == [unrecorded]
    assert len(coming(coordinator)) == MOST


def test_what_nobody_recorded_stays_until_somebody_does(case: Request, doctor: User, facility_office: User):
    forgotten = past(case, 90, BookingStatus.CONFIRMED)

    for reader in (doctor, facility_office):
        assert shown(agenda_of(reader).to_record) == [forgotten]
    workflow.record_done(booking=forgotten, by=Actor.staff(doctor), seen_version=forgotten.version)

    assert agenda_of(doctor).is_empty


def test_a_reader_of_thirty_days_sees_no_older_ones(case: Request, doctor: User):
    lately = past(case, 29)
    past(case, 31)

    assert shown(agenda_of(doctor).past) == [lately]


def test_an_interpreter_has_nothing_to_record(facility: Facility):
    doctor = consulting.add_specialist(facility, "it")
    interpreter = consulting.add_interpreter(("ar", "it")).user
    booked = consulting.book(consulting.make_bookable(doctor, language="ar"))

    with time_machine.travel(booked.ends_at + DAY):
        read = agenda_of(interpreter)
        assert (shown(read.to_record), shown(read.past)) == ([], [booked])
    with time_machine.travel(booked.ends_at + 31 * DAY):
        assert agenda_of(interpreter).is_empty


def test_each_consultation_stands_beside_its_day(doctor: User):
    """Under a heading, or with a day of its own where many days stand in one list."""
    unrecorded = past(consulting.make_bookable(doctor), 9, BookingStatus.CONFIRMED)
    done = past(consulting.make_bookable(doctor), 5)
    booked = consulting.book(consulting.make_bookable(doctor))

    page = text_of(doctor, reverse("desk:consultations"))

    days = [Appointment(row, row.request.zone, timezone.now()).date for row in (unrecorded, done, booked)]
    assert [page.count(f'class="appointment__day">{day}<') for day in days] == [1, 1, 0]
    assert days[2] in page


# --- somebody is not there any more ---


def day_off(person: User, booked: Booking) -> None:
    day = booked.promised_on
    workflow.add_exception(by=Actor.staff(person), kind=ExceptionKind.OFF, first_day=day, last_day=day)


def warnings(reader: User) -> set[str]:
    return {item.warning for day in agenda_of(reader).coming for item in day.items}


@pytest.fixture
def interpreted(facility: Facility) -> Booking:
    doctor = consulting.add_specialist(facility, "it")
    consulting.add_interpreter(("ar", "it"))
    return consulting.book(consulting.make_bookable(doctor, language="ar"))


OWN, SOMEBODYS = (
    "Outside your hours now: move or cancel it",
    "Outside the hours of the specialist or the interpreter now",
)


def test_the_specialists_day_off_is_shown_to_whoever_must_decide(interpreted: Booking, coordinator: User):
    doctor, interpreter = interpreted.specialist, interpreted.interpreter.user
    readers = (doctor, coordinator, interpreter)
    assert [warnings(reader) for reader in readers] == [{""}] * 3

    day_off(doctor, interpreted)

    assert [warnings(reader) for reader in readers] == [{OWN}, {SOMEBODYS}, {SOMEBODYS}]
    assert SOMEBODYS in text_of(coordinator, reverse("desk:consultation", args=[interpreted.pk]))


@pytest.mark.parametrize("how", ["day off", "hours end", "role ends"])
def test_an_interpreter_who_will_not_be_there_is_shown(interpreted: Booking, coordinator: User, how: str):
    person = interpreted.interpreter.user
    if how == "day off":
        day_off(person, interpreted)
    elif how == "hours end":
        AvailabilityRule.objects.filter(person=person).delete()
    else:
        Interpreter.objects.update(until=timezone.localdate())

    assert [warnings(reader) for reader in (interpreted.specialist, coordinator)] == [{SOMEBODYS}] * 2


def test_who_meets_in_person_must_be_at_that_place(facility: Facility, coordinator: User):
    doctor = consulting.add_specialist(facility, hours=False)
    consulting.add_hours(doctor, mode="in_person")
    booked = consulting.book(consulting.make_bookable(doctor))
    assert warnings(coordinator) == {""}

    workflow.add_visit(
        by=Actor.staff(doctor),
        day=booked.promised_on,
        city="Milano Marittima",
        country="IT",
        zone="Europe/Rome",
        starts_at=datetime.time(8),
        ends_at=datetime.time(20),
        mode="in_person",
    )

    assert warnings(coordinator) == {SOMEBODYS}


def test_queries_do_not_grow_with_the_consultations(doctor: User, coordinator: User):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(coordinator, reverse("desk:consultations"))
        return len(queries)

    consulting.book(consulting.make_bookable(doctor))
    count()
    few = count()
    for _number in range(3):
        consulting.book(consulting.make_bookable(doctor))
    past(consulting.make_bookable(doctor), 2, BookingStatus.CONFIRMED)

    assert count() == few


# --- the office records what the specialist cannot any more ---


def test_the_office_records_when_it_is_over(case: Request, doctor: User, coordinator: User, facility_office: User):
    booked = consulting.book(case)
    about = {"booking": booked, "seen_version": booked.version}

    with time_machine.travel(booked.starts_at), pytest.raises(BookingChanged):
        workflow.record_done(**about, by=Actor.staff(coordinator))
    with time_machine.travel(booked.ends_at):
        for nobody in (facility_office, consulting.add_specialist(case.assignment.facility)):
            with pytest.raises(NotAllowed):
                workflow.record_done(**about, by=Actor.staff(nobody))
        assert workflow.record_no_show(**about, by=Actor.staff(coordinator)).status == BookingStatus.NO_SHOW


def test_a_case_that_went_to_another_specialist_is_not_blocked_for_ever(
    case: Request, doctor: User, coordinator: User, facility_office: User
):
    forgotten = past(case, 1, BookingStatus.CONFIRMED)
    by, office = Actor.staff(coordinator), Actor.staff(facility_office)
    case.refresh_from_db()
    case = workflow.return_to_triage(request=case, by=by, seen_version=case.version, reason=ReturnReason.RECALLED)
    case = workflow.forward(request=case, by=by, seen_version=case.version, facility=doctor.memberships.get().facility)
    colleague = consulting.add_specialist(doctor.memberships.get().facility)
    case = workflow.name_specialist(request=case, by=office, seen_version=case.version, specialist=colleague)

    assert shown(agenda_of(doctor).to_record) == []
    with pytest.raises(AlreadyBooked, match=SENTENCE):
        consulting.hold(case, by=by)
    workflow.record_done(booking=forgotten, by=by, seen_version=forgotten.version)

    assert consulting.hold(case, by=by).is_held


def test_after_the_case_is_closed_the_office_still_records(case: Request, coordinator: User):
    forgotten = past(case, 1, BookingStatus.CONFIRMED)
    case.refresh_from_db()
    workflow.withdraw(request=case, by=Actor.author(case), seen_version=case.version)
    url = reverse("desk:consultation", args=[forgotten.pk])
    client = Client()
    sign_in(client, coordinator)

    page = client.get(url).content.decode()
    client.post(reverse("desk:consultation_done", args=[forgotten.pk]), {"seen_version": forgotten.version})

    assert "What became of it?" in page
    assert reverse("desk:consultation_late", args=[forgotten.pk]) not in page
    forgotten.refresh_from_db()
    assert forgotten.status == BookingStatus.DONE
    assert "What became of it?" not in client.get(url).content.decode()


# --- before it is recorded, no second one: and everybody reads why ---


def test_staff_read_what_to_do_first(case: Request, doctor: User, coordinator: User, facility_office: User):
    forgotten = past(case, 1, BookingStatus.CONFIRMED)
    record = reverse("desk:consultation", args=[forgotten.pk])

    for reader in (doctor, coordinator, facility_office):
        assert record in text_of(reader, reverse("desk:case", args=[case.reference]))
        book = text_of(reader, reverse("desk:book", args=[case.reference]))
        assert SENTENCE in book
        assert record in book
        with pytest.raises(AlreadyBooked, match=SENTENCE):
            consulting.hold(case, by=Actor.staff(reader))
    workflow.record_no_show(booking=forgotten, by=Actor.staff(doctor), seen_version=forgotten.version)

    page = text_of(coordinator, reverse("desk:case", args=[case.reference]))
    assert record not in page
    assert reverse("desk:book", args=[case.reference]) in page


@pytest.mark.parametrize("status", [BookingStatus.CONFIRMED, BookingStatus.DONE, BookingStatus.NO_SHOW])
def test_the_patient_reads_whom_to_ask_for_another(case: Request, status: str):
    past(case, 1, status)

    page = Browser().sign_in(case).open("my-request/")

    assert "write to the coordination office" in page.words
    assert "Choose a time" not in page.words
    with pytest.raises(AlreadyBooked, match="write to the coordination office"):
        consulting.hold(case)


def test_before_it_is_over_nobody_is_sent_to_the_office(case: Request):
    consulting.book(case)

    assert "The consultation of this request is over" not in Browser().sign_in(case).open("my-request/").words


def test_a_member_of_the_facility_records_nothing(case: Request, facility_office: User):
    forgotten = past(case, 1, BookingStatus.CONFIRMED)

    assert "What became of it?" not in text_of(facility_office, reverse("desk:consultation", args=[forgotten.pk]))
