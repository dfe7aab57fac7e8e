import uuid
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from publishing.enums import FactState
from teleconsult import clock, permissions, workflow
from teleconsult.enums import (
    Action,
    CloseReason,
    ConsentDecision,
    ConsentPurpose,
    DeclineReason,
    ReturnReason,
    Status,
    Urgency,
    WaitingFor,
)
from teleconsult.exceptions import (
    AuthorityMissing,
    AuthorityNotAttached,
    ConsentMissing,
    ConsentTextChanged,
    IllegalStep,
    Incomplete,
    NotAllowed,
    NotASpecialistThere,
    NotReached,
    ReasonMissing,
    StaleVersion,
    TooManyFiles,
)
from teleconsult.models import Consent, Event, Message, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from treatments.enums import ClockStart, DocumentKind
from treatments.models import Offer, RequiredDocument
from vault.files import FileState, Refusal, StoredFile
from vault.trail import TrailEntry, verify_chain

ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 3, 2, 10, tzinfo=ROME)


# --- beginning and sending -------------------------------------------------------------------------------------------


def test_pressed_twice_the_first_answers_make_one_row(db: None):
    key = uuid.uuid4()

    first = workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key)
    second = workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key)

    assert first.request.pk == second.request.pk
    assert Request.objects.count() == 1
    # The first answer may have been lost on its way: the second press gets a receipt of its own.
    assert second.secret
    assert second.secret != first.secret
    assert first.request.receipts.filter(ended_at__isnull=True).count() == 1


def test_long_after_the_form_gives_no_receipt(db: None):
    key = uuid.uuid4()
    with time_machine.travel(timezone.now() - timedelta(hours=2), tick=False):
        workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key)

    assert workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key).secret == ""


def test_a_draft_needs_an_address(db: None):
    with pytest.raises(Incomplete) as error:
        workflow.start_draft(answers={"question": "Why?"}, idempotency_key=uuid.uuid4())

    assert error.value.missing == ["email"]


def test_what_is_typed_is_cut_and_cleaned(draft: Request, patient: Actor):
    saved = workflow.save_draft(
        request=draft, by=patient, answers={"question": " a\0b" + "x" * 20_000, "patient_name": "n" * 500}
    )

    assert saved.question.startswith("abx")
    assert len(saved.question) == workflow.LONGEST_TEXT
    assert len(saved.patient_name) == workflow.LONGEST_NAME


def test_only_answers_are_answers(draft: Request, patient: Actor):
    with pytest.raises(KeyError, match="status"):
        workflow.save_draft(request=draft, by=patient, answers={"status": "closed"})


def test_pressed_twice_it_is_sent_once(draft: Request, patient: Actor):
    about = {
        "request": draft,
        "by": patient,
        "seen_version": draft.version,
        "idempotency_key": uuid.uuid4(),
        "coordination_consent": factories.coordination_hash(),
    }

    first = workflow.submit(**about)
    second = workflow.submit(**about)

    assert first.status == second.status == Status.SUBMITTED
    assert draft.events.filter(action=Action.SUBMIT).count() == 1
    assert draft.consents.count() == 1


def test_a_question_is_sent_at_once_and_once(db: None):
    about = {
        "answers": {"email": "ask@example.org", "question": "Which hospital?", "language": "it"},
        "idempotency_key": uuid.uuid4(),
        "coordination_consent": factories.coordination_hash("it"),
        "shown_in": "it",
    }

    started = workflow.send_enquiry(**about)
    workflow.send_enquiry(**about)

    assert Request.objects.count() == 1
    assert started.request.status == Status.SUBMITTED
    assert started.request.kind == factories.QUESTION
    assert started.secret
    assert list(started.request.events.values_list("number", "action")) == [(1, "start"), (2, "submit")]


def test_a_question_without_consent_leaves_nothing(db: None):
    with pytest.raises(ConsentMissing):
        workflow.send_enquiry(
            answers={"email": "ask@example.org", "question": "Which?"},
            idempotency_key=uuid.uuid4(),
            coordination_consent="",
            shown_in="en",
        )

    assert not Request.objects.exists()


def test_it_is_not_sent_with_answers_missing(db: None):
    draft = factories.make_draft(question="", age_years=None)

    with pytest.raises(Incomplete) as error:
        send(draft)

    assert error.value.missing == ["question", "age_years"]


