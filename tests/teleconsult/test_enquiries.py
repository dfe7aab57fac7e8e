"""Check-up, estimate, collaboration: one screen, then the same life with fewer steps."""

import uuid
from typing import Any

import pytest

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from notifications.sending import build
from teleconsult import transitions, workflow
from teleconsult.enums import Action, CloseReason, RequestKind, Role, Status
from teleconsult.exceptions import NotAllowed, ReasonMissing
from teleconsult.models import Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser, Page

PERSON = {"question": "Heart and lungs, please.", "email": "ada@example.org", "country": "AE", "for_whom": "self"}
PERSON |= {"patient_name": "Ada Example", "age_years": "52", "consent": "on"}
INSTITUTION = {"question": "Training of nurses.", "email": "ada@example.org", "country": "AE", "consent": "on"}
INSTITUTION |= {"asker_name": "Ada Example", "organisation": "Example University, dean"}
FILLED = {
    RequestKind.QUESTION: ("contact/", {"question": "Where?", "email": "ada@example.org", "consent": "on"}),
    RequestKind.CHECK_UP: ("contact/check-up/", PERSON),
    RequestKind.ESTIMATE: ("contact/estimate/", PERSON),
    RequestKind.COLLABORATION: ("contact/collaboration/", INSTITUTION),
}
OTHERS = [RequestKind.CHECK_UP, RequestKind.ESTIMATE, RequestKind.COLLABORATION]
AT_A_FACILITY = [RequestKind.CHECK_UP, RequestKind.ESTIMATE]


def send(kind: RequestKind, language: str = "en", **values: Any) -> Page:
    address, answers = FILLED[kind]
    return Browser(language).open(address).send(**answers | values)


def make(kind: RequestKind, **answers: Any) -> Request:
    institution = {"asker_name": "Ada Example", "organisation": "Example University"}
    return workflow.send_enquiry(
        kind=kind,
        answers=factories.ANSWERS | (institution if kind == RequestKind.COLLABORATION else {}) | answers,
        idempotency_key=uuid.uuid4(),
        coordination_consent=factories.coordination_hash(),
        shown_in="en",
    ).request


def make_at_facility(kind: RequestKind, coordinator: User, facility: Facility) -> Request:
    request = make(kind, facility=facility)
    by = Actor.staff(coordinator)
    request = workflow.take(request=request, by=by, seen_version=request.version)
    request = workflow.give_consent(
        request=request,
        by=factories.patient_of(request),
        seen_version=request.version,
        facility=facility,
        text_hash=factories.facility_hash(),
        shown_in="en",
    )
    return workflow.forward(request=request, by=by, seen_version=request.version, facility=facility)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", FILLED)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_one_screen_sends_it_and_shows_the_receipt(kind: RequestKind, language: str) -> None:
    page = send(kind, language)

    request = Request.objects.get()
    assert request.kind == kind
    assert request.status == Status.SUBMITTED
    assert request.language == language
    assert request.reference in page.words
    assert 'class="receipt"' in page.main


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "name"), [(RequestKind.CHECK_UP, "patient_name"), (RequestKind.COLLABORATION, "organisation")]
)
def test_what_the_kind_needs_is_asked_for_and_nothing_typed_is_lost(kind: RequestKind, name: str) -> None:
    page = send(kind, **{name: ""})

    assert not Request.objects.exists()
    assert f'href="#id_{name}"' in page.main
    assert FILLED[kind][1]["question"] in page.main


@pytest.mark.django_db
def test_who_writes_for_a_child_says_by_what_right() -> None:
    alone = send(RequestKind.CHECK_UP, age_years="9")
    assert "A parent or guardian writes for a child" in alone.words

    without = send(RequestKind.CHECK_UP, age_years="9", for_whom="relative")
    assert 'href="#id_has_authority"' in without.main
    assert not Request.objects.exists()

    send(
        RequestKind.CHECK_UP,
        age_years="9",
        for_whom="relative",
        asker_name="Bo",
        relationship="father",
        has_authority="on",
    )
    request = Request.objects.get()
    assert request.authority_stated_at is not None
    assert (request.asker_name, request.relationship) == ("Bo", "father")


@pytest.mark.django_db
def test_an_estimate_carries_treatment_and_hospital_of_the_address(facility: Facility) -> None:
    treatment = factories.make_treatment()
    factories.reached(facility, treatment)
    page = Browser().open(f"contact/estimate/?treatment={treatment.slug}&facility={facility.slug}")
    assert facility.short_name in page.words

    page.send(**PERSON, treatment=treatment.slug)

    request = Request.objects.get()
    assert (request.treatment_slug, request.facility) == (treatment.slug, facility)
    # The rules of the second opinion are no rules of an estimate.
    assert request.protocol is None


