"""The lanes of the desk: which requests stand in each."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

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
    LaneKind("facility", pgettext_lazy("lane", "Waiting for facility"), lambda rows, reader, now: rows.with_facility()),
    LaneKind("today", pgettext_lazy("lane", "Due today"), lambda rows, reader, now: _due_today(rows, now)),
    LaneKind("late", pgettext_lazy("lane", "Late"), lambda rows, reader, now: rows.late(now)),
    LaneKind(
        "ended",
        pgettext_lazy("lane", "Ended, 30 days"),
        lambda rows, reader, now: rows.ended().filter(closed_at__gte=now - ENDED_LATELY),
        True,
    ),
)
