"""Specialists with hours, interpreters with pairs, and requests for which a consultation can be booked."""

import datetime
import uuid
from typing import Any

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from teleconsult import slots, workflow
from teleconsult.models import (
    AvailabilityRule,
    Booking,
    Interpreter,
    LanguagePair,
    Request,
    SpecialistProfile,
)
from teleconsult.permissions import Actor
from teleconsult.slots import Slot
from tests.teleconsult import factories
from tests.turning_clock import QUARTER, let_begin
from treatments.models import Protocol

LONG_AGO = datetime.date(2020, 1, 1)


def add_hours(person: User, start: int = 9, end: int = 17, weekdays: Any = range(7), **fields: Any) -> None:
    """Let a person be booked on these weekdays, all of them by default."""
    for weekday in weekdays:
        AvailabilityRule.objects.create(
            person=person,
            weekday=weekday,
            starts_at=datetime.time(start),
            ends_at=datetime.time(end),
            first_day=LONG_AGO,
            **fields,
        )


def add_specialist(facility: Facility, *languages: str, hours: bool = True) -> User:
    person = factories.add_staff(facility, StaffRole.SPECIALIST)
    SpecialistProfile.objects.create(user=person, languages=list(languages or ["en", "it"]))
    if hours:
        add_hours(person)
    return person


def add_interpreter(*pairs: tuple[str, str], hours: bool = True, zone: str = "Europe/Rome") -> Interpreter:
    interpreter = Interpreter.objects.create(user=factories.make_user("Ines Interpreter"), since=LONG_AGO, zone=zone)
    for first, second in pairs:
        LanguagePair.objects.create(interpreter=interpreter, first=first, second=second)
    if hours:
        add_hours(interpreter.user)
    return interpreter


def make_bookable(specialist: User, facility: Facility | None = None, **answers: Any) -> Request:
    """Return a request that is with a specialist, by a protocol that includes a consultation."""
    # Once it begins, the time that was the nearest is too near to be booked.
    let_begin(QUARTER)
    here = facility or specialist.memberships.get().facility
    office = here.memberships.filter(role=StaffRole.FACILITY_OFFICE).first()
    staff = office.user if office else factories.reached(here)
    request = factories.make_with_facility(factories.add_coordinator(), here, **answers)
    request = workflow.name_specialist(
        request=request, by=Actor.staff(staff), seen_version=request.version, specialist=specialist
    )
    request.protocol = Protocol.objects.filter(facility=here).first() or factories.make_protocol(here)
    request.protocol.includes_consultation = True
    request.protocol.save()
    request.save()
    return Request.objects.get(pk=request.pk)


def free(request: Request) -> list[Slot]:
    """Return what the request could book now."""
    request = Request.objects.get(pk=request.pk)
    return slots.slots_of(request, request.assignment.specialist)


def hold(request: Request, slot: Slot | None = None, by: Actor | None = None) -> Booking:
    chosen = slot or free(request)[0]
    return workflow.hold_slot(
        request=request, by=by or Actor.author(request), slot=chosen.key, idempotency_key=uuid.uuid4()
    )


def book(request: Request, slot: Slot | None = None) -> Booking:
    """Hold a time and confirm it."""
    held = hold(request, slot)
    return workflow.confirm_booking(booking=held, by=Actor.author(request), seen_version=held.version)
