import datetime
import uuid
from typing import Any

import pytest
from django.utils import timezone

from facilities.models import Facility
from teleconsult import consent, workflow
from teleconsult.enums import AccessLevel, ConsentPurpose, ForWhom, Status
from teleconsult.models import Document, PatientSession, Request
from tests.teleconsult import factories
from tests.teleconsult.browsing import WHO, Browser, paper, paper_answers

START = "second-opinion/start/"
SCREENS = ("who", "patient", "question", "hospital", "documents", "review")
LONG = "ع" * 100_000


@pytest.fixture
def browser(db: None) -> Browser:
    return Browser()


@pytest.fixture
def patients_browser(browser: Browser, draft: Request) -> Browser:
    """A browser in which the draft is open."""
    return browser.sign_in(draft)


def begin(browser: Browser, query: str = "", **values: Any) -> Any:
    return browser.open(START + query).send(**WHO | values)


# --- beginning ------------------------------------------------------------------------------------------------------


def test_the_first_answers_make_a_draft_with_a_session(browser: Browser) -> None:
    page = begin(browser)

    request = Request.objects.get()
    assert page.path == "/en/second-opinion/start/patient/"
    assert request.reference in page.words
    assert (request.email, request.country, request.zone, request.status) == (
        "patient@example.org",
        "AE",
        "Asia/Dubai",
        Status.DRAFT,
    )


def test_the_receipt_stands_on_the_next_screen(browser: Browser) -> None:
    page = begin(browser)

    secret = PatientSession.objects.get().unconfirmed_secret
    assert f"/en/my-request/{Request.objects.get().reference}/{secret}/" in page.html


def test_the_link_of_the_receipt_follows_the_language_of_the_address(db: None) -> None:
    page = begin(Browser("ar"))

    assert f"/ar/my-request/{Request.objects.get().reference}/" in page.html


def test_the_main_zone_of_the_country_stands_in_for_one_that_was_not_chosen(browser: Browser) -> None:
    begin(browser, zone="")

    assert Request.objects.get().zone == "Asia/Dubai"


def test_the_first_form_pressed_twice_makes_one_draft(browser: Browser) -> None:
    page = browser.open(START)

    page.send(**WHO)
    second = page.send(**WHO)

    assert Request.objects.count() == 1
    assert second.path == "/en/second-opinion/start/patient/"


def test_treatment_and_hospital_of_the_address_outlive_an_error(browser: Browser, facility: Facility) -> None:
    treatment = factories.make_treatment()
    factories.reached(facility, treatment)

    wrong = begin(browser, f"?treatment={treatment.slug}&facility={facility.slug}", email="no mailbox")
    assert "Enter an e-mail address like name@example.com." in wrong.words
    assert 'value="no mailbox"' in wrong.main
    wrong.send(**WHO)

    request = Request.objects.get()
    assert (request.treatment_slug, request.facility) == (treatment.slug, facility)


def test_from_a_hospitals_page_everything_it_asks_for_can_be_read(browser: Browser, facility: Facility) -> None:
    treatment, other = factories.make_treatment(), factories.make_treatment()
    for named, words in ((treatment, "Ask about valves"), (other, "Ask about knees")):
        factories.reached(facility, named)
        factories.make_protocol(facility, name_en=words).treatments.add(named)
    factories.make_protocol(factories.make_facility(), name_en="Ask elsewhere")

    of_hospital = browser.open(f"second-opinion/?facility={facility.slug}").words
    of_both = browser.open(f"second-opinion/?facility={facility.slug}&treatment={treatment.slug}").words

    assert "Ask about valves" in of_hospital
    assert "Ask about knees" in of_hospital
    assert "Ask elsewhere" not in of_hospital
    assert "Ask about valves" in of_both
    assert "Ask about knees" not in of_both


def test_a_hospital_that_is_not_reached_is_named_with_its_address(browser: Browser, facility: Facility) -> None:
    page = browser.open(f"{START}?facility={facility.slug}")
    page.send(**WHO)

    assert "not reached through this portal" in page.words
    assert f"{facility.address}, {facility.postal_code} {facility.city}" in page.words
    assert Request.objects.get().facility is None


