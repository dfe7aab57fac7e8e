"""The consultations as staff read them: by day, with what is to be done, and no more than a role may know."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from teleconsult import clock, slots, transitions
from teleconsult.appointments import Appointment
from teleconsult.enums import Action, BookingStatus, Role
from teleconsult.language_chain import Chain
from teleconsult.models import Booking, Interpreter, OfficeMember, Request
from teleconsult.permissions import roles_of

LATELY = datetime.timedelta(days=30)
MOST_SHOWN = 200


@dataclass(frozen=True)
class AgendaItem:
    """One consultation on somebody's agenda."""

    appointment: Appointment
    role: Role
    # Who is not there any more at that time: hours changed after it was booked.
    missing: frozenset[Role] = frozenset()
    # She is one of those who meet.
    takes_part: bool = False

    @property
    def booking(self) -> Booking:
        return self.appointment.booking

    @property
    def opens_case(self) -> bool:
        """Return whether the reader may open the request; an interpreter may not."""
        return self.role != Role.INTERPRETER

    @property
    def can_record(self) -> bool:
        """Return whether the reader may say now what became of it; the office when it is over."""
        if self.role == Role.COORDINATOR:
            return self.is_unrecorded
        return self.role == Role.SPECIALIST and self.booking.is_confirmed and self.appointment.has_begun

    @property
    def can_record_late(self) -> bool:
        """Return whether the reader knows when it began."""
        return self.can_record and self.role == Role.SPECIALIST

    @property
    def is_unrecorded(self) -> bool:
        """Return whether it is over, and nobody has said what became of it."""
        return self.booking.is_confirmed and self.appointment.is_over

    @property
    def can_change(self) -> bool:
        """Return whether the reader may move or cancel it; who reads in an emergency does nothing else."""
        return self.role in transitions.who_ever(Action.MOVE_BOOKING) and self.appointment.can_change

    @property
    def warning(self) -> str:
        """Return what must be decided, where somebody is not there any more at that time."""
        if Role.SPECIALIST in self.missing and self.role == Role.SPECIALIST:
            return _("Outside your hours now: move or cancel it")
        return _("Outside the hours of the specialist or the interpreter now") if self.missing else ""

    def is_over_for_her(self, now: datetime.datetime) -> bool:
        """Return whether the reader, who records nothing, was lately there."""
        return self.is_unrecorded and not self.opens_case and self.booking.ends_at > now - LATELY

    @cached_property
    def lateness(self) -> str:
        """Return how late it began, where that was recorded."""
        minutes = self.booking.minutes_late
        if not minutes:
            return ""
        return ngettext("Began %(minutes)s minute late", "Began %(minutes)s minutes late", minutes) % {
            "minutes": minutes
        }


@dataclass(frozen=True)
class AgendaDay:
    """A day in Milan and its consultations."""

    date: datetime.date
    items: list[AgendaItem]

    @property
    def name(self) -> str:
        noon = datetime.datetime.combine(self.date, datetime.time(12), tzinfo=clock.MILAN)
        return clock.Clock(noon, "Europe/Rome", "").date


@dataclass(frozen=True)
class Agenda:
    """What waits to be recorded, what comes, and what was lately."""

    to_record: list[AgendaItem]
    coming: list[AgendaDay]
    past: list[AgendaItem]

    @property
    def request_ids(self) -> set[uuid.UUID]:
        """Return whose consultations it shows."""
        coming = (item for day in self.coming for item in day.items)
        return {item.booking.request_id for item in (*self.to_record, *coming, *self.past)}

    @property
    def is_empty(self) -> bool:
        return not (self.to_record or self.coming or self.past)


def agenda_of(reader: User, now: datetime.datetime | None = None) -> Agenda:
    """Return the agenda of a person of the staff: hers, her facility's or her office's."""
    moment = now or timezone.now()
    rows = Booking.objects.visible_to(reader).with_people().exclude(status=BookingStatus.RELEASED)
    over = rows.filter(period__endswith__lte=moment)
    # Each with a limit of its own: many that are over push none out that comes, and none is forgotten unrecorded.
    found = [
        *over.confirmed().order_by("period")[:MOST_SHOWN],
        *over.filter(period__endswith__gt=moment - LATELY).order_by("-period")[:MOST_SHOWN],
        *rows.filter(period__endswith__gt=moment).order_by("period")[:MOST_SHOWN],
    ]
    recent = sorted({row.pk: row for row in found}.values(), key=lambda row: row.starts_at)
    shown = [row for row in recent if not row.is_held or (row.hold_until or moment) > moment]
    roles, missing = booked_roles(shown, reader), _missing(shown, moment)
    items = [_item(row, reader, moment, roles[row.pk], missing.get(row.pk, frozenset())) for row in shown]
    coming = [item for item in items if item.booking.status in {"held", "confirmed"} and not item.appointment.is_over]
    return Agenda(
        to_record=[item for item in items if item.is_unrecorded and item.opens_case],
        coming=[
            AgendaDay(day, list(group))
            for day, group in groupby(coming, lambda item: item.booking.starts_at.astimezone(clock.MILAN).date())
        ],
        past=[item for item in reversed(items) if item.booking.ended_at is not None or item.is_over_for_her(moment)],
    )


