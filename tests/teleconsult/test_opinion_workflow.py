"""The opinion: draft, signature, addendum, questions within the protocol, and the end of the case."""

import datetime
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from notifications.models import OutboxMessage
from teleconsult import tasks, workflow
from teleconsult.enums import Action, BookingStatus, CloseReason, Delivery, OptionKind, Status
from teleconsult.exceptions import (
    FactorMissing,
    IllegalStep,
    NoQuestionsLeft,
    NotAllowed,
    OpinionIncomplete,
    ReasonMissing,
    StaleVersion,
)
from teleconsult.models import Booking, FollowUpQuestion, Opinion, Request
from teleconsult.models.opinions import option
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from vault import trail
from vault.keys import KeyErased
from vault.trail import TrailEntry

pytestmark = pytest.mark.django_db
MONDAY = datetime.datetime(2026, 11, 16, 9, 0, tzinfo=ZoneInfo("Europe/Rome"))
Case = Request


@pytest.fixture
def case(coordinator: User, facility: Facility, facility_office: User, specialist: User) -> Case:
    factories.make_protocol(facility, follow_up_questions=2, follow_up_days=10)
    return factories.make_with_specialist(coordinator, facility, facility_office, specialist)


@pytest.fixture
def by(specialist: User) -> Actor:
    return Actor.staff(specialist)


def delivered(case: Case, by: Actor, **about: Any) -> Opinion:
    return factories.deliver_opinion(case, by, **about)


def row(opinion: Opinion) -> Opinion:
    return Opinion.objects.get(pk=opinion.pk)


def taken_back(case: Case, facility: Facility) -> Case:
    """Return the case after its patient took the consent back."""
    case = Request.objects.get(pk=case.pk)
    by = factories.patient_of(case)
    return workflow.revoke_consent(request=case, by=by, seen_version=case.version, facility=facility)


def ask(case: Case, text: str = "And then?", key: uuid.UUID | None = None) -> FollowUpQuestion:
    by = factories.patient_of(case)
    return workflow.ask_follow_up(request=case, by=by, text=text, idempotency_key=key or uuid.uuid4())


# --- the draft --------------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_and_counts_its_saves(case: Case, by: Actor):
    first = workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    second = workflow.write_opinion(
        request=case, by=by, seen_version=1, text=factories.opinion_text(case, plain_words="Better.")
    )

    assert first.pk == second.pk
    assert row(second).plain_words == "Better."
    assert row(second).version == 2
    assert not case.events.filter(action=Action.WRITE_OPINION).exists()
    assert TrailEntry.objects.filter(case_id=case.pk, detail="write_opinion").count() == 2
    case.refresh_from_db()
    assert case.status == Status.WITH_SPECIALIST


def test_the_same_text_again_is_no_change_whatever_was_seen(case: Case, by: Actor):
    text = factories.opinion_text(case)
    workflow.write_opinion(request=case, by=by, seen_version=0, text=text)

    again = workflow.write_opinion(request=case, by=by, seen_version=0, text=text)

    assert again.version == 1


def test_a_second_window_never_overwrites(case: Case, by: Actor):
    workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case, plain_words="One."))

    with pytest.raises(StaleVersion):
        workflow.write_opinion(
            request=case, by=by, seen_version=0, text=factories.opinion_text(case, plain_words="Two.")
        )

    assert case.opinions.get().plain_words == "One."


def test_the_specialist_goes_on_writing_while_the_patient_is_awaited(case: Case, by: Actor):
    workflow.ask_question(request=case, by=by, seen_version=case.version, text="Since when?")

    kept = workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))

    assert kept.version == 1
    with pytest.raises(IllegalStep):
        workflow.sign_opinion(request=case, by=by, seen_version=1, factor_at=timezone.now())


def test_nul_and_blanks_are_dropped(case: Case, by: Actor):
    kept = workflow.write_opinion(
        request=case, by=by, seen_version=0, text=factories.opinion_text(case, plain_words=" a\0b ", letter="\0")
    )

    assert row(kept).plain_words == "ab"
    assert row(kept).letter == ""


def test_the_words_are_sealed(case: Case, by: Actor):
    delivered(case, by, plain_words="Lutetium helps.")

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM teleconsult_opinion t")
        stored = cursor.fetchone()[0]
    assert "Lutetium" not in bytes.fromhex(stored.partition("\\x")[2].split(",")[0].strip('"')).decode("latin-1")
    assert "Lutetium" not in stored
    assert case.question not in stored