def test_coming_back_to_the_start_leads_to_where_the_draft_was_left(patients_browser: Browser) -> None:
    assert patients_browser.open(START).path == "/en/second-opinion/start/illness/"


def test_another_wish_does_not_end_in_the_old_draft(patients_browser: Browser) -> None:
    treatment = factories.make_treatment()

    page = patients_browser.open(f"{START}?treatment={treatment.slug}")

    assert "You have a request that is not sent yet" in page.words
    page.send(**WHO)
    assert sorted(Request.objects.all(), key=lambda row: row.created_at)[-1].treatment_slug == treatment.slug


@pytest.mark.parametrize("query", ["?treatment=no-such-thing", "?facility=%00", "?treatment=" + "x" * 3000])
def test_what_does_not_exist_is_left_out_of_the_wish(browser: Browser, query: str) -> None:
    assert begin(browser, query).path == "/en/second-opinion/start/patient/"


def test_too_many_starts_are_said_in_words_and_nothing_typed_is_lost(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teleconsult.views.patients.STARTS_PER_NETWORK", 0)

    page = begin(browser)

    assert "You have done this too often." in page.words
    assert 'value="patient@example.org"' in page.main


def test_a_machine_that_fills_the_hidden_field_is_refused(browser: Browser) -> None:
    begin(browser, website="http://spam.example")

    assert not Request.objects.exists()


# --- every screen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("screen", SCREENS)
def test_without_a_session_a_screen_leads_to_the_sign_in(browser: Browser, screen: str) -> None:
    assert browser.open(f"{START}{screen}/").path == "/en/my-request/"


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_shows_the_draft(patients_browser: Browser, draft: Request, screen: str) -> None:
    page = patients_browser.open(f"{START}{screen}/")

    assert page.status == 200
    assert draft.reference in page.words
    assert page.response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_works_in_arabic(draft: Request, screen: str) -> None:
    page = Browser("ar").sign_in(draft).open(f"{START}{screen}/")

    assert page.status == 200
    assert 'lang="ar" dir="rtl"' in page.html


@pytest.mark.parametrize("screen", SCREENS)
def test_the_mailed_code_alone_opens_no_screen(browser: Browser, draft: Request, screen: str) -> None:
    page = browser.sign_in(draft, level=AccessLevel.STATUS).open(f"{START}{screen}/")

    assert page.path == "/en/my-request/"
    assert "Ada Example" not in page.words


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_of_a_request_that_was_sent_leads_to_the_request(browser: Browser, screen: str) -> None:
    assert browser.sign_in(factories.make_submitted()).open(f"{START}{screen}/").path == "/en/my-request/"


@pytest.mark.parametrize(
    ("screen", "most"),
    [("who", 6), ("patient", 6), ("question", 8), ("hospital", 8), ("documents", 10), ("review", 12)],
)
def test_queries_do_not_grow_with_documents(
    patients_browser: Browser,
    draft: Request,
    facility: Facility,
    facility_office: Any,
    django_assert_max_num_queries: Any,
    screen: str,
    most: int,
) -> None:
    factories.make_protocol(facility)
    draft.facility = facility
    draft.save()
    for number in range(4):
        workflow.add_document(
            request=draft, by=factories.patient_of(draft), upload=paper(content=b"%d" % number), kind="report"
        )
    patients_browser.open(f"{START}{screen}/")

    with django_assert_max_num_queries(most + 2):
        patients_browser.open(f"{START}{screen}/")


# --- who ------------------------------------------------------------------------------------------------------------


def test_a_wrong_mailbox_can_be_put_right(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}who/")
    assert 'value="patient@example.org"' in page.main
    before = draft.email_key

    page.send(**WHO | {"email": "right@example.org"})

    draft.refresh_from_db()
    assert draft.email == "right@example.org"
    assert draft.email_key != before


# --- the patient ----------------------------------------------------------------------------------------------------


def test_an_adult_who_asks_for_herself_is_not_asked_for_authority(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}patient/")
    assert "I may act for the patient" not in page.words

    assert (
        page.send(patient_name="Ada Example", age_years="52", sex="female").path == "/en/second-opinion/start/question/"
    )


def test_for_a_child_authority_is_asked_for_and_recorded(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}patient/")

    asked = page.send(patient_name="Cleo Example", age_years="7")
    assert asked.path == "/en/second-opinion/start/authority/"
    assert "Your own name" not in asked.words
    assert "Tick this box if it is true." in asked.send().words
    asked.send(has_authority="on")

    draft.refresh_from_db()
    assert draft.age_years == 7
    assert draft.authority_stated_at is not None


def test_a_relative_says_who_she_is(browser: Browser, relatives_draft: Request) -> None:
    browser.sign_in(relatives_draft)
    page = browser.open(f"{START}patient/").send(patient_name="Ada Example", age_years="52")
    assert page.path == "/en/second-opinion/start/authority/"

    page.send(asker_name="", relationship="daughter", has_authority="on")
    relatives_draft.refresh_from_db()
    assert relatives_draft.authority_stated_at is None
    page.send(asker_name="Bea", relationship="daughter", has_authority="on")

    relatives_draft.refresh_from_db()
    assert relatives_draft.asker_name == "Bea"
    assert relatives_draft.authority_stated_at is not None


def test_without_authority_stated_nothing_is_sent(browser: Browser, relatives_draft: Request) -> None:
    page = browser.sign_in(relatives_draft).open(f"{START}review/")
    assert 'href="/en/second-opinion/start/authority/"' in page.main

    refused = page.send(coordination="on")

    assert "Say first by what right you act for the patient." in refused.words
    relatives_draft.refresh_from_db()
    assert relatives_draft.is_draft


def test_who_asks_for_herself_has_no_authority_to_state(patients_browser: Browser) -> None:
    page = patients_browser.open(f"{START}authority/")

    assert page.path == "/en/second-opinion/start/question/"
    assert "Your authority" not in page.words


def test_who_asks_for_herself_after_all_is_nobodys_relative(browser: Browser, relatives_draft: Request) -> None:
    browser.sign_in(relatives_draft).open(f"{START}who/").send(**WHO)

    relatives_draft.refresh_from_db()
    assert (relatives_draft.for_whom, relatives_draft.asker_name) == (ForWhom.SELF, "")


@pytest.mark.parametrize("age", ["fifty", "-1", "121", "1" * 5000, "\x00", "٥٤x"])
def test_an_age_that_is_none_is_said_in_words(patients_browser: Browser, draft: Request, age: str) -> None:
    page = patients_browser.open(f"{START}patient/").send(patient_name="Dora", age_years=age)

    assert "One thing to put right" in page.words
    assert 'value="Dora"' in page.main


def test_an_age_in_arabic_digits_is_a_number(patients_browser: Browser, draft: Request) -> None:
    patients_browser.open(f"{START}patient/").send(patient_name="Dora", age_years="٥٤")

    draft.refresh_from_db()
    assert draft.age_years == 54


def test_characters_that_nobody_typed_on_purpose_are_dropped(patients_browser: Browser, draft: Request) -> None:
    patients_browser.open(f"{START}patient/").send(patient_name="A\x00da\u202e <b>Example", age_years="52")

    draft.refresh_from_db()
    assert draft.patient_name == "Ada <b>Example"
    assert "Ada &lt;b&gt;Example" in patients_browser.open(f"{START}review/").main


# --- the question ---------------------------------------------------------------------------------------------------


def test_a_very_long_question_is_kept_on_the_page_and_said_in_words(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}question/").send(question=LONG)

    assert "100000 characters; 10000 fit here" in page.words.replace(",", "")
    assert LONG in page.main
    draft.refresh_from_db()
    assert draft.question == "Is the operation needed?"


def test_words_of_an_emergency_are_answered_first_and_the_text_is_kept(
    patients_browser: Browser, draft: Request
) -> None:
    page = patients_browser.open(f"{START}question/").send(question="I have crushing chest pain")

    assert "Call your local emergency number now" in page.words
    assert "I have crushing chest pain" in page.main
    on = page.send(question="I have crushing chest pain")
    assert on.path == "/en/second-opinion/start/illness/"


def test_a_treatment_that_does_not_exist_is_refused(patients_browser: Browser) -> None:
    page = patients_browser.open(f"{START}illness/").send(condition="", treatment="x\x00")

    assert "One thing to put right" in page.words


# --- the hospital ---------------------------------------------------------------------------------------------------


def test_a_hospital_that_is_reached_is_offered_and_kept(
    patients_browser: Browser, draft: Request, facility: Facility, facility_office: Any
) -> None:
    page = patients_browser.open(f"{START}hospital/")

    assert facility.short_name in page.words
    assert page.send(facility=facility.slug).path == "/en/second-opinion/start/documents/"
    draft.refresh_from_db()
    assert draft.facility == facility


def test_a_hospital_that_is_not_reached_is_no_choice(patients_browser: Browser, draft: Request) -> None:
    stranger = factories.make_facility()

    patients_browser.open(f"{START}hospital/").send(facility=stranger.slug)

    draft.refresh_from_db()
    assert draft.facility is None


def test_hospitals_not_reached_are_said_with_their_address(patients_browser: Browser, draft: Request) -> None:
    treatment, other = factories.make_treatment(), factories.make_facility(address="Via Lontana 7")
    factories.Offer.objects.create(facility=other, treatment=treatment, state="verified")
    workflow.save_draft(request=draft, by=factories.patient_of(draft), answers={"treatment": treatment})

    page = patients_browser.open(f"{START}hospital/")

    assert other.official_name in page.words
    assert "Via Lontana 7, 20100 Milano" in page.words


# --- documents ------------------------------------------------------------------------------------------------------


def test_a_paper_is_kept_and_shown(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper("Befund.pdf")))

    assert "Your file has arrived and is kept." in page.words
    assert "Befund.pdf" in page.words
    assert draft.documents.count() == 1


