"""What the desk shows: the queue in its lanes, how a case stands in words, and whose turn it is."""

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from babel.dates import format_date, format_skeleton
from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from facilities.models import Facility
from taxonomy.countries import country_name
from taxonomy.languages import direction, language_name, locale
from teleconsult import clock, reading, references
from teleconsult.enums import (
    Action,
    CloseReason,
    ConsentPurpose,
    DeclineReason,
    ReturnReason,
    Role,
    Sex,
    Status,
    Urgency,
    WaitingFor,
)
from teleconsult.models import Assignment, Consent, Document, Event, InternalNote, Message, OfficeMember, Request
from teleconsult.permissions import Actor, may_read_notes_of, roles_of
from teleconsult.querysets import OPENED_AT_ONCE, Person, RequestQuerySet
from treatments.enums import DocumentKind
from vault import trail
from vault.files import FileState, StoredFile

ENDED_LATELY = datetime.timedelta(days=30)

# The words of `Status` and `WaitingFor` speak to the patient; these speak of her.
WHERE_IT_IS: dict[str, Promise] = {
    Status.SUBMITTED: pgettext_lazy("where a request is", "New"),
    Status.IN_TRIAGE: pgettext_lazy("where a request is", "With the office"),
    Status.WITH_FACILITY: pgettext_lazy("where a request is", "With the facility"),
    Status.WITH_SPECIALIST: pgettext_lazy("where a request is", "With the specialist"),
    Status.OPINION_READY: pgettext_lazy("where a request is", "Opinion ready"),
    Status.AWAITING_PATIENT: pgettext_lazy("where a request is", "Waiting for the patient"),
    Status.DECLINED: pgettext_lazy("where a request is", "Not accepted"),
    Status.WITHDRAWN: pgettext_lazy("where a request is", "Withdrawn by the patient"),
    Status.CLOSED: pgettext_lazy("where a request is", "Closed"),
}
AWAITED: dict[str, Promise] = {
    WaitingFor.DOCUMENT: gettext_lazy("The patient was asked for a document on %(day)s."),
    WaitingFor.ANSWER: gettext_lazy("The patient was asked a question on %(day)s."),
    WaitingFor.CONSENT: gettext_lazy("The patient was asked for consent on %(day)s."),
}
REASONS: dict[str, Any] = {
    Action.DECLINE: DeclineReason,
    Action.RETURN_TO_TRIAGE: ReturnReason,
    Action.CLOSE: CloseReason,
    Action.CLOSE_NO_ANSWER: CloseReason,
    Action.REVOKE_CONSENT: ReturnReason,
}


class NoSuchCase(Exception):
    """There is no request of this reference on this person's desk; why is nobody's business."""


# --- words ---------------------------------------------------------------------------------------------------------


def active_language() -> str:
    """Return the language of the desk."""
    return translation.get_language() or settings.LANGUAGE_CODE


def day_words(moment: datetime.datetime) -> str:
    """Return weekday, day and month of a moment in Milan."""
    return str(format_skeleton("MMMEd", moment.astimezone(clock.MILAN), locale=locale(active_language())))


def time_words(moment: datetime.datetime) -> str:
    """Return day and time of a moment in Milan."""
    return _("%(day)s, %(time)s") % {"day": day_words(moment), "time": f"{moment.astimezone(clock.MILAN):%H:%M}"}


def age_words(request: Request, now: datetime.datetime) -> str:
    """Return how long ago the request was sent."""
    sent = request.submitted_at or request.created_at
    days = (now.astimezone(clock.MILAN).date() - sent.astimezone(clock.MILAN).date()).days
    if days < 1:
        return _("sent today")
    return ngettext("%(days)s day old", "%(days)s days old", days) % {"days": days}


def left_words(days: int) -> str:
    """Return how many working days are left."""
    return ngettext("%(days)s working day left", "%(days)s working days left", days) % {"days": days}


def size_words(size: int) -> str:
    """Return a size in kB or MB."""
    if size < 1_000_000:
        return _("%(size)s kB") % {"size": max(1, round(size / 1000))}
    return _("%(size)s MB") % {"size": round(size / 1_000_000)}


