"""What scans say about themselves, and the small pictures: who sees them, and what the trail knows."""

import base64
import datetime
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from teleconsult import checklist, reading, workflow
from teleconsult.models import Document, Request
from teleconsult.studies import is_other_name, scans_of
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser
from treatments.enums import DocumentKind
from treatments.models import RequiredDocument
from vault.files import FileKind, FileState
from vault.keys import opened_keys
from vault.previews import Look, Preview, ScanStudy
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
JPEG = b"\xff\xd8\xff a small picture"
Enter = Callable[[User], Client]
SERIES = {"number": 1, "modality": "CT", "description": "<b>Lung</b>", "images": 120, "missing": 0}


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


def add_scans(request: Request, *, lost: int = 0, state: FileState = FileState.CLEAN, **facts: Any) -> Document:
    """Add a document of scans that was looked into; facts override what they say."""
    missing = facts.pop("missing", 0)
    document = workflow.add_document(
        request=request,
        by=factories.patient_of(request),
        upload=factories.upload("scans.zip", facts.pop("content", b"scans")),
        kind=DocumentKind.IMAGING,
        issued_on=facts.pop("issued_on", None),
        requirement=facts.pop("requirement", None),
    )
    document.file.state, document.file.kind = state, FileKind.DICOM_ARCHIVE
    document.file.save()
    look = Look.objects.create(file=document.file, lost=lost)
    said = {"date": "2026-05-12", "body_part": "CHEST", "description": "", "patient_name": "", **facts}
    ScanStudy.objects.create(look=look, position=0, facts={**said, "series": [{**SERIES, "missing": missing}]})
    place = {"study": 0, "series": 1, "number": 3, "of": 120}
    Preview.objects.create(look=look, position=0, place=place, jpeg=base64.b64encode(JPEG).decode())
    return Document.objects.with_looks().get(pk=document.pk)


def preview_of(document: Document) -> Preview:
    return Preview.objects.get(look__file=document.file)


def pictures_url(document: Document, case: Request) -> str:
    return reverse("desk:pictures", args=[case.reference, document.pk])


def preview_url(document: Document, case: Request) -> str:
    return reverse("desk:preview", args=[case.reference, document.pk, preview_of(document).pk])


# --- in words -------------------------------------------------------------------------------------------------------


def test_scans_say_what_they_are_of_and_when(coordinator: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator))

    found = scans_of(document)

    assert found.lines == ("CT scan, chest, 12 May 2026, 120 images",)
    assert [picture.words for picture in found.pictures] == ["Image 3 of 120, CT scan, chest, 12 May 2026"]
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"patient_name": "Other^Somebody"}, "another name"),
        ({"missing": 4}, "4 images seem to be missing"),
        ({"lost": 1}, "1 file that the disc lists"),
        ({"issued_on": datetime.date(2026, 1, 1)}, "the date given for the document is 1 January 2026"),
    ],
)
def test_what_does_not_fit_is_said(coordinator: User, about: dict[str, Any], words: str) -> None:
    document = add_scans(factories.make_in_triage(coordinator), **about)

    (remark,) = scans_of(document).remarks

    assert words in remark


@pytest.mark.parametrize(
    ("scan", "request_name", "is_other"),
    [
        ("EXAMPLE^AMAL^^^MRS", "Amal Example", False),
        ("Müller^Jörg", "Jorg Muller", False),
        ("Mohamed^Ali", "Muhammad Aly Hassan", False),
        ("Example^Amal=示例^阿迈勒", "Amal Example", False),
        ("示例^阿迈勒", "Amal Example", False),
        ("Иванова^Анна", "Anna Ivanova", False),
        ("ANONYMOUS^123", "Amal Example", False),
        ("", "Amal Example", False),
        ("Al-Otaibi^Omar", "Salim al-Harbi", True),
        ("Rossi^Maria", "Amal Example", True),
        ("ROSSI", "Example", True),
    ],
)
def test_only_a_name_that_has_nothing_in_common_is_another_one(scan: str, request_name: str, is_other: bool) -> None:
    assert is_other_name(scan, request_name) is is_other


def test_the_day_of_the_scans_counts_where_the_patient_gave_none(coordinator: User, facility: Any) -> None:
    protocol = factories.make_protocol(facility)
    paper = RequiredDocument.objects.create(
        protocol=protocol, position=9, kind=DocumentKind.IMAGING, maximum_age_days=90
    )
    request = factories.make_in_triage(coordinator)
    document = add_scans(request, requirement=paper)

    def said(day: datetime.date) -> list[str]:
        return list(checklist.mismatches(document, protocol, paper, on=day))

    assert said(datetime.date(2026, 6, 1)) == []
    (words,) = said(datetime.date(2026, 9, 1))
    assert "112 days old" in words