def test_the_same_paper_pressed_twice_is_kept_once(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}documents/")

    page.send(**paper_answers(file=paper()))
    page.send(**paper_answers(file=paper()))
    page.send(**paper_answers(file=paper(content=b"%PDF-1.4 another")))

    assert draft.documents.count() == 2


def test_the_checklist_names_what_is_missing_and_takes_a_paper(
    patients_browser: Browser, draft: Request, facility: Facility, facility_office: Any
) -> None:
    protocol = factories.make_protocol(facility)
    workflow.save_draft(request=draft, by=factories.patient_of(draft), answers={"facility": facility})
    page = patients_browser.open(f"{START}documents/")
    assert "Report , missing Not sent yet." in page.words

    wanted = protocol.required_documents.first()
    today = timezone.localdate().isoformat()
    page = page.send(**paper_answers(file=paper(), requirement=str(wanted.pk), issued_on=today))

    assert "It has arrived and fits." in page.words


def test_a_file_that_fails_is_said_in_words_and_the_rest_is_kept(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}documents/").send(
        **paper_answers(file=paper(content=b""), kind="imaging", issued_on="2026-03-12", language="ar")
    )

    assert "This file is empty. Choose another one." in page.words
    assert 'value="imaging" selected' in page.main
    assert 'value="2026-03-12"' in page.main
    assert 'value="ar" selected' in page.main


