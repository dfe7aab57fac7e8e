"""When a specialist or an interpreter can be booked; each person changes her own."""

import datetime
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Membership
from teleconsult import slots
from teleconsult.enums import ExceptionKind, Role
from teleconsult.exceptions import NotAllowed
from teleconsult.models import (
    AvailabilityException,
    AvailabilityRule,
    Interpreter,
    SpecialistProfile,
    VisitingDay,
)
from teleconsult.permissions import Actor
from teleconsult.workflow.freeing import gained, tell_waiting, telling_of_languages
from vault import trail

# Nobody has more lines than this; a page shows them all.
MOST_LINES = 200


def role_with_hours(user: User) -> Role | None:
    """Return in which role a person can be booked today."""
    if Membership.objects.current().filter(user_id=user.pk, role=StaffRole.SPECIALIST).exists():
        return Role.SPECIALIST
    if Interpreter.objects.current().filter(user_id=user.pk).exists():
        return Role.INTERPRETER
    return None


def zone_of_hours(user: User) -> str:
    """Return whose clocks a person's weekly hours are told by."""
    interpreter = Interpreter.objects.current().filter(user_id=user.pk).first()
    return interpreter.zone if interpreter else settings.PORTAL_TIME_ZONE


@transaction.atomic
def save_languages(*, by: Actor, languages: Sequence[str]) -> SpecialistProfile:
    """Keep which languages a specialist speaks, the one she likes best first."""
    person = _person(by, Role.SPECIALIST)
    with telling_of_languages(specialist=person):
        profile, _is_new = SpecialistProfile.objects.update_or_create(
            user=person, defaults={"languages": list(languages)}
        )
    _record(by, profile, Role.SPECIALIST)
    return profile


@transaction.atomic
def add_rule(
    *,
    by: Actor,
    weekdays: Sequence[int],
    starts_at: datetime.time,
    ends_at: datetime.time,
    mode: str,
    first_day: datetime.date,
    last_day: datetime.date | None = None,
) -> list[AvailabilityRule]:
    """Add hours that come back each week; added twice, they are there once."""
    person = _person(by)
    with _telling_of_new_hours(person):
        rows = [
            AvailabilityRule.objects.get_or_create(
                person=person,
                weekday=weekday,
                starts_at=starts_at,
                ends_at=ends_at,
                mode=mode,
                zone=zone_of_hours(person),
                first_day=first_day,
                last_day=last_day,
            )[0]
            for weekday in weekdays
        ]
        for row in rows:
            _record(by, row)
    return rows


@transaction.atomic
def add_exception(
    *,
    by: Actor,
    kind: ExceptionKind,
    first_day: datetime.date,
    last_day: datetime.date,
    starts_at: datetime.time | None = None,
    ends_at: datetime.time | None = None,
) -> AvailabilityException:
    """Add days that differ. What is booked on them stays booked, and is shown to whoever must decide."""
    person = _person(by)
    with _telling_of_new_hours(person):
        row, _is_new = AvailabilityException.objects.get_or_create(
            person=person,
            kind=kind,
            first_day=first_day,
            last_day=last_day,
            starts_at=starts_at,
            ends_at=ends_at,
            zone=zone_of_hours(person),
        )
        _record(by, row)
    return row


@transaction.atomic
def add_visit(
    *,
    by: Actor,
    day: datetime.date,
    city: str,
    country: str,
    zone: str,
    starts_at: datetime.time,
    ends_at: datetime.time,
    mode: str,
) -> VisitingDay:
    """Add a day at a place abroad, in hours of its clocks."""
    person = _person(by, Role.SPECIALIST)
    with _telling_of_new_hours(person):
        row, _is_new = VisitingDay.objects.get_or_create(
            person=person,
            day=day,
            city=city,
            country=country,
            zone=zone,
            starts_at=starts_at,
            ends_at=ends_at,
            mode=mode,
        )
        _record(by, row)
    return row


@transaction.atomic
def remove_line(*, by: Actor, model: type[models.Model], pk: uuid.UUID) -> None:
    """Remove hours, an exception or a visit; removed already, nothing changes."""
    person = _person(by)
    row = model._default_manager.filter(pk=pk, person=person).first()
    if row is not None:
        with _telling_of_new_hours(person):
            _record(by, row)
            row.delete()


@contextmanager
def _telling_of_new_hours(person: User) -> Iterator[None]:
    """Tell those who wait of the hours that a change brings, whichever change it is."""
    now = timezone.now()
    until = now + slots.HORIZON
    before = slots.windows_of(person.pk, now, until)
    yield
    tell_waiting(gained(person.pk, before, slots.windows_of(person.pk, now, until)), now)


def _person(by: Actor, role: Role | None = None) -> User:
    user = by.user
    held = role_with_hours(user) if user is not None and user.is_active else None
    if user is None or held is None or role not in {None, held}:
        raise NotAllowed
    return user


def _record(by: Actor, row: models.Model, role: Role | None = None) -> None:
    held = role or (role_with_hours(by.user) if by.user else None)
    trail.record(action=trail.Action.CHANGED, by=by.for_trail(held or ""), object=row, detail="availability")