# --- how a case stands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """Where a case stands: the state of a badge with its words, and when it is due, in words."""

    state: str
    text: str
    due: str


def standing_of(request: Request, now: datetime.datetime) -> Standing:
    """Return how a case stands; what presses most comes first, and late is said before it happens."""
    where = str(WHERE_IT_IS[request.status])
    if request.is_ended:
        ended = request.closed_at or now
        return Standing("plain", where, _("ended on %(day)s") % {"day": day_words(ended)})
    if request.paused_since:
        return Standing("sky", where, _("paused since %(day)s") % {"day": day_words(request.paused_since)})
    if request.due_at is None:
        return Standing("sky" if request.status == Status.SUBMITTED else "plain", where, _("no day promised"))
    if clock.is_late(request, now):
        return Standing("brick", _("Late since %(moment)s") % {"moment": time_words(request.due_at)}, where)
    pressing = _pressing(request, now)
    if pressing:
        return Standing("amber", pressing, where)
    state = "sky" if request.status == Status.SUBMITTED else "plain"
    return Standing(state, where, left_words(clock.days_left(request, now) or 0))


def _pressing(request: Request, now: datetime.datetime) -> str:
    """Return the words for a case that is due today or on the next working day."""
    due = request.due_at.astimezone(clock.MILAN)
    days = (due.date() - now.astimezone(clock.MILAN).date()).days
    if days == 0:
        return _("Due today by %(time)s") % {"time": f"{due:%H:%M}"}
    if (clock.days_left(request, now) or 0) > 1:
        return ""
    if days == 1:
        return _("Due tomorrow by %(time)s") % {"time": f"{due:%H:%M}"}
    return _("Due next, on %(moment)s") % {"moment": time_words(due)}


# --- the queue --------------------------------------------------------------------------------------------------------

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
    owners: list[Any] = field(default_factory=list)

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
    is_office = OfficeMember.objects.current().filter(user_id=reader.pk).exists()
    chosen = next((kind for kind in LANES if kind.key == lane and (is_office or not kind.is_for_office)), LANES[0])
    visible = Request.objects.visible_to(reader)
    narrowed = narrow(visible)
    numbers = visible.aggregate(
        countries=ArrayAgg("country", distinct=True, default=[]),
        owners=ArrayAgg("owner", distinct=True, filter=Q(owner__isnull=False), default=[]),
        **{
            f"in_{kind.key}": Count("pk", filter=Q(pk__in=kind.keep(narrowed, reader, moment).values("pk")))
            for kind in LANES
        },
    )
    counts = {kind.key: numbers[f"in_{kind.key}"] for kind in LANES}
    rows = _with_what_a_line_shows(chosen.keep(narrowed, reader, moment).in_queue_order())
    found = CountedPaginator(rows, counts[chosen.key]).get_page(page)
    opened = _opened(cast(RequestQuerySet, found.object_list), reader, is_office) if counts[chosen.key] else []
    return Queue(
        lane=chosen.key,
        counts=counts,
        items=[QueueItem(row, reader, moment) for row in opened],
        page=found,
        is_office=is_office,
        countries=[code for code in numbers["countries"] if code],
        owners=numbers["owners"],
    )


def _with_what_a_line_shows(rows: RequestQuerySet) -> RequestQuerySet:
    current = Assignment.objects.current().filter(request=OuterRef("pk"))
    return (
        rows.select_related("owner")
        .prefetch_related("pauses")
        .annotate(facility_now=Subquery(current.values("facility__short_name")[:1]))
    )


@transaction.atomic
def _opened(rows: RequestQuerySet, reader: Person, is_office: bool) -> list[Request]:
    """Return a page with what was asked about; the trail says that the list was read: no row, no data."""
    by = Actor.staff(reader).for_trail(Role.COORDINATOR if is_office else "")
    found = rows.opened()
    trail.record(action=trail.Action.VIEWED, by=by, detail=f"list of {len(found)} requests")
    return found