def test_a_draft_comes_back_when_the_case_does(
    case: Case, by: Actor, coordinator: User, facility: Facility, facility_office: User, specialist: User
):
    mine = workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    case.refresh_from_db()
    workflow.return_to_triage(request=case, by=by, seen_version=case.version, reason="no_capacity")
    office = Actor.staff(coordinator)
    case.refresh_from_db()
    workflow.forward(request=case, by=office, seen_version=case.version, facility=facility)
    case.refresh_from_db()
    workflow.name_specialist(
        request=case, by=Actor.staff(facility_office), seen_version=case.version, specialist=specialist
    )
    case = Request.objects.get(pk=case.pk)

    assert workflow.current_opinion(case) is None
    assert workflow.earlier_draft(case, by) == mine


# --- the signature ----------------------------------------------------------------------------------------------------


def test_signing_delivers(case: Case, by: Actor, specialist: User, facility: Facility):
    opinion = delivered(case, by)

    case.refresh_from_db()
    assert case.status == Status.OPINION_READY
    assert opinion.signed_by == specialist
    assert opinion.signer == {"name": str(specialist), "role": "specialist"}
    event = case.events.get(action=Action.SIGN_OPINION)
    assert (event.user, event.facility, event.to_status) == (specialist, facility, Status.OPINION_READY)
    entry = TrailEntry.objects.get(case_id=case.pk, action=trail.Action.SIGNED)
    assert entry.detail == f"sign_opinion sha256:{opinion.digest}"
    assert entry.object_id == str(opinion.pk)
    mail = OutboxMessage.objects.get(kind="teleconsult/mail/opinion_ready")
    assert mail.about == str(case.pk)


def test_the_hash_can_be_computed_again_and_changes_with_every_word(case: Case, by: Actor):
    opinion = row(delivered(case, by))

    assert opinion.computed_digest() == opinion.digest
    for name, value in {
        "plain_words": "x",
        "letter": "x",
        "salt": "x",
        "language": "it",
        "signer": {"name": "x"},
    }.items():
        other = row(opinion)
        setattr(other, name, value)
        assert other.computed_digest() != opinion.digest, name


def test_names_of_the_catalogue_are_those_of_the_day_it_was_signed(case: Case, by: Actor, facility: Facility):
    treatment = factories.make_treatment()
    chosen = option(OptionKind.TRAVEL, "Come.", treatment=treatment.slug, facility=facility.slug)
    opinion = delivered(case, by, options=[chosen])

    treatment.name_en = "Another name"
    treatment.save()

    kept = row(opinion).options[0]
    assert (kept["treatment_name"], kept["facility_name"]) == ("Secretectomy", facility.short_name)


def test_signing_twice_is_signing_once(case: Case, by: Actor):
    opinion = delivered(case, by)

    again = workflow.sign_opinion(request=case, by=by, seen_version=opinion.version, factor_at=timezone.now())

    assert again.pk == opinion.pk
    assert case.events.filter(action=Action.SIGN_OPINION).count() == 1
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/opinion_ready").count() == 1


def test_only_what_was_read_is_signed(case: Case, by: Actor):
    workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    workflow.write_opinion(request=case, by=by, seen_version=1, text=factories.opinion_text(case, plain_words="New."))

    with pytest.raises(StaleVersion):
        workflow.sign_opinion(request=case, by=by, seen_version=1, factor_at=timezone.now())

    assert not case.opinions.get().is_signed


@pytest.mark.parametrize("given", [None, "before the text", "long ago"])
def test_nothing_is_signed_without_the_second_factor(case: Case, by: Actor, given: str | None):
    with time_machine.travel(MONDAY, tick=False) as clock:
        workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
        clock.shift(datetime.timedelta(minutes=1))
        moments = {
            None: None,
            "before the text": timezone.now() - datetime.timedelta(minutes=2),
            "long ago": timezone.now(),
        }
        if given == "long ago":
            clock.shift(datetime.timedelta(minutes=6))

        with pytest.raises(FactorMissing):
            workflow.sign_opinion(request=case, by=by, seen_version=1, factor_at=moments[given])

    assert not case.opinions.get().is_signed


@pytest.mark.parametrize(
    "missing",
    [
        {"plain_words": ""},
        {"answers": []},
        {"answers": [{"question": "Why?", "answer": "", "is_joined": False, "is_patients": True}]},
    ],
)
def test_an_incomplete_opinion_is_not_signed(case: Case, by: Actor, missing: dict[str, Any]):
    with pytest.raises(OpinionIncomplete):
        delivered(case, by, **missing)

    case.refresh_from_db()
    assert case.status == Status.WITH_SPECIALIST


