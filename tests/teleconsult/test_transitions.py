"""Every status × role × action: what is written here by hand is what can be done, and nothing else.

A step that is taken leaves its event, its line in the trail and the mails that the table names; one that is refused
says so in words and leaves nothing.
"""

import ast
import copy
import datetime
import functools
import itertools
import re
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django.utils.functional import Promise
from psycopg.types.range import TimestamptzRange

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from notifications.models import OutboxMessage
from teleconsult import access, exceptions, permissions, slots, transitions, workflow
from teleconsult.enums import Action, ConsentDecision, DeclineReason, ReturnReason, Role, Status, Urgency
from teleconsult.exceptions import (
    AuthorityMissing,
    ConsentMissing,
    FactorMissing,
    IllegalStep,
    Incomplete,
    NoConsultation,
    NoQuestionsLeft,
    NotAColleague,
    NotAllowed,
    NotASpecialistThere,
    NotReached,
    OpinionIncomplete,
    ReasonMissing,
    RequestError,
)
from teleconsult.models import (
    Addendum,
    Assignment,
    Booking,
    CoordinationOffice,
    Document,
    EmergencyAccess,
    Event,
    FollowUpQuestion,
    Opinion,
    Request,
    SpecialistProfile,
    WaitingEntry,
)
from teleconsult.permissions import Actor
from teleconsult.transitions import Requirement, Target, Transition
from tests.teleconsult import consulting, factories
from treatments.enums import DocumentKind
from treatments.models import Protocol
from vault.files import StoredFile
from vault.tombstones import Kind, Tombstone
from vault.trail import TrailEntry

STRANGERS = ["stranger", "interpreter", "editor", "administrator", "facility_editor", "nobody"]

ANY_OPEN = "withdraw erase change_settings give_consent revoke_consent state_authority send_message ask_receipt"
# How a request begins is no step of a request that is there.
BEGINNINGS = {Action.START, Action.BEGIN_REFERRAL}
BOOK = "hold_slot confirm_booking join_waiting"
CHANGE_BOOKED = "move_booking cancel_booking leave_waiting"
CONSULTATION = f"{BOOK} {CHANGE_BOOKED}"
RECORD = "record_late record_done record_no_show"
# What a specialist did not record, or cannot any more.
RECORD_OVER = "record_done record_no_show"
ENDED = {
    "patient": "erase change_settings ask_receipt",
    "coordinator": f"confirm_identity {RECORD_OVER}",
    "system": "erase remove_document",
}
FACILITY_ASKS = "ask_document ask_question return_to_triage send_message write_note"
EXPECTED: dict[str, dict[str, str]] = {
    "draft": {
        "patient": "save submit erase change_settings give_consent state_authority add_document remove_document "
        "ask_receipt",
        "system": "expire",
    },
    "submitted": {
        "patient": f"{ANY_OPEN} add_document",
        "coordinator": "take set_urgency write_note confirm_identity",
    },
    "in_triage": {
        "patient": f"{ANY_OPEN} add_document",
        "coordinator": "take_over hand_over set_urgency ask_document ask_question ask_consent forward refer decline "
        f"close send_message write_note confirm_identity {RECORD_OVER}",
    },
    "with_facility": {
        "patient": f"{ANY_OPEN} add_document",
        "coordinator": "take_over hand_over set_urgency settle_fee refer return_to_triage send_message write_note "
        f"confirm_identity {RECORD_OVER}",
        "facility_office": f"{FACILITY_ASKS} settle_fee name_specialist",
    },
    "with_specialist": {
        "patient": f"{ANY_OPEN} add_document {CONSULTATION}",
        "coordinator": "take_over hand_over set_urgency refer return_to_triage send_message write_note "
        f"confirm_identity {CONSULTATION} {RECORD_OVER}",
        "facility_office": f"return_to_triage send_message write_note {CONSULTATION}",
        "specialist": f"{FACILITY_ASKS} write_opinion sign_opinion {CONSULTATION} {RECORD}",
    },
    "opinion_ready": {
        "patient": f"{ANY_OPEN} add_document ask_follow_up close_answered {CONSULTATION}",
        "coordinator": f"refer send_message write_note confirm_identity {CONSULTATION} {RECORD_OVER}",
        "facility_office": f"send_message write_note {CONSULTATION}",
        "specialist": f"send_message write_note write_addendum sign_addendum answer_follow_up {CONSULTATION} {RECORD}",
        "system": "close_answered",
    },
    "awaiting_patient": {
        "patient": f"{ANY_OPEN} add_document answer {CHANGE_BOOKED}",
        "coordinator": "take_over hand_over set_urgency send_message write_note confirm_identity "
        f"{CHANGE_BOOKED} {RECORD_OVER}",
        "facility_office": f"send_message write_note {CHANGE_BOOKED}",
        "specialist": f"send_message write_note write_opinion {CHANGE_BOOKED} {RECORD}",
        "system": "close_no_answer",
    },
    "declined": ENDED,
    "withdrawn": ENDED,
    # Whoever signed the opinion can add to it.
    "closed": ENDED | {"specialist": "write_addendum sign_addendum"},
    "expired": {},
    "erased": {},
}
# What came back with an old backup is erased again, wherever it stood.
for _status in set(EXPECTED) - {"expired", "erased"}:
    EXPECTED[_status] = EXPECTED[_status] | {"system": f"{EXPECTED[_status].get('system', '')} erase_again"}


