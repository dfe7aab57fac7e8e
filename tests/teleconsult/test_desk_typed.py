"""What is being typed at the desk is kept for its author alone, sealed, and gone when it is sent."""

import datetime
import html
import uuid
from collections.abc import Callable

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from teleconsult import workflow
from teleconsult.enums import Action
from teleconsult.models import Request, TypedText
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories

pytestmark = pytest.mark.django_db
WORDS = "Half a <sentence> about the"
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


@pytest.fixture
def case(coordinator: User, facility: Facility, facility_office: User) -> Request:
    return factories.make_in_triage(coordinator, facility=facility)


def keep(client: Client, case: Request, step: str = "ask_question", **values: object) -> object:
    """Send what script sends a moment after the last key."""
    address = f"/desk/{case.reference}/typed/{step}/"
    return client.post(address, {"text": WORDS} | values, headers={"accept": "application/json"})


def page_of(client: Client, case: Request) -> str:
    return client.get(f"/desk/{case.reference}/").content.decode()


def test_it_is_there_again_after_signing_in_again(enter: Enter, coordinator: User, case: Request) -> None:
    answer = keep(enter(coordinator), case)
    assert answer.json()["words"].startswith("Kept for you, ")

    page = page_of(enter(coordinator), case)

    assert f">\n{html.escape(WORDS)}</textarea>" in page
    assert 'id="step-ask_question" open' in page
    assert "Delete what I typed" in page
    assert case.messages.count() == 0


@pytest.mark.parametrize("step", ["send_message", "write_note", "decline"])
def test_each_form_keeps_its_own(enter: Enter, coordinator: User, case: Request, step: str) -> None:
    client = enter(coordinator)
    keep(client, case, step, note=WORDS, reason="other", alternatives=[case.facility.slug])

    page = page_of(client, case)

    assert page.count(html.escape(WORDS)) == 1
    if step == "decline":
        assert 'value="other" class="" checked' in page or "checked" in page


def test_nobody_else_sees_it(enter: Enter, coordinator: User, case: Request) -> None:
    keep(enter(coordinator), case)

    assert html.escape(WORDS) not in page_of(enter(factories.add_coordinator()), case)


def test_it_is_sealed_with_the_key_of_the_case_and_erased_with_it(
    enter: Enter, coordinator: User, case: Request
) -> None:
    keep(enter(coordinator), case)
    with connection.cursor() as cursor:
        cursor.execute('SELECT "values" FROM teleconsult_typedtext')
        assert WORDS.encode() not in bytes(cursor.fetchone()[0])

    workflow.erase(request=case, by=factories.patient_of(case))

    assert not TypedText.objects.exists()


def test_it_is_gone_when_it_is_sent(enter: Enter, coordinator: User, case: Request) -> None:
    client = enter(coordinator)
    keep(client, case)

    client.post(f"/desk/{case.reference}/ask-question/", {"text": WORDS, "seen_version": case.version})

    assert case.messages.count() == 1
    assert not TypedText.objects.exists()


def test_what_comes_too_late_is_not_kept(enter: Enter, coordinator: User, case: Request) -> None:
    client, key = enter(coordinator), str(uuid.uuid4())
    client.post(f"/desk/{case.reference}/send-message/", {"text": WORDS, "idempotency_key": key})

    keep(client, case, "send_message", idempotency_key=key)

    assert not TypedText.objects.exists()


def test_nothing_typed_is_nothing_kept(enter: Enter, coordinator: User, case: Request) -> None:
    client = enter(coordinator)
    keep(client, case)

    assert keep(client, case, text="  ").json() == {"words": ""}
    assert not TypedText.objects.exists()


def test_it_is_thrown_away_by_a_button(enter: Enter, coordinator: User, case: Request) -> None:
    client = enter(coordinator)
    keep(client, case)

    answer = client.post(f"/desk/{case.reference}/typed/ask_question/", {"discard": "1", "text": WORDS})

    assert answer.url == f"/desk/{case.reference}/"
    assert not TypedText.objects.exists()


def test_whoever_was_second_finds_it_on_another_day(enter: Enter, coordinator: User, case: Request) -> None:
    colleague = factories.add_coordinator()
    workflow.close(request=case, by=Actor.staff(colleague), seen_version=case.version)
    client = enter(coordinator)
    response = client.post(f"/desk/{case.reference}/ask-question/", {"text": WORDS, "seen_version": case.version})
    assert response.status_code == 409
    assert response.content.decode().count(html.escape(WORDS)) == 1

    page = page_of(enter(coordinator), case)

    assert "is kept here" in page
    assert page.count(html.escape(WORDS)) == 1


@pytest.mark.parametrize(("step", "status"), [("nothing", 404), ("take", 200), ("name_specialist", 404)])
def test_only_ones_own_forms(enter: Enter, coordinator: User, case: Request, step: str, status: int) -> None:
    assert keep(enter(coordinator), case, step).status_code == status
    assert not TypedText.objects.exists()


def test_stranger_keeps_nothing(enter: Enter, case: Request) -> None:
    assert keep(enter(factories.reached(factories.make_facility())), case).status_code == 404
    assert not TypedText.objects.exists()


def test_no_get_and_odd_bytes(enter: Enter, coordinator: User, case: Request) -> None:
    client = enter(coordinator)

    assert client.get(f"/desk/{case.reference}/typed/ask_question/").url == f"/desk/{case.reference}/"
    assert not TypedText.objects.exists()
    assert keep(client, case, text="a\x00b" + "x" * 50_000).status_code == 200
    kept = TypedText.objects.get().values["text"][0]
    assert kept.startswith("abx")
    assert len(kept) == 20_000


# --- the session has ended meanwhile ----------------------------------------------------------------------------------


def test_form_sent_after_the_session_has_ended_is_kept(enter: Enter, coordinator: User, case: Request) -> None:
    client = enter(coordinator)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=16)):
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
        answer = client.post(f"/desk/{case.reference}/ask-question/", {"text": WORDS, "seen_version": case.version})

    assert answer.status_code == 302
    assert answer.url == f"/accounts/login/?next=%2Fdesk%2F{case.reference}%2Fask-question%2F"
    assert case.events.filter(action=Action.ASK_QUESTION).count() == 0
    assert html.escape(WORDS) in page_of(enter(coordinator), case)


def test_without_the_cookie_of_an_ended_session_nothing_is_kept(coordinator: User, case: Request) -> None:
    answer = Client().post(f"/desk/{case.reference}/ask-question/", {"text": WORDS})

    assert answer.status_code == 302
    assert not TypedText.objects.exists()


def test_ended_session_of_a_stranger_keeps_nothing(enter: Enter, case: Request) -> None:
    client = enter(factories.reached(factories.make_facility()))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=16)):
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
        client.post(f"/desk/{case.reference}/ask-question/", {"text": WORDS})

    assert not TypedText.objects.exists()


def test_foreign_form_sent_after_the_session_has_ended_keeps_nothing(coordinator: User, case: Request) -> None:
    client = sign_in(Client(enforce_csrf_checks=True), coordinator)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=16)):
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
        client.post(f"/desk/{case.reference}/ask-question/", {"text": WORDS})

    assert not TypedText.objects.exists()
