import datetime
import uuid

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone, translation

from accounts.models import User
from facilities.models import Facility
from teleconsult import checklist, workflow
from teleconsult.checklist import DONE, OPEN, OPTIONAL, WRONG
from teleconsult.models import Document, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from treatments.enums import ClockStart, DocumentKind
from treatments.models import Protocol, RequiredDocument
from vault.files import FileKind, FileState, Refusal


@pytest.fixture
def protocol(facility: Facility) -> Protocol:
    return factories.make_protocol(facility, minimum_age=18, maximum_age=80)


@pytest.fixture
def asked(protocol: Protocol, facility: Facility) -> Request:
    return factories.make_draft(facility=facility)


def send(request: Request, *, position: int = 1, days_ago: int = 0, **about: object) -> Document:
    requirement = request.protocol.required_documents.get(position=position)
    issued_on = timezone.localdate() - datetime.timedelta(days=days_ago)
    values = {"kind": requirement.kind, "issued_on": issued_on, "language": "en"}
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
        ({"days_ago": 31}, "31 days old"),
        ({"days_ago": -2}, "in the future"),
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
    send(asked, days_ago=30)

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


def test_a_paper_grows_no_older_once_it_was_sent(protocol: Protocol, facility: Facility):
    """What counts is the day it was sent, as the words beside it say."""
    start = timezone.now()
    draft = factories.make_draft(facility=facility)
    send(draft, days_ago=20)

    with time_machine.travel(start + datetime.timedelta(days=11), tick=False):
        assert states(Request.objects.get(pk=draft.pk))[0] == WRONG
    factories.submit(draft)
    with time_machine.travel(start + datetime.timedelta(days=40), tick=False):
        asked = Request.objects.get(pk=draft.pk)
        assert states(asked)[0] == DONE
        send(asked, position=2, days_ago=300)
        RequiredDocument.objects.filter(protocol=protocol, position=2).update(maximum_age_days=90)
        found = checklist.of_request(Request.objects.get(pk=draft.pk))
        assert "300 days old" in found.items[1].mismatches[0]


def test_papers_sent_for_other_rules_answer_the_lines_of_their_kind(protocol: Protocol, facility: Facility):
    """The hospital was changed, or its rules were: nobody sends the same paper twice."""
    elsewhere = factories.make_facility()
    factories.make_protocol(elsewhere)
    draft = factories.make_draft(facility=elsewhere)
    send(draft)
    send(draft, kind=DocumentKind.PATHOLOGY)

    moved = workflow.save_draft(request=draft, by=Actor.author(draft), answers={"facility": facility})

    assert moved.protocol == protocol
    assert states(moved) == [DONE, OPTIONAL]
    assert [row.kind for row in checklist.of_request(moved).items[0].documents] == [DocumentKind.REPORT]


def test_another_document_answers_no_line_of_the_list_it_was_chosen_from(asked: Request):
    workflow.add_document(
        request=asked, by=Actor.author(asked), upload=factories.upload(), kind=DocumentKind.REPORT, language="en"
    )

    assert states(asked) == [OPEN, OPTIONAL]


def test_a_paper_sent_before_a_hospital_was_known_counts_for_the_one_that_is_found(
    protocol: Protocol, facility: Facility
):
    request = factories.make_submitted()
    workflow.add_document(
        request=request,
        by=Actor.author(request),
        upload=factories.upload(),
        kind=DocumentKind.REPORT,
        issued_on=timezone.localdate(),
        language="tr",
    )
    request.protocol = protocol

    item = checklist.of_request(request).items[0]
    assert item.state == WRONG
    assert "Turkish" in item.mismatches[0]


def test_a_paper_sent_before_the_hospital_was_chosen_counts_for_it(protocol: Protocol, facility: Facility):
    draft = factories.make_draft()
    about = {"request": draft, "by": Actor.author(draft), "issued_on": timezone.localdate()}
    workflow.add_document(**about, upload=factories.upload(), kind=DocumentKind.REPORT)

    chosen = workflow.save_draft(request=draft, by=Actor.author(draft), answers={"facility": facility})

    assert states(chosen) == [DONE, OPTIONAL]


def test_another_document_of_one_list_may_answer_that_of_the_hospital_a_case_is_referred_to(
    asked: Request, protocol: Protocol, coordinator: User, facility_office: User
):
    elsewhere = factories.make_facility()
    factories.reached(elsewhere)
    factories.make_protocol(elsewhere)
    about = {"request": asked, "by": Actor.author(asked), "issued_on": timezone.localdate()}
    workflow.add_document(**about, upload=factories.upload(), kind=DocumentKind.REPORT)
    first = factories.submit(asked)
    first = workflow.take(request=first, by=Actor.staff(coordinator), seen_version=first.version)

    second = workflow.refer(
        request=first,
        by=Actor.staff(coordinator),
        seen_version=first.version,
        facility=elsewhere,
        idempotency_key=uuid.uuid4(),
    )

    assert (states(first)[0], states(second)[0]) == (OPEN, DONE)


def test_one_paper_answers_one_line_and_the_one_always_asked_for_first(protocol: Protocol):
    RequiredDocument.objects.filter(protocol=protocol, position=1).update(only_when_en="after surgery")
    RequiredDocument.objects.create(protocol=protocol, position=3, kind=DocumentKind.REPORT, what_en="Letter")
    RequiredDocument.objects.create(protocol=protocol, position=4, kind=DocumentKind.FORM, what_en="Questionnaire")
    request = factories.make_submitted()
    for kind in (DocumentKind.REPORT, DocumentKind.FORM):
        workflow.add_document(
            request=request, by=Actor.author(request), upload=factories.upload(content=kind.encode()), kind=kind
        )
    request.protocol = protocol

    # The form of one hospital is not that of another.
    assert states(request) == [OPTIONAL, OPTIONAL, DONE, OPEN]


def test_scans_are_no_written_report(asked: Request):
    document = send(asked)
    document.file.kind = FileKind.DICOM
    document.file.save(update_fields=["kind"])

    item = checklist.of_request(asked).items[0]
    assert item.mismatches == ("The hospital asks for “Medical report” here; this was sent as “Scans and X-rays”.",)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_condition_that_is_not_translated_yet_is_still_a_condition(protocol: Protocol, language: str):
    with translation.override(language):
        always, sometimes = checklist.of_protocol(protocol).items
        assert [always.state, sometimes.state] == [OPEN, OPTIONAL]
        assert sometimes.reason == ""