@dataclass
class Traces:
    """What a step leaves: events, lines of the trail, kinds of mail."""

    events: list[Event] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, request: Request) -> "Traces":
        return cls(
            list(Event.objects.filter(request=request).order_by("number")),
            list(TrailEntry.objects.of_case(request).values_list("detail", flat=True)),
            sorted(OutboxMessage.objects.values_list("kind", flat=True)),
        )

    def since(self, before: "Traces") -> "Traces":
        """Return what was added."""
        mails = list(self.mails)
        for kind in before.mails:
            mails.remove(kind)
        return Traces(self.events[len(before.events) :], self.trail[len(before.trail) :], mails)


class Writes:
    """The tables of a request's life to which something was written inside a block."""

    KEPT = re.compile(
        r"^(?:INSERT INTO|UPDATE|DELETE FROM) "
        rf'"({"|".join(model._meta.db_table for model in (Request, Event, TrailEntry, OutboxMessage))})"'
    )

    def __init__(self) -> None:
        self.tables: set[str] = set()

    def __enter__(self) -> "Writes":
        self._noting = connection.execute_wrapper(self._note)
        self._noting.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._noting.__exit__(*raised)

    def _note(self, execute: Callable[..., Any], sql: str, *others: Any) -> Any:
        self.tables.update(self.KEPT.findall(sql))
        return execute(sql, *others)


