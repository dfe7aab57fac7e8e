import datetime
import uuid
from typing import Any

import pytest

from accounts.models import User
from facilities.models import Facility
from teleconsult import access, consent, reading, workflow
from teleconsult.enums import AccessLevel, ConsentPurpose, Direction, Status
from teleconsult.models import PatientSession, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser, paper, paper_answers
from treatments.enums import DocumentKind
from vault import trail
from vault.files import FileKind, FileState, StoredFile
from vault.keys import opened_keys
from vault.previews import Look
from vault.trail import TrailEntry

PAGES = ("answer", "message", "consent", "withdraw", "erase")


@pytest.fixture
def browser(db: None) -> Browser:
    return Browser()


@pytest.fixture
def awaiting(coordinator: User) -> Request:
    """A request that waits for a paper."""
    return factories.make_awaiting(coordinator)


@pytest.fixture
def asked_for_consent(coordinator: User, facility: Facility, facility_office: User) -> Request:
    """A request that waits for the consent to one hospital."""
    request = factories.make_in_triage(coordinator)
    return workflow.ask_consent(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, facility=facility, text="May they?"
    )


def written_by_patient(request: Request) -> list[str]:
    return [message.body for message in request.messages.filter(direction=Direction.FROM_PATIENT)]


def send_paper(request: Request, name: str = "report.pdf", state: FileState = FileState.CLEAN) -> Any:
    row = workflow.add_document(
        request=request, by=factories.patient_of(request), upload=paper(name, name.encode()), kind="report"
    )
    row.file.state = state
    row.file.save()
    return row


# --- the request ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_request_shows_turn_clock_and_both_zones(coordinator: User, language: str) -> None:
    request = factories.make_in_triage(coordinator)

    page = Browser(language).sign_in(request).open("my-request/")

    assert page.status == 200
    assert request.reference in page.words
    assert 'class="days"' in page.main
    if language == "en":
        assert "A coordinator is looking at your request." in page.words
        assert "working day" in page.words
        assert "in Dubai (6:00 p.m. in Milan)" in page.words or "18:00 in Milan" in page.words