def test_it_is_not_sent_after_the_text_of_the_consent_changed(draft: Request):
    with pytest.raises(ConsentTextChanged):
        send(draft, coordination_consent="0" * 64)


def test_the_protocol_in_force_is_frozen(facility: Facility):
    protocol = factories.make_protocol(facility)
    request = factories.make_submitted(facility=facility)

    newer = factories.make_protocol(facility, slug=protocol.slug, version=2)
    request.refresh_from_db()

    assert request.protocol == protocol
    assert factories.make_submitted(facility=facility).protocol == newer


def test_what_was_checked_holds_at_that_hospital_and_another_one_brings_its_own(
    coordinator: User, facility: Facility, facility_office: User
):
    """Fee and days are those the patient read, whatever is published until the case is sent on."""
    checked = factories.make_protocol(facility, promised_working_days=4)
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)
    newer = factories.make_protocol(facility, slug=checked.slug, version=2, promised_working_days=9)
    RequiredDocument.objects.create(protocol=newer, position=3, kind=DocumentKind.AUTHORITY)
    about = {"request": request, "by": Actor.staff(coordinator), "seen_version": request.version}

    forwarded = workflow.forward(**about, facility=facility)

    assert (forwarded.protocol, forwarded.promised_days) == (checked, 4)
    elsewhere = factories.make_facility()
    factories.reached(elsewhere)
    other = factories.make_protocol(elsewhere)
    request = factories.make_in_triage(coordinator, facility=facility)
    request = workflow.give_consent(
        request=request,
        by=factories.patient_of(request),
        seen_version=request.version,
        facility=elsewhere,
        text_hash=factories.facility_hash(),
        shown_in="en",
    )
    about = {"request": request, "by": Actor.staff(coordinator), "seen_version": request.version}
    assert workflow.forward(**about, facility=elsewhere).protocol == other


def test_proof_of_authority_is_asked_for_by_the_rules_that_were_checked(
    coordinator: User, facility: Facility, facility_office: User
):
    checked = factories.make_protocol(facility)
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True, **factories.RELATIVE_ANSWERS)
    newer = factories.make_protocol(facility, slug=checked.slug, version=2)
    RequiredDocument.objects.create(protocol=newer, position=3, kind=DocumentKind.AUTHORITY)
    request = workflow.state_authority(request=request, by=factories.patient_of(request), seen_version=request.version)

    forwarded = workflow.forward(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, facility=facility
    )

    assert forwarded.protocol == checked


def send(draft: Request, **about: object) -> Request:
    values = {
        "coordination_consent": factories.coordination_hash(),
        "idempotency_key": uuid.uuid4(),
        "seen_rules": factories.rules_of(draft),
    }
    return workflow.submit(request=draft, by=factories.patient_of(draft), seen_version=draft.version, **values | about)


# --- two people at once ----------------------------------------------------------------------------------------------


def test_the_second_reads_who_was_first_and_what_changed(coordinator: User):
    request = factories.make_in_triage(coordinator)
    colleague = factories.add_coordinator()
    seen = request.version
    workflow.set_urgency(request=request, by=Actor.staff(coordinator), seen_version=seen, urgency=Urgency.SOON)

    with pytest.raises(StaleVersion) as error:
        workflow.decline(
            request=request, by=Actor.staff(colleague), seen_version=seen, reason=DeclineReason.NOT_OFFERED
        )

    assert error.value.who == str(coordinator)
    assert error.value.change == Action.SET_URGENCY.label
    assert str(coordinator) in str(error.value.sentence)
    assert Request.objects.get(pk=request.pk).status == Status.IN_TRIAGE


def test_the_patient_reads_the_role_and_no_name(coordinator: User):
    request = factories.make_submitted()
    seen = request.version
    workflow.take(request=request, by=Actor.staff(coordinator), seen_version=seen)

    with pytest.raises(StaleVersion) as error:
        workflow.withdraw(request=request, by=factories.patient_of(request), seen_version=seen)

    assert error.value.who == "Coordinator"
    assert str(coordinator) not in str(error.value.sentence)