class Scene:
    """A request in one status, where every requirement of every step is met, and everybody around it."""

    def __init__(
        self, request: Request, people: dict[str, User], facility: Facility, another: Facility, specialist: User
    ) -> None:
        self.request, self.people, self.facility, self.specialist = request, people, facility, specialist
        # What is typed beside a step.
        self.words, self.reason = "Which?", ""
        self.factor_at: datetime.datetime | None = timezone.now()
        self.colleague, self.other_facility = people["colleague"], another
        self.before, self.row_before = Traces.of(request), self.row

    def actor(self, role: str) -> Actor:
        if role in {Role.PATIENT, Role.RELATIVE}:
            return Actor.author(self.request)
        if role == Role.SYSTEM:
            return Actor.portal("test")
        if role == "nobody":
            return Actor(kind=Actor.author(self.request).kind, request_id=uuid.uuid4())
        return Actor.staff(self.people[role])

    def attempt(self, action: Action, by: Actor) -> Traces:
        """Take the step, and take it back; return what it left. One that is refused leaves nothing."""
        point = transaction.savepoint()
        before = self.before
        with Writes() as writes:
            try:
                self.calls()[action](by)
                return Traces.of(self.request).since(before)
            except RequestError as error:
                if not str(error.sentence):
                    raise AssertionError(f"{action} is refused without a word") from error
                # What was never written needs not be looked for.
                if writes.tables and (Traces.of(self.request) != before or self.row != self.row_before):
                    raise AssertionError(f"{action} is refused with {error.sentence!r} and leaves something") from error
                raise
            finally:
                transaction.savepoint_rollback(point)

    def broken(self, breaks: Callable[["Scene"], Any]) -> "Scene":
        """Return the same scene where something is not true any more."""
        there = copy.copy(self)
        there.request = Request.objects.get(pk=self.request.pk)
        breaks(there)
        there.before, there.row_before = Traces.of(there.request), there.row
        return there

    @property
    def row(self) -> dict[str, Any]:
        return Request.objects.filter(pk=self.request.pk).values().get()

    def calls(self) -> dict[Action, Callable[[Actor], Any]]:
        request, facility = self.request, self.facility
        about = {"request": request, "seen_version": request.version}
        document = request.documents.first()
        return {
            Action.SAVE: lambda by: workflow.save_draft(request=request, by=by, answers={"question": "Why?"}),
            Action.SUBMIT: lambda by: workflow.submit(
                **about, by=by, idempotency_key=uuid.uuid4(), seen_rules=factories.rules_of(request)
            ),
            Action.TAKE: lambda by: workflow.take(**about, by=by),
            Action.TAKE_OVER: lambda by: workflow.take_over(**about, by=by),
            Action.HAND_OVER: lambda by: workflow.hand_over(**about, by=by, colleague=self.colleague),
            Action.REFER: lambda by: workflow.refer(
                **about, by=by, facility=self.other_facility, idempotency_key=uuid.uuid4()
            ),
            Action.SET_URGENCY: lambda by: workflow.set_urgency(**about, by=by, urgency=self.urgency),
            Action.ASK_DOCUMENT: lambda by: workflow.ask_document(**about, by=by, text=self.words),
            Action.ASK_QUESTION: lambda by: workflow.ask_question(**about, by=by, text=self.words),
            Action.ASK_CONSENT: lambda by: workflow.ask_consent(**about, by=by, facility=facility),
            Action.ANSWER: lambda by: workflow.patient_answers(**about, by=by, text="This one."),
            Action.FORWARD: lambda by: self.forward(by),
            Action.NAME_SPECIALIST: lambda by: workflow.name_specialist(**about, by=by, specialist=self.specialist),
            Action.SETTLE_FEE: lambda by: workflow.settle_fee(**about, by=by),
            Action.RETURN_TO_TRIAGE: lambda by: self.return_to_triage(by),
            Action.DECLINE: lambda by: workflow.decline(
                **about, by=by, reason=self.reason or DeclineReason.NOT_OFFERED
            ),
            Action.CLOSE: lambda by: workflow.close(**about, by=by, text=self.words),
            Action.CLOSE_NO_ANSWER: lambda by: workflow.close_no_answer(request=request, by=by),
            Action.WITHDRAW: lambda by: workflow.withdraw(**about, by=by),
            Action.EXPIRE: lambda by: workflow.expire(request=request, by=by),
            Action.ERASE: lambda by: workflow.erase(request=request, by=by),
            Action.ERASE_AGAIN: lambda by: workflow.erase_again(request=request, by=by),
            Action.GIVE_CONSENT: lambda by: workflow.give_consent(
                **about, by=by, facility=facility, text_hash=factories.facility_hash(), shown_in="en"
            ),
            Action.REVOKE_CONSENT: lambda by: workflow.revoke_consent(**about, by=by, facility=facility),
            Action.CHANGE_SETTINGS: lambda by: workflow.change_settings(
                request=request, by=by, language="de", zone="Asia/Tokyo", country="JP"
            ),
            Action.STATE_AUTHORITY: lambda by: workflow.state_authority(**about, by=by),
            Action.SEND_MESSAGE: lambda by: workflow.send_message(
                request=request, by=by, text=self.words, idempotency_key=uuid.uuid4()
            ),
            Action.WRITE_NOTE: lambda by: workflow.write_note(
                request=request, by=by, text=self.words, idempotency_key=uuid.uuid4()
            ),
            Action.ADD_DOCUMENT: lambda by: workflow.add_document(
                request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT
            ),
            Action.REMOVE_DOCUMENT: lambda by: (
                workflow.remove_old_documents(request=request, by=by)
                if by.job
                else workflow.remove_document(document=document, by=by)
            ),
            Action.ASK_RECEIPT: lambda by: workflow.ask_receipt(request=request, by=by),
            Action.CONFIRM_IDENTITY: lambda by: self.confirm_identity(by),
            Action.HOLD_SLOT: lambda by: self.hold(by),
            Action.CONFIRM_BOOKING: lambda by: workflow.confirm_booking(**self.booked("held"), by=by),
            Action.MOVE_BOOKING: lambda by: workflow.move_booking(**self.booked(), by=by, slot=self.slot),
            Action.CANCEL_BOOKING: lambda by: workflow.cancel_booking(**self.booked(), by=by),
            Action.JOIN_WAITING: lambda by: workflow.join_waiting(request=request, by=by),
            Action.LEAVE_WAITING: lambda by: self.leave(by),
            Action.RECORD_LATE: lambda by: workflow.record_late(**self.booked(in_days=-1), by=by, minutes=5),
            Action.RECORD_DONE: lambda by: workflow.record_done(**self.booked(in_days=-1), by=by),
            Action.RECORD_NO_SHOW: lambda by: workflow.record_no_show(**self.booked(in_days=-1), by=by),
            Action.WRITE_OPINION: lambda by: workflow.write_opinion(
                request=request, by=by, seen_version=1, text=factories.opinion_text(request, plain_words="Changed.")
            ),
            # A version that is not the delivered one: this is no second press of the button that delivered it.
            Action.SIGN_OPINION: lambda by: workflow.sign_opinion(
                request=request,
                by=by,
                seen_version=2 if request.opinions.signed() else 1,
                factor_at=self.factor_at,
            ),
            Action.WRITE_ADDENDUM: lambda by: workflow.write_addendum(
                request=request, by=by, seen_version=0, text="More.", language="en"
            ),
            Action.SIGN_ADDENDUM: self.sign_addendum,
            Action.ASK_FOLLOW_UP: lambda by: workflow.ask_follow_up(
                request=request, by=by, text=self.words, idempotency_key=uuid.uuid4()
            ),
            Action.ANSWER_FOLLOW_UP: self.answer_follow_up,
            Action.CLOSE_ANSWERED: lambda by: workflow.close_answered(request=request, by=by),
        }

    @functools.cached_property
    def slot(self) -> str:
        offered = slots.slots_of(self.request, self.specialist)
        # The last of them: the first may be too near to be booked a moment later.
        return offered[-1].key if offered else "none"

    def confirm_identity(self, by: Actor) -> Request:
        access.issue_receipt(self.request, is_confirmed=False)
        waiting = access.waiting_receipt(self.request)
        return workflow.confirm_identity(
            request=self.request,
            by=by,
            seen_version=self.request.version,
            receipt_id=waiting.pk if waiting else None,
        )

    def hold(self, by: Actor) -> Booking:
        return workflow.hold_slot(request=self.request, by=by, slot=self.slot, idempotency_key=uuid.uuid4())

    def leave(self, by: Actor) -> None:
        WaitingEntry.objects.create(request=self.request, specialist=self.specialist)
        workflow.leave_waiting(request=self.request, by=by)

    def booked(self, status: str = "confirmed", in_days: int = 5) -> dict[str, Any]:
        """Return a consultation of the request, and the version that is on the screen."""
        start = timezone.now() + datetime.timedelta(days=in_days)
        booking = Booking.objects.create(
            request=self.request,
            facility=self.facility,
            specialist=self.specialist,
            status=status,
            period=TimestamptzRange(start, start + datetime.timedelta(minutes=30)),
            zone="Europe/Rome",
            promised_on=start.date(),
            promised_start=datetime.time(9),
            promised_end=datetime.time(9, 30),
            patient_language="en",
            visit_language="en",
            hold_until=start,
            agreed_at=timezone.now(),
        )
        return {"booking": booking, "seen_version": booking.version}

    def sign_addendum(self, by: Actor) -> Any:
        opinion = self.request.opinions.signed().first()
        if opinion:
            Addendum.objects.create(opinion=opinion, number=1, text=self.words.strip(), saved_at=opinion.signed_at)
        seen = 1 if opinion else 0
        return workflow.sign_addendum(request=self.request, by=by, seen_version=seen, factor_at=self.factor_at)

    def answer_follow_up(self, by: Actor) -> Any:
        opinion = self.request.opinions.signed().first()
        question = FollowUpQuestion(opinion=opinion or Opinion(request=self.request), number=1, language="en")
        if opinion:
            question.save()
        return workflow.answer_follow_up(question=question, by=by, text=self.words, language="en")

    @property
    def urgency(self) -> Urgency:
        # Without a word of why, nothing is urgent.
        return Urgency.URGENT if self.reason else Urgency.SOON

    def forward(self, by: Actor) -> Request:
        # A case that is at a facility could not be forwarded for that reason alone.
        self.request.assignments.update(ended_at=timezone.now())
        return workflow.forward(request=self.request, by=by, seen_version=self.request.version, facility=self.facility)

    def return_to_triage(self, by: Actor) -> Request:
        is_office = by.user == self.people["coordinator"]
        reason = ReturnReason.RECALLED if is_office else ReturnReason.NO_CAPACITY
        return workflow.return_to_triage(
            request=self.request, by=by, seen_version=self.request.version, reason=self.reason or reason
        )


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    facility: Facility,
    coordinator: User,
    facility_office: User,
    specialist: User,
    facility_editor: User,
    editor: User,
    administrator: User,
    stranger: User,
) -> Callable[[str, str], Scene]:
    people = {
        "coordinator": coordinator,
        "facility_office": facility_office,
        "specialist": specialist,
        "facility_editor": facility_editor,
        "editor": editor,
        "administrator": administrator,
        "stranger": stranger,
        "colleague": factories.add_coordinator(),
        "emergency_reader": factories.add_coordinator(CoordinationOffice.objects.create(name="Another office")),
        "interpreter": consulting.add_interpreter(("ar", "en")).user,
    }
    another = factories.make_facility()
    factories.reached(another)
    SpecialistProfile.objects.create(user=specialist, languages=["en"])
    consulting.add_hours(specialist)
    protocol = factories.make_protocol(facility, includes_consultation=True)

    def make(status: str, role: str) -> Scene:
        answers = factories.RELATIVE_ANSWERS if role == Role.RELATIVE else {}
        case = factories.make_submitted(facility=facility, with_consent=True, **answers)
        file = StoredFile.objects.store(factories.upload(), data_key=case.data_key)
        Document.objects.create(request=case, file=file)
        case.authority_stated_at = timezone.now()
        case.protocol = protocol
        factories.force_status(case, Status(status), factories.add_coordinator())
        long_ago = timezone.now() - datetime.timedelta(days=800)
        case.saved_at = long_ago
        case.paused_since = long_ago if case.paused_since else None
        case.closed_at = long_ago if case.closed_at else None
        if status in {"with_facility", "with_specialist", "opinion_ready", "awaiting_patient"}:
            named = {} if status == "with_facility" else {"specialist": specialist, "named_at": timezone.now()}
            Assignment.objects.create(request=case, facility=facility, **named)
            case.returns_to = Status.WITH_SPECIALIST if status == "awaiting_patient" else ""
        case.save()
        now = timezone.now()
        EmergencyAccess.objects.create(
            request=case,
            asked_by=people["emergency_reader"],
            confirmed_by=people["colleague"],
            confirmed_at=now,
            ends_at=now + datetime.timedelta(hours=1),
        )
        Tombstone.objects.note(Kind.KEY, case.data_key_id)
        if status in {"with_specialist", "awaiting_patient", "opinion_ready", "closed"}:
            add_opinion(case, facility, specialist, status, is_over=role == Role.SYSTEM)
        return Scene(case, people, facility, another, specialist)

    return make


