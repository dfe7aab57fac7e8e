"""The lanes of the desk: which requests stand in each."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from teleconsult import clock
from teleconsult.querysets import Person, RequestQuerySet

ENDED_LATELY = datetime.timedelta(days=30)

Keep = Callable[[RequestQuerySet, Person, datetime.datetime], RequestQuerySet]


def _due_today(rows: RequestQuerySet, now: datetime.datetime) -> RequestQuerySet:
    return rows.due_on(now.astimezone(clock.MILAN).date(), clock.MILAN)


@dataclass(frozen=True)
class LaneKind:
    """A lane of the desk: which requests stand in it, and whether facilities see it too."""

    key: str
    name: Promise
    keep: Keep
    is_for_office: bool = False


LANES = (
    LaneKind("open", pgettext_lazy("lane", "All open"), lambda rows, *_about: rows.open()),
    LaneKind("mine", pgettext_lazy("lane", "Mine"), lambda rows, reader, now: rows.open().owned_by(reader), True),
    LaneKind("new", pgettext_lazy("lane", "New"), lambda rows, reader, now: rows.new(), True),
    LaneKind(
        "patient", pgettext_lazy("lane", "Waiting for patient"), lambda rows, reader, now: rows.awaiting_patient()
    ),
    LaneKind(
        "facility", pgettext_lazy("lane", "Waiting for facility"), lambda rows, *_about: rows.waiting_for_facility()
    ),
    LaneKind("today", pgettext_lazy("lane", "Due today"), lambda rows, reader, now: _due_today(rows, now)),
    LaneKind("late", pgettext_lazy("lane", "Late"), lambda rows, reader, now: rows.late(now)),
    LaneKind(
        "ended",
        pgettext_lazy("lane", "Ended, 30 days"),
        lambda rows, reader, now: rows.ended().filter(closed_at__gte=now - ENDED_LATELY),
        True,
    ),
)

# What the queue is narrowed to by time: code of the address, words.
TODAY, NO_DAY = "today", "none"
AGES: tuple[tuple[str, Promise], ...] = (
    (TODAY, gettext_lazy("Sent today")),
    ("3", gettext_lazy("3 days and older")),
    ("7", gettext_lazy("One week and older")),
    ("30", gettext_lazy("30 days and older")),
)
DUES: tuple[tuple[str, Promise], ...] = (
    ("0", gettext_lazy("Until this evening, late ones too")),
    ("2", gettext_lazy("Within 2 days")),
    ("7", gettext_lazy("Within a week")),
    (NO_DAY, gettext_lazy("No day promised")),
)


def of_age(rows: RequestQuerySet, code: str, now: datetime.datetime) -> RequestQuerySet:
    """Keep requests sent today, or so many days ago and longer, by the days of Milan."""
    if code == TODAY:
        return rows.filter(submitted_at__gte=_midnight(now))
    return rows.filter(submitted_at__lt=_midnight(now, 1 - int(code)))


def due_within(rows: RequestQuerySet, code: str, now: datetime.datetime) -> RequestQuerySet:
    """Keep requests whose clock runs out within so many days, today being 0; or those without a promised day."""
    if code == NO_DAY:
        return rows.filter(due_at__isnull=True)
    return rows.filter(due_at__lt=_midnight(now, int(code) + 1), paused_since__isnull=True)


def _midnight(now: datetime.datetime, days: int = 0) -> datetime.datetime:
    day = now.astimezone(clock.MILAN).date() + datetime.timedelta(days=days)
    return datetime.datetime.combine(day, datetime.time.min, tzinfo=clock.MILAN)
