"""Which times can be booked: computed from rules, exceptions, visiting days and what is booked; no slot is stored.

A slot has one meaning on every clock: none begins in the hour a clock change skips or in one it repeats, and none
lasts across a change, in the zone of its place or in the patient's.
"""

import datetime
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from teleconsult.clock import changes_between
from teleconsult.enums import ConsultationMode, ExceptionKind
from teleconsult.language_chain import Chain, chain_of
from teleconsult.models import (
    AvailabilityException,
    AvailabilityRule,
    Booking,
    Interpreter,
    Request,
    VisitingDay,
)
from teleconsult.models.availability import GRID_MINUTES

ONE_DAY = datetime.timedelta(days=1)
GRID = datetime.timedelta(minutes=GRID_MINUTES)
HORIZON = datetime.timedelta(days=60)
KEY_FORMAT = "%Y%m%dT%H%MZ"

Stretch = tuple[datetime.datetime, datetime.datetime]


@dataclass(frozen=True, order=True)
class Place:
    """Whose clocks are promised, and how people meet there; without a city, at the facility or from it by video."""

    zone: str = settings.PORTAL_TIME_ZONE
    mode: str = ConsultationMode.REMOTE
    city: str = ""
    country: str = ""


@dataclass(frozen=True)
class Window:
    """A stretch of UTC time in which a person can be booked at a place."""

    start: datetime.datetime
    end: datetime.datetime
    place: Place

    def covers(self, start: datetime.datetime, end: datetime.datetime) -> bool:
        return self.start <= start and end <= self.end


@dataclass(frozen=True)
class PersonTime:
    """A stretch of somebody's time."""

    person_id: uuid.UUID
    start: datetime.datetime
    end: datetime.datetime

    def meets(self, other: "PersonTime") -> bool:
        """Return whether both are the same person's and overlap."""
        return self.person_id == other.person_id and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Slot:
    """A time that can be booked now, with the interpreter who would be booked with it."""

    start: datetime.datetime
    end: datetime.datetime
    place: Place
    interpreter_id: uuid.UUID | None = None
    # Whose time it takes: the specialist's, and the interpreter's as the person she is.
    people: tuple[uuid.UUID, ...] = ()

    @property
    def key(self) -> str:
        """Return what a form sends back: the moment and how people meet."""
        return f"{self.start.astimezone(datetime.UTC):{KEY_FORMAT}}-{self.place.mode}"

    @property
    def is_remote(self) -> bool:
        return self.place.mode == ConsultationMode.REMOTE

    @property
    def times(self) -> list[PersonTime]:
        return [PersonTime(pk, self.start, self.end) for pk in self.people]


def instant(day: datetime.date, time: datetime.time, zone: str) -> datetime.datetime:
    """Return the UTC moment at which the clocks of a zone show a time.

    A time that a clock change skips is the moment of the change; one that it repeats is the first of the two.
    """
    place = ZoneInfo(zone)
    wall = datetime.datetime.combine(day, time)
    first = wall.replace(tzinfo=place).astimezone(datetime.UTC)
    if first.astimezone(place).replace(tzinfo=None) == wall:
        return first
    earlier = wall.replace(tzinfo=place, fold=1).astimezone(datetime.UTC)
    return changes_between(zone, earlier, first)[0]


def windows_of(person_id: uuid.UUID, since: datetime.datetime, until: datetime.datetime) -> list[Window]:
    """Return when a person works between two moments, bookings not counted."""
    return windows_of_all([person_id], since, until)[person_id]