def add_opinion(case: Request, facility: Facility, specialist: User, status: str, *, is_over: bool) -> None:
    """Add the opinion a request has in a status: a draft, or delivered, with the days for questions over or not."""
    is_signed = status in {"opinion_ready", "closed"}
    now = timezone.now()
    day = datetime.timedelta(days=1)
    assignment = case.assignments.first() or Assignment.objects.create(
        request=case, facility=facility, specialist=specialist, named_at=now, ended_at=now + day
    )
    opinion = Opinion(request=case, assignment=assignment, author=specialist, facility=facility)
    for name, value in asdict(factories.opinion_text(case)).items():
        setattr(opinion, name, value)
    if is_signed:
        opinion.signed_at, opinion.signed_by = now - 3 * day, specialist
        opinion.closes_at = now - day if is_over else now + day
        opinion.follow_up_limit, opinion.digest = 2, opinion.computed_digest()
    opinion.save()


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("status", Status.values)
def test_every_step(status: str, role: str, scene: Callable[[str, str], Scene]):
    here = scene(status, role)
    by = here.actor(role)
    key = "patient" if role == "relative" else role
    expected = {Action(name) for name in EXPECTED[status].get(key, "").split()}

    possible = set()
    refused: dict[Action, type[RequestError]] = {}
    for action in Action:
        if action in BEGINNINGS:
            continue
        try:
            left = here.attempt(action, by)
        except (NotAllowed, IllegalStep) as error:
            refused[action] = type(error)
            continue
        possible.add(action)
        assert faults_of(action, status, Role(role), left) == []

    assert possible == expected
    # Only who has a part in this request learns that its state is the reason.
    quality = Role(role) if Role(role) in permissions.roles_of(by, here.request) else None
    assert refused == {
        action: IllegalStep if quality in transitions.who_ever(action, here.request.kind) else NotAllowed
        for action in refused
    }
    assert set(workflow.allowed_actions(by, here.request)) == expected