def test_without_a_draft_nothing_is_signed(case: Case, by: Actor):
    with pytest.raises(OpinionIncomplete):
        workflow.sign_opinion(request=case, by=by, seen_version=0, factor_at=timezone.now())


def test_a_joined_part_needs_no_answer_of_its_own(case: Case, by: Actor):
    parts = [
        {"question": "Why?", "answer": "So.", "is_joined": False, "is_patients": True},
        {"question": "When?", "answer": "", "is_joined": True, "is_patients": True},
    ]

    opinion = delivered(case, by, answers=parts)

    assert [part["question"] for part in opinion.answered] == ["Why?\n\nWhen?"]


@pytest.mark.parametrize(("days", "delivery"), [(2, Delivery.ON_TIME), (9, Delivery.LATE)])
def test_the_clock_ends_and_it_is_known_whether_it_was_on_time(
    coordinator: User, facility: Facility, facility_office: User, specialist: User, days: int, delivery: str
):
    factories.make_protocol(facility, promised_working_days=5)
    with time_machine.travel(MONDAY, tick=False) as clock:
        case = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
        due = case.due_at
        clock.shift(datetime.timedelta(days=days))
        opinion = delivered(case, Actor.staff(specialist))

    case.refresh_from_db()
    assert due is not None
    assert opinion.due_at == due
    assert (case.due_at, case.clock_started_at, case.promised_days) == (None, None, None)
    assert case.events.get(action=Action.SIGN_OPINION).reason == delivery
    assert opinion.is_on_time is (delivery == Delivery.ON_TIME)
    assert case not in Request.objects.late(MONDAY + datetime.timedelta(days=90))


def test_where_nothing_was_promised_nothing_is_late(
    coordinator: User, facility: Facility, facility_office: User, specialist: User
):
    factories.make_protocol(facility, promised_working_days=None, clock_starts="")
    case = factories.make_with_specialist(coordinator, facility, facility_office, specialist)

    opinion = delivered(case, Actor.staff(specialist))

    assert opinion.is_on_time is None
    assert case.events.get(action=Action.SIGN_OPINION).reason == ""


def test_what_is_delivered_is_never_changed(case: Case, by: Actor):
    opinion = delivered(case, by)
    question = ask(case)
    workflow.answer_follow_up(question=question, by=by, text="Then this.", language="en")
    addendum = factories.add_addendum(case, by)

    for stored in (opinion, addendum, question):
        rows = type(stored).objects.filter(pk=stored.pk)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            rows.update(language="it")
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            rows._raw_delete(rows.db)
    with pytest.raises(IllegalStep):
        workflow.write_opinion(
            request=case, by=by, seen_version=1, text=factories.opinion_text(case, plain_words="No.")
        )


def test_a_question_is_not_changed_before_its_answer_either(case: Case, by: Actor):
    delivered(case, by)
    question = ask(case)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        FollowUpQuestion.objects.filter(pk=question.pk).update(language="it")


# --- addenda ----------------------------------------------------------------------------------------------------------


def test_an_addendum_is_signed_by_itself_and_leaves_the_case_where_it_is(case: Case, by: Actor):
    opinion = delivered(case, by)
    digest = opinion.digest

    addendum = factories.add_addendum(case, by, "One more thing.")

    case.refresh_from_db()
    assert case.status == Status.OPINION_READY
    assert row(opinion).digest == digest
    assert (addendum.number, addendum.text) == (1, "One more thing.")
    assert addendum.computed_digest() == addendum.digest
    assert factories.add_addendum(case, by, "And another.").number == 2
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/addendum_ready").count() == 2


def test_an_addendum_needs_words_a_delivered_opinion_and_the_factor(case: Case, by: Actor):
    with pytest.raises(IllegalStep):
        workflow.write_addendum(request=case, by=by, seen_version=0, text="Early.", language="en")
    delivered(case, by)
    about = {"request": case, "by": by}
    with pytest.raises(ReasonMissing):
        workflow.sign_addendum(**about, seen_version=0, factor_at=timezone.now())
    before = timezone.now()
    workflow.write_addendum(**about, seen_version=0, text="Late.", language="en")
    with pytest.raises(FactorMissing):
        workflow.sign_addendum(**about, seen_version=1, factor_at=before)
    with pytest.raises(StaleVersion):
        workflow.write_addendum(**about, seen_version=0, text="Other window.", language="en")
    with pytest.raises(StaleVersion):
        workflow.sign_addendum(**about, seen_version=7, factor_at=timezone.now())


