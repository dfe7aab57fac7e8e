"""Working days, pauses and the two clocks. Nobody else counts days.

A promise of n working days started on day 0 is due at 18:00 in Milan of the n-th working day after day 0. A working
day counts when the clock runs at its 18:00; a day on which it stands still then does not.
"""

import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, get_timezone_location
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from taxonomy.dates import with_first
from taxonomy.languages import locale
from teleconsult.enums import FACILITY_STATUSES, DayKind, WaitingFor

if TYPE_CHECKING:
    from holidays import HolidayBase

    from teleconsult.models import Request

MILAN = ZoneInfo(settings.PORTAL_TIME_ZONE)
CLOSING = datetime.time(18, 0)
ONE_DAY = datetime.timedelta(days=1)
ONE_SECOND = datetime.timedelta(seconds=1)
NOTHING = datetime.timedelta(0)
# Saturday and Sunday.
WEEKEND = {5, 6}
# A page never draws more days than this: a case that is late for months has no use for them.
LONGEST_PROGRESS = 60


@dataclass(frozen=True)
class Stop:
    """A stretch in which the clock stands still; no end means that it still does."""

    since: datetime.datetime
    until: datetime.datetime | None = None

    def covers(self, moment: datetime.datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class Day:
    """One day of the clock, in the words of the language that is active when they are read."""

    date: datetime.date
    kind: DayKind
    is_today: bool = False

    @property
    def state(self) -> str:
        """Return the name the component `days` knows."""
        return str(self.kind)

    @property
    def weekday(self) -> str:
        return str(format_date(self.date, "ccc", locale=_locale()))

    @property
    def day(self) -> str:
        return str(self.date.day)

    @property
    def text(self) -> str:
        """Return the whole day for those who hear the page."""
        words = f"{with_first(format_date(self.date, 'full', locale=_locale()))}: {self.kind.label}"
        return f"{words} ({_('Today')})" if self.is_today else words


@dataclass(frozen=True)
class Progress:
    """Where the clock of a request stands at a moment."""

    days: tuple[Day, ...]
    promised: int
    used: int
    due_at: datetime.datetime
    paused_since: datetime.datetime | None
    is_late: bool

    @property
    def left(self) -> int:
        """Return the working days that are left; none when the time is over."""
        return max(0, self.promised - self.used)

    @property
    def is_paused(self) -> bool:
        return self.paused_since is not None


@dataclass(frozen=True)
class Clock:
    """One moment at one place, as the component `clocks` shows it."""

    moment: datetime.datetime
    zone: str
    place: str

    @classmethod
    def at(cls, moment: datetime.datetime, zone: str) -> Self:
        return cls(moment.astimezone(ZoneInfo(zone)), zone, place_of(zone))

    @property
    def hour(self) -> int:
        return self.moment.hour

    @property
    def minute(self) -> int:
        return self.moment.minute

    @property
    def time(self) -> str:
        return f"{self.moment:%H:%M}"

    @property
    def datetime(self) -> str:
        return self.moment.isoformat(timespec="minutes")

    @property
    def date(self) -> str:
        """Return the day with weekday and year in the active language."""
        return with_first(format_date(self.moment, "full", locale=_locale()))

    @property
    def short_date(self) -> str:
        return with_first(format_skeleton("MMMEd", self.moment, locale=_locale()))

    @property
    def offset(self) -> str:
        return offset_of(self.moment)


def is_working_day(day: datetime.date, province: str) -> bool:
    """Return whether the offices of a province work on a day: no weekend, no public or patron's holiday."""
    return day.weekday() not in WEEKEND and day not in _holidays(province)


def working_days(after: datetime.date, province: str) -> Iterator[datetime.date]:
    """Yield the working days after a day, without end."""
    day = after
    while True:
        day += ONE_DAY
        if is_working_day(day, province):
            yield day


def closing_of(day: datetime.date) -> datetime.datetime:
    """Return 18:00 in Milan of a day."""
    return datetime.datetime.combine(day, CLOSING, tzinfo=MILAN)


def due_at(started_at: datetime.datetime, days: int, province: str, stops: Iterable[Stop] = ()) -> datetime.datetime:
    """Return 18:00 in Milan of the n-th working day that counts; a stop without end counts as ended.

    Raises ValueError for less than one day.
    """
    if days < 1:
        raise ValueError("A promise is at least one working day.")
    ended = [stop for stop in stops if stop.until is not None]
    counted = 0
    for day in working_days(_day_in_milan(started_at), province):
        counted += not _stands_still(closing_of(day), ended)
        if counted == days:
            return closing_of(day)
    raise AssertionError("Working days never end.")


def days_used(started_at: datetime.datetime, now: datetime.datetime, province: str, stops: Iterable[Stop] = ()) -> int:
    """Return how many working days have counted so far."""
    listed = list(stops)
    used = 0
    for day in working_days(_day_in_milan(started_at), province):
        if closing_of(day) > now:
            return used
        used += not _stands_still(closing_of(day), listed)
    raise AssertionError("Working days never end.")


def days_between(start: datetime.datetime, end: datetime.datetime, province: str) -> int:
    """Return on which working day after its beginning something ended: 0 on the same one, 1 on the next."""
    last = _day_in_milan(end)
    days = itertools.takewhile(lambda day: day <= last, working_days(_day_in_milan(start), province))
    return sum(1 for _day in days)


def stops_of(request: "Request") -> list[Stop]:
    """Return the pauses since the clock started, the one that lasts included."""
    if request.clock_started_at is None:
        return []
    past = [Stop(pause.since, pause.until) for pause in request.pauses.all() if pause.until >= request.clock_started_at]
    return [*past, Stop(request.paused_since)] if request.paused_since else past


def days_left(request: "Request", now: datetime.datetime | None = None) -> int | None:
    """Return the working days left, 0 when late, None where nothing is promised."""
    if request.due_at and not request.paused_since and request.is_open:
        # Past pauses have moved the due day already: the days from here to there are those that are left.
        moment = now or timezone.now()
        before = max(_day_in_milan(moment) - ONE_DAY, _day_in_milan(request.clock_started_at or moment))
        last = _day_in_milan(request.due_at)
        days = itertools.takewhile(lambda day: day <= last, working_days(before, request.clock_province))
        return sum(1 for day in days if closing_of(day) > moment)
    current = progress(request, now)
    return current.left if current else None


def is_late(request: "Request", now: datetime.datetime | None = None) -> bool:
    """Return whether the time is over while the clock runs."""
    return (
        request.is_open
        and request.due_at is not None
        and not request.paused_since
        and request.due_at <= (now or timezone.now())
    )


def counts_anew(request: "Request") -> bool:
    """Return whether the days begin anew once the papers have arrived that the facility waits for."""
    waits = request.waiting_for == WaitingFor.DOCUMENT and request.returns_to in FACILITY_STATUSES
    is_running = request.clock_started_at is not None
    return waits and is_running and request.protocol is not None and request.protocol.restarts_with_documents


def progress(request: "Request", now: datetime.datetime | None = None) -> Progress | None:
    """Return the clock of a request day by day, or None where nothing is promised.

    The due day moves on with each day of a pause that lasts: it is the one if the patient answered now.
    """
    if request.clock_started_at is None or request.promised_days is None:
        return None
    moment = now or timezone.now()
    stops = stops_of(request)
    used = days_used(request.clock_started_at, moment, request.clock_province, stops)
    as_if_resumed = [Stop(stop.since, stop.until or moment) for stop in stops]
    began = moment if counts_anew(request) else request.clock_started_at
    due = due_at(began, request.promised_days, request.clock_province, as_if_resumed)
    return Progress(
        days=tuple(_days(request, moment, due, stops)),
        promised=request.promised_days,
        used=min(used, request.promised_days),
        due_at=due,
        paused_since=request.paused_since,
        is_late=is_late(request, moment),
    )


def two_clocks(moment: datetime.datetime, zone: str) -> list[Clock]:
    """Return a moment in the patient's zone and in Milan's; once, where they are one zone."""
    milan = Clock.at(moment, settings.PORTAL_TIME_ZONE)
    return [milan] if zone == settings.PORTAL_TIME_ZONE else [Clock.at(moment, zone), milan]


def place_of(zone: str) -> str:
    """Return the name of a zone's place in the active language; our own zone is Milan."""
    if zone == settings.PORTAL_TIME_ZONE:
        return pgettext("place of the Italian time zone", "Milan")
    return str(get_timezone_location(zone, locale=_locale(), return_city=True))


def offset_of(moment: datetime.datetime) -> str:
    """Return the distance from UTC of a moment with zone: UTC+3, UTC+5:30, UTC."""
    minutes = int((moment.utcoffset() or datetime.timedelta(0)).total_seconds()) // 60
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''}"


