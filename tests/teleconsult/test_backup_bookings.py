"""Consultations and a backup: what was erased frees its time again, and nobody hears of it twice."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from notifications.models import OutboxMessage
from teleconsult import consultation_reminders, workflow
from teleconsult.agenda import agenda_of
from teleconsult.enums import BookingStatus, Status
from teleconsult.models import Booking, ConsultationReminder, Request, WaitingEntry
from teleconsult.permissions import Actor
from teleconsult.tasks import keep_bookings
from tests.teleconsult import consulting, factories
from tests.teleconsult.test_backup import backup, elsewhere, empty_database  # noqa: F401  fixtures
from vault import tombstones
from vault.backups import Places

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doctor(transactional_db: None) -> User:
    return consulting.add_specialist(factories.make_facility(), "it")


@pytest.fixture
def booked(doctor: User) -> Booking:
    """Return a consultation in two weeks, with an interpreter."""
    consulting.add_interpreter(("ar", "it"))
    case = consulting.make_bookable(doctor, language="ar")
    in_two_weeks = timezone.now() + timedelta(days=14)
    return consulting.book(case, next(slot for slot in consulting.free(case) if slot.start > in_two_weeks))


@pytest.fixture
def waits(doctor: User, booked: Booking) -> Request:
    """Return who waits for exactly the time that is booked."""
    case = consulting.make_bookable(doctor, language="ar")
    workflow.join_waiting(request=case, by=Actor.author(case))
    return case


def messages() -> set[Any]:
    return set(OutboxMessage.objects.values_list("pk", flat=True))


def readable(case: Request) -> list[OutboxMessage]:
    """Return the messages about a request that still say something to somebody."""
    ids = [str(case.pk), *(str(pk) for pk in case.bookings.values_list("pk", flat=True))]
    return [row for row in OutboxMessage.objects.filter(about__in=ids) if row.to or row.context or row.attachments]


@pytest.mark.parametrize("state", ["confirmed", "held"])
def test_an_erased_case_comes_back_without_its_consultation(
    booked: Booking,
    waits: Request,
    doctor: User,
    state: str,
    backup: Places,  # noqa: F811
    empty_database: Callable[[], Any],  # noqa: F811
    elsewhere: Callable[[], Path],  # noqa: F811
) -> None:
    goes = booked.request
    if state == "held":
        until = timezone.now() + timedelta(minutes=10)
        Booking.objects.update(status=BookingStatus.HELD, hold_until=until, agreed_at=None)
    call_command("backup", str(backup.folder))
    saved = messages()
    goes.refresh_from_db()
    workflow.erase(request=goes, by=factories.patient_of(goes))
    assert set(WaitingEntry.objects.values_list("told_at", flat=True)) != {None}
    tombstones.keep_file()
    listed = elsewhere()
    empty_database()

    call_command("restore", str(backup.folder), tombstones=[listed])

    back = Booking.objects.get(pk=booked.pk)
    ended = {"confirmed": BookingStatus.CANCELLED, "held": BookingStatus.RELEASED}
    assert back.status == ended[state]
    assert back.ended_at is not None
    assert Request.objects.get(pk=goes.pk).status == Status.ERASED
    assert booked.starts_at in {slot.start for slot in consulting.free(waits)}
    assert messages() == saved
    assert readable(goes) == []
    assert WaitingEntry.objects.get(request=waits).told_at is None
    assert agenda_of(doctor).is_empty
    # Nor later, when reminders would be due and holds be cleared up.
    with time_machine.travel(booked.starts_at - timedelta(hours=24)):
        keep_bookings()
    assert messages() == saved
    assert not ConsultationReminder.objects.exists()
    assert consulting.book(waits, next(s for s in consulting.free(waits) if s.start == booked.starts_at)).is_confirmed


def test_without_keys_no_consultation_is_left_and_nobody_is_told(
    booked: Booking,
    waits: Request,
    doctor: User,
    backup: Places,  # noqa: F811
    empty_database: Callable[[], Any],  # noqa: F811
    elsewhere: Callable[[], Path],  # noqa: F811
) -> None:
    holder = consulting.make_bookable(doctor, language="ar")
    # Not the next one: when everything is restored it may be too near to be booked.
    held = consulting.hold(holder, consulting.free(holder)[20])
    call_command("backup", str(backup.folder))
    saved = messages()
    tombstones.keep_file()
    listed = elsewhere()
    empty_database()

    call_command("restore", str(backup.folder), tombstones=[listed], without_keys=True)

    statuses = dict(Booking.objects.values_list("pk", "status"))
    assert statuses == {booked.pk: BookingStatus.CANCELLED, held.pk: BookingStatus.RELEASED}
    assert set(Request.objects.values_list("status", flat=True)) == {Status.ERASED}
    entry = WaitingEntry.objects.get(request=waits)
    assert (entry.told_at, entry.left_at is not None) == (None, True)
    assert messages() == saved
    assert consultation_reminders.send_due(booked.starts_at - timedelta(hours=24)) == 0
    assert agenda_of(doctor).is_empty
    new = consulting.make_bookable(doctor, language="ar")
    assert {booked.starts_at, held.starts_at} <= {slot.start for slot in consulting.free(new)}


def test_a_case_that_was_not_erased_keeps_its_consultation(
    booked: Booking,
    waits: Request,
    backup: Places,  # noqa: F811
    empty_database: Callable[[], Any],  # noqa: F811
    elsewhere: Callable[[], Path],  # noqa: F811
) -> None:
    call_command("backup", str(backup.folder))
    tombstones.keep_file()
    listed = elsewhere()
    empty_database()

    call_command("restore", str(backup.folder), tombstones=[listed])

    back = Booking.objects.get(pk=booked.pk)
    assert (back.status, back.room, back.sequence) == (BookingStatus.CONFIRMED, booked.room, booked.sequence)
    assert consultation_reminders.send_due(booked.starts_at - timedelta(hours=24)) == 1
    freed = workflow.cancel_booking(booking=back, by=Actor.author(back.request), seen_version=back.version)
    assert freed.status == BookingStatus.CANCELLED
    assert WaitingEntry.objects.get(request=waits).told_at is not None
