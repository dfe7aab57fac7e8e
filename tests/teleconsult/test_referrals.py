"""A referral: a second request with its own consent and clock, and the same papers once the patient agrees."""

import datetime
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import access, checklist, language_chain, retention, workflow
from teleconsult.enums import AccessLevel, Action, RequestKind, Status
from teleconsult.exceptions import IllegalStep, NotAllowed, NotReached
from teleconsult.models import Document, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser
from treatments.enums import DocumentKind
from vault.files import FileState, Refusal
from vault.trail import Action as TrailAction
from vault.trail import TrailEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(db: None) -> Facility:
    return factories.make_facility()


@pytest.fixture
def other_office(other: Facility) -> User:
    return factories.reached(other)


def add_paper(case: Request) -> Document:
    upload = factories.upload(content=b"%PDF-1.4 " + uuid.uuid4().bytes)
    document = workflow.add_document(
        request=case, by=factories.patient_of(case), upload=upload, kind=DocumentKind.REPORT, language="en"
    )
    document.file.state = FileState.CLEAN
    document.file.save()
    return document


def refer(case: Request, coordinator: User, other: Facility, **about: Any) -> Request:
    values = {"idempotency_key": uuid.uuid4(), "text": "They answer sooner."} | about
    return workflow.refer(
        request=case, by=Actor.staff(coordinator), seen_version=case.version, facility=other, **values
    )


def agree(second: Request) -> Request:
    """Let the patient agree that the other facility reads it."""
    return workflow.give_consent(
        request=second,
        by=factories.patient_of(second),
        seen_version=second.version,
        facility=second.facility,
        text_hash=factories.facility_hash(),
        shown_in="en",
    )


@pytest.fixture
def first(coordinator: User, facility: Facility, facility_office: User) -> Request:
    return factories.make_with_facility(coordinator, facility)