# --- one case ---------------------------------------------------------------------------------------------------------


def find_case(typed: str, reader: Person) -> Request:
    """Return the request of a reference; raises NoSuchCase, and keeps in the trail that a stranger tried."""
    reference = references.normalise(typed)
    found = Request.objects.visible_to(reader).select_related(
        "office", "owner", "facility", "data_key", "protocol__facility"
    )
    case = found.filter(reference=reference).first() if reference else None
    if case is not None:
        return case
    # Of what is not hers only that she tried is written; nothing of it is read.
    hidden = Request.objects.filter(reference=reference).only("pk", "reference", "status", "office").first()
    if hidden is not None and reference:
        reading.refuse(request=hidden, by=Actor.staff(reader), what="desk")
    raise NoSuchCase


def place_and_language(request: Request) -> str:
    """Return country or region and language by name, in the language of the desk."""
    names = [language_name(request.language, active_language())]
    if request.country:
        names.insert(0, country_name(request.country, active_language()))
    return ", ".join(names)


def owner_words(request: Request, reader: Person) -> str:
    """Return who owns the case, as the reader says it."""
    if request.owner_id is None:
        return pgettext("owner of a request", "nobody yet")
    return pgettext("owner of a request", "you") if request.owner_id == reader.pk else str(request.owner)


@dataclass(frozen=True)
class Turn:
    """Whose turn it is, and what for."""

    who: str
    text: str
    is_mine: bool = False


def turn_of(request: Request, reader: Person, roles: Iterable[Role]) -> Turn:
    """Return whose turn it is, seen from the desk."""
    roles = set(roles)
    if request.is_ended:
        return Turn(pgettext("whose turn", "Nobody’s turn"), _("This request has ended."))
    if request.status == Status.AWAITING_PATIENT and request.paused_since:
        asked = AWAITED[request.waiting_for] % {"day": day_words(request.paused_since)}
        return Turn(pgettext("whose turn", "The patient’s turn"), asked)
    if request.status == Status.SUBMITTED:
        return _turn_if(
            Role.COORDINATOR in roles,
            pgettext("whose turn", "The office’s turn"),
            _("Nobody has taken this request yet."),
        )
    if request.status == Status.IN_TRIAGE:
        owner = _("The turn of %(name)s") % {"name": request.owner}
        return _turn_if(request.owner_id == reader.pk, owner, _("Read it, complete it, then send it to a facility."))
    if request.status == Status.WITH_FACILITY:
        return _turn_if(
            Role.FACILITY_OFFICE in roles,
            pgettext("whose turn", "The facility’s turn"),
            _("Its office names the specialist, or returns the case with a reason."),
        )
    if request.status == Status.WITH_SPECIALIST:
        return _turn_if(
            Role.SPECIALIST in roles,
            pgettext("whose turn", "The specialist’s turn"),
            _("The specialist reads the case."),
        )
    return Turn(pgettext("whose turn", "The patient’s turn"), _("The opinion waits to be read."))


def _turn_if(is_mine: bool, others: str, text: str) -> Turn:
    return Turn(pgettext("whose turn", "Your turn") if is_mine else others, text, is_mine)


@dataclass(frozen=True)
class ClockFace:
    """The clock of a case, as the component `days` prints it."""

    title: str
    state: str
    state_text: str
    state_icon: str
    days: tuple[clock.Day, ...]
    sentence: str


def clock_of(request: Request, now: datetime.datetime) -> ClockFace | None:
    """Return the working-day clock, or None where nothing is promised."""
    progress = clock.progress(request, now)
    if progress is None:
        return None
    title = left_words(progress.left)
    standing = standing_of(request, now)
    icon = "clock"
    if progress.is_paused:
        title = _("Paused: %(left)s") % {"left": left_words(progress.left)}
        icon = "pause"
    elif progress.is_late:
        title, icon = _("This answer is late"), "alert"
    elif request.is_ended:
        title, icon = _("The clock has stopped"), "check"
    return ClockFace(title, standing.state, standing.text, icon, progress.days, _due_sentence(request, progress))


