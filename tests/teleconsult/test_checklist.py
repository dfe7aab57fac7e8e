import datetime
import uuid

import pytest
from django.conf import settings
from django.utils import timezone, translation

from facilities.models import Facility
from teleconsult import checklist, workflow
from teleconsult.checklist import DONE, OPEN, OPTIONAL, WRONG
from teleconsult.models import Document, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from treatments.enums import ClockStart, DocumentKind
from treatments.models import Protocol, RequiredDocument
from vault.files import FileState, Refusal


@pytest.fixture
def protocol(facility: Facility) -> Protocol:
    return factories.make_protocol(facility, minimum_age=18, maximum_age=80)


@pytest.fixture
def asked(protocol: Protocol, facility: Facility) -> Request:
    return factories.make_draft(facility=facility)


def send(request: Request, *, position: int = 1, **about: object) -> Document:
    requirement = request.protocol.required_documents.get(position=position)
    values = {"kind": requirement.kind, "issued_on": timezone.localdate(), "language": "en"}
    return workflow.add_document(
        request=request,
        by=Actor.author(request),
        upload=factories.upload(content=uuid.uuid4().bytes),
        requirement=requirement,
        **values | about,
    )


def states(request: Request) -> list[str]:
    return [item.state for item in checklist.of_request(request).items]


def test_it_is_known_before_anything_is_sent(protocol: Protocol):
    found = checklist.of_protocol(protocol)

    assert [item.state for item in found.items] == [OPEN, OPTIONAL]
    assert not found.is_complete


def test_without_a_protocol_nothing_is_asked(draft: Request):
    found = checklist.of_request(draft)

    assert found.items == ()
    assert found.is_complete


def test_a_fitting_document_is_done(asked: Request):
    send(asked)

    assert states(asked) == [DONE, OPTIONAL]
    assert checklist.of_request(asked).is_complete


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"issued_on": timezone.localdate() - datetime.timedelta(days=31)}, "31 days old"),
        ({"issued_on": timezone.localdate() + datetime.timedelta(days=2)}, "in the future"),
        ({"issued_on": None}, "We need the date"),
        ({"language": "tr"}, "Turkish"),
        ({"kind": DocumentKind.IMAGING}, "Scans and X-rays"),
    ],
    ids=["too old", "future", "no date", "language", "kind"],
)
def test_what_does_not_fit_is_said_in_words(asked: Request, about: dict[str, object], words: str):
    send(asked, **about)

    item = checklist.of_request(asked).items[0]
    assert item.state == WRONG
    assert len(item.mismatches) == 1
    assert words in item.mismatches[0]


def test_the_last_day_still_fits(asked: Request):
    send(asked, issued_on=timezone.localdate() - datetime.timedelta(days=30))

    assert states(asked)[0] == DONE


def test_a_second_fitting_document_mends_the_first(asked: Request):
    send(asked, language="tr")
    send(asked)

    assert states(asked)[0] == DONE


def test_a_refused_file_does_not_count(asked: Request):
    document = send(asked)
    document.file.state, document.file.refusal = FileState.REFUSED, Refusal.ENCRYPTED
    document.file.save(update_fields=["state", "refusal"])

    item = checklist.of_request(asked).items[0]
    assert item.mismatches == (str(Refusal.ENCRYPTED.label),)


@pytest.mark.parametrize(("age", "words"), [(17, "from the age of 18"), (81, "up to the age of 80")])
def test_the_age_of_the_patient_is_said(asked: Request, age: int, words: str):
    asked = workflow.save_draft(request=asked, by=Actor.author(asked), answers={"age_years": age})

    remarks = checklist.of_request(asked).remarks
    assert len(remarks) == 1
    assert words in remarks[0]


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_names_of_languages_are_in_the_readers_language(asked: Request, language: str):
    send(asked, language="tr")

    with translation.override(language):
        text = checklist.of_request(asked).items[0].mismatches[0]

    assert ("Turkish" in text) == (language == "en")


def test_the_checklist_costs_three_queries(asked: Request, django_assert_num_queries: object):
    for _number in range(3):
        send(asked)
    asked = Request.objects.select_related("protocol").get(pk=asked.pk)

    # Lines of the protocol, documents, and what was found in their pictures.
    with django_assert_num_queries(3):
        checklist.of_request(asked)


def test_the_reason_of_each_paper_is_said(protocol: Protocol):
    always, sometimes = checklist.of_protocol(protocol).items

    assert always.reason == "The hospital always asks for this. It may be at most 30 days old on the day you send it."
    assert sometimes.reason == ""
    assert sometimes.requirement.only_when == "after surgery"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, [OPEN, OPTIONAL]),
        (factories.RELATIVE_ANSWERS, [OPEN, OPTIONAL, OPEN]),
        ({"age_years": 17}, [OPEN, OPTIONAL, OPEN]),
    ],
    ids=["herself", "relative", "minor"],
)
def test_proof_of_authority_is_asked_for_where_someone_acts_for_the_patient(
    protocol: Protocol, facility: Facility, answers: dict[str, object], expected: list[str]
):
    RequiredDocument.objects.create(protocol=protocol, position=3, kind=DocumentKind.AUTHORITY, what_en="Proof")
    request = factories.make_draft(facility=facility, **answers)

    assert states(request) == expected
    assert [item.state for item in checklist.of_protocol(protocol).items] == [OPEN, OPTIONAL, OPTIONAL]
    if len(expected) == 3:
        assert "because someone acts for the patient" in checklist.of_request(request).items[2].reason
        send(request, position=3)
        assert states(request)[2] == DONE


def test_what_is_good_to_know_is_said_and_hinders_nothing(protocol: Protocol, asked: Request):
    send(asked)
    assert checklist.of_request(asked).notes == ()

    protocol.report_languages, protocol.clock_starts = ["it", "fr"], ClockStart.FEE_SETTLED
    protocol.save()
    found = checklist.of_request(Request.objects.get(pk=asked.pk))

    assert found.is_complete
    assert found.notes[0] == "The hospital writes its answer in: Italian, French. Your language is English."
    assert "from when the fee is settled" in found.notes[1]