def test_a_message_or_a_file_makes_nobody_stale(coordinator: User):
    request = factories.make_in_triage(coordinator)
    seen, by = request.version, factories.patient_of(request)
    workflow.send_message(request=request, by=by, text="One more thing", idempotency_key=uuid.uuid4())
    workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)

    closed = workflow.close(request=request, by=Actor.staff(coordinator), seen_version=seen)

    assert closed.status == Status.CLOSED


# --- the office ------------------------------------------------------------------------------------------------------


def test_a_colleague_takes_over_in_one_step(coordinator: User):
    request = factories.make_in_triage(coordinator)
    colleague = factories.add_coordinator()

    request = workflow.take_over(request=request, by=Actor.staff(colleague), seen_version=request.version)

    assert request.owner == colleague
    with pytest.raises(IllegalStep):
        workflow.take_over(request=request, by=Actor.staff(colleague), seen_version=request.version)


def test_urgent_needs_a_reason_for_staff_only(coordinator: User):
    request = factories.make_in_triage(coordinator)
    about = {"by": Actor.staff(coordinator), "urgency": Urgency.URGENT}

    with pytest.raises(ReasonMissing):
        workflow.set_urgency(request=request, seen_version=request.version, **about)
    request = workflow.set_urgency(request=request, seen_version=request.version, reason="Surgery on Friday", **about)

    assert request.urgency_reason == "Surgery on Friday"
    assert request.events.last().note == ""


def test_declining_tells_reason_note_and_alternatives(coordinator: User, facility: Facility):
    request = factories.make_in_triage(coordinator)
    other = factories.make_facility()

    request = workflow.decline(
        request=request,
        by=Actor.staff(coordinator),
        seen_version=request.version,
        reason=DeclineReason.OTHER,
        note="Here is why.",
        alternatives=[other, facility, other],
    )

    event = request.events.last()
    assert (event.reason, event.note) == ("other", "Here is why.")
    assert [row.facility for row in request.alternatives.all()] == [other, facility]


@pytest.mark.parametrize("reason", ["other", "", "because"])
def test_declining_needs_a_known_reason_and_other_needs_words(coordinator: User, reason: str):
    request = factories.make_in_triage(coordinator)

    with pytest.raises(ReasonMissing):
        workflow.decline(request=request, by=Actor.staff(coordinator), seen_version=request.version, reason=reason)


# --- forwarding ------------------------------------------------------------------------------------------------------


def forward(request: Request, coordinator: User, facility: Facility) -> Request:
    return workflow.forward(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, facility=facility
    )


def test_forwarding_needs_a_live_consent_for_that_facility(
    coordinator: User, facility: Facility, facility_office: User
):
    other = factories.make_facility()
    factories.reached(other)
    request = factories.make_in_triage(coordinator, facility=other, with_consent=True)

    with pytest.raises(ConsentMissing):
        forward(request, coordinator, facility)

    assert forward(request, coordinator, other).status == Status.WITH_FACILITY


@pytest.mark.parametrize("answers", [factories.RELATIVE_ANSWERS, {"age_years": 17}], ids=["relative", "minor"])
def test_for_a_relative_or_a_minor_the_authority_comes_first(
    coordinator: User, facility: Facility, facility_office: User, answers: dict[str, object]
):
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True, **answers)

    with pytest.raises(AuthorityMissing):
        forward(request, coordinator, facility)
    request = workflow.state_authority(request=request, by=factories.patient_of(request), seen_version=request.version)

    assert forward(request, coordinator, facility).status == Status.WITH_FACILITY


@pytest.mark.parametrize("answers", [factories.RELATIVE_ANSWERS, {"age_years": 17}], ids=["relative", "minor"])
def test_where_the_protocol_asks_the_authority_is_attached(
    coordinator: User, facility: Facility, facility_office: User, answers: dict[str, object]
):
    ask_for_authority(facility)
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True, **answers)
    by = factories.patient_of(request)
    request = workflow.state_authority(request=request, by=by, seen_version=request.version)

    with pytest.raises(AuthorityNotAttached, match="a paper that shows the authority"):
        forward(request, coordinator, facility)
    proof = workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.AUTHORITY)
    StoredFile.objects.filter(pk=proof.file_id).update(state=FileState.REFUSED, refusal=Refusal.ENCRYPTED)
    with pytest.raises(AuthorityNotAttached):
        forward(request, coordinator, facility)
    other = factories.upload(content=b"another proof")
    workflow.add_document(request=request, by=by, upload=other, kind=DocumentKind.AUTHORITY)

    assert forward(request, coordinator, facility).status == Status.WITH_FACILITY