def _due_sentence(request: Request, progress: clock.Progress) -> str:
    if request.is_ended:
        return ""
    both = [
        _("%(date)s, %(time)s (%(place)s)") % {"date": face.date, "time": face.time, "place": face.place}
        for face in reversed(clock.two_clocks(progress.due_at, request.zone))
    ]
    where = "; ".join(both)
    if progress.is_paused:
        return _("If the patient answers now, the answer is due on %(moment)s.") % {"moment": where}
    return _("Answer due on %(moment)s.") % {"moment": where}


# --- papers, consents, history ----------------------------------------------------------------------------------------

FILE_STATES = {
    FileState.RECEIVED: "sky",
    FileState.JUDGED: "sky",
    FileState.CLEAN: "leaf",
    FileState.UNSCANNED: "amber",
    FileState.REFUSED: "brick",
}


def file_words(file: StoredFile) -> str:
    """Return the state of a file in words; of a refused one also why."""
    words = {
        FileState.RECEIVED: _("Received, not yet checked"),
        FileState.JUDGED: _("Waiting for the virus scanner"),
        FileState.CLEAN: _("Checked, no virus found"),
        FileState.UNSCANNED: _("Checked, but not for viruses"),
    }
    if file.state == FileState.REFUSED:
        return _("Not accepted: %(reason)s") % {"reason": file.get_refusal_display()}
    return words[FileState(file.state)]


@dataclass(frozen=True)
class Paper:
    """A document of the case, as the component `document` prints it."""

    row: Document

    @property
    def name(self) -> str:
        """Return what the patient says it is, with the name of the file."""
        return _("%(kind)s: %(name)s") % {"kind": self.row.kind_label, "name": self.row.file.name}

    @property
    def meta(self) -> str:
        """Return date, language, pages and size, as far as they are known."""
        file, day = self.row.file, self.row.issued_date
        parts = [
            _("dated %(day)s") % {"day": format_date(day, "long", locale=locale(active_language()))} if day else "",
            language_name(self.row.language, active_language()) if self.row.language else "",
            ngettext("%(pages)s page", "%(pages)s pages", file.pages) % {"pages": file.pages} if file.pages else "",
            size_words(file.size),
            _("added %(moment)s") % {"moment": time_words(self.row.added_at)},
        ]
        return ", ".join(part for part in parts if part)

    @property
    def is_images(self) -> bool:
        return self.row.kind == DocumentKind.IMAGING

    @property
    def state(self) -> str:
        return FILE_STATES[FileState(self.row.file.state)]

    @property
    def state_text(self) -> str:
        return file_words(self.row.file)

    @property
    def can_open(self) -> bool:
        return self.row.file.is_readable


def papers_of(request: Request) -> list[Paper]:
    """Return the documents, oldest first."""
    return [Paper(row) for row in request.documents.with_file()]


@dataclass(frozen=True)
class ConsentLine:
    """One decision of the patient."""

    row: Consent
    is_live: bool

    @property
    def about(self) -> str:
        if self.row.purpose == ConsentPurpose.COORDINATION:
            return _("The coordination office reads the case")
        return _("%(facility)s reads the case") % {"facility": self.row.facility.short_name}

    @property
    def state(self) -> str:
        return "leaf" if self.is_live else "plain"

    @property
    def words(self) -> str:
        """Return what was decided and when."""
        if self.row.decision == "revoke":
            return _("Revoked on %(moment)s") % {"moment": time_words(self.row.at)}
        if self.is_live:
            return _("Given on %(moment)s") % {"moment": time_words(self.row.at)}
        return _("Given on %(moment)s, no longer valid") % {"moment": time_words(self.row.at)}


def consents_of(request: Request, seen_from: "Side") -> list[ConsentLine]:
    """Return the decisions of the patient, newest first; a facility sees those about itself and the office."""
    live = set(request.consents.live().values_list("pk", flat=True))
    rows = request.consents.select_related("facility").order_by("-number")
    return [ConsentLine(row, row.pk in live) for row in rows if seen_from.may_know_of(row.facility_id)]