def test_a_file_too_large_is_said_in_words(patients_browser: Browser, draft: Request, settings: Any) -> None:
    settings.MAXIMUM_UPLOAD_BYTES = 1000

    page = patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper(content=b"x" * 2000)))

    assert page.status == 200
    assert "This file is larger than" in page.words
    assert not draft.documents.exists()


def test_a_good_file_beside_an_error_must_be_chosen_again(patients_browser: Browser, draft: Request) -> None:
    tomorrow = (timezone.localdate() + datetime.timedelta(days=9)).isoformat()

    page = patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper(), issued_on=tomorrow))

    assert "This date is in the future." in page.words
    assert "Choose it again." in page.words


def test_one_file_too_many_is_said_in_words(patients_browser: Browser, draft: Request, settings: Any) -> None:
    settings.MAXIMUM_FILES_PER_REQUEST = 0

    page = patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper()))

    assert "The request holds as many files as it can." in page.words


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("<img src=x onerror=alert(1)>.pdf", "<img src=x onerror=alert(1)>.pdf"),
        ("re\u202efdp.exe", "refdp.exe"),
        ("re\x00port.pdf", "report.pdf"),
        ("تقرير طبي.pdf", "تقرير طبي.pdf"),
    ],
)
def test_hostile_names_do_no_harm(patients_browser: Browser, draft: Request, name: str, kept: str) -> None:
    page = patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper(name)))

    assert draft.documents.get().file.name == kept
    assert "<img src=x" not in page.main