@pytest.mark.django_db
@pytest.mark.parametrize("kind", FILLED)
def test_words_of_an_emergency_are_answered_first(kind: RequestKind) -> None:
    page = send(kind, question="I cannot breathe")

    assert "Is this happening now?" in page.words
    assert not Request.objects.exists()
    page.send(**FILLED[kind][1] | {"question": "I cannot breathe"})
    assert Request.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", RequestKind.values)
def test_a_facility_has_a_part_only_where_it_makes_sense(kind: str) -> None:
    office = transitions.actions_for(Role.COORDINATOR, Status.IN_TRIAGE, kind)
    at_facility = transitions.actions_for(Role.FACILITY_OFFICE, Status.WITH_FACILITY, kind)

    goes_there = kind not in {RequestKind.QUESTION, RequestKind.COLLABORATION}
    assert (Action.FORWARD in office, Action.ASK_CONSENT in office) == (goes_there, goes_there)
    assert (Action.NAME_SPECIALIST in at_facility) == (kind == RequestKind.SECOND_OPINION)
    assert (Action.CLOSE in at_facility) == (kind in AT_A_FACILITY)


def test_a_question_cannot_be_forwarded(coordinator: User, facility: Facility, facility_office: User) -> None:
    request = make(RequestKind.QUESTION)
    by = Actor.staff(coordinator)
    request = workflow.take(request=request, by=by, seen_version=request.version)

    with pytest.raises(NotAllowed):
        workflow.forward(request=request, by=by, seen_version=request.version, facility=facility)
    assert Action.FORWARD not in workflow.allowed_actions(by, request)


@pytest.mark.parametrize("kind", AT_A_FACILITY)
def test_the_office_of_a_facility_answers_and_closes_it(
    kind: RequestKind, coordinator: User, facility: Facility, facility_office: User
) -> None:
    request = make_at_facility(kind, coordinator, facility)
    by = Actor.staff(facility_office)
    assert request.due_at is None

    with pytest.raises(ReasonMissing):
        workflow.close(request=request, by=by, seen_version=request.version)
    closed = workflow.close(
        request=request, by=by, seen_version=request.version, reason=CloseReason.ANSWERED, text="Here it is."
    )

    assert closed.status == Status.CLOSED
    assert closed.messages.get().body == "Here it is."
    assert closed.assignment is None


@pytest.mark.parametrize(
    ("kind", "sentence", "end"),
    [
        (RequestKind.QUESTION, "Your question has arrived.", "You receive an answer"),
        (RequestKind.COLLABORATION, "Your enquiry has arrived.", "You receive an answer"),
        (RequestKind.CHECK_UP, "Your request has arrived.", "You receive a proposal for the check-up"),
        (RequestKind.ESTIMATE, "Your request has arrived.", "You receive the estimate"),
        (RequestKind.SECOND_OPINION, "Your request has arrived.", "You receive the opinion in writing"),
    ],
)
@pytest.mark.django_db
def test_the_patients_page_speaks_of_the_kind(kind: RequestKind, sentence: str, end: str) -> None:
    request = factories.make_submitted() if kind == RequestKind.SECOND_OPINION else make(kind)

    page = Browser().sign_in(request).open("my-request/")

    assert sentence in page.words
    assert end in page.words
    has_papers = kind not in {RequestKind.QUESTION, RequestKind.COLLABORATION}
    assert ("You have sent no papers yet." in page.words) == has_papers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (RequestKind.QUESTION, "Your question has arrived"),
        (RequestKind.COLLABORATION, "Your enquiry has arrived"),
        # A mail never tells that somebody wants to be examined.
        (RequestKind.CHECK_UP, "Your request has arrived"),
        (RequestKind.ESTIMATE, "Your request has arrived"),
    ],
)
def test_the_mail_speaks_of_the_kind_and_never_of_health(kind: RequestKind, subject: str) -> None:
    request = make(kind)

    mail = build(OutboxMessage.objects.get(about=str(request.pk)))

    assert mail.subject == subject
    assert subject in mail.body
    assert request.question not in mail.body


@pytest.mark.django_db
@pytest.mark.parametrize("kind", OTHERS)
def test_queries_of_the_form(kind: RequestKind, django_assert_max_num_queries: Any) -> None:
    address = FILLED[kind][0]
    with django_assert_max_num_queries(6):
        Browser().open(address)