@dataclass(frozen=True)
class Side:
    """From which side of the case somebody reads: the office, or a facility that has it."""

    is_office: bool
    facility_id: int | None

    def may_know_of(self, facility_id: int | None) -> bool:
        """Return whether what concerns a facility may be seen: no facility learns of another one."""
        return self.is_office or facility_id in {None, self.facility_id}


def side_of(request: Request, roles: Iterable[Role]) -> Side:
    """Return from which side the holder of these roles reads."""
    assignment = request.assignment
    return Side(Role.COORDINATOR in set(roles), assignment.facility_id if assignment else None)


@dataclass(frozen=True)
class HistoryLine:
    """One step, as the component `timeline` prints it."""

    title: str
    text: str
    when: str
    state: str = "done"


def history_of(request: Request, seen_from: Side) -> list[HistoryLine]:
    """Return the steps, newest first: who, in which role, when, why."""
    events = request.events.select_related("user", "facility").order_by("-number")
    return [
        HistoryLine(str(event.get_action_display()), _about(event), _who_and_when(event))
        for event in events
        if seen_from.may_know_of(event.facility_id)
    ]


def _who_and_when(event: Event) -> str:
    names = [str(event.user)] if event.user else []
    names.append(str(event.get_role_display()))
    if event.facility:
        names.append(event.facility.short_name)
    return _("%(who)s; %(moment)s") % {"who": ", ".join(names), "moment": time_words(event.at)}


def _about(event: Event) -> str:
    return " ".join(part for part in (reason_words(event), event.note) if part)


def reason_words(event: Event) -> str:
    """Return the reason of a step in words."""
    if event.action == Action.SET_URGENCY:
        return str(Urgency[event.reason.upper()].label) if event.reason.upper() in Urgency.names else ""
    reasons = REASONS.get(event.action)
    return str(reasons(event.reason).label) if reasons and event.reason in reasons.values else ""


@dataclass(frozen=True)
class Line:
    """A message or a note, as the component `message` prints it."""

    kind: str
    author: str
    when: str
    text: str
    language: str = ""

    @property
    def direction(self) -> str:
        return direction(self.language)


def conversation_of(request: Request, reader: Person) -> list[Line]:
    """Return what patient and staff wrote, oldest first."""
    rows = request.messages.select_related("user", "facility")
    return [
        Line(
            "theirs" if row.user_id is None else "ours",
            _author(row, reader),
            time_words(row.sent_at),
            row.body,
            row.language,
        )
        for row in rows
    ]


def notes_of(request: Request, reader: Person) -> list[Line]:
    """Return the internal notes this person may read: the office's, or her facility's."""
    office, facilities = may_read_notes_of(reader, request)
    rows = request.internal_notes.select_related("user", "facility")
    return [
        Line("note", _author(row, reader), time_words(row.written_at), row.body)
        for row in rows
        if (office if row.facility_id is None else row.facility_id in facilities)
    ]


def _author(row: Message | InternalNote, reader: Person) -> str:
    if row.user_id == reader.pk:
        return pgettext("author of a message", "You")
    names = [str(row.user)] if row.user_id else []
    names.append(str(row.get_role_display()))
    if row.facility:
        names.append(row.facility.short_name)
    return ", ".join(names)


def not_reached(request: Request, reached: Iterable[Facility]) -> list[Facility]:
    """Return the facilities that offer the treatment, or were wished for, and have no office here."""
    known = {facility.pk for facility in reached}
    others: dict[int, Facility] = {}
    if request.facility is not None:
        others[request.facility.pk] = request.facility
    if request.treatment is not None:
        for offer in request.treatment.offers.public().select_related("facility"):
            others.setdefault(offer.facility_id, offer.facility)
    return [facility for pk, facility in others.items() if pk not in known]


def roles_on(request: Request, reader: Person) -> tuple[Role, ...]:
    """Return the roles in which somebody reads the case."""
    return roles_of(reader, request)