def test_a_name_too_long_is_said_in_words(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper("a" * 300 + ".pdf")))

    assert page.status == 200
    assert draft.documents.exists() or "The name of this file is too long." in page.words


def test_a_paper_can_be_removed_and_removing_it_twice_is_no_error(patients_browser: Browser, draft: Request) -> None:
    patients_browser.open(f"{START}documents/").send(**paper_answers(file=paper()))
    address = f"{START}documents/{draft.documents.get().pk}/remove/"

    assert patients_browser.post(address).status == 200
    assert patients_browser.post(address).status == 200

    assert not draft.documents.exists()


def test_a_paper_of_another_request_cannot_be_removed(patients_browser: Browser) -> None:
    other = factories.make_draft(email="other@example.org")
    row = workflow.add_document(request=other, by=factories.patient_of(other), upload=paper(), kind="report")

    page = patients_browser.post(f"{START}documents/{row.pk}/remove/")

    assert page.words == patients_browser.post(f"{START}documents/{uuid.uuid4()}/remove/").words
    assert Document.objects.filter(pk=row.pk).exists()


# --- check and send -------------------------------------------------------------------------------------------------


def test_the_review_shows_every_answer_and_sends(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}review/")
    for words in ("Ada Example", "52 years old", "Is the operation needed?", "patient@example.org"):
        assert words in page.words

    sent = page.send(coordination="on")

    draft.refresh_from_db()
    assert draft.status == Status.SUBMITTED
    assert "Your request has arrived." in sent.words


def test_the_review_shows_the_rules_and_what_does_not_fit(
    patients_browser: Browser, draft: Request, facility: Facility
) -> None:
    """The last look before sending: the fee, when it is not possible, and each paper against the list."""
    protocol = factories.make_protocol(facility, fee=300, exclusions_en="Not after an accident", minimum_age=60)
    workflow.save_draft(request=draft, by=factories.patient_of(draft), answers={"facility": facility})
    report = protocol.required_documents.get(position=1)
    about = {"kind": report.kind, "requirement": report, "language": "tr"}
    workflow.add_document(request=draft, by=factories.patient_of(draft), upload=factories.upload(), **about)

    page = patients_browser.open(f"{START}review/")

    for words in ("300 euro", "Not after an accident", "This document is in Turkish.", "from the age of 60"):
        assert words in page.words


def test_rules_that_change_while_she_reads_are_read_again_before_they_are_frozen(
    patients_browser: Browser, draft: Request, facility: Facility
) -> None:
    factories.reached(facility)
    Request.objects.filter(pk=draft.pk).update(facility=facility)
    first = factories.make_protocol(facility)
    page = patients_browser.open(f"{START}review/")
    second = factories.make_protocol(facility, slug=first.slug, version=2)

    refused = page.send(coordination="on")

    assert "The hospital has changed its rules since you opened this page." in refused.words
    assert Request.objects.get().status == Status.DRAFT
    refused.send(coordination="on")
    assert Request.objects.get().protocol == second


@pytest.mark.parametrize(
    ("rules", "is_said"),
    [({}, True), ({"clock_starts": "fee_settled"}, False), ({"promised_working_days": None}, False)],
    ids=["file complete", "fee settled", "nothing promised"],
)
def test_the_review_names_the_start_of_the_clock_only_where_it_is_that_one(
    patients_browser: Browser, draft: Request, facility: Facility, rules: dict[str, Any], is_said: bool
) -> None:
    factories.make_protocol(facility, **rules)
    workflow.save_draft(request=draft, by=factories.patient_of(draft), answers={"facility": facility})

    page = patients_browser.open(f"{START}review/")

    assert "Not sent yet." in page.words
    assert ("the days count from when all papers are there" in page.words) == is_said


