"""The queue: one page of one lane, and how many stand in each."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from django.contrib.postgres.aggregates import ArrayAgg
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.utils import timezone

from accounts.models import User
from teleconsult import reading
from teleconsult.desk.lanes import LANES, LaneKind
from teleconsult.desk.standing import Standing, standing_of
from teleconsult.desk.words import age_words, owner_words, place_and_language
from teleconsult.enums import Role, Sex, Urgency
from teleconsult.models import Assignment, EmergencyAccess, OfficeMember, Request
from teleconsult.permissions import Actor
from teleconsult.querysets import OPENED_AT_ONCE, Person, RequestQuerySet
from vault import trail


@dataclass(frozen=True)
class QueueItem:
    """One case of the queue."""

    request: Request
    reader: Person
    now: datetime.datetime

    @cached_property
    def standing(self) -> Standing:
        return standing_of(self.request, self.now)

    @property
    def person(self) -> str:
        """Return country or region and language by name."""
        return place_and_language(self.request)

    @property
    def sex(self) -> str:
        """Return the sex as the papers give it, where it is known."""
        return str(Sex(self.request.sex).label) if self.request.sex in Sex.values else ""

    @property
    def age(self) -> str:
        return age_words(self.request, self.now)

    @property
    def owner(self) -> str:
        return owner_words(self.request, self.reader)

    @property
    def facility(self) -> str:
        """Return the name of the facility that has the case."""
        return getattr(self.request, "facility_now", None) or ""

    @property
    def urgency(self) -> str:
        """Return the urgency where it is not routine."""
        return str(self.request.get_urgency_display()) if self.request.urgency != Urgency.ROUTINE else ""

    @property
    def urgency_state(self) -> str:
        return "brick" if self.request.urgency == Urgency.URGENT else "amber"


@dataclass(frozen=True)
class Queue:
    """One page of one lane, and how many stand in each."""

    lane: str
    counts: dict[str, int]
    items: list[QueueItem]
    page: Page
    is_office: bool
    countries: list[str] = field(default_factory=list)
    owners: list[User] = field(default_factory=list)

    @property
    def lanes(self) -> list[LaneKind]:
        """Return the lanes this reader has."""
        return [lane for lane in LANES if self.is_office or not lane.is_for_office]


class CountedPaginator(Paginator):
    """Pages of a list whose length is known already."""

    def __init__(self, rows: RequestQuerySet, count: int) -> None:
        super().__init__(rows, OPENED_AT_ONCE)
        self.count = count


def queue_of(
    reader: Person,
    lane: str = "open",
    *,
    narrow: Callable[[RequestQuerySet], RequestQuerySet] = lambda rows: rows,
    page: str = "1",
    now: datetime.datetime | None = None,
) -> Queue:
    """Return a lane of the desk; `narrow` keeps what the filters ask for, by operational columns only."""
    moment = now or timezone.now()
    colleagues = colleagues_of(reader)
    is_office = bool(colleagues)
    chosen = _chosen(lane, is_office=is_office)
    visible = Request.objects.visible_to(reader)
    narrowed = narrow(visible)
    numbers = visible.aggregate(
        countries=ArrayAgg("country", distinct=True, default=[]),
        **{
            f"in_{kind.key}": Count("pk", filter=Q(pk__in=kind.keep(narrowed, reader, moment).values("pk")))
            for kind in LANES
        },
    )
    counts = {kind.key: numbers[f"in_{kind.key}"] for kind in LANES}
    # Asked with the lines themselves: whose case is not hers and opened in an emergency.
    emergency = EmergencyAccess.objects.live().filter(asked_by_id=reader.pk, request=OuterRef("pk"))
    lines = chosen.keep(narrowed, reader, moment).annotate(is_emergency=Exists(emergency))
    rows = _with_what_a_line_shows(lines.in_queue_order())
    found = CountedPaginator(rows, counts[chosen.key]).get_page(page)
    opened = _opened(cast(RequestQuerySet, found.object_list), reader, is_office) if counts[chosen.key] else []
    return Queue(
        lane=chosen.key,
        counts=counts,
        items=[QueueItem(row, reader, moment) for row in opened],
        page=found,
        is_office=is_office,
        countries=[code for code in numbers["countries"] if code],
        # Somebody who has left the office may still own a case.
        owners=list(dict.fromkeys([*colleagues, *(row.owner for row in opened if row.owner)])),
    )


def colleagues_of(reader: Person) -> list[User]:
    """Return the coordinators of the reader's offices, herself among them; nobody for whoever works elsewhere."""
    offices = OfficeMember.objects.current().filter(user_id=reader.pk).values("office")
    members = OfficeMember.objects.current().filter(office__in=offices).select_related("user")
    return list(dict.fromkeys(member.user for member in members))


def lane_of(
    reader: Person, lane: str, narrow: Callable[[RequestQuerySet], RequestQuerySet], now: datetime.datetime
) -> RequestQuerySet:
    """Return all cases of a lane in queue order, with the facility that has each; nothing is opened."""
    is_office = OfficeMember.objects.current().filter(user_id=reader.pk).exists()
    chosen = _chosen(lane, is_office=is_office)
    rows = chosen.keep(narrow(Request.objects.visible_to(reader)), reader, now)
    return _with_what_a_line_shows(rows.in_queue_order())


def _chosen(lane: str, *, is_office: bool) -> LaneKind:
    return next((kind for kind in LANES if kind.key == lane and (is_office or not kind.is_for_office)), LANES[0])


def _with_what_a_line_shows(rows: RequestQuerySet) -> RequestQuerySet:
    current = Assignment.objects.current().filter(request=OuterRef("pk"))
    return rows.select_related("owner").annotate(facility_now=Subquery(current.values("facility__short_name")[:1]))


@transaction.atomic
def _opened(rows: RequestQuerySet, reader: Person, is_office: bool) -> list[Request]:
    """Return a page with what was asked about; the trail says that the list was read: no row, no data."""
    actor = Actor.staff(reader)
    found = rows.opened()
    reading.view_list(ids=[row.pk for row in found if row.is_emergency], by=actor, what="list")
    by = actor.for_trail(Role.COORDINATOR if is_office else "")
    trail.record(action=trail.Action.VIEWED, by=by, detail=f"list of {len(found)} requests")
    return found