def test_a_letter_about_the_images_is_not_the_images(coordinator: User, facility: Any) -> None:
    protocol = factories.make_protocol(facility)
    paper = RequiredDocument.objects.create(protocol=protocol, position=9, kind=DocumentKind.IMAGING)
    document = add_scans(factories.make_in_triage(coordinator), requirement=paper)

    assert list(checklist.mismatches(document, protocol, paper)) == []
    document.file.kind = FileKind.PDF
    assert "images themselves" in " ".join(checklist.mismatches(document, protocol, paper))


# --- at the desk ----------------------------------------------------------------------------------------------------


def test_pictures_are_shown_with_what_they_show(enter: Enter, coordinator: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator), patient_name="<script>alert(1)</script>")

    page = enter(coordinator).get(pictures_url(document, document.request)).content.decode()

    assert preview_url(document, document.request) in page
    assert 'alt="Image 3 of 120, CT scan, chest, 12 May 2026"' in page
    assert "<script>alert" not in page


def test_a_picture_comes_with_safe_headers_and_the_trail_knows(enter: Enter, coordinator: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator))

    response = enter(coordinator).get(preview_url(document, document.request))

    assert response.content == JPEG
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    entry = TrailEntry.objects.of_case(document.request).last()
    assert (entry.action, entry.object_id) == (Action.VIEWED, str(document.pk))
    assert str(document.pk) in reading.openings_of(document.request)


def test_no_row_in_the_trail_no_picture(enter: Enter, coordinator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    document = add_scans(factories.make_in_triage(coordinator))
    client = enter(coordinator)
    client.raise_request_exception = False

    def broken(**_about: object) -> None:
        raise RuntimeError("the trail is gone")

    monkeypatch.setattr("teleconsult.reading.trail.record", broken)
    response = client.get(preview_url(document, document.request))

    assert response.status_code == 500
    assert JPEG not in response.content


def test_pictures_of_another_case_are_not_found(enter: Enter, coordinator: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator))
    other = factories.make_in_triage(coordinator)
    client = enter(coordinator)

    assert client.get(pictures_url(document, other)).status_code == 404
    assert client.get(preview_url(document, other)).status_code == 404


def test_a_stranger_sees_no_picture(enter: Enter, coordinator: User, facility_office: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator))
    client = enter(facility_office)

    assert client.get(pictures_url(document, document.request)).status_code == 404
    assert client.get(preview_url(document, document.request)).status_code == 404


def test_nothing_is_shown_of_a_file_that_was_taken_back(enter: Enter, coordinator: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator), state=FileState.JUDGED)
    client = enter(coordinator)

    assert client.get(pictures_url(document, document.request)).status_code == 404
    assert client.get(preview_url(document, document.request)).status_code == 404


# A session notes now and then when it was used; where the clock stands still it does not.
@time_machine.travel("2026-06-01 09:00Z", tick=False)
def test_pages_with_scans_take_no_more_queries_for_more_documents(
    enter: Enter, coordinator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An opened key is kept for half a minute, and until there are too many: a slow machine takes longer.
    monkeypatch.setattr("vault.keys.CACHE_SECONDS", 3600)
    opened_keys.clear()
    request = factories.make_in_triage(coordinator)
    add_scans(request)
    client = enter(coordinator)
    url = reverse("desk:case", args=[request.reference])
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for number in range(3):
        add_scans(request, content=b"scans %d" % number)
    with CaptureQueriesContext(connection) as four:
        page = client.get(url)

    assert page.content.decode().count("CT scan, chest") >= 1
    assert len(four) == len(one)


# --- the patient ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_patient_sees_what_her_scans_say(coordinator: User, language: str) -> None:
    request = factories.make_in_triage(coordinator)
    document = add_scans(request, missing=2)
    browser = Browser(language).sign_in(request)

    page = browser.open("my-request/")

    with translation.override(language):
        (line,) = scans_of(document).lines
        address = reverse("teleconsult:preview", args=[document.pk, preview_of(document).pk])
    assert line in page.words
    assert browser.client.get(address).content == JPEG


def test_a_patient_sees_no_picture_of_another_request(coordinator: User) -> None:
    document = add_scans(factories.make_in_triage(coordinator))
    browser = Browser().sign_in(factories.make_in_triage(coordinator))

    address = reverse("teleconsult:preview", args=[document.pk, preview_of(document).pk])

    assert browser.client.get(address).status_code == 404