def test_who_asks_for_herself_proves_no_authority(coordinator: User, facility: Facility, facility_office: User):
    ask_for_authority(facility)
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)

    assert forward(request, coordinator, facility).status == Status.WITH_FACILITY


def ask_for_authority(facility: Facility) -> None:
    protocol = factories.make_protocol(facility)
    RequiredDocument.objects.create(protocol=protocol, position=3, kind=DocumentKind.AUTHORITY, what_en="Proof")


def test_a_facility_without_an_office_here_is_not_reached(coordinator: User, facility: Facility):
    Offer.objects.create(facility=facility, treatment=factories.make_treatment(), state=FactState.VERIFIED)
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)

    with pytest.raises(NotReached):
        forward(request, coordinator, facility)


@pytest.mark.parametrize("state", [FactState.INDICATIVE, FactState.UNVERIFIED])
def test_a_facility_that_has_not_confirmed_the_treatment_is_not_reached(
    coordinator: User, facility: Facility, facility_office: User, state: str
):
    treatment = factories.make_treatment()
    Offer.objects.create(facility=facility, treatment=treatment, state=state)
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True, treatment=treatment)

    with pytest.raises(NotReached):
        forward(request, coordinator, facility)


def test_an_office_whose_last_person_left_is_not_reached(coordinator: User, facility: Facility, facility_office: User):
    Membership.objects.filter(user=facility_office).update(until=timezone.localdate() - timedelta(days=1))
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)

    with pytest.raises(NotReached):
        forward(request, coordinator, facility)


def test_asking_for_consent_pauses_and_giving_it_returns(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_in_triage(coordinator)
    request = workflow.ask_consent(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, facility=facility
    )
    assert (request.status, request.waiting_for) == (Status.AWAITING_PATIENT, WaitingFor.CONSENT)
    assert workflow.awaited_facility(request) == facility

    request = give(request, facility)

    assert (request.status, request.waiting_for, request.returns_to) == (Status.IN_TRIAGE, "", "")
    assert forward(request, coordinator, facility).assignment.facility == facility


def test_consent_for_another_facility_does_not_answer_the_question(
    coordinator: User, facility: Facility, facility_office: User
):
    request = factories.make_in_triage(coordinator)
    request = workflow.ask_consent(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, facility=facility
    )

    assert give(request, factories.make_facility()).status == Status.AWAITING_PATIENT


def give(request: Request, facility: Facility | None) -> Request:
    return workflow.give_consent(
        request=request,
        by=factories.patient_of(request),
        seen_version=request.version,
        facility=facility,
        text_hash=factories.facility_hash() if facility else factories.coordination_hash(),
        shown_in="en",
    )


def revoke(request: Request, facility: Facility | None) -> Request:
    return workflow.revoke_consent(
        request=request, by=factories.patient_of(request), seen_version=request.version, facility=facility
    )


# --- revoking --------------------------------------------------------------------------------------------------------


def test_revoking_ends_access_at_once_and_returns_the_case(
    coordinator: User, facility: Facility, facility_office: User
):
    request = factories.make_with_facility(coordinator, facility)
    assert permissions.may(Action.WRITE_NOTE, facility_office, request)

    request = revoke(request, facility)

    assert request.status == Status.IN_TRIAGE
    assert request.events.last().reason == ReturnReason.CONSENT_REVOKED
    # The office's own days begin.
    days = request.office.first_answer_working_days
    assert (request.clock_started_at, request.promised_days) == (request.events.last().at, days)
    assert not permissions.may(Action.WRITE_NOTE, facility_office, request)
    assert not Request.objects.visible_to(facility_office).exists()
    assert Request.objects.visible_to(coordinator).exists()


def test_revoking_while_the_facility_waits_for_an_answer_returns_the_case(
    coordinator: User, facility: Facility, facility_office: User
):
    request = factories.make_with_facility(coordinator, facility)
    request = workflow.ask_document(
        request=request, by=Actor.staff(facility_office), seen_version=request.version, text="The report, please."
    )

    request = revoke(request, facility)

    assert (request.status, request.paused_since) == (Status.IN_TRIAGE, None)
    assert request.assignment is None


def test_revoking_the_last_consent_withdraws(coordinator: User, facility: Facility):
    request = factories.make_in_triage(coordinator)

    assert revoke(request, None).status == Status.WITHDRAWN


def test_revoking_the_offices_consent_ends_all_of_them(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_with_facility(coordinator, facility)

    request = revoke(request, None)

    assert request.status == Status.WITHDRAWN
    assert not request.consents.live().exists()
    assert not Request.objects.visible_to(facility_office).exists()


def test_grant_and_revoke_are_two_rows_with_the_same_text(coordinator: User, facility: Facility):
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)

    request = revoke(request, facility)

    rows = list(request.consents.for_facility(facility))
    assert [row.decision for row in rows] == [ConsentDecision.GRANT, ConsentDecision.REVOKE]
    assert rows[0].text_hash == rows[1].text_hash == factories.facility_hash()
    assert request.status == Status.IN_TRIAGE
    with pytest.raises(ConsentMissing):
        revoke(request, facility)


def test_consents_of_two_facilities_live_side_by_side(coordinator: User, facility: Facility):
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)
    other = factories.make_facility()
    request = give(request, other)
    assert request.consents.live().for_facility(facility).exists()
    assert request.consents.live().for_facility(other).exists()

    request = revoke(request, other)

    assert request.consents.live().for_facility(facility).exists()
    assert not request.consents.live().for_facility(other).exists()


