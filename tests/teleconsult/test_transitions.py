"""Every status × role × action: what is written here by hand is what can be done, and nothing else."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from accounts.models import User
from facilities.models import Facility
from teleconsult import slots, workflow
from teleconsult.enums import Action, CloseReason, DeclineReason, ReturnReason, Role, Status, Urgency
from teleconsult.exceptions import IllegalStep, NotAllowed
from teleconsult.models import (
    Addendum,
    Assignment,
    Booking,
    CoordinationOffice,
    Document,
    EmergencyAccess,
    FollowUpQuestion,
    Opinion,
    Request,
    SpecialistProfile,
    WaitingEntry,
)
from teleconsult.permissions import Actor
from tests.teleconsult import consulting, factories
from treatments.enums import DocumentKind
from vault.files import StoredFile
from vault.tombstones import Kind, Tombstone

STRANGERS = ["stranger", "interpreter", "editor", "administrator", "facility_editor", "nobody"]

ANY_OPEN = "withdraw erase change_settings give_consent revoke_consent state_authority send_message ask_receipt"
# How a request begins is no step of a request that is there.
BEGINNINGS = {Action.START, Action.BEGIN_REFERRAL}
BOOK = "hold_slot confirm_booking join_waiting"
CHANGE_BOOKED = "move_booking cancel_booking leave_waiting"
CONSULTATION = f"{BOOK} {CHANGE_BOOKED}"
RECORD = "record_late record_done record_no_show"
ENDED = {
    "patient": "erase change_settings ask_receipt",
    "coordinator": "confirm_identity",
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
        "close send_message write_note confirm_identity",
    },
    "with_facility": {
        "patient": f"{ANY_OPEN} add_document",
        "coordinator": "take_over hand_over set_urgency settle_fee refer return_to_triage send_message write_note "
        "confirm_identity",
        "facility_office": f"{FACILITY_ASKS} settle_fee name_specialist",
        # In this test the specialist is named already.
        "specialist": "send_message write_note",
    },
    "with_specialist": {
        "patient": f"{ANY_OPEN} add_document {CONSULTATION}",
        "coordinator": "take_over hand_over set_urgency refer return_to_triage send_message write_note "
        f"confirm_identity {CONSULTATION}",
        "facility_office": f"return_to_triage send_message write_note {CONSULTATION}",
        "specialist": f"{FACILITY_ASKS} write_opinion sign_opinion {CONSULTATION} {RECORD}",
    },
    "opinion_ready": {
        "patient": f"{ANY_OPEN} add_document ask_follow_up close_answered {CONSULTATION}",
        "coordinator": f"refer send_message write_note confirm_identity {CONSULTATION}",
        "facility_office": f"send_message write_note {CONSULTATION}",
        "specialist": f"send_message write_note write_addendum sign_addendum answer_follow_up {CONSULTATION} {RECORD}",
        "system": "close_answered",
    },
    "awaiting_patient": {
        "patient": f"{ANY_OPEN} add_document answer {CHANGE_BOOKED}",
        "coordinator": f"take_over hand_over set_urgency send_message write_note confirm_identity {CHANGE_BOOKED}",
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


class Scene:
    """A request in one status, where every requirement of every step is met, and everybody around it."""

    def __init__(self, request: Request, people: dict[str, User], facility: Facility, specialist: User) -> None:
        self.request, self.people, self.facility, self.specialist = request, people, facility, specialist

    def actor(self, role: str) -> Actor:
        if role in {Role.PATIENT, Role.RELATIVE}:
            return Actor.author(self.request)
        if role == Role.SYSTEM:
            return Actor.portal("test")
        if role == "nobody":
            return Actor(kind=Actor.author(self.request).kind, request_id=uuid.uuid4())
        return Actor.staff(self.people[role])

    @property
    def other_facility(self) -> Facility:
        """Return a facility that is reached and does not have the case."""
        other = factories.make_facility()
        factories.reached(other)
        return other

    def attempt(self, action: Action, by: Actor) -> Any:
        """Take the step, and take it back."""
        point = transaction.savepoint()
        try:
            return self.calls()[action](by)
        finally:
            transaction.savepoint_rollback(point)

    def calls(self) -> dict[Action, Callable[[Actor], Any]]:
        request, facility = self.request, self.facility
        about = {"request": request, "seen_version": request.version}
        document = request.documents.first()
        return {
            Action.SAVE: lambda by: workflow.save_draft(request=request, by=by, answers={"question": "Why?"}),
            Action.SUBMIT: lambda by: workflow.submit(**about, by=by, idempotency_key=uuid.uuid4()),
            Action.TAKE: lambda by: workflow.take(**about, by=by),
            Action.TAKE_OVER: lambda by: workflow.take_over(**about, by=by),
            Action.HAND_OVER: lambda by: workflow.hand_over(**about, by=by, colleague=self.people["colleague"]),
            Action.REFER: lambda by: workflow.refer(
                **about, by=by, facility=self.other_facility, idempotency_key=uuid.uuid4()
            ),
            Action.SET_URGENCY: lambda by: workflow.set_urgency(**about, by=by, urgency=Urgency.SOON),
            Action.ASK_DOCUMENT: lambda by: workflow.ask_document(**about, by=by, text="Which?"),
            Action.ASK_QUESTION: lambda by: workflow.ask_question(**about, by=by, text="Which?"),
            Action.ASK_CONSENT: lambda by: workflow.ask_consent(**about, by=by, facility=facility),
            Action.ANSWER: lambda by: workflow.patient_answers(**about, by=by, text="This one."),
            Action.FORWARD: lambda by: self.forward(by),
            Action.NAME_SPECIALIST: lambda by: workflow.name_specialist(**about, by=by, specialist=self.specialist),
            Action.SETTLE_FEE: lambda by: workflow.settle_fee(**about, by=by),
            Action.RETURN_TO_TRIAGE: lambda by: self.return_to_triage(by),
            Action.DECLINE: lambda by: workflow.decline(**about, by=by, reason=DeclineReason.NOT_OFFERED),
            Action.CLOSE: lambda by: workflow.close(**about, by=by, reason=CloseReason.ANSWERED),
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
                request=request, by=by, text="Hello", idempotency_key=uuid.uuid4()
            ),
            Action.WRITE_NOTE: lambda by: workflow.write_note(
                request=request, by=by, text="Hello", idempotency_key=uuid.uuid4()
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
            Action.CONFIRM_IDENTITY: lambda by: workflow.confirm_identity(**about, by=by),
            Action.HOLD_SLOT: lambda by: self.hold(by),
            Action.CONFIRM_BOOKING: lambda by: workflow.confirm_booking(**self.booked("held"), by=by),
            Action.MOVE_BOOKING: lambda by: workflow.move_booking(**self.booked(), by=by, slot=self.slot()),
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
                factor_at=timezone.now(),
            ),
            Action.WRITE_ADDENDUM: lambda by: workflow.write_addendum(
                request=request, by=by, seen_version=0, text="More.", language="en"
            ),
            Action.SIGN_ADDENDUM: self.sign_addendum,
            Action.ASK_FOLLOW_UP: lambda by: workflow.ask_follow_up(
                request=request, by=by, text="And then?", idempotency_key=uuid.uuid4()
            ),
            Action.ANSWER_FOLLOW_UP: self.answer_follow_up,
            Action.CLOSE_ANSWERED: lambda by: workflow.close_answered(request=request, by=by),
        }

    def slot(self) -> str:
        offered = slots.slots_of(self.request, self.specialist)
        return offered[0].key if offered else "none"

    def hold(self, by: Actor) -> Booking:
        return workflow.hold_slot(request=self.request, by=by, slot=self.slot(), idempotency_key=uuid.uuid4())

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
            Addendum.objects.create(opinion=opinion, number=1, text="More.", saved_at=opinion.signed_at)
        return workflow.sign_addendum(request=self.request, by=by, seen_version=1, factor_at=timezone.now())

    def answer_follow_up(self, by: Actor) -> Any:
        opinion = self.request.opinions.signed().first()
        question = FollowUpQuestion(opinion=opinion or Opinion(request=self.request), number=1, language="en")
        if opinion:
            question.save()
        return workflow.answer_follow_up(question=question, by=by, text="Then this.", language="en")

    def forward(self, by: Actor) -> Request:
        # A case that is at a facility could not be forwarded for that reason alone.
        self.request.assignments.update(ended_at=timezone.now())
        return workflow.forward(request=self.request, by=by, seen_version=self.request.version, facility=self.facility)

    def return_to_triage(self, by: Actor) -> Request:
        is_office = by.user == self.people["coordinator"]
        reason = ReturnReason.RECALLED if is_office else ReturnReason.NO_CAPACITY
        return workflow.return_to_triage(request=self.request, by=by, seen_version=self.request.version, reason=reason)


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
            Assignment.objects.create(request=case, facility=facility, specialist=specialist, named_at=timezone.now())
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
        return Scene(case, people, facility, specialist)

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
    for action in Action:
        if action in BEGINNINGS:
            continue
        try:
            here.attempt(action, by)
        except (NotAllowed, IllegalStep):
            continue
        possible.add(action)

    assert possible == expected
    assert set(workflow.allowed_actions(by, here.request)) == expected


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
