import datetime
import re
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from notifications.models import OutboxMessage
from teleconsult import access, references
from teleconsult.enums import AccessLevel, RequestKind, Status
from teleconsult.models import AccessCode, PatientSession, Receipt, Request
from tests.teleconsult.browsing import Browser


@pytest.fixture
def browser(db: None) -> Browser:
    return Browser()


@pytest.fixture
def secret(draft: Request) -> str:
    """The secret of the receipt of the draft."""
    return access.issue_receipt(draft, is_confirmed=True)


def mailed_code() -> str:
    """Return the code in the newest mail."""
    message = OutboxMessage.objects.filter(kind__endswith="access_code").latest("created_at")
    return message.context["code"]


def no_such_reference() -> str:
    """Return a reference that could be one."""
    return references.make()


# --- coming back ----------------------------------------------------------------------------------------------------


def test_private_link_and_mailed_code_open_the_request(browser: Browser, draft: Request, secret: str) -> None:
    page = browser.open(f"my-request/{draft.reference}/{secret}/").send()
    assert page.path == "/en/my-request/code/"

    page = page.send(code=mailed_code().lower())

    assert page.path == "/en/my-request/"
    assert "Your request is not sent yet." in page.words
    assert PatientSession.objects.get().level == AccessLevel.FULL