def test_pressed_twice_it_is_sent_once(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}review/")

    page.send(coordination="on")
    second = page.send(coordination="on")

    assert second.status == 200
    assert "Your request has arrived." in second.words
    assert draft.events.filter(action="submit").count() == 1


def test_without_consent_nothing_is_sent(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}review/").send()

    assert "Without this consent nobody may read your request." in page.words
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT


def test_the_consent_kept_is_the_one_on_the_screen(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}review/").send(coordination="on", coordination_hash="of an older text")

    assert "The text of the consent has changed since you opened this page." in page.words
    assert page.hidden["coordination_hash"] == consent.text(ConsentPurpose.COORDINATION, "en").hash
    assert "checked" not in page.main
    assert "Your request has arrived." in page.send(coordination="on").words


def test_the_consent_kept_is_in_the_language_of_the_address(draft: Request) -> None:
    Browser("ar").sign_in(draft).open(f"{START}review/").send(coordination="on")

    assert draft.consents.get().text_language == "ar"


def test_a_consent_does_not_pass_to_a_hospital_chosen_meanwhile(
    patients_browser: Browser, draft: Request, facility: Facility, facility_office: Any
) -> None:
    other = factories.make_facility()
    factories.reached(other)
    workflow.save_draft(request=draft, by=factories.patient_of(draft), answers={"facility": facility})
    page = patients_browser.open(f"{START}review/")
    workflow.save_draft(request=draft, by=factories.patient_of(draft), answers={"facility": other})

    page = page.send(coordination="on", facility="on")

    assert "The hospital was changed meanwhile." in page.words
    assert not draft.consents.exists()
    page.send(coordination="on", facility="on")
    assert draft.consents.for_facility(other).exists()


def test_an_old_screen_says_so_once_and_can_then_be_sent(patients_browser: Browser, draft: Request) -> None:
    page = patients_browser.open(f"{START}review/")
    workflow.state_authority(request=draft, by=factories.patient_of(draft), seen_version=draft.version)

    page = page.send(coordination="on")

    assert "was first" in page.words
    assert "Your request has arrived." in page.send(coordination="on").words


def test_a_missing_answer_is_a_link_to_its_screen(browser: Browser) -> None:
    begin(browser)

    page = browser.open(f"{START}review/")

    assert "An answer is missing" in page.words
    assert 'href="/en/second-opinion/start/question/"' in page.main
    assert "An answer is missing. Complete it before you send the request." in page.send(coordination="on").words


# --- a session that ended -------------------------------------------------------------------------------------------


def test_what_was_typed_after_the_session_ended_is_handed_back(
    patients_browser: Browser, draft: Request, time_machine: Any
) -> None:
    page = patients_browser.open(f"{START}question/")
    time_machine.move_to(timezone.now() + datetime.timedelta(minutes=21))

    late = page.send(question="A long story")

    assert "You were away for a while" in late.words
    assert "A long story" in late.main
    patients_browser.sign_in(draft)
    on = patients_browser.post(late.path, question="A long story")
    assert on.path == "/en/second-opinion/start/illness/"
    draft.refresh_from_db()
    assert draft.question == "A long story"


def test_after_20_minutes_the_page_says_so_and_nothing_saved_is_lost(
    patients_browser: Browser, draft: Request, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now() + datetime.timedelta(minutes=21))

    assert "You were away for a while" in patients_browser.open(f"{START}question/").words
    assert "You were away for a while" in patients_browser.open("my-request/").words
    assert Request.objects.get(pk=draft.pk).question == "Is the operation needed?"


def test_someone_who_was_never_in_is_not_told_that_she_was_away(browser: Browser) -> None:
    assert "You were away" not in browser.open("my-request/").words


def test_a_form_sent_with_a_wrong_key_is_no_error_of_ours(browser: Browser) -> None:
    assert browser.post(START, **WHO, idempotency_key="no uuid").status == 200
    assert browser.post(START, **WHO, idempotency_key=str(uuid.uuid4())).status == 200
