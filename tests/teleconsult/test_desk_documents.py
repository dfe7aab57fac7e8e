"""Documents leave the desk by one door: rights, trail, safe headers, a warning where no scanner has looked."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from teleconsult import workflow
from teleconsult.models import CoordinationOffice, Document, Request
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from treatments.enums import DocumentKind
from vault.files import FileState, Refusal
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
CONTENT = b"%PDF-1.4 example"
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


def add_document(case: Request, state: FileState = FileState.CLEAN) -> Document:
    document = workflow.add_document(
        request=case, by=factories.patient_of(case), upload=factories.upload(), kind=DocumentKind.REPORT
    )
    document.file.state = state
    document.file.refusal = Refusal.ENCRYPTED if state == FileState.REFUSED else ""
    document.file.save()
    return document


def address(document: Document, case: Request | None = None) -> str:
    return f"/desk/{(case or document.request).reference}/documents/{document.pk}/"


def test_clean_file_is_downloaded_and_the_trail_knows(enter: Enter, coordinator: User) -> None:
    document = add_document(factories.make_in_triage(coordinator))

    response = enter(coordinator).get(address(document))

    assert b"".join(response.streaming_content) == CONTENT
    assert response["Content-Disposition"] == 'attachment; filename="report.pdf"'
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    entry = TrailEntry.objects.of_case(document.request).last()
    assert (entry.action, entry.object_id) == (Action.DOWNLOADED, str(document.pk))


def test_no_row_in_the_trail_no_file(enter: Enter, coordinator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    document = add_document(factories.make_in_triage(coordinator))
    client = enter(coordinator)
    client.raise_request_exception = False

    def broken(**_about: object) -> None:
        raise RuntimeError("the trail is gone")

    monkeypatch.setattr("teleconsult.reading.trail.record", broken)
    response = client.get(address(document))

    assert response.status_code == 500
    assert not response.streaming


def test_unscanned_file_opens_after_a_warning(enter: Enter, coordinator: User) -> None:
    document = add_document(factories.make_in_triage(coordinator), FileState.UNSCANNED)
    client = enter(coordinator)

    warning = client.get(address(document))
    file = client.post(address(document))

    assert warning.status_code == 200
    assert "No virus scanner has seen this file" in warning.content.decode()
    assert b"".join(file.streaming_content) == CONTENT


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (FileState.RECEIVED, "It is still being checked."),
        (FileState.JUDGED, "It is still being checked."),
        (FileState.REFUSED, "It was not accepted, so nobody can open it."),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_file_that_is_not_ready_says_so(
    enter: Enter, coordinator: User, state: FileState, words: str, method: str
) -> None:
    document = add_document(factories.make_in_triage(coordinator), state)

    response = getattr(enter(coordinator), method)(address(document))

    assert response.status_code == 409
    assert words in response.content.decode()
    assert not TrailEntry.objects.of_case(document.request).filter(action=Action.DOWNLOADED).exists()


def test_file_that_the_storage_lost_says_so(enter: Enter, coordinator: User) -> None:
    document = add_document(factories.make_in_triage(coordinator))
    Document.file.field.related_model.objects.filter(pk=document.file_id).update(storage_name="nothing/here")

    response = enter(coordinator).get(address(document))

    assert response.status_code == 409
    assert "This file cannot be opened" in response.content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_only_those_with_the_case_get_the_file(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User, specialist: User, method: str
) -> None:
    case = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    document = add_document(case)
    office = CoordinationOffice.objects.create(name="Another office", is_receiving=False)
    readers = [coordinator, facility_office, specialist]
    strangers = [
        factories.add_coordinator(office),
        factories.reached(factories.make_facility()),
        factories.add_staff(facility, StaffRole.SPECIALIST),
    ]

    for user in readers:
        assert getattr(enter(user), method)(address(document)).streaming
    for user in strangers:
        assert getattr(enter(user), method)(address(document)).status_code == 404


@pytest.mark.parametrize("who", ["facility_editor", "editor", "administrator", "stranger"])
def test_nobody_else_gets_the_file(enter: Enter, coordinator: User, who: str, request: pytest.FixtureRequest) -> None:
    document = add_document(factories.make_in_triage(coordinator))

    assert enter(request.getfixturevalue(who)).get(address(document)).status_code == 403


def test_document_of_another_case_is_not_found(enter: Enter, coordinator: User) -> None:
    document = add_document(factories.make_in_triage(coordinator))
    other = factories.make_in_triage(coordinator)
    client = enter(coordinator)

    assert client.get(address(document, case=other)).status_code == 404
    assert client.get(f"/desk/{other.reference}/documents/{uuid.uuid4()}/").status_code == 404


def test_anonymous_is_asked_to_sign_in(client: Client, coordinator: User) -> None:
    document = add_document(factories.make_in_triage(coordinator))

    assert client.get(address(document)).url.startswith("/accounts/login/")