def item_of(booking: Booking, reader: User, now: datetime.datetime | None = None) -> AgendaItem:
    """Return one consultation as a person may read it."""
    moment = now or timezone.now()
    missing = _missing([booking], moment)
    return _item(booking, reader, moment, booked_role(booking, reader), missing.get(booking.pk, frozenset()))


def unrecorded_of(request: Request, reader: User, now: datetime.datetime | None = None) -> Booking | None:
    """Return the consultation of a request that is over and of which nobody has said what became of it."""
    rows = Booking.objects.visible_to(reader).confirmed().filter(request=request)
    return rows.filter(period__endswith__lte=now or timezone.now()).first()


def reader_zone(booking: Booking, role: Role, reader: User) -> str:
    """Return whose clock stands first: the interpreter's own; else the patient's, beside Milan's."""
    if role == Role.INTERPRETER and booking.interpreter is not None and booking.interpreter.user_id == reader.pk:
        return booking.interpreter.zone
    return booking.request.zone


def gaps_in_words(chain: Chain) -> list[str]:
    """Return why no time is offered."""
    return [str(gap.label) for gap in chain.gaps]


def part_of(booking: Booking, reader: User) -> Role | None:
    """Return as whom a person of the staff takes part herself; None for everybody who only knows of it."""
    if booking.specialist_id == reader.pk:
        return Role.SPECIALIST
    if booking.interpreter is not None and booking.interpreter.user_id == reader.pk:
        return Role.INTERPRETER
    return None


def booked_role(booking: Booking, reader: User) -> Role:
    """Return the role in which a person reads a consultation; the one that takes part goes first."""
    if booking.specialist_id == reader.pk:
        return Role.SPECIALIST
    roles = roles_of(reader, booking.request)
    return next(iter(roles), Role.INTERPRETER)


def booked_roles(rows: Sequence[Booking], reader: User) -> dict[uuid.UUID, Role]:
    """Return the same for many consultations; those of the reader's own offices need no query of their own."""
    offices = set(OfficeMember.objects.current().filter(user=reader).values_list("office", flat=True))
    return {
        row.pk: Role.COORDINATOR
        if row.request.office_id in offices and row.specialist_id != reader.pk
        else booked_role(row, reader)
        for row in rows
    }


def _item(
    row: Booking, reader: User, now: datetime.datetime, role: Role, missing: frozenset[Role] = frozenset()
) -> AgendaItem:
    takes_part = part_of(row, reader) is not None
    return AgendaItem(Appointment(row, reader_zone(row, role, reader), now), role, missing, takes_part)


def _missing(rows: Iterable[Booking], now: datetime.datetime) -> dict[uuid.UUID, frozenset[Role]]:
    """Return who of specialist and interpreter is not there any more at the consultations that come."""
    coming = [row for row in rows if row.is_confirmed and row.starts_at > now]
    if not coming:
        return {}
    interpreters = {row.interpreter_id: row.interpreter.user_id for row in coming if row.interpreter}
    still = set(Interpreter.objects.current().filter(pk__in=interpreters).values_list("pk", flat=True))
    people = {row.specialist_id for row in coming} | set(interpreters.values())
    hours = slots.windows_of_all(people, now, max(row.ends_at for row in coming))
    found: dict[uuid.UUID, frozenset[Role]] = {}
    for row in coming:
        absent = set()
        if not any(_keeps(window, row) for window in hours[row.specialist_id]):
            absent.add(Role.SPECIALIST)
        if row.interpreter and not (
            row.interpreter_id in still
            and any(window.covers(row.starts_at, row.ends_at) for window in hours[row.interpreter.user_id])
        ):
            absent.add(Role.INTERPRETER)
        if absent:
            found[row.pk] = frozenset(absent)
    return found


def _keeps(window: slots.Window, row: Booking) -> bool:
    """Return whether a specialist is there at that time; who meets in person must be at that place."""
    is_there = row.is_remote or (window.place.mode, window.place.city) == (row.mode, row.city)
    return is_there and window.covers(row.starts_at, row.ends_at)


def nothing_free(request: Request, chain: Chain) -> str:
    """Return why a request has no time to choose, for staff."""
    if not chain.works:
        return " ".join(gaps_in_words(chain))
    return _("The specialist has no free hours in the next 60 days, or no interpreter is free in them.")