def test_consent_can_be_given_again(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)
    request = revoke(request, facility)

    request = give(request, facility)

    assert [row.facility for row in request.consents.live().for_facility(facility)] == [facility]
    assert forward(request, coordinator, facility).status == Status.WITH_FACILITY


# --- waiting and the clock -------------------------------------------------------------------------------------------


def test_the_clock_pauses_while_the_patient_is_awaited(coordinator: User, facility: Facility, facility_office: User):
    factories.make_protocol(facility, promised_working_days=5)
    with time_machine.travel(MONDAY, tick=False):
        request = factories.make_with_facility(coordinator, facility)
        assert request.due_at == datetime(2026, 3, 9, 18, tzinfo=ROME)
    with time_machine.travel(MONDAY + timedelta(days=1), tick=False):
        request = workflow.ask_document(
            request=request, by=Actor.staff(facility_office), seen_version=request.version, text="The scans."
        )
        assert request.paused_since == timezone.now()
        assert request.returns_to == Status.WITH_FACILITY
    with time_machine.travel(MONDAY + timedelta(days=3), tick=False):
        request = workflow.patient_answers(
            request=request, by=factories.patient_of(request), seen_version=request.version, text="I have none."
        )

    assert request.status == Status.WITH_FACILITY
    assert request.due_at == datetime(2026, 3, 11, 18, tzinfo=ROME)
    assert request.pauses.get().waiting_for == WaitingFor.DOCUMENT


def test_an_answer_is_a_document_or_words(coordinator: User):
    request = factories.make_awaiting(coordinator)
    by = factories.patient_of(request)
    assert workflow.asked(request).note == "Send the report."

    with pytest.raises(ReasonMissing):
        workflow.patient_answers(request=request, by=by, seen_version=request.version)
    workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)
    request = workflow.patient_answers(request=request, by=by, seen_version=request.version)

    assert request.status == Status.IN_TRIAGE
    assert workflow.asked(request) is None


def test_the_office_counts_milans_days(coordinator: User):
    with time_machine.travel(datetime(2026, 12, 4, 10, tzinfo=ROME), tick=False):
        request = factories.make_submitted()

        # Friday; Monday is Sant'Ambrogio, Tuesday the Immaculate Conception.
        assert request.due_at == datetime(2026, 12, 10, 18, tzinfo=ROME)
        assert clock.days_left(request) == 2