def test_second_request_asks_for_its_own_consent(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    paper = add_paper(first)

    second = refer(first, coordinator, other)

    assert (second.status, second.waiting_for, second.returns_to) == (Status.AWAITING_PATIENT, "consent", "in_triage")
    assert (second.referred_from, second.owner, second.facility) == (first, coordinator, other)
    assert second.question == first.question
    assert second.data_key_id != first.data_key_id
    assert list(second.papers) == [paper]
    assert not second.consents.live().filter(facility=other).exists()
    assert second.consents.live().for_coordination().exists()
    assert Request.objects.get(pk=first.pk).status == Status.WITH_FACILITY
    assert [event.action for event in second.events.all()] == [Action.BEGIN_REFERRAL]
    assert first.events.last().action == Action.REFER
    assert workflow.awaited_facility(second) == other
    assert OutboxMessage.objects.filter(about=str(second.pk)).count() == 1


def test_nobody_of_the_other_facility_reads_before_the_patient_agrees(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    paper = add_paper(first)
    second = refer(first, coordinator, other)
    assert not Request.objects.visible_to(other_office).exists()
    assert not Document.objects.visible_to(other_office).exists()

    second = agree(second)
    assert second.status == Status.IN_TRIAGE
    workflow.forward(request=second, by=Actor.staff(coordinator), seen_version=second.version, facility=other)

    assert list(Request.objects.visible_to(other_office)) == [second]
    assert list(Document.objects.visible_to(other_office)) == [paper]
    client = sign_in(Client(), other_office)
    assert client.get(f"/desk/{second.reference}/documents/{paper.pk}/").status_code == 200
    assert client.get(f"/desk/{first.reference}/").status_code == 404
    assert client.get(f"/desk/{first.reference}/documents/{paper.pk}/").status_code == 404
    # It was read in the second request, and the patient sees it there.
    assert TrailEntry.objects.of_case(second).filter(action=TrailAction.DOWNLOADED, object_id=str(paper.pk)).exists()
    assert not TrailEntry.objects.of_case(first).filter(action=TrailAction.DOWNLOADED).exists()


def test_checklist_of_the_second_sees_the_papers_of_the_first(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    protocol = factories.make_protocol(other)
    add_paper(first)

    second = refer(first, coordinator, other)

    assert second.protocol == protocol
    assert checklist.of_request(second).protocol == protocol
    assert second.papers.count() == 1


def test_pressed_twice_makes_one(first: Request, coordinator: User, other: Facility, other_office: User) -> None:
    key = uuid.uuid4()

    once, again = (refer(first, coordinator, other, idempotency_key=key) for _press in range(2))

    assert once == again
    assert first.referrals.count() == 1


def test_facility_that_has_the_case_or_a_referral_is_refused(
    first: Request, coordinator: User, facility: Facility, other: Facility, other_office: User
) -> None:
    with pytest.raises(IllegalStep):
        refer(first, coordinator, facility)
    refer(first, coordinator, other)
    first.refresh_from_db()
    with pytest.raises(IllegalStep):
        refer(first, coordinator, other)
    with pytest.raises(NotReached):
        refer(first, coordinator, factories.make_facility())


def test_only_the_office_refers(first: Request, facility_office: User, other: Facility, other_office: User) -> None:
    with pytest.raises(NotAllowed):
        refer(first, facility_office, other)


def test_what_is_erased_of_the_first_is_gone_for_the_second(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    add_paper(first)
    second = refer(first, coordinator, other)

    workflow.erase(request=first, by=factories.patient_of(first))

    assert not second.papers.exists()
    assert Request.objects.get(pk=second.pk).question == factories.ANSWERS["question"]


def test_erasing_the_second_leaves_the_first(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    paper = add_paper(first)
    second = refer(first, coordinator, other)

    workflow.erase(request=second, by=factories.patient_of(second))

    assert list(first.papers) == [paper]
    assert paper.file.open_stream().read().startswith(b"%PDF")


def test_desk_shows_the_link_to_the_office_alone(
    first: Request, coordinator: User, facility_office: User, other: Facility, other_office: User
) -> None:
    second = refer(first, coordinator, other)

    ours = sign_in(Client(), coordinator).get(f"/desk/{first.reference}/").content.decode()
    theirs = sign_in(Client(), facility_office).get(f"/desk/{first.reference}/").content.decode()

    assert "Linked by a referral" in ours
    assert second.reference in ours
    assert second.reference not in theirs
    assert other.short_name not in theirs


def test_patient_opens_the_second_from_the_first(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    second = refer(first, coordinator, other)
    browser = Browser().sign_in(first)
    assert second.reference in browser.open("my-request/").words

    page = browser.post(f"my-request/linked/{second.reference}/")

    assert page.status == 200
    assert second.reference in page.words
    assert first.sessions.get().ended_at is not None


def test_patient_opens_nothing_that_is_not_linked_nor_by_the_code_alone(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    second = refer(first, coordinator, other)
    stranger = factories.make_submitted()

    assert Browser().sign_in(first).post(f"my-request/linked/{stranger.reference}/").status == 404
    Browser().sign_in(first, level=AccessLevel.STATUS).post(f"my-request/linked/{second.reference}/")
    assert not second.sessions.exists()


def test_specialist_reads_the_shared_papers(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    paper = add_paper(first)
    specialist = factories.add_staff(other, StaffRole.SPECIALIST)
    second = agree(refer(first, coordinator, other))
    second = workflow.forward(request=second, by=Actor.staff(coordinator), seen_version=second.version, facility=other)
    workflow.name_specialist(
        request=second, by=Actor.staff(other_office), seen_version=second.version, specialist=specialist
    )

    page = sign_in(Client(), specialist).get(f"/desk/{second.reference}/").content.decode()

    assert str(paper.pk) in page
    assert "of the first request" in page


def test_the_key_of_a_referral_opens_nothing(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    second = refer(first, coordinator, other)
    receipts = set(second.receipts.values_list("pk", "ended_at"))

    started = workflow.start_draft(
        answers={"for_whom": "self", "email": "coordinator@example.org", "language": "en"},
        idempotency_key=second.idempotency_key,
    )

    assert started.secret == ""
    assert set(second.receipts.values_list("pk", "ended_at")) == receipts


def test_a_refused_paper_is_not_shared(first: Request, coordinator: User, other: Facility, other_office: User) -> None:
    good, bad = add_paper(first), add_paper(first)
    bad.file.state = FileState.REFUSED
    bad.file.refusal = Refusal.MALWARE
    bad.file.save()

    second = refer(first, coordinator, other)

    assert list(second.papers) == [good]


def test_going_over_makes_no_session_younger(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    second = refer(first, coordinator, other)
    browser = Browser().sign_in(first)
    begun = timezone.now() - datetime.timedelta(minutes=30)
    renewed = begun + datetime.timedelta(minutes=15)
    first.sessions.update(started_at=begun, renewed_at=renewed)

    browser.post(f"my-request/linked/{second.reference}/")

    session = second.sessions.get()
    assert (session.started_at, session.renewed_at) == (begun, renewed)
    assert not access.is_fresh(session)


def test_papers_stay_as_long_as_a_referral_reads_them(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    document = workflow.add_document(
        request=first, by=factories.patient_of(first), upload=factories.upload(), kind=DocumentKind.REPORT
    )
    second = refer(first, coordinator, other)
    long_ago = timezone.now() - datetime.timedelta(days=800)
    Request.objects.filter(pk=first.pk).update(status=Status.CLOSED, closed_at=long_ago)
    rule = retention.OldDocuments()

    assert second.papers.filter(pk=document.pk).exists()
    assert not rule.over(timezone.now()).exists()
    Request.objects.filter(pk=second.pk).update(
        status=Status.CLOSED, closed_at=long_ago, returns_to="", waiting_for="", paused_since=None
    )
    assert rule.over(timezone.now()).filter(pk=first.pk).exists()


def test_the_patient_reads_on_the_second_request_why_another_hospital(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    second = refer(first, coordinator, other)

    page = Browser().sign_in(second).open("my-request/")

    assert page.words.index("We ask for your consent.") < page.words.index("They answer sooner.")
    assert page.words.index("They answer sooner.") < page.words.index("Read and decide")


@pytest.mark.parametrize("kind", [RequestKind.QUESTION, RequestKind.COLLABORATION])
def test_what_ends_in_the_office_is_not_referred(
    coordinator: User, other: Facility, other_office: User, kind: RequestKind
) -> None:
    """No step would lead the second request to the facility."""
    case = factories.make_in_triage(coordinator)
    Request.objects.filter(pk=case.pk).update(kind=kind)
    case.refresh_from_db()

    assert Action.REFER not in workflow.allowed_actions(coordinator, case)
    with pytest.raises(NotAllowed):
        refer(case, coordinator, other)


def test_the_languages_of_the_shared_papers_count_for_a_consultation(
    first: Request, coordinator: User, other: Facility, other_office: User
) -> None:
    add_paper(first)
    second = refer(first, coordinator, other)

    assert language_chain.chain_of(second, other_office).documents == {"en"}
