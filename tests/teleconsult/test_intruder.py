"""What an intruder tries from outside and is refused, beside the rules that each part tests itself."""

import uuid

import pytest
from django.test import Client, RequestFactory

from accounts.models import User
from teleconsult import access, workflow
from teleconsult.enums import AccessLevel, RequestKind
from teleconsult.models import PatientSession, Request
from teleconsult.views.area import NewReceiptView
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from tests.teleconsult.browsing import WHO, Browser

pytestmark = pytest.mark.django_db
START = "second-opinion/start/"


# --- the form that begins a request, sent by two people --------------------------------------------------------------


def test_the_form_of_somebody_else_opens_nothing_of_hers() -> None:
    """On a shared computer the next person goes back to the same form, with the same key, within ten minutes."""
    key = str(uuid.uuid4())
    hers, his = Browser(), Browser()
    hers.post(START, **WHO, idempotency_key=key)
    first = Request.objects.get()
    alive = first.receipts.get(ended_at__isnull=True)

    page = his.post(START, **WHO | {"email": "second@example.org"}, idempotency_key=key)

    second = Request.objects.exclude(pk=first.pk).get()
    assert second.email == "second@example.org"
    assert first.reference not in page.words
    assert first.receipts.get(ended_at__isnull=True) == alive
    his.post(START, **WHO | {"email": "second@example.org"}, idempotency_key=key)
    assert Request.objects.count() == 2


def test_after_signing_out_the_form_sent_again_opens_nothing() -> None:
    """A browser keeps what was sent: "Back", and "Send again", on a shared computer."""
    values = WHO | {"idempotency_key": str(uuid.uuid4())}
    hers, his = Browser(), Browser()
    hers.post(START, **values)
    case = Request.objects.get()
    alive = case.receipts.get(ended_at__isnull=True)
    hers.post("my-request/sign-out/")

    page = his.post(START, **values)

    assert page.path == "/en/my-request/"
    assert case.reference not in page.words
    assert not PatientSession.objects.alive().exists()
    assert case.receipts.get(ended_at__isnull=True) == alive


def test_a_key_of_one_kind_of_request_begins_another_kind_anew() -> None:
    key = uuid.uuid4()
    draft = workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key)
    other = workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key, kind=RequestKind.ESTIMATE)

    assert (other.request.pk != draft.request.pk, other.request.kind) == (True, RequestKind.ESTIMATE)


# --- a new receipt ---------------------------------------------------------------------------------------------------


def session_of(request: Request, level: AccessLevel = AccessLevel.FULL) -> PatientSession:
    session = access.session_for(access.start_session(request, level=level))
    assert session is not None
    return session


def press_new_receipt(session: PatientSession) -> None:
    view = NewReceiptView()
    view.setup(RequestFactory().post("/"))
    view.session = session
    view.take(view.request)


def test_a_new_receipt_ends_what_is_open_elsewhere(draft: Request) -> None:
    thief, mine = session_of(draft), session_of(draft)

    press_new_receipt(mine)

    alive = PatientSession.objects.alive()
    assert alive.filter(pk=mine.pk).exists()
    assert not alive.filter(pk=thief.pk).exists()


def test_with_the_code_alone_nobody_is_put_out(draft: Request) -> None:
    mine, with_the_mailbox = session_of(draft), session_of(draft, AccessLevel.STATUS)

    press_new_receipt(with_the_mailbox)

    assert PatientSession.objects.alive().filter(pk=mine.pk).exists()


def test_pressed_twice_at_once_the_receipt_on_the_screen_is_the_one_that_opens(draft: Request) -> None:
    session, before = session_of(draft), draft.receipts.count()
    # Both presses have read the session before either has written.
    first, second = PatientSession.objects.get(pk=session.pk), PatientSession.objects.get(pk=session.pk)
    press_new_receipt(first)
    press_new_receipt(second)

    shown = PatientSession.objects.get(pk=session.pk).unconfirmed_secret
    asked = access.ask_code(reference=draft.reference, secret=shown, browser="b", network="192.0.2.9")
    assert draft.access_codes.get(pk=asked.code_id).level == AccessLevel.FULL
    assert draft.receipts.count() == before + 1


# --- words that are no words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "email", ['"x\x0c\x0cDear patient,"@example.org', '"x\x1cy"@example.org', "anna@ex\u202eample.org"]
)
def test_an_address_that_breaks_a_mail_is_refused_in_words(email: str) -> None:
    page = Browser().post(START, **WHO | {"email": email}, idempotency_key=str(uuid.uuid4()))

    assert page.status == 200
    assert "Enter an e-mail address like name@example.com." in page.words
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    "period", ["since=9999-12-01&until=9999-12-31", "since=0001-01-01&until=0001-01-02", "until=9999-12-31"]
)
def test_a_period_beyond_the_calendar_is_answered(coordinator: User, period: str) -> None:
    client = sign_in(Client(raise_request_exception=False), coordinator)

    assert client.get(f"/desk/statistics/?{period}").status_code == 200


def test_a_period_far_ahead_is_said_so(coordinator: User) -> None:
    answer = sign_in(Client(), coordinator).get("/desk/statistics/?since=9999-12-01&until=9999-12-31")

    assert "This date is in the future. Check it." in answer.text


# --- whose address it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost:6666", "localhost.", "127.0.0.1:1"])
def test_no_host_of_a_stranger_stands_in_the_sitemap(host: str, settings: object) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]  # type: ignore[attr-defined]
    settings.PUBLIC_URL = "https://portal.example"  # type: ignore[attr-defined]
    text = Client(headers={"host": host}).get("/sitemap.xml").text

    assert host not in text
    assert "https://portal.example/sitemap-" in text