# Each save is in the trail alone; the history would hold nothing else.
SAVED_OFTEN = {Action.SAVE, Action.WRITE_OPINION, Action.WRITE_ADDENDUM}
# What the table cannot name: news of a consultation, the mail of the request that a referral begins, mails to staff.
ALSO_TOLD = {
    Action.CONFIRM_BOOKING: ["consultation", "consultation_staff"],
    Action.MOVE_BOOKING: ["consultation", "consultation_staff"],
    Action.CANCEL_BOOKING: ["consultation", "consultation_staff"],
    Action.REFER: ["consent_asked"],
    Action.ASK_FOLLOW_UP: ["follow_up_waiting"],
}

# Where a case is that a specialist need not answer any more.
AWAY_FROM_HER = {Status.IN_TRIAGE, Status.WITHDRAWN, Status.CLOSED, Status.ERASED}


def faults_of(action: Action, status: str, role: Role, left: Traces) -> list[str]:
    """Return what a step has not left as the table says."""
    if action in SAVED_OFTEN:
        return [] if left == Traces(trail=[str(action)]) else [f"{action} leaves {left}"]
    if [event.action for event in left.events] != [action]:
        return [f"{action} leaves the events {left.events}"]
    [event] = left.events
    faults = [] if (event.role, event.from_status) == (role, status) else [f"{action} is written as {event}"]
    if str(action) not in [line.split()[0] for line in left.trail]:
        faults.append(f"{action} leaves the trail {left.trail}")
    rows = [row for row in transitions.TABLE if row.action == action and role in row.who and status in row.sources]
    comes_to_her = event.to_status == Status.WITH_SPECIALIST != event.from_status
    # Where a patient is waited for, it is for the specialist.
    was_hers = event.from_status in {Status.WITH_SPECIALIST, Status.AWAITING_PATIENT}
    leaves_her = was_hers and event.to_status in AWAY_FROM_HER
    is_news = leaves_her and role != Role.SPECIALIST and action != Action.ERASE_AGAIN
    besides = [*ALSO_TOLD.get(action, []), *["case_waiting"] * comes_to_her, *["case_left"] * is_news]
    told = [
        sorted(f"teleconsult/mail/{mail}" for mail in [*row.tells, *besides])
        for row in rows
        if leads(row.target, status, event)
    ]
    return faults if left.mails in told else [*faults, f"{action} sends {left.mails}, not {told}"]