def test_a_fee_starts_the_clock_where_the_protocol_says_so(
    coordinator: User, facility: Facility, facility_office: User
):
    factories.make_protocol(facility, clock_starts=ClockStart.FEE_SETTLED)
    request = factories.make_with_facility(coordinator, facility)
    assert request.due_at is None

    request = workflow.settle_fee(request=request, by=Actor.staff(facility_office), seen_version=request.version)

    assert request.promised_days == 5
    assert request.due_at is not None


def test_without_a_promise_nothing_is_due(coordinator: User, facility: Facility, facility_office: User):
    factories.make_protocol(facility, promised_working_days=None)

    request = factories.make_with_facility(coordinator, facility)

    assert (request.due_at, request.promised_days, request.clock_province) == (None, None, "")


# --- the facility and the specialist ---------------------------------------------------------------------------------


def test_only_a_specialist_of_the_facility_is_named(
    coordinator: User, facility: Facility, facility_office: User, specialist: User
):
    request = factories.make_with_facility(coordinator, facility)
    elsewhere = factories.add_staff(factories.make_facility(), StaffRole.SPECIALIST)
    about = {"request": request, "by": Actor.staff(facility_office), "seen_version": request.version}

    with pytest.raises(NotASpecialistThere):
        workflow.name_specialist(**about, specialist=elsewhere)

    assert workflow.name_specialist(**about, specialist=specialist).status == Status.WITH_SPECIALIST