def windows_of_all(
    person_ids: Iterable[uuid.UUID], since: datetime.datetime, until: datetime.datetime
) -> dict[uuid.UUID, list[Window]]:
    """Return the same for several people, in three queries."""
    ids = list(person_ids)
    # No zone is further than 14 hours from UTC.
    first, last = (since - ONE_DAY).date(), (until + ONE_DAY).date()
    rules = AvailabilityRule.objects.filter(
        Q(last_day__isnull=True) | Q(last_day__gte=first), person__in=ids, first_day__lte=last
    )
    exceptions = AvailabilityException.objects.filter(person__in=ids, first_day__lte=last, last_day__gte=first)
    visits = VisitingDay.objects.filter(person__in=ids, day__range=(first, last))
    found: dict[uuid.UUID, list[Window]] = {pk: [] for pk in ids}
    for pk in ids:
        away = {visit.day for visit in visits if visit.person_id == pk}
        mine = [row for row in exceptions if row.person_id == pk]
        windows = [
            *_weekly((rule for rule in rules if rule.person_id == pk), first, last, away),
            *_extra(mine, first, last),
            *(_visit(visit) for visit in visits if visit.person_id == pk),
        ]
        off = [stretch for row in mine for stretch in _off(row, first, last)]
        found[pk] = [
            Window(start, end, window.place)
            for window in _merged(windows)
            for start, end in remainder((window.start, window.end), off)
            if end > since and start < until
        ]
    return found


def slots_of(
    request: Request,
    specialist: User,
    *,
    chain: Chain | None = None,
    now: datetime.datetime | None = None,
    besides: uuid.UUID | None = None,
    also_taken: Iterable[PersonTime] = (),
    within: Stretch | None = None,
) -> list[Slot]:
    """Return the free times of a request with its specialist, in order; none where the languages do not fit.

    `besides` names a booking whose time counts as free: the one that is moved. `also_taken` counts as booked.
    `within` keeps those of a stretch of time, and looks no further.
    """
    moment = now or timezone.now()
    links = chain or chain_of(request, specialist)
    if not links.works:
        return []
    since, until = in_sight(moment)
    if within is not None:
        since, until = max(since, within[0]), min(until, within[1])
    office = request.office
    minutes = office.interpreted_minutes if links.needs_interpreter else office.consultation_minutes
    length = datetime.timedelta(minutes=minutes)
    interpreters = dict(Interpreter.objects.filter(pk__in=links.interpreters).values_list("pk", "user_id"))
    working = windows_of_all({specialist.pk, *interpreters.values()}, since, until)
    busy = _busy(set(working), since, until, moment, besides, request)
    for time in also_taken:
        busy[time.person_id].append((time.start, time.end))
    zones = {request.zone}
    found = []
    for window in working[specialist.pk]:
        for start in _starts(window, length):
            end = start + length
            is_free = start >= since and end <= until and not _overlaps(busy[specialist.pk], start, end)
            if not is_free or not all(is_plain(start, end, zone) for zone in zones | {window.place.zone}):
                continue
            if not links.needs_interpreter:
                found.append(Slot(start, end, window.place, people=(specialist.pk,)))
                continue
            for pk, user_id in sorted(interpreters.items()):
                is_there = any(hers.covers(start, end) for hers in working[user_id])
                if is_there and not _overlaps(busy[user_id], start, end):
                    found.append(Slot(start, end, window.place, pk, (specialist.pk, user_id)))
                    break
    return sorted(found, key=lambda slot: (slot.start, slot.place.mode))


def in_sight(now: datetime.datetime) -> Stretch:
    """Return from when until when something can be booked now."""
    return now + datetime.timedelta(hours=settings.BOOKING_NOTICE_HOURS), now + HORIZON


def is_plain(start: datetime.datetime, end: datetime.datetime, zone: str) -> bool:
    """Return whether a stretch has one meaning on the clocks of a zone: told once, and as long as they say.

    Of a time that clocks show twice calendars take the first (RFC 5545, 3.3.5), but people may take the other.
    """
    place = ZoneInfo(zone)
    begins, ends = start.astimezone(place), end.astimezone(place)
    is_told_once = begins.replace(fold=0).utcoffset() == begins.replace(fold=1).utcoffset()
    return is_told_once and begins.utcoffset() == ends.utcoffset()