def leads(target: str, status: str, event: Event) -> bool:
    """Return whether a row of the table leads where the step has led."""
    return target == Target.RETURNS or event.to_status == (status if target == Target.STAYS else target)


def test_the_table_has_every_action_and_every_status():
    assert set(EXPECTED) == set(Status.values)
    assert {name for row in EXPECTED.values() for names in row.values() for name in names.split()} == set(
        Action.values
    ) - BEGINNINGS


@pytest.mark.parametrize("status", Status.values)
def test_a_stranger_is_told_nothing_about_the_state(status: str, scene: Callable[[str, str], Scene]):
    here = scene(status, "stranger")

    for stranger in STRANGERS:
        by = here.actor(stranger)
        assert workflow.allowed_actions(by, here.request) == ()
        for action in set(Action) - BEGINNINGS:
            with pytest.raises(NotAllowed):
                here.attempt(action, by)


# --- what must be true -------------------------------------------------------------------------------------------


def without_consent(here: Scene) -> None:
    """Take every consent back, as its patient would."""
    last = here.request.consents.count()
    for number, row in enumerate(list(here.request.consents.all()), start=last + 1):
        here.request.consents.create(
            number=number, purpose=row.purpose, facility=row.facility, decision=ConsentDecision.REVOKE
        )


def with_request(**values: Any) -> Callable[[Scene], None]:
    def change(here: Scene) -> None:
        for name, value in values.items():
            setattr(here.request, name, value)
        here.request.save()

    return change