def test_returning_writes_its_note_for_the_office_only(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_with_facility(coordinator, facility)

    request = workflow.return_to_triage(
        request=request,
        by=Actor.staff(facility_office),
        seen_version=request.version,
        reason=ReturnReason.OTHER,
        note="The surgeon is away.",
    )

    event = request.events.last()
    assert (event.reason, event.note, event.facility) == ("other", "", facility)
    assert request.internal_notes.get().body == "The surgeon is away."
    assert request.internal_notes.get().facility is None
    assert not Message.objects.exists()


def test_an_internal_note_of_a_facility_stays_there(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_with_facility(coordinator, facility)
    workflow.write_note(
        request=request, by=Actor.staff(facility_office), text="Ask Dr Example", idempotency_key=uuid.uuid4()
    )

    assert request.internal_notes.get().facility == facility
    assert permissions.may_read_notes_of(facility_office, request) == (False, {facility.pk})
    assert permissions.may_read_notes_of(coordinator, request) == (True, set())


# --- messages and documents ------------------------------------------------------------------------------------------


def test_pressed_twice_one_message(coordinator: User):
    request = factories.make_in_triage(coordinator)
    key = uuid.uuid4()
    about = {"request": request, "by": Actor.staff(coordinator), "text": "Hello", "idempotency_key": key}

    first, second = workflow.send_message(**about), workflow.send_message(**about)

    assert first == second
    assert request.messages.count() == 1


def test_the_request_holds_only_so_many_files(draft: Request, patient: Actor, settings: Any):
    settings.MAXIMUM_FILES_PER_REQUEST = 1
    about = {"request": draft, "by": patient, "kind": DocumentKind.REPORT}
    workflow.add_document(**about, upload=factories.upload())

    with pytest.raises(TooManyFiles):
        workflow.add_document(**about, upload=factories.upload())


def test_the_same_file_sent_again_is_kept_once_and_corrected(draft: Request, patient: Actor):
    about = {"request": draft, "by": patient, "kind": DocumentKind.REPORT}
    content = b"%PDF-1.4 the very same"

    for language in ("tr", "tr", "en"):
        workflow.add_document(**about, upload=factories.upload(content=content), language=language)

    assert draft.documents.get().language == "en"
    assert draft.data_key.files.count() == 1
    assert draft.events.filter(action=Action.ADD_DOCUMENT).count() == 2


def test_a_document_removed_from_a_draft_is_gone(draft: Request, patient: Actor):
    document = workflow.add_document(request=draft, by=patient, upload=factories.upload(), kind=DocumentKind.REPORT)

    workflow.remove_document(document=document, by=patient)

    assert not draft.documents.exists()
    assert not draft.data_key.files.exists()


def test_another_patients_request_is_not_mine(draft: Request, relative: Actor):
    with pytest.raises(NotAllowed):
        workflow.save_draft(request=draft, by=relative, answers={"question": "Mine?"})


# --- erasing ---------------------------------------------------------------------------------------------------------


def test_erasing_leaves_dates_and_no_content(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_with_facility(coordinator, facility)
    by = factories.patient_of(request)
    workflow.send_message(request=request, by=by, text="A secret", idempotency_key=uuid.uuid4())
    workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)

    workflow.erase(request=request, by=by, seen_version=request.version)

    request = Request.objects.get(pk=request.pk)
    assert request.status == Status.ERASED
    assert request.is_erased
    assert (request.email, request.question, request.age_years, request.email_key) == ("", "", None, "")
    assert request.data_key.wrapped is None
    assert not request.messages.exists()
    assert not request.documents.exists()
    assert not Request.objects.visible_to(coordinator).exists()
    assert request.events.count() >= 5
    assert verify_chain(request) >= 5


# --- the record of it ------------------------------------------------------------------------------------------------


def test_every_step_leaves_an_event_and_a_line_in_the_trail(
    coordinator: User, facility: Facility, facility_office: User, specialist: User
):
    request = factories.make_with_specialist(coordinator, facility, facility_office, specialist)

    events = list(request.events.values_list("number", "action", "from_status", "to_status", "role"))
    assert events == [
        (1, "start", "", "draft", "patient"),
        (2, "submit", "draft", "submitted", "patient"),
        (3, "take", "submitted", "in_triage", "coordinator"),
        (4, "forward", "in_triage", "with_facility", "coordinator"),
        (5, "name_specialist", "with_facility", "with_specialist", "facility_office"),
    ]
    entries = TrailEntry.objects.of_case(request)
    assert list(entries.values_list("detail", flat=True)) == [row[1] for row in events]
    assert entries.last().facility_id == facility.pk
    assert verify_chain(request) == 5


@pytest.mark.parametrize("model", [Event, Consent])
@pytest.mark.parametrize("deed", ["update", "delete"])
def test_history_cannot_be_changed(model: type, deed: str, draft: Request):
    send(draft)
    rows = model.objects.filter(pk=model.objects.first().pk)
    deeds = {"update": lambda: rows.update(number=9), "delete": rows.delete}

    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        deeds[deed]()


@pytest.mark.parametrize("model", [Event, Consent])
def test_the_applications_role_lacks_the_right_to_try(model: type, db: None, settings: Any):
    call_command("grant_application_role", stdout=StringIO())

    with connection.cursor() as cursor:
        rights = {}
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            cursor.execute(
                "SELECT has_table_privilege(%s, %s, %s)", [settings.APPLICATION_ROLE, model._meta.db_table, right]
            )
            rights[right] = cursor.fetchone()[0]

    assert [right for right, is_held in rights.items() if is_held] == ["SELECT", "INSERT"]


# --- what can never be false -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "lost"},
        {"status": Status.AWAITING_PATIENT},
        {"returns_to": Status.IN_TRIAGE},
        {"owner": None},
        {"submitted_at": None},
        {"closed_at": MONDAY},
        {"status": Status.CLOSED},
        {"due_at": None},
        {"promised_days": 0},
        {"reference": "HL-0000-0000-0"},
        {"status": Status.ERASED, "closed_at": MONDAY},
    ],
    ids=str,
)
def test_the_database_refuses(coordinator: User, wrong: dict[str, object]):
    request = factories.make_in_triage(coordinator)

    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(**wrong)


def test_the_database_refuses_two_facilities_at_once(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_with_facility(coordinator, facility)

    with pytest.raises(IntegrityError, match="assignment_one_current"), transaction.atomic():
        request.assignments.create(facility=factories.make_facility())


def test_the_database_refuses_consent_without_its_facility(draft: Request):
    with pytest.raises(IntegrityError, match="consent_names_its_facility"), transaction.atomic():
        draft.consents.create(number=1, purpose=ConsentPurpose.FACILITY, decision=ConsentDecision.GRANT)


def test_closing_tells_the_reason(coordinator: User):
    request = factories.make_in_triage(coordinator)

    request = workflow.close(
        request=request,
        by=Actor.staff(coordinator),
        seen_version=request.version,
        reason=CloseReason.ANSWERED,
        text="You are in good hands at home.",
    )

    assert request.closed_at is not None
    assert request.events.last().reason == CloseReason.ANSWERED
    assert request.messages.get().body == "You are in good hands at home."