def _weekly(
    rules: Iterable[AvailabilityRule], first: datetime.date, last: datetime.date, away: set[datetime.date]
) -> Iterator[Window]:
    for rule in rules:
        place = Place(rule.zone, rule.mode)
        for day in _days(max(first, rule.first_day), min(last, rule.last_day or last)):
            if day.weekday() == rule.weekday and day not in away:
                yield _window(day, rule.starts_at, rule.ends_at, place)


def _extra(rows: Iterable[AvailabilityException], first: datetime.date, last: datetime.date) -> Iterator[Window]:
    for row in rows:
        if row.kind == ExceptionKind.EXTRA and row.starts_at and row.ends_at:
            for day in _days(max(first, row.first_day), min(last, row.last_day)):
                yield _window(day, row.starts_at, row.ends_at, Place(row.zone))


def _off(row: AvailabilityException, first: datetime.date, last: datetime.date) -> Iterator[Stretch]:
    if row.kind != ExceptionKind.OFF:
        return
    for day in _days(max(first, row.first_day), min(last, row.last_day)):
        if row.starts_at and row.ends_at:
            yield instant(day, row.starts_at, row.zone), instant(day, row.ends_at, row.zone)
        else:
            midnight = datetime.time.min
            yield instant(day, midnight, row.zone), instant(day + ONE_DAY, midnight, row.zone)


def _visit(visit: VisitingDay) -> Window:
    place = Place(visit.zone, visit.mode, visit.city, visit.country)
    return _window(visit.day, visit.starts_at, visit.ends_at, place)


def _window(day: datetime.date, start: datetime.time, end: datetime.time, place: Place) -> Window:
    return Window(instant(day, start, place.zone), instant(day, end, place.zone), place)


def _days(first: datetime.date, last: datetime.date) -> Iterator[datetime.date]:
    day = first
    while day <= last:
        yield day
        day += ONE_DAY


def _merged(windows: Iterable[Window]) -> list[Window]:
    """Join windows of one place that touch; of two places at once the first begun holds, of equals always the same."""
    joined: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.start, one.end, one.place)):
        last = joined[-1] if joined else None
        if last is None or window.start > last.end or (window.start == last.end and window.place != last.place):
            joined.append(window)
        elif window.place == last.place:
            joined[-1] = Window(last.start, max(last.end, window.end), last.place)
        elif window.end > last.end:
            joined.append(Window(last.end, window.end, window.place))
    return joined


def remainder(whole: Stretch, off: Iterable[Stretch]) -> list[Stretch]:
    """Return what is left of a stretch without others."""
    left = [whole]
    for start, end in off:
        pieces = [piece for begun, ended in left for piece in ((begun, min(ended, start)), (max(begun, end), ended))]
        left = [(begun, ended) for begun, ended in pieces if begun < ended]
    return left


def _starts(window: Window, length: datetime.timedelta) -> Iterator[datetime.datetime]:
    # What is left of a window after hours off may begin between the lines of the grid.
    start = window.start + (-(window.start - datetime.datetime.min.replace(tzinfo=datetime.UTC)) % GRID)
    while start + length <= window.end:
        yield start
        start += length


def _busy(
    people: set[uuid.UUID],
    since: datetime.datetime,
    until: datetime.datetime,
    now: datetime.datetime,
    besides: uuid.UUID | None,
    request: Request,
) -> dict[uuid.UUID, list[Stretch]]:
    """Return when people are taken, in whichever part; the hold of this request is its own to replace."""
    rows = Booking.objects.taken(now).between(since, until).exclude(pk=besides)
    rows = rows.filter(Q(specialist__in=people) | Q(interpreter__user__in=people))
    rows = rows.exclude(request=request, hold_until__gt=now, status="held")
    taken: dict[uuid.UUID, list[Stretch]] = defaultdict(list)
    for period, *booked in rows.values_list("period", "specialist", "interpreter__user"):
        for person in filter(None, booked):
            taken[person].append((period.lower, period.upper))
    return taken


def _overlaps(taken: Iterable[Stretch], start: datetime.datetime, end: datetime.datetime) -> bool:
    return any(begun < end and start < ended for begun, ended in taken)