def test_opening_the_link_changes_nothing_and_signs_nobody_in(browser: Browser, draft: Request, secret: str) -> None:
    page = browser.open(f"my-request/{draft.reference}/{secret}/")

    assert page.status == 200
    assert not AccessCode.objects.exists()
    assert not PatientSession.objects.exists()
    assert settings.PATIENT_COOKIE_NAME not in browser.client.cookies
    assert page.response["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in page.html


def test_the_link_pasted_into_the_form_opens_everything(browser: Browser, draft: Request, secret: str) -> None:
    link = f"http://localhost:8000/en/my-request/{draft.reference}/{secret}/"

    browser.open("my-request/").send(reference=draft.reference.lower().replace("-", " "), secret=link)

    assert AccessCode.objects.get().level == AccessLevel.FULL


def test_the_reference_alone_opens_the_status(browser: Browser, draft: Request) -> None:
    page = browser.open("my-request/").send(reference=draft.reference, secret="")

    page = page.send(code=mailed_code())

    assert "You came with the mailed code alone" in page.words
    assert "Ada Example" not in page.html


@pytest.mark.parametrize("kind", ["right", "no such reference", "wrong secret"])
def test_a_miss_answers_as_a_hit_does(browser: Browser, draft: Request, secret: str, kind: str) -> None:
    reference = no_such_reference() if kind == "no such reference" else draft.reference
    page = browser.open("my-request/").send(
        reference=reference, secret="a wrong one" if kind == "wrong secret" else secret
    )

    assert page.path == "/en/my-request/code/"
    assert "If this request exists, a code is on its way to its mailbox." in page.words
    assert {settings.PATIENT_COOKIE_NAME + "-code", settings.PATIENT_COOKIE_NAME + "-browser"} <= set(
        browser.client.cookies
    )
    wrong = page.send(code="ZZZZZZZZ")
    assert "This code is not right or no longer valid." in wrong.words


def test_the_code_is_bound_to_the_browser_that_asked(browser: Browser, draft: Request, secret: str) -> None:
    browser.open(f"my-request/{draft.reference}/{secret}/").send()
    thief = Browser()
    thief.client.cookies[settings.PATIENT_COOKIE_NAME + "-code"] = str(AccessCode.objects.get().pk)

    page = thief.open("my-request/code/").send(code=mailed_code())

    assert "This code is not right or no longer valid." in page.words


def test_the_code_works_once(browser: Browser, draft: Request, secret: str) -> None:
    page = browser.open(f"my-request/{draft.reference}/{secret}/").send()
    code, cookie = mailed_code(), browser.client.cookies[settings.PATIENT_COOKIE_NAME + "-code"].value
    page.send(code=code)
    browser.post("my-request/sign-out/")
    browser.client.cookies[settings.PATIENT_COOKIE_NAME + "-code"] = cookie

    again = browser.open("my-request/code/").send(code=code)

    assert "This code is not right or no longer valid." in again.words


def test_the_code_ends_after_ten_minutes(browser: Browser, draft: Request, secret: str, time_machine: Any) -> None:
    page = browser.open(f"my-request/{draft.reference}/{secret}/").send()
    code = mailed_code()
    time_machine.move_to(timezone.now() + datetime.timedelta(minutes=10, seconds=1))

    assert "This code is not right or no longer valid." in page.send(code=code).words


def test_what_cannot_be_a_reference_is_said_and_kept(browser: Browser) -> None:
    page = browser.open("my-request/").send(reference="HL-0000-0000-0", secret="")

    assert "This is not a request number." in page.words
    assert 'value="HL-0000-0000-0"' in page.main


@pytest.mark.parametrize("path", ["HL-1/x", "a%00b/c%00d", "%F0%9F%98%80/" + "x" * 3000, "..%2f/..%2f"])
def test_a_link_that_was_made_up_is_no_error_of_ours(browser: Browser, path: str) -> None:
    page = browser.open(f"my-request/{path}/")

    assert page.status in {200, 404}
    if page.status == 200:
        assert "This is not a request number." in page.send().words


def test_too_many_codes_are_said_in_words(browser: Browser, draft: Request, secret: str) -> None:
    for _number in range(access.CODES_PER_MAILBOX):
        assert browser.open(f"my-request/{draft.reference}/{secret}/").send().status == 200

    page = browser.open(f"my-request/{draft.reference}/{secret}/").send()

    assert page.status == 429
    assert "Nothing is lost." in page.words


@pytest.mark.parametrize("email", ["patient@example.org", "nobody@example.org"])
def test_a_lost_number_is_answered_the_same_for_everyone(browser: Browser, draft: Request, email: str) -> None:
    page = browser.open("my-request/lost/").send(email=email)

    assert "If a request belongs to this address, its number is on the way to it." in page.words
    sent = OutboxMessage.objects.filter(kind__endswith="your_references")
    assert sent.exists() == (email == "patient@example.org")


def test_a_draft_goes_on_in_another_browser(browser: Browser, draft: Request, secret: str) -> None:
    phone = Browser("ar")
    phone.open(f"my-request/{draft.reference}/{secret}/").send().send(code=mailed_code())

    page = phone.open("second-opinion/start/")

    assert page.path == "/ar/second-opinion/start/illness/"
    assert draft.reference in page.words


def test_the_old_receipt_opens_nothing(browser: Browser, draft: Request, secret: str) -> None:
    access.issue_receipt(draft, is_confirmed=True)

    browser.open(f"my-request/{draft.reference}/{secret}/").send()

    assert not AccessCode.objects.filter(request=draft).exists()
    assert Receipt.objects.filter(request=draft, ended_at__isnull=False).exists()


@pytest.mark.parametrize("page", ["my-request/", "my-request/code/", "my-request/lost/", "contact/"])
def test_pages_of_the_way_in_work_in_arabic(db: None, page: str) -> None:
    shown = Browser("ar").open(page)

    assert shown.status == 200
    assert 'lang="ar" dir="rtl"' in shown.html
    assert shown.response["Cache-Control"] == "no-store"


# --- a question to the office ---------------------------------------------------------------------------------------


def contact(browser: Browser, **values: Any) -> Any:
    answers = {"question": "Where do I begin?", "email": "patient@example.org", "country": "AE", "consent": "on"}
    return browser.open("contact/").send(**answers | values)


def test_a_question_arrives_and_the_receipt_is_shown(browser: Browser) -> None:
    page = contact(browser)

    request = Request.objects.get()
    assert (request.kind, request.status, request.question) == (
        RequestKind.QUESTION,
        Status.SUBMITTED,
        "Where do I begin?",
    )
    assert "Your receipt" in page.words
    assert request.reference in page.words


def test_a_question_is_asked_in_the_language_of_the_address(db: None) -> None:
    contact(Browser("ar"))

    request = Request.objects.get()
    assert request.language == "ar"
    assert request.consents.get().text_language == "ar"


def test_a_question_pressed_twice_is_one(browser: Browser) -> None:
    page = browser.open("contact/")
    values = {"question": "Where?", "email": "patient@example.org", "country": "", "consent": "on"}

    page.send(**values)
    page.send(**values)

    assert Request.objects.count() == 1


def test_words_of_the_search_are_carried_along(browser: Browser) -> None:
    page = browser.open("contact/?words=heart%20%3Cvalve%3E%00")

    assert "heart &lt;valve&gt;</textarea>" in page.main


def test_a_question_with_words_of_an_emergency_is_answered_first(browser: Browser) -> None:
    page = contact(browser, question="I cannot breathe")

    assert "Call your local emergency number now" in page.words
    assert not Request.objects.exists()
    page.send(question="I cannot breathe", email="patient@example.org", country="", consent="on")
    assert Request.objects.exists()


def test_too_many_questions_are_said_and_the_text_is_kept(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teleconsult.views.patients.STARTS_PER_NETWORK", 0)

    page = contact(browser)

    assert "You have done this too often." in page.words
    assert "Where do I begin?" in page.main


def test_a_question_without_consent_is_not_sent_and_kept(browser: Browser) -> None:
    page = browser.open("contact/").send(question="Where?", email="patient@example.org", country="AE")

    assert "Without this consent nobody may read your question." in page.words
    assert re.search(r">\s*Where\?</textarea>", page.main)
    assert not Request.objects.exists()