def test_an_addendum_reopens_reading_of_a_closed_case_not_the_case(case: Case, by: Actor, specialist: User):
    delivered(case, by)
    workflow.close_answered(request=case, by=factories.patient_of(case))
    case.refresh_from_db()

    factories.add_addendum(case, by, "I was wrong about the dose.")

    case.refresh_from_db()
    assert case.status == Status.CLOSED
    assert not Request.objects.visible_to(specialist).filter(pk=case.pk).exists()
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/addendum_ready").count() == 1


def test_nobody_adds_to_a_closed_case_who_left_the_hospital(
    case: Case, by: Actor, specialist: User, facility: Facility
):
    opinion = delivered(case, by)
    workflow.close_answered(request=case, by=factories.patient_of(case))
    colleague = factories.add_staff(facility, StaffRole.SPECIALIST)
    assert opinion in Opinion.objects.visible_to(specialist)
    assert opinion not in Opinion.objects.visible_to(colleague)

    Membership.objects.filter(user=specialist).update(until=datetime.date(2021, 1, 1))

    assert opinion not in Opinion.objects.visible_to(specialist)
    with pytest.raises(NotAllowed):
        workflow.write_addendum(request=case, by=by, seen_version=0, text="Hello.", language="en")


def test_nobody_adds_to_a_closed_case_without_the_patients_consent(
    case: Case, by: Actor, facility: Facility, coordinator: User
):
    opinion = delivered(case, by)
    case = taken_back(case, facility)

    workflow.close(request=case, by=Actor.staff(coordinator), seen_version=case.version)

    assert opinion not in Opinion.objects.visible_to(by.user)
    with pytest.raises(NotAllowed):
        workflow.write_addendum(request=case, by=by, seen_version=0, text="Hello.", language="en")


def test_another_hospital_neither_reads_the_first_opinion_nor_answers_for_it(
    case: Case, by: Actor, facility: Facility, coordinator: User
):
    opinion = delivered(case, by)
    question = ask(case)
    case = taken_back(case, facility)
    other = factories.make_facility()
    office = factories.reached(other)
    case = workflow.give_consent(
        request=case,
        by=factories.patient_of(case),
        seen_version=case.version,
        facility=other,
        text_hash=factories.facility_hash(),
        shown_in="en",
    )
    case = workflow.forward(request=case, by=Actor.staff(coordinator), seen_version=case.version, facility=other)

    assert case in Request.objects.visible_to(office)
    assert opinion not in Opinion.objects.visible_to(office)
    assert opinion in Opinion.objects.visible_to(coordinator)
    colleague = factories.add_staff(other, StaffRole.SPECIALIST)
    case = workflow.name_specialist(
        request=case, by=Actor.staff(office), seen_version=case.version, specialist=colleague
    )
    second = delivered(case, Actor.staff(colleague))
    assert list(Opinion.objects.visible_to(colleague)) == [second]
    with pytest.raises(IllegalStep):
        workflow.answer_follow_up(question=question, by=Actor.staff(colleague), text="Yes.", language="en")


# --- questions of the patient -----------------------------------------------------------------------------------------


def test_questions_within_the_protocol(case: Case, by: Actor, specialist: User):
    opinion = delivered(case, by)
    key = uuid.uuid4()
    first = ask(case, "One?", key)
    assert ask(case, "One?", key) == first
    with pytest.raises(NotAllowed):
        workflow.ask_follow_up(request=case, by=by, text="One?", idempotency_key=key)
    ask(case, "Two?")

    with pytest.raises(NoQuestionsLeft):
        ask(case, "Three?")

    assert opinion.questions_left == 0
    told = OutboxMessage.objects.filter(kind="teleconsult/mail/follow_up_waiting")
    assert told.count() == 2
    answered = workflow.answer_follow_up(question=first, by=by, text="Yes.", language="en")
    again = workflow.answer_follow_up(question=first, by=by, text="Yes.", language="en")
    assert answered == again
    with pytest.raises(IllegalStep):
        workflow.answer_follow_up(question=first, by=by, text="No.", language="en")
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/follow_up_answered").count() == 1
    assert FollowUpQuestion.objects.get(pk=first.pk).answered_by == specialist


