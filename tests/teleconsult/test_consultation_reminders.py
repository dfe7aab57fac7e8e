"""Reminders of a consultation: computed when they are due, each once, never for a time that no longer holds."""

import datetime

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications import sending
from notifications.models import OutboxMessage
from teleconsult import consultation_reminders, workflow
from teleconsult.consultation_reminders import due_at
from teleconsult.models import Booking, ConsultationReminder, Request
from teleconsult.permissions import Actor
from teleconsult.tasks import keep_bookings
from tests.teleconsult import consulting

pytestmark = pytest.mark.django_db
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def case(facility: Facility) -> Request:
    return consulting.make_bookable(consulting.add_specialist(facility))


@pytest.fixture
def booked(case: Request) -> Booking:
    """A consultation in about fifty days."""
    return consulting.book(case, consulting.free(case)[-200])


def reminders() -> list[OutboxMessage]:
    rows = OutboxMessage.objects.order_by("created_at")
    return [row for row in rows if row.context.get("news") == "reminder"]


def states() -> list[tuple[int, str]]:
    return list(ConsultationReminder.objects.order_by("pk").values_list("hours_before", "state"))


def test_a_week_and_a_day_before_everybody_is_reminded_once(booked: Booking, case: Request):
    for hours in (168, 24):
        at = due_at(booked, hours)
        assert consultation_reminders.send_due(at - MINUTE) == 0
        assert consultation_reminders.send_due(at + MINUTE) == 1
        assert consultation_reminders.send_due(at + 2 * MINUTE) == 0

    assert [row.to for row in reminders()] == [case.email, booked.specialist.email] * 2
    assert states() == [(168, "posted"), (24, "posted")]


def test_the_job_sends_what_is_due(booked: Booking):
    with time_machine.travel(due_at(booked, 24) + MINUTE):
        keep_bookings()

    # The one of a week before is long over by then.
    assert sorted(states()) == [(24, "posted"), (168, "too_late")]


def test_half_an_hour_late_it_is_dropped_and_recorded(booked: Booking):
    assert consultation_reminders.send_due(due_at(booked, 168) + 31 * MINUTE) == 0

    assert reminders() == []
    assert states() == [(168, "too_late")]
    assert consultation_reminders.send_due(due_at(booked, 168) + 32 * MINUTE) == 0


def test_who_books_late_is_not_reminded_of_what_was_due_before(case: Request):
    near = consulting.book(case)

    consultation_reminders.send_due(timezone.now() + MINUTE)

    assert due_at(near, 168) < timezone.now()
    assert states() == []


def test_a_cancelled_one_is_not_reminded_of(booked: Booking):
    workflow.cancel_booking(booking=booked, by=Actor.author(booked.request), seen_version=booked.version)

    assert consultation_reminders.send_due(due_at(booked, 168)) == 0
    assert reminders() == []


def test_a_moved_one_is_reminded_of_at_its_new_time(booked: Booking, case: Request):
    consultation_reminders.send_due(due_at(booked, 168))
    new = consulting.free(case)[-1]
    moved = workflow.move_booking(booking=booked, by=Actor.author(case), seen_version=booked.version, slot=new.key)

    assert due_at(booked, 168) != due_at(moved, 168)
    assert consultation_reminders.send_due(due_at(booked, 24)) == 0
    assert consultation_reminders.send_due(due_at(moved, 168)) == 1
    assert ConsultationReminder.objects.filter(hours_before=168).count() == 2


def test_a_reminder_no_mail_server_has_taken_is_withdrawn_with_its_time(booked: Booking):
    consultation_reminders.send_due(due_at(booked, 168))
    assert {row.state for row in reminders()} == {"waiting"}

    workflow.cancel_booking(booking=booked, by=Actor.author(booked.request), seen_version=booked.version)

    assert {row.state for row in reminders()} == {"cancelled"}


def test_a_mail_server_away_for_long_sends_no_old_reminder(booked: Booking):
    at = due_at(booked, 24)
    with time_machine.travel(at):
        OutboxMessage.objects.all().delete()
        consultation_reminders.send_due()
    with time_machine.travel(at + 31 * MINUTE):
        sending.send_due()

    assert {(row.state, row.last_error) for row in reminders()} == {("cancelled", "TooLate")}


def test_everybody_reads_in_her_own_language_and_zone(facility: Facility):
    doctor: User = consulting.add_specialist(facility, "it")
    doctor.language = "it"
    doctor.save()
    interpreter = consulting.add_interpreter(("ar", "it"), zone="Africa/Cairo")
    case = consulting.make_bookable(doctor, language="ar", zone="Asia/Dubai")
    booked = consulting.book(case, consulting.free(case)[-150])

    consultation_reminders.send_due(due_at(booked, 24))

    found = {row.to: (row.language, row.context["clock_zone"]) for row in reminders()}
    assert found == {
        case.email: ("ar", "Asia/Dubai"),
        doctor.email: ("it", "Asia/Dubai"),
        interpreter.user.email: ("en", "Africa/Cairo"),
    }
    bodies = [sending.build(row).body for row in reminders()]
    assert all("UTC+" in body for body in bodies)
    assert not any(case.question in body or case.patient_name in body for body in bodies)