def test_while_the_patient_is_awaited_the_clock_is_paused(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/")

    assert "Please send a paper. Send the report." in page.words
    assert "Paused after 0 of 2 working days" in page.words


def test_times_are_in_the_patients_zone(browser: Browser, coordinator: User, time_machine: Any) -> None:
    time_machine.move_to(datetime.datetime(2026, 3, 10, 22, 30, tzinfo=datetime.UTC))
    request = factories.make_in_triage(coordinator)
    workflow.send_message(
        request=request, by=Actor.staff(coordinator), text="Good morning", idempotency_key=uuid.uuid4()
    )

    page = browser.sign_in(request).open("my-request/")

    assert "11 March 2026" in page.words
    assert "10 March 2026" not in page.words
    assert "All times are in your time zone: Dubai." in page.words


def test_notes_of_the_staff_never_reach_the_patient(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    workflow.write_note(
        request=request, by=Actor.staff(coordinator), text="Between colleagues", idempotency_key=uuid.uuid4()
    )

    assert "Between colleagues" not in browser.sign_in(request).open("my-request/").html


def test_what_staff_write_is_shown_escaped(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    words = "<script>alert(1)</script>"
    workflow.send_message(request=request, by=Actor.staff(coordinator), text=words, idempotency_key=uuid.uuid4())

    page = browser.sign_in(request).open("my-request/")

    assert words not in page.html
    assert "&lt;script&gt;" in page.html


def test_queries_do_not_grow_with_what_the_request_holds(
    browser: Browser, coordinator: User, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An opened key is kept for half a minute, and until there are too many: a slow machine takes longer.
    monkeypatch.setattr("vault.keys.CACHE_SECONDS", 3600)
    opened_keys.clear()
    request = factories.make_in_triage(coordinator)
    for number in range(5):
        send_paper(request, f"paper {number}.pdf")
        workflow.send_message(
            request=request, by=Actor.staff(coordinator), text=f"Words {number}", idempotency_key=uuid.uuid4()
        )
    browser.sign_in(request).open("my-request/")

    with django_assert_max_num_queries(16):
        browser.open("my-request/")


@pytest.mark.parametrize("page", PAGES)
def test_without_a_session_a_page_leads_to_the_sign_in(browser: Browser, page: str) -> None:
    assert browser.open(f"my-request/{page}/").path == "/en/my-request/"


@pytest.mark.parametrize("page", PAGES)
def test_the_mailed_code_alone_opens_the_status_only(browser: Browser, awaiting: Request, page: str) -> None:
    shown = browser.sign_in(awaiting, level=AccessLevel.STATUS).open(f"my-request/{page}/")

    assert shown.path == "/en/my-request/"
    assert "Waiting for you" in shown.words
    assert "Send the report." not in shown.words


@pytest.mark.parametrize("page", ["receipt", "receipt/new", "sign-out", "consent/revoke"])
def test_a_step_is_no_get(browser: Browser, awaiting: Request, page: str) -> None:
    assert browser.sign_in(awaiting).open(f"my-request/{page}/").status == 405


# --- the receipt ----------------------------------------------------------------------------------------------------


def test_the_receipt_is_shown_until_it_is_kept(browser: Browser, draft: Request) -> None:
    browser.sign_in(draft, secret="a-secret-of-the-receipt")
    link = f"http://localhost:8000/en/my-request/{draft.reference}/a-secret-of-the-receipt/"

    for _again in range(2):
        page = browser.open("my-request/")
        assert link in page.main
        assert "<svg" in page.main.partition("receipt__qr")[2].partition("</div>")[0]
    browser.post("my-request/receipt/")

    assert "a-secret-of-the-receipt" not in browser.open("my-request/").html


def test_the_drawing_of_the_link_holds_no_style(browser: Browser, draft: Request) -> None:
    page = browser.sign_in(draft, secret="a-secret").open("my-request/")

    assert "style=" not in page.main


def test_a_new_receipt_ends_the_old_one_and_is_made_once(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    browser.sign_in(request)

    browser.post("my-request/receipt/new/")
    page = browser.post("my-request/receipt/new/")

    assert request.receipts.filter(ended_at__isnull=True).count() == 1
    assert request.receipts.count() == 2
    assert f"/en/my-request/{request.reference}/" in page.main


def test_with_the_code_alone_a_new_receipt_is_shown_and_can_be_kept(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    browser.sign_in(request, level=AccessLevel.STATUS)

    page = browser.post("my-request/receipt/new/")
    assert PatientSession.objects.latest("started_at").unconfirmed_secret in page.main
    browser.post("my-request/receipt/")

    assert PatientSession.objects.latest("started_at").unconfirmed_secret == ""
    assert request.receipts.waiting().count() == 1


def test_the_holder_reads_that_another_receipt_was_asked_for_and_ends_it(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    access.issue_receipt(request, is_confirmed=False)
    # A receipt that is on the screen already keeps nobody from ending the other.
    browser.sign_in(request, secret="a-secret")
    assert "Somebody asked for a new receipt" in browser.open("my-request/").words

    browser.post("my-request/receipt/new/")
    page = browser.post("my-request/receipt/new/")

    assert "Somebody asked for a new receipt" not in page.words
    assert "a-secret" not in page.html
    assert (request.receipts.live().count(), request.receipts.waiting().count()) == (1, 0)


def test_who_came_with_the_code_alone_reads_nothing_of_others(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    access.issue_receipt(request, is_confirmed=False)

    page = browser.sign_in(request, level=AccessLevel.STATUS).open("my-request/")

    assert "Somebody asked for a new receipt" not in page.words


def test_a_lost_draft_is_not_promised_back(browser: Browser, draft: Request) -> None:
    page = browser.sign_in(draft, level=AccessLevel.STATUS).open("my-request/")

    assert "Nobody but you can open a draft" in page.words


def test_signing_out_ends_the_session(browser: Browser, draft: Request) -> None:
    browser.sign_in(draft)

    assert browser.post("my-request/sign-out/").path == "/en/"
    assert browser.post("my-request/sign-out/").path == "/en/"

    assert PatientSession.objects.get().ended_at is not None


# --- documents ------------------------------------------------------------------------------------------------------


def test_a_paper_comes_as_an_attachment_that_no_browser_runs(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    row = send_paper(request, 'بلا"عنوان.pdf')

    response = browser.sign_in(request).client.get(f"/en/my-request/documents/{row.pk}/")

    assert b"".join(response.streaming_content) == 'بلا"عنوان.pdf'.encode()
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "no-store"
    assert TrailEntry.objects.of_case(request).filter(action="downloaded").exists()


def test_a_paper_nobody_asked_for_goes_in_pieces_too(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    here = browser.sign_in(request)
    send_paper(request, "first.pdf")
    workflow.begin_upload(
        request=request,
        by=factories.patient_of(request),
        name="CT.zip",
        size=2**31,
        kind=DocumentKind.IMAGING,
        idempotency_key=uuid.uuid4(),
    )

    page = here.open("my-request/paper/")

    assert 'data-upload="/en/my-request/uploads/"' in page.html
    assert "js/upload" in page.html
    assert "data-upload-folder hidden" in page.html
    assert "first.pdf" in page.words
    assert "0 bytes of 2.0 GB have arrived." in page.words.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("state", "is_looked_at", "waits"),
    [
        (FileState.RECEIVED, False, True),
        (FileState.JUDGED, False, True),
        (FileState.CLEAN, False, True),
        (FileState.CLEAN, True, False),
    ],
)
def test_a_page_waits_for_what_the_scans_say(
    browser: Browser, coordinator: User, state: FileState, *, is_looked_at: bool, waits: bool
) -> None:
    request = factories.make_in_triage(coordinator)
    here = browser.sign_in(request)
    row = send_paper(request, "CT.zip", state)
    StoredFile.objects.filter(pk=row.file_id).update(kind=FileKind.DICOM_ARCHIVE)
    if is_looked_at:
        Look.objects.create(file=row.file)

    assert ("data-waiting" in here.open("my-request/paper/").html) is waits


def test_a_paper_of_another_request_is_not_there(browser: Browser, coordinator: User) -> None:
    other = send_paper(factories.make_in_triage(coordinator, email="other@example.org"))
    browser.sign_in(factories.make_in_triage(coordinator))

    assert browser.open(f"my-request/documents/{other.pk}/").status == 404
    assert browser.open(f"my-request/documents/{uuid.uuid4()}/").status == 404
    tried = TrailEntry.objects.get(action=trail.Action.REFUSED)
    assert (tried.case_id, tried.detail) == (other.request_id, "document")
    assert tried.actor_id != str(other.request_id)


def test_a_paper_that_is_not_checked_yet_is_said_in_words(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    row = send_paper(request, state=FileState.RECEIVED)

    assert "This file cannot be used yet." in browser.sign_in(request).open(f"my-request/documents/{row.pk}/").words


def test_who_opened_a_paper_is_said(browser: Browser, coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    row = send_paper(request)
    reading.open_document(document=row, by=Actor.staff(coordinator))

    assert "Opened 1 time: see by whom Coordinator" in browser.sign_in(request).open("my-request/").words


# --- answering ------------------------------------------------------------------------------------------------------


def test_an_answer_with_words_and_a_file(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/answer/")
    assert "Send the report." in page.words

    after = page.send(**paper_answers(file=paper("report.pdf")), text="Here it is")

    awaiting.refresh_from_db()
    assert awaiting.status == Status.IN_TRIAGE
    assert "Your answer has arrived." in after.words
    assert awaiting.documents.count() == 1
    assert written_by_patient(awaiting)[-1] == "Here it is"


def test_an_answer_pressed_twice_is_one(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/answer/")

    page.send(**paper_answers(), text="I have none")
    second = page.send(**paper_answers(), text="I have none")

    assert second.status == 200
    assert len(written_by_patient(awaiting)) == 1


def test_another_file_can_be_added_and_the_words_stay(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/answer/")

    page = page.send(**paper_answers(file=paper("one.pdf")), text="Two papers follow", more="1")
    assert "Two papers follow" in page.main
    assert "one.pdf" in page.words
    page.send(**paper_answers(file=paper("two.pdf", b"%PDF two")), text="Two papers follow")

    awaiting.refresh_from_db()
    assert awaiting.documents.count() == 2
    assert awaiting.status == Status.IN_TRIAGE


def test_a_file_that_fails_keeps_the_words_of_the_answer(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/answer/")

    page = page.send(**paper_answers(file=paper(content=b""), kind="imaging"), text="A long explanation")

    assert "This file is empty." in page.words
    assert "A long explanation" in page.main
    assert 'value="imaging" selected' in page.main
    awaiting.refresh_from_db()
    assert awaiting.status == Status.AWAITING_PATIENT


def test_words_too_long_keep_words_and_say_that_the_file_is_gone(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/answer/")

    page = page.send(**paper_answers(file=paper()), text="ش" * 100_000)

    assert "fit here. Nothing is lost: shorten it." in page.words
    assert "Choose it again." in page.words
    assert "ش" * 100_000 in page.main
    assert not awaiting.documents.exists()


def test_an_empty_answer_is_said_in_words(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/answer/").send(**paper_answers())

    assert "Add the document, or write why you cannot send it." in page.words


def test_where_nothing_is_asked_the_answer_leads_back(browser: Browser) -> None:
    assert browser.sign_in(factories.make_submitted()).open("my-request/answer/").path == "/en/my-request/"


def test_an_answer_of_an_old_screen_keeps_its_words_and_can_be_sent_again(
    browser: Browser, awaiting: Request, coordinator: User
) -> None:
    colleague = factories.add_coordinator(awaiting.office)
    page = browser.sign_in(awaiting).open("my-request/answer/")
    workflow.take_over(request=awaiting, by=Actor.staff(colleague), seen_version=awaiting.version)

    page = page.send(**paper_answers(), text="My words")

    assert "was first" in page.words
    assert "My words" in page.main
    assert "Your answer has arrived." in page.send(**paper_answers(), text="My words").words


# --- messages -------------------------------------------------------------------------------------------------------


def test_a_message_pressed_twice_is_one(browser: Browser) -> None:
    request = factories.make_submitted()
    page = browser.sign_in(request).open("my-request/message/")

    page.send(text="Good evening")
    after = page.send(text="Good evening")

    assert "Your message has been sent." in after.words
    assert written_by_patient(request) == ["Good evening"]


@pytest.mark.parametrize("text", ["", "   ", "\x00\u202e"])
def test_a_message_without_words_is_said_in_words(browser: Browser, text: str) -> None:
    page = browser.sign_in(factories.make_submitted()).open("my-request/message/").send(text=text)

    assert "Write your message." in page.words


def test_a_draft_has_no_messages(browser: Browser, draft: Request) -> None:
    assert browser.sign_in(draft).open("my-request/message/").path == "/en/my-request/"


# --- consent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_consent_names_the_hospital_and_is_given_once(
    asked_for_consent: Request, facility: Facility, language: str
) -> None:
    page = Browser(language).sign_in(asked_for_consent).open("my-request/consent/")
    assert facility.official_name in page.words

    page.send(agree="1", text="Gladly")
    second = page.send(agree="1", text="Gladly")

    assert second.status == 200
    asked_for_consent.refresh_from_db()
    row = asked_for_consent.consents.for_facility(facility).get()
    assert (row.text_language, row.text_hash) == (language, consent.text(ConsentPurpose.FACILITY, language).hash)
    assert asked_for_consent.status == Status.IN_TRIAGE
    assert written_by_patient(asked_for_consent) == ["Gladly"]


def test_the_rules_stand_beside_the_consent_and_hold_from_then_on(
    browser: Browser, asked_for_consent: Request, facility: Facility
) -> None:
    """The patient had no say in which hospital is asked: what it costs and wants stands where she decides."""
    protocol = factories.make_protocol(facility, fee=300, exclusions_en="Not after an accident")
    workflow.add_document(
        request=asked_for_consent,
        by=Actor.author(asked_for_consent),
        upload=factories.upload(),
        kind="report",
        language="tr",
    )

    page = browser.sign_in(asked_for_consent).open("my-request/consent/")
    for words in ("300 euro", "Not after an accident", "This document is in Turkish."):
        assert words in page.words
    page.send(agree="1")
    factories.make_protocol(facility, slug=protocol.slug, version=2)

    asked_for_consent.refresh_from_db()
    assert asked_for_consent.protocol == protocol


def test_saying_no_sends_the_words(browser: Browser, asked_for_consent: Request, facility: Facility) -> None:
    browser.sign_in(asked_for_consent).open("my-request/consent/").send(decline="1", text="Rather not")

    asked_for_consent.refresh_from_db()
    assert asked_for_consent.status == Status.IN_TRIAGE
    assert not asked_for_consent.consents.for_facility(facility).exists()
    assert written_by_patient(asked_for_consent)[-1] == "Rather not"


def test_a_wording_that_changed_is_shown_again_with_the_words_kept(
    browser: Browser, asked_for_consent: Request, facility: Facility
) -> None:
    page = browser.sign_in(asked_for_consent).open("my-request/consent/")

    page = page.send(agree="1", text="Gladly", text_hash="of an older text")

    assert "The text of the consent has changed" in page.words
    assert "Gladly" in page.main
    assert not asked_for_consent.consents.for_facility(facility).exists()
    page.send(agree="1", text="Gladly")
    assert asked_for_consent.consents.for_facility(facility).exists()


def test_an_answer_page_leads_to_the_consent_that_is_asked_for(browser: Browser, asked_for_consent: Request) -> None:
    assert browser.sign_in(asked_for_consent).open("my-request/answer/").path == "/en/my-request/consent/"


def test_where_no_consent_is_asked_the_page_leads_back(browser: Browser, awaiting: Request) -> None:
    assert browser.sign_in(awaiting).open("my-request/consent/").path == "/en/my-request/"


def test_a_consent_is_taken_back_and_twice_is_no_error(
    browser: Browser, coordinator: User, facility: Facility, facility_office: User
) -> None:
    request = factories.make_with_facility(coordinator, facility)
    browser.sign_in(request)

    browser.post("my-request/consent/revoke/", seen_version=request.version, facility=facility.slug)
    after = browser.post("my-request/consent/revoke/", seen_version=request.version, facility=facility.slug)

    request.refresh_from_db()
    assert request.status == Status.IN_TRIAGE
    assert "was first" not in after.words


@pytest.mark.parametrize("version", ["", "abc", "9" * 50, "\x00", "-1"])
def test_a_consent_is_not_taken_back_on_an_unknown_version(browser: Browser, coordinator: User, version: str) -> None:
    request = factories.make_in_triage(coordinator)
    page = browser.sign_in(request).post("my-request/consent/revoke/", seen_version=version, facility="")

    assert page.status == 200
    assert request.consents.live().exists()


def test_a_consent_to_an_unknown_facility_is_not_found(browser: Browser) -> None:
    page = browser.sign_in(factories.make_submitted()).post("my-request/consent/revoke/", facility="\x00no-such")

    assert page.status == 404


# --- the end --------------------------------------------------------------------------------------------------------


def test_a_request_is_withdrawn_once(browser: Browser, awaiting: Request) -> None:
    page = browser.sign_in(awaiting).open("my-request/withdraw/")
    awaiting.refresh_from_db()
    assert awaiting.status == Status.AWAITING_PATIENT

    page.send(text="I am well again")
    after = page.send(text="I am well again")

    awaiting.refresh_from_db()
    assert awaiting.status == Status.WITHDRAWN
    assert "You withdrew your request." in after.words


def test_everything_is_erased_and_the_session_ends(browser: Browser, draft: Request) -> None:
    workflow.add_document(request=draft, by=factories.patient_of(draft), upload=paper(), kind="report")
    page = browser.sign_in(draft).open("my-request/erase/")
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT

    after = page.send(reference=draft.reference.lower().replace("-", " "))

    draft.refresh_from_db()
    assert draft.status == Status.ERASED
    assert "Everything in your request has been erased." in after.words
    assert "Come back with the number of your request." in after.words
    assert not draft.documents.exists()


@pytest.mark.parametrize("typed", ["", "HL-7K3M-9QXA-7", "yes"])
def test_nothing_is_erased_before_the_number_is_typed(browser: Browser, draft: Request, typed: str) -> None:
    page = browser.sign_in(draft).open("my-request/erase/").send(reference=typed)

    assert "Nothing has been erased." in page.words
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT


def test_a_request_that_was_declined_says_why_and_names_alternatives(
    browser: Browser, coordinator: User, facility: Facility
) -> None:
    request = factories.make_in_triage(coordinator)
    workflow.decline(
        request=request,
        by=Actor.staff(coordinator),
        seen_version=request.version,
        reason="not_offered",
        note="Please ask again next year.",
        alternatives=[facility],
    )

    page = browser.sign_in(request).open("my-request/")

    assert "No facility that we reach offers what you ask for. Please ask again next year." in page.words
    assert facility.short_name in page.words