def test_the_days_for_questions_end(case: Case, by: Actor):
    with time_machine.travel(MONDAY, tick=False) as clock:
        delivered(case, by)
        opinion = case.opinions.get()
        assert opinion.closes_at.astimezone(ZoneInfo("Europe/Rome")).isoformat() == "2026-11-26T23:59:00+01:00"
        clock.move_to(opinion.closes_at - datetime.timedelta(seconds=1))
        ask(case, "In time?")
        clock.move_to(opinion.closes_at)

        with pytest.raises(NoQuestionsLeft):
            ask(case, "Too late?")


@pytest.mark.parametrize("fields", [{}, {"follow_up_questions": 0, "follow_up_days": 10}])
def test_a_protocol_without_questions(
    coordinator: User, facility: Facility, facility_office: User, specialist: User, fields: dict[str, int]
):
    factories.make_protocol(facility, **fields)
    case = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    with time_machine.travel(MONDAY, tick=False):
        opinion = delivered(case, Actor.staff(specialist))

        with pytest.raises(NoQuestionsLeft):
            ask(case)

    assert (opinion.closes_at - MONDAY).days == 30


def test_an_empty_question_is_refused(case: Case, by: Actor):
    delivered(case, by)

    with pytest.raises(ReasonMissing):
        ask(case, "  \0 ")


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_patient_says_that_she_has_what_she_needs(case: Case, by: Actor):
    delivered(case, by)

    workflow.close_answered(request=case, by=factories.patient_of(case))

    case.refresh_from_db()
    assert (case.status, case.events.last().reason) == (Status.CLOSED, CloseReason.ANSWERED)
    assert case.assignments.current().count() == 0
    assert not OutboxMessage.objects.filter(kind="teleconsult/mail/closed").exists()


def test_the_case_stays_open_while_a_consultation_is_to_come(case: Case, by: Actor, specialist: User):
    opinion = delivered(case, by)
    over = opinion.closes_at + datetime.timedelta(minutes=1)
    period = TimestamptzRange(over + datetime.timedelta(days=1), over + datetime.timedelta(days=1, minutes=30))
    booking = Booking.objects.create(
        request=case,
        facility=opinion.facility,
        specialist=specialist,
        status=BookingStatus.CONFIRMED,
        agreed_at=timezone.now(),
        period=period,
        zone="Europe/Rome",
        promised_on=period.lower.date(),
        promised_start=period.lower.time(),
        promised_end=period.upper.time(),
        patient_language="en",
        visit_language="en",
    )

    with time_machine.travel(over, tick=False):
        tasks.close_answered(over)
        case.refresh_from_db()
        booking.refresh_from_db()
        assert (case.status, booking.status) == (Status.OPINION_READY, BookingStatus.CONFIRMED)
    with time_machine.travel(period.upper, tick=False):
        tasks.close_answered(period.upper)

    case.refresh_from_db()
    assert case.status == Status.CLOSED


def test_the_case_closes_by_itself_when_the_days_are_over_and_nothing_waits(case: Case, by: Actor):
    opinion = delivered(case, by)
    question = ask(case)
    over = opinion.closes_at + datetime.timedelta(minutes=1)

    tasks.close_answered(opinion.closes_at - datetime.timedelta(minutes=1))
    with time_machine.travel(over, tick=False):
        tasks.close_answered(over)
        case.refresh_from_db()
        assert case.status == Status.OPINION_READY
        workflow.answer_follow_up(question=question, by=by, text="Yes.", language="en")
        tasks.close_answered(over)
        tasks.close_answered(over)

    case.refresh_from_db()
    assert case.status == Status.CLOSED
    assert case.events.filter(action=Action.CLOSE_ANSWERED).count() == 1
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/closed").count() == 1


def test_taking_the_consent_back_returns_the_case_and_keeps_the_opinion(case: Case, by: Actor, facility: Facility):
    opinion = delivered(case, by)

    case = taken_back(case, facility)

    assert case.status == Status.IN_TRIAGE
    assert row(opinion).plain_words == opinion.plain_words
    assert opinion not in Opinion.objects.visible_to(by.user)
    assert workflow.current_opinion(case) is None


def test_erasing_leaves_nothing_that_can_be_read(case: Case, by: Actor):
    opinion = delivered(case, by)
    ask(case, "Secret?")
    workflow.write_addendum(request=case, by=by, seen_version=0, text="A draft.", language="en")

    workflow.erase(request=case, by=factories.patient_of(case))

    kept = row(opinion)
    assert kept.addenda.count() == 0
    for read in (lambda: kept.plain_words, lambda: kept.answers, lambda: kept.signer, lambda: kept.salt):
        with pytest.raises(KeyErased):
            read()
    with pytest.raises(KeyErased):
        _ = FollowUpQuestion.objects.get(opinion=kept).question