def with_typed(**values: Any) -> Callable[[Scene], None]:
    return lambda here: vars(here).update(values)


def with_opinion(**values: Any) -> Callable[[Scene], None]:
    def change(here: Scene) -> None:
        open_what_was_signed()
        opinion = here.request.opinions.get()
        for name, value in values.items():
            setattr(opinion, name, value)
        opinion.save()

    return change


def without_opinion(here: Scene) -> None:
    open_what_was_signed()
    here.request.opinions.all().delete()


def open_what_was_signed() -> None:
    """Let the database change what was signed; the test that does it takes this back with all the rest."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE teleconsult_opinion DISABLE TRIGGER USER")


def referred_before(here: Scene) -> None:
    """Refer the case to the same facility a first time."""
    here.calls()[Action.REFER](here.actor("coordinator"))
    here.request.refresh_from_db()


# Requirement → how it is broken, and what the person is told.
BROKEN: dict[Requirement, tuple[Callable[[Scene], Any], type[RequestError]]] = {
    Requirement.ANSWERS: (with_request(question=""), Incomplete),
    Requirement.COORDINATION_CONSENT: (without_consent, ConsentMissing),
    Requirement.FACILITY_CONSENT: (without_consent, ConsentMissing),
    Requirement.AUTHORITY: (with_request(for_whom="relative", authority_stated_at=None), AuthorityMissing),
    Requirement.REACHED: (
        lambda _here: Membership.objects.filter(role=StaffRole.FACILITY_OFFICE).update(until=timezone.localdate()),
        NotReached,
    ),
    Requirement.SPECIALIST_THERE: (
        lambda here: here.specialist.memberships.update(until=timezone.localdate()),
        NotASpecialistThere,
    ),
    Requirement.REASON: (with_typed(reason="no such reason"), ReasonMissing),
    Requirement.WORDS: (with_typed(words=" "), ReasonMissing),
    Requirement.NOT_OWNER: (lambda here: with_request(owner=here.people["coordinator"])(here), IllegalStep),
    Requirement.COLLEAGUE: (lambda here: vars(here).update(colleague=here.people["stranger"]), NotAColleague),
    Requirement.ANOTHER_FACILITY: (referred_before, IllegalStep),
    Requirement.FORGOTTEN: (lambda here: with_request(saved_at=timezone.now())(here), IllegalStep),
    Requirement.OLD: (lambda here: with_request(closed_at=timezone.now())(here), IllegalStep),
    Requirement.UNANSWERED: (lambda here: with_request(paused_since=timezone.now())(here), IllegalStep),
    Requirement.CONSULTATION: (
        lambda here: Protocol.objects.filter(pk=here.request.protocol_id).update(includes_consultation=False),
        NoConsultation,
    ),
    Requirement.TOMBSTONE: (lambda _here: Tombstone.objects.all().delete(), IllegalStep),
    Requirement.OPINION_COMPLETE: (with_opinion(plain_words=""), OpinionIncomplete),
    Requirement.FACTOR: (with_typed(factor_at=None), FactorMissing),
    Requirement.DELIVERED: (without_opinion, IllegalStep),
    Requirement.QUESTIONS_LEFT: (with_opinion(follow_up_limit=0), NoQuestionsLeft),
    Requirement.WINDOW_OVER: (
        lambda here: with_opinion(closes_at=timezone.now() + datetime.timedelta(days=1))(here),
        IllegalStep,
    ),
}
# These choose between rows of one step; without them another row holds.
CHOOSING = {Requirement.ASKED_FOR, Requirement.CASE_IS_THERE, Requirement.LAST_CONSENT}
# Status and role → the rows with something that must be true.
CONDITIONS: dict[tuple[str, str], list[Transition]] = defaultdict(list)
for _row in transitions.TABLE:
    if set(_row.requires) - CHOOSING:
        for _place in itertools.product(_row.sources, _row.who):
            CONDITIONS[_place].append(_row)


def test_every_requirement_is_broken_once():
    assert BROKEN.keys() | CHOOSING == set(Requirement)
    assert not BROKEN.keys() & CHOOSING


@pytest.mark.parametrize(("status", "role"), CONDITIONS)
def test_what_is_not_true_is_said_by_its_name_and_leaves_nothing(
    status: str, role: str, scene: Callable[[str, str], Scene]
):
    here = scene(status, role)
    by = here.actor(role)

    told, expected = {}, {}
    for row in CONDITIONS[status, role]:
        for requirement in set(row.requires) - CHOOSING:
            breaks, error = BROKEN[requirement]
            point = transaction.savepoint()
            there = here.broken(breaks)
            if not row.is_for(there.request.kind):
                with_request(kind=row.kinds[0])(there)
            # Without a part in this request she is told nothing of what is missing.
            is_known = Role(role) in permissions.roles_of(by, there.request)
            expected[row.action, requirement] = error if is_known else NotAllowed
            try:
                there.attempt(row.action, by)
            except RequestError as refusal:
                told[row.action, requirement] = type(refusal)
            transaction.savepoint_rollback(point)

    assert told == expected


def test_what_is_said_can_be_translated():
    """Each sentence of an error goes through the catalogue."""
    found = [error for error in vars(exceptions).values() if isinstance(error, type)]
    known = {error.__name__: error for error in found if issubclass(error, RequestError)}
    bare = [
        f"{file.name}:{node.lineno}"
        for file in sorted(Path(workflow.__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in known
        for said in node.exc.args
        if isinstance(said, ast.Constant | ast.JoinedStr)
    ]

    assert bare == []
    assert [name for name, error in known.items() if not isinstance(error.sentence, Promise)] == []
