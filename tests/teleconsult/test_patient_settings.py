"""Language, zone and country; a paper nobody asked for; words that were typed and not saved."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from notifications.sending import build
from teleconsult import workflow
from teleconsult.enums import AccessLevel, Action
from teleconsult.models import KeptWords, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser, paper, paper_answers
from treatments.enums import DocumentKind
from treatments.models import RequiredDocument

NEW = {"language": "de", "country": "JP", "zone": "Asia/Tokyo"}


@pytest.fixture
def browser(db: None) -> Browser:
    return Browser()


# --- language, zone, country -----------------------------------------------------------------------------------------


def test_all_later_mails_follow_the_new_language_and_zone(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)

    page = browser.sign_in(request).open("my-request/settings/").send(**NEW)

    assert page.path == "/de/my-request/"
    request.refresh_from_db()
    assert (request.language, request.country, request.zone) == ("de", "JP", "Asia/Tokyo")
    workflow.ask_question(request=request, by=Actor.staff(coordinator), seen_version=request.version, text="When?")
    row = OutboxMessage.objects.latest("created_at")
    assert (row.language, row.zone) == ("de", "Asia/Tokyo")
    assert "/de/my-request/" in build(row).body


def test_it_is_one_event_and_the_same_again_is_none(browser: Browser, draft: Request) -> None:
    for _time in range(2):
        browser.sign_in(draft).open("my-request/settings/").send(**NEW)

    assert draft.events.filter(action=Action.CHANGE_SETTINGS).count() == 1


@pytest.mark.parametrize("wrong", [{"zone": "Mars/Base"}, {"language": "xx"}, {"country": ""}, {"zone": "\x00"}])
def test_what_does_not_exist_is_refused_in_words(browser: Browser, draft: Request, wrong: dict[str, str]) -> None:
    page = browser.sign_in(draft).open("my-request/settings/").send(**NEW | wrong)

    assert page.status == 200
    assert "to put right" in page.words
    draft.refresh_from_db()
    assert draft.zone == "Asia/Dubai"


def test_settings_in_arabic(draft: Request) -> None:
    assert Browser("ar").sign_in(draft).open("my-request/settings/").status == 200


# --- a paper nobody asked for ----------------------------------------------------------------------------------------


def test_a_paper_can_be_sent_at_any_time(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)

    page = browser.sign_in(request).open("my-request/paper/").send(file=paper(), **paper_answers())

    assert "Your file has arrived and is kept." in page.words
    assert request.documents.count() == 1


def test_where_a_paper_is_asked_for_it_is_the_answer(browser: Browser, coordinator: User) -> None:
    request = factories.make_awaiting(coordinator)
    assert browser.sign_in(request).open("my-request/paper/").path.endswith("/my-request/answer/")


def test_of_an_ended_request_no_paper_is_taken(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    workflow.close(request=request, by=Actor.staff(coordinator), seen_version=request.version)
    assert browser.sign_in(request).open("my-request/paper/").path.endswith("/my-request/")


@pytest.mark.parametrize(("answers", "is_offered"), [({}, False), (factories.RELATIVE_ANSWERS, True)])
def test_the_paper_of_authority_is_for_whoever_acts_for_another(
    browser: Browser, facility: Facility, answers: dict[str, Any], is_offered: bool
) -> None:
    factories.reached(facility)
    protocol = factories.make_protocol(facility)
    RequiredDocument.objects.create(
        protocol=protocol, position=9, kind=DocumentKind.AUTHORITY, what_en="Power of attorney"
    )
    draft = factories.make_draft(facility=facility, **answers)

    page = browser.sign_in(draft).open("second-opinion/start/documents/")

    assert ("Power of attorney" in page.main) == is_offered
    assert (f'value="{DocumentKind.AUTHORITY}"' in page.main) == is_offered


# --- typed and not saved ---------------------------------------------------------------------------------------------


def keep(browser: Browser, page: str, **words: str) -> int:
    return browser.client.post(browser.address(f"my-request/typed/{page}/"), words).status_code


def test_what_was_typed_is_there_again_on_another_device(browser: Browser, draft: Request) -> None:
    assert keep(browser.sign_in(draft), "question", question="Half a sen", csrfmiddlewaretoken="x") == 204

    page = Browser().sign_in(draft).open("second-opinion/start/question/")

    assert "Half a sen" in page.main
    assert "did not save is in the fields again" in page.words
    assert KeptWords.objects.get().words == {"question": "Half a sen"}


def test_it_is_gone_once_it_is_saved(browser: Browser, draft: Request) -> None:
    keep(browser.sign_in(draft), "question", question="Half a sen")

    browser.open("second-opinion/start/question/").send(question="A whole sentence")

    assert not KeptWords.objects.exists()
    assert "A whole sentence" in browser.open("second-opinion/start/question/").main


def test_an_answer_that_cannot_be_saved_is_kept_all_the_same(browser: Browser, draft: Request) -> None:
    browser.sign_in(draft).open("second-opinion/start/patient/").send(patient_name="Ada Lovely", age_years="old")

    page = Browser().sign_in(draft).open("second-opinion/start/patient/")

    assert "Ada Lovely" in page.main
    assert 'value="old"' in page.main


def test_a_message_that_is_being_written_is_kept(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    keep(browser.sign_in(request), "message", text="I wanted to")

    page = browser.open("my-request/")
    assert "I wanted to" in page.main

    browser.open("my-request/message/").send(text="I wanted to say hello.")
    assert not KeptWords.objects.exists()
    assert request.messages.get().body == "I wanted to say hello."


def test_it_is_sealed_and_goes_with_the_key(browser: Browser, draft: Request) -> None:
    keep(browser.sign_in(draft), "question", question="Very private")
    with connection.cursor() as cursor:
        cursor.execute("SELECT words FROM teleconsult_keptwords")
        assert b"private" not in bytes(cursor.fetchone()[0])

    workflow.erase(request=draft, by=factories.patient_of(draft))

    assert not KeptWords.objects.exists()


def test_typing_keeps_a_draft_alive_and_no_other(browser: Browser, draft: Request, relatives_draft: Request) -> None:
    long_ago = timezone.now() - datetime.timedelta(days=29)
    Request.objects.update(saved_at=long_ago)

    before = timezone.now()

    keep(browser.sign_in(draft), "question", question="x")

    draft.refresh_from_db()
    relatives_draft.refresh_from_db()
    assert draft.saved_at >= before
    assert relatives_draft.saved_at == long_ago


@pytest.mark.django_db
def test_without_a_session_nothing_is_kept(browser: Browser, draft: Request) -> None:
    assert keep(browser, "question", question="x") == 403
    assert keep(Browser().sign_in(draft, level=AccessLevel.STATUS), "question", question="x") == 302
    assert not KeptWords.objects.exists()


def test_a_page_without_fields_is_not_found(browser: Browser, draft: Request) -> None:
    assert keep(browser.sign_in(draft), "erase", text="x") == 404
    assert keep(browser, "question", question="\x00" + "a" * 50_000) == 204
    assert len(KeptWords.objects.get().words["question"]) <= 12_000


# --- the days count anew ---------------------------------------------------------------------------------------------


@pytest.fixture
def restarting(coordinator: User, facility: Facility, facility_office: User, time_machine: Any) -> Request:
    """A case at a facility whose five days count anew when papers it asked for arrive; it asks on the third day."""
    time_machine.move_to(datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC))
    factories.make_protocol(facility, promised_working_days=5, restarts_with_documents=True)
    request = factories.make_with_facility(coordinator, facility)
    time_machine.move_to(datetime.datetime(2026, 3, 4, 9, tzinfo=datetime.UTC))
    office = Actor.staff(facility_office)
    return workflow.ask_document(request=request, by=office, seen_version=request.version, text="The scans.")


def due_day(request: Request) -> datetime.date:
    request.refresh_from_db()
    assert request.due_at is not None
    return request.due_at.date()


def answer(request: Request, text: str = "") -> None:
    workflow.patient_answers(request=request, by=factories.patient_of(request), seen_version=request.version, text=text)


def test_papers_that_were_asked_for_let_the_days_count_anew(restarting: Request, time_machine: Any) -> None:
    time_machine.move_to(datetime.datetime(2026, 3, 5, 9, tzinfo=datetime.UTC))
    by = factories.patient_of(restarting)
    workflow.add_document(request=restarting, by=by, upload=paper(), kind=DocumentKind.IMAGING)
    answer(restarting)

    # Five working days from Thursday 5 March.
    assert due_day(restarting) == datetime.date(2026, 3, 12)


def test_words_without_a_paper_only_end_the_pause(restarting: Request, time_machine: Any) -> None:
    time_machine.move_to(datetime.datetime(2026, 3, 5, 9, tzinfo=datetime.UTC))
    answer(restarting, text="I have no scans.")

    # Five working days from Monday 2 March, and the one day of the pause.
    assert due_day(restarting) == datetime.date(2026, 3, 10)


def test_without_the_rule_a_pause_is_a_pause(restarting: Request, time_machine: Any) -> None:
    protocol = restarting.protocol
    assert protocol is not None
    type(protocol).objects.update(restarts_with_documents=False)
    time_machine.move_to(datetime.datetime(2026, 3, 5, 9, tzinfo=datetime.UTC))
    by = factories.patient_of(restarting)
    workflow.add_document(request=restarting, by=by, upload=paper(), kind=DocumentKind.IMAGING)
    answer(restarting)

    assert due_day(restarting) == datetime.date(2026, 3, 10)


def test_while_it_waits_the_page_says_that_the_days_count_anew(restarting: Request, browser: Browser) -> None:
    page = browser.sign_in(restarting).open("my-request/")

    assert "By the rules of this hospital the days count anew once your papers have arrived." in page.words
    assert "If you answer today, the answer is due on Wednesday, 11 March 2026" in page.words
    assert "We are waiting for a document from you." in page.words
