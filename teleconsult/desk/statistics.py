"""How many requests stand where, and how long each step takes; from operational columns alone, nothing is opened.

Time is counted in working days of the office's province (`clock.days_between`): 0 means "on the same working day",
1 "on the next". A share of 90 % is by nearest rank: nine of ten cases took
so long or less. Erased requests are not counted: nobody may see them any more.
"""

import datetime
import math
import statistics
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from teleconsult import clock
from teleconsult.desk.standing import WHERE_IT_IS
from teleconsult.enums import ENDED_STATUSES, OPEN_STATUSES, Status
from teleconsult.models import Request
from teleconsult.querysets import Person

WHOLE = "whole"
# A step is a stay in one status; the words say what is waited for.
STEPS: dict[str, Promise] = {
    Status.SUBMITTED: pgettext_lazy("step of a request", "Until a coordinator takes it"),
    Status.IN_TRIAGE: pgettext_lazy("step of a request", "With the office"),
    Status.WITH_FACILITY: pgettext_lazy("step of a request", "Until the facility names a specialist"),
    Status.WITH_SPECIALIST: pgettext_lazy("step of a request", "With the specialist"),
    Status.AWAITING_PATIENT: pgettext_lazy("step of a request", "Waiting for the patient"),
    WHOLE: pgettext_lazy("step of a request", "From sending to the end"),
}


@dataclass(frozen=True)
class StepTimes:
    """How long one step took, in working days, over the stays that ended in the period."""

    key: str
    days: tuple[int, ...]

    @property
    def name(self) -> Promise:
        return STEPS[self.key]

    @property
    def count(self) -> int:
        return len(self.days)

    @property
    def median(self) -> float | None:
        return statistics.median(self.days) if self.days else None

    @property
    def nine_of_ten(self) -> int | None:
        """Return the working days within which nine of ten were done, by nearest rank."""
        return sorted(self.days)[math.ceil(0.9 * len(self.days)) - 1] if self.days else None


@dataclass(frozen=True)
class StatusCount:
    """How many requests stand in a status, or have come to it in the period."""

    name: Promise
    count: int


@dataclass(frozen=True)
class Statistics:
    """What the page shows for a period; `until` is its last day."""

    since: datetime.date
    until: datetime.date
    arrived: int
    ended: list[StatusCount]
    now: list[StatusCount]
    steps: list[StepTimes]

    @property
    def longest(self) -> int:
        """Return the end of the chart's scale: at least one day."""
        return max([1, *(step.nine_of_ten or 0 for step in self.steps)])


def statistics_of(reader: Person, since: datetime.date, until: datetime.date) -> Statistics:
    """Return the figures of what a person may see, from the first to the last day of a period, both included."""
    start, end = _midnight(since), _midnight(until + datetime.timedelta(days=1))
    visible = Request.objects.visible_to(reader)
    counts = visible.aggregate(
        arrived=Count("pk", filter=Q(submitted_at__gte=start, submitted_at__lt=end)),
        **{f"now_{status}": Count("pk", filter=Q(status=status)) for status in OPEN_STATUSES},
        **{
            f"ended_{status}": Count("pk", filter=Q(status=status, closed_at__gte=start, closed_at__lt=end))
            for status in ENDED_STATUSES
            if status in WHERE_IT_IS
        },
    )
    return Statistics(
        since=since,
        until=until,
        arrived=counts["arrived"],
        ended=[
            StatusCount(WHERE_IT_IS[status], counts[f"ended_{status}"])
            for status in ENDED_STATUSES
            if status in WHERE_IT_IS
        ],
        now=[StatusCount(WHERE_IT_IS[status], counts[f"now_{status}"]) for status in OPEN_STATUSES],
        steps=_steps(reader, start, end),
    )


def _steps(reader: Person, start: datetime.datetime, end: datetime.datetime) -> list[StepTimes]:
    moved = ~Q(events__from_status=F("events__to_status"))
    recent = Request.objects.visible_to(reader).filter(moved, events__at__gte=start, events__at__lt=end)
    rows = (
        Request.objects.visible_to(reader)
        .filter(moved, pk__in=recent.values("pk"))
        .order_by("pk", "events__number")
        .values_list("pk", "office__province", "submitted_at", "events__at", "events__to_status")
    )
    found: dict[str, list[int]] = defaultdict(list)
    by_case: dict[uuid.UUID, list[tuple]] = defaultdict(list)
    for pk, *row in rows:
        by_case[pk].append(tuple(row))
    for moves in by_case.values():
        for key, days in _stays(moves, start, end):
            found[key].append(days)
    return [StepTimes(key, tuple(found[key])) for key in STEPS]


def _stays(moves: list[tuple], start: datetime.datetime, end: datetime.datetime) -> Iterable[tuple[str, int]]:
    """Yield status and working days of each stay that ended in the period, and of the whole way."""
    for (province, _sent, since, status), (_province, sent, at, to_status) in zip(moves, moves[1:], strict=False):
        if not start <= at < end:
            continue
        if status in STEPS:
            yield status, clock.days_between(since, at, province)
        if to_status in ENDED_STATUSES and sent is not None:
            yield WHOLE, clock.days_between(sent, at, province)


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.min, tzinfo=clock.MILAN)