def _days(request: "Request", now: datetime.datetime, due: datetime.datetime, stops: list[Stop]) -> Iterator[Day]:
    today, last = _day_in_milan(now), _day_in_milan(due)
    end = _day_in_milan(request.closed_at) if request.closed_at else max(today, last)
    day = _day_in_milan(request.clock_started_at or now)
    for _number in range(LONGEST_PROGRESS):
        day += ONE_DAY
        if day > max(end, last):
            return
        yield Day(day, _kind_of(day, request, now, last, stops), is_today=day == today)


def _kind_of(
    day: datetime.date, request: "Request", now: datetime.datetime, last: datetime.date, stops: list[Stop]
) -> DayKind:
    closing = closing_of(day)
    if not is_working_day(day, request.clock_province):
        return DayKind.CLOSED
    # A pause that lasts covers the days until today, not those to come.
    if _stands_still(closing, stops) and day <= _day_in_milan(now):
        return DayKind.PAUSED
    if day > last:
        return DayKind.LATE
    if closing <= now:
        return DayKind.DONE
    return DayKind.DUE if day == last else DayKind.LEFT


def _stands_still(moment: datetime.datetime, stops: Iterable[Stop]) -> bool:
    return any(stop.covers(moment) for stop in stops)


def _day_in_milan(moment: datetime.datetime) -> datetime.date:
    return moment.astimezone(MILAN).date()


