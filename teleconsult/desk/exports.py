"""Tables for a spreadsheet: operational columns only, no health data, nobody's identity, no cell that computes."""

import csv
import datetime
import io
from collections.abc import Iterable, Iterator

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from taxonomy.countries import country_name
from taxonomy.languages import language_name
from teleconsult import clock
from teleconsult.desk.queue import colleagues_of
from teleconsult.desk.standing import WHERE_IT_IS
from teleconsult.desk.statistics import Statistics
from teleconsult.desk.words import active_language
from teleconsult.enums import RequestKind, Role, Urgency, WaitingFor
from teleconsult.permissions import Actor
from teleconsult.querysets import Person, RequestQuerySet
from vault import trail

# A spreadsheet takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# Some spreadsheets read UTF-8 only after this mark.
MARK = "\ufeff"
Row = list[object]


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a table as comma-separated values, a line at a time; no cell begins as a formula does."""
    yield MARK
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([plain(cell) for cell in row])
        yield line.getvalue()


def plain(cell: object) -> str:
    """Return a cell that a spreadsheet takes for text or a number, never for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


def queue_rows(rows: RequestQuerySet, now: datetime.datetime) -> Iterator[Row]:
    """Yield the cases of a lane, from columns that are not sealed."""
    yield [
        _("Reference"), pgettext("of request", "Kind"), _("Where it is"), pgettext("column", "Waiting for"),
        _("Urgency"), _("Country or region"), _("Language"), _("Office"), _("Facility"),
        pgettext("column", "Has an owner"), pgettext("column", "Sent"), pgettext("column", "Clock started"),
        pgettext("column", "Due"), pgettext("column", "Paused since"), pgettext("column", "Ended"),
        pgettext("column", "Late"),
    ]  # fmt: skip
    language = active_language()
    columns = (
        "reference", "kind", "status", "waiting_for", "urgency", "country", "language", "office__name", "facility_now",
        "owner_id", "submitted_at", "clock_started_at", "due_at", "paused_since", "closed_at",
    )  # fmt: skip
    for row in rows.values(*columns):
        runs = not row["paused_since"] and not row["closed_at"]
        yield [
            row["reference"],
            RequestKind(row["kind"]).label,
            WHERE_IT_IS[row["status"]],
            WaitingFor(row["waiting_for"]).value if row["waiting_for"] else "",
            Urgency(row["urgency"]).label,
            country_name(row["country"], language) if row["country"] else "",
            language_name(row["language"], language),
            row["office__name"],
            row["facility_now"],
            yes_or_no(row["owner_id"] is not None),
            *(milan_time(row[name]) for name in columns[10:]),
            yes_or_no(runs and row["due_at"] is not None and row["due_at"] <= now),
        ]


def statistics_rows(found: Statistics) -> Iterator[Row]:
    """Yield the figures of a period."""
    yield [_("From"), found.since.isoformat(), _("Until"), found.until.isoformat()]
    yield []
    yield [_("Now"), _("Requests")]
    yield from ([line.name, line.count] for line in found.now)
    yield []
    yield [_("In the period"), _("Requests")]
    yield [_("Sent"), found.arrived]
    yield from ([line.name, line.count] for line in found.ended)
    yield []
    yield [_("Step, in working days"), _("Cases"), _("Median"), _("Nine of ten within")]
    yield from ([step.name, step.count, step.median, step.nine_of_ten] for step in found.steps)


@transaction.atomic
def record_export(reader: Person, detail: str) -> None:
    """Write into the trail who took a table away, before its first byte leaves."""
    role = Role.COORDINATOR if colleagues_of(reader) else ""
    trail.record(action=trail.Action.EXPORTED, by=Actor.staff(reader).for_trail(role), detail=detail)


def milan_time(moment: datetime.datetime | None) -> str:
    """Return a moment as spreadsheets read it, in Milan's time."""
    return f"{moment.astimezone(clock.MILAN):%Y-%m-%d %H:%M}" if moment else ""


def yes_or_no(is_so: object) -> str:
    return pgettext("cell of a table", "yes") if is_so else pgettext("cell of a table", "no")