def _locale() -> Locale:
    return locale(translation.get_language() or settings.LANGUAGE_CODE)


@cache
def _holidays(province: str) -> "HolidayBase":
    """Return the public holidays of Italy with the patron's day of the province's capital; years fill themselves."""
    # Twelve megabytes of the calendars of the world, which most web processes never need.
    from holidays import country_holidays  # noqa: PLC0415

    return country_holidays("IT", subdiv=province)


# --- a stretch of time on the clocks of several places ----------------------------------------------------------------


@dataclass(frozen=True)
class Span(Clock):
    """A stretch of time at one place, as the component `clocks` shows it: 17:00–17:30."""

    end: datetime.datetime

    @classmethod
    def between(cls, start: datetime.datetime, end: datetime.datetime, zone: str, place: str = "") -> Self:
        here = ZoneInfo(zone)
        return cls(start.astimezone(here), zone, place or place_of(zone), end.astimezone(here))

    @property
    def time(self) -> str:
        return f"{self.moment:%H:%M}–{self.end:%H:%M}"

    @property
    def time_in_words(self) -> str:
        """Return the same for a sentence: from left to right inside Arabic too (Unicode isolates)."""
        return f"\u2066{self.time}\u2069"


@dataclass(frozen=True)
class Change:
    """A change of the clocks of a place."""

    at: datetime.datetime
    zone: str

    @property
    def place(self) -> str:
        return place_of(self.zone)

    @property
    def date(self) -> str:
        """Return the day of the change there, in the active language."""
        return with_first(format_date(self.at.astimezone(ZoneInfo(self.zone)), "long", locale=_locale()))

    @property
    def is_forward(self) -> bool:
        here = ZoneInfo(self.zone)
        before, after = ((self.at + step).astimezone(here).utcoffset() for step in (-ONE_SECOND, ONE_SECOND))
        return (after or NOTHING) > (before or NOTHING)


def spans(
    start: datetime.datetime, end: datetime.datetime, zone: str, place_zone: str = "", city: str = ""
) -> list[Span]:
    """Return a stretch of time as the clocks show it: the patient's, Milan's, and those of a place visited.

    Every page, mail, calendar entry and PDF about a consultation takes its times from here. Places that share a zone
    share a clock.
    """
    found = [Span.between(start, end, zone), Span.between(start, end, settings.PORTAL_TIME_ZONE)]
    if place_zone:
        found.append(Span.between(start, end, place_zone, city))
    by_zone: dict[str, Span] = {}
    for span in found:
        by_zone.setdefault(span.zone, span)
    return list(by_zone.values())


def changes_before(
    moment: datetime.datetime, zones: Iterable[str], now: datetime.datetime | None = None
) -> list[Change]:
    """Return the changes of the clocks in these zones from now until a moment, in order."""
    since = now or timezone.now()
    found = [Change(at, zone) for zone in dict.fromkeys(zones) for at in changes_between(zone, since, moment)]
    return sorted(found, key=lambda change: change.at)


def changes_between(zone: str, since: datetime.datetime, until: datetime.datetime) -> list[datetime.datetime]:
    """Return the moments in (since, until] at which the distance of a zone from UTC changes, to the second."""
    place = ZoneInfo(zone)
    found = []
    start = since.astimezone(datetime.UTC)
    last = until.astimezone(datetime.UTC)
    while start < last:
        # No zone changes twice within a day.
        end = min(start + ONE_DAY, last)
        if start.astimezone(place).utcoffset() != end.astimezone(place).utcoffset():
            found.append(_change(place, start, end))
        start = end
    return found


def _change(place: ZoneInfo, before: datetime.datetime, after: datetime.datetime) -> datetime.datetime:
    old = before.astimezone(place).utcoffset()
    while after - before > ONE_SECOND:
        middle = before + (after - before) / 2
        middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > before else before + ONE_SECOND
        if middle.astimezone(place).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
