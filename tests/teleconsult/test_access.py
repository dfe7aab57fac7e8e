import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from notifications.models import OutboxMessage
from teleconsult import access, permissions, references, workflow
from teleconsult.enums import AccessLevel, Action
from teleconsult.exceptions import NotAllowed, StaleVersion, TooMany, WrongCode, WrongReference
from teleconsult.models import AccessCode, PatientSession, Receipt, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from vault.trail import TrailEntry

BROWSER = "a-random-cookie"
NETWORK = "192.0.2.1"


@pytest.fixture
def secret(draft: Request) -> str:
    return access.issue_receipt(draft, is_confirmed=True)


def ask(reference: str, secret: str = "", browser: str = BROWSER, network: str = NETWORK) -> access.Asked:
    return access.ask_code(reference=reference, secret=secret, browser=browser, network=network)


def enter(asked: access.Asked, code: str, browser: str = BROWSER) -> PatientSession:
    token = access.enter_code(code_id=asked.code_id, code=code, browser=browser, network=NETWORK)
    session = access.session_for(token)
    assert session is not None
    return session


def mailed_code() -> str:
    message = OutboxMessage.objects.filter(kind="teleconsult/mail/access_code").latest("created_at")
    return message.context["code"]


# --- the receipt -----------------------------------------------------------------------------------------------------


def test_of_the_secret_only_a_hash_is_kept(draft: Request, secret: str):
    receipt = draft.receipts.get(ended_at__isnull=True)

    assert receipt.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert len(secret) >= 22
    assert secret not in str(list(draft.receipts.values()))


def test_a_new_receipt_ends_the_old_one(draft: Request, patient: Actor, secret: str):
    newer = workflow.ask_receipt(request=draft, by=patient)

    assert draft.receipts.filter(ended_at__isnull=True).count() == 1
    asked = ask(draft.reference, secret)
    assert AccessCode.objects.get(pk=asked.code_id).request is None
    asked = ask(draft.reference, newer)
    assert AccessCode.objects.get(pk=asked.code_id).level == AccessLevel.FULL


def test_a_code_asked_for_with_the_old_receipt_ends_with_it(draft: Request, patient: Actor, secret: str):
    asked, code = ask(draft.reference, secret), mailed_code()
    workflow.ask_receipt(request=draft, by=patient)

    with pytest.raises(WrongCode):
        enter(asked, code)


def test_a_receipt_asked_for_with_the_code_alone_waits_for_the_office(draft: Request, coordinator: User):
    request = factories.make_submitted()
    session = enter(ask(request.reference), mailed_code())
    assert session.level == AccessLevel.STATUS

    secret = workflow.ask_receipt(request=request, by=Actor.patient(session))
    assert access.waiting_receipt(request)
    assert enter(ask(request.reference, secret), mailed_code()).level == AccessLevel.STATUS
    confirm(request, coordinator)

    assert not access.waiting_receipt(request)
    assert enter(ask(request.reference, secret), mailed_code()).level == AccessLevel.FULL
    assert request.events.last().action == Action.CONFIRM_IDENTITY


def receipt_of_the_mailbox(request: Request) -> str:
    """Return the secret that somebody gets who has the mailbox alone."""
    elsewhere = "another-cookie"
    session = enter(ask(request.reference, browser=elsewhere), mailed_code(), elsewhere)
    return workflow.ask_receipt(request=request, by=Actor.patient(session))


def confirm(request: Request, coordinator: User, *seen: Receipt | None) -> None:
    """Confirm who asked for the receipt that waits, or for the one that was seen."""
    (receipt,) = seen or (access.waiting_receipt(request),)
    workflow.confirm_identity(
        request=request,
        by=Actor.staff(coordinator),
        seen_version=request.version,
        receipt_id=receipt.pk if receipt else None,
    )


def level_of(request: Request, secret: str) -> AccessLevel | None:
    """Return what a receipt opens; None for nothing."""
    row = AccessCode.objects.get(pk=ask(request.reference, secret).code_id)
    return AccessLevel(row.level) if row.request else None


def test_one_that_waits_leaves_the_old_receipt_and_its_codes(draft: Request, secret: str):
    asked, code = ask(draft.reference, secret), mailed_code()

    waiting = receipt_of_the_mailbox(draft)

    assert enter(asked, code).level == AccessLevel.FULL
    assert (level_of(draft, secret), level_of(draft, waiting)) == (AccessLevel.FULL, AccessLevel.STATUS)


def test_of_those_that_wait_the_last_one_counts(draft: Request, secret: str):
    first, second = receipt_of_the_mailbox(draft), receipt_of_the_mailbox(draft)

    opened = [level_of(draft, one) for one in (secret, first, second)]
    assert opened == [AccessLevel.FULL, None, AccessLevel.STATUS]


def test_the_holder_of_the_receipt_ends_one_that_waits(draft: Request, patient: Actor, secret: str):
    waiting = receipt_of_the_mailbox(draft)

    newer = workflow.ask_receipt(request=draft, by=patient)

    opened = [level_of(draft, one) for one in (secret, waiting, newer)]
    assert opened == [None, None, AccessLevel.FULL]
    assert access.waiting_receipt(draft) is None


def test_once_confirmed_the_lost_receipt_opens_nothing(db: None, coordinator: User):
    request = factories.make_submitted()
    lost = access.issue_receipt(request, is_confirmed=True)
    found = enter(ask(request.reference, lost), mailed_code())
    asked, code = ask(request.reference, lost), mailed_code()
    waiting = receipt_of_the_mailbox(request)

    confirm(request, coordinator)

    opened = [level_of(request, one) for one in (lost, waiting)]
    assert opened == [None, AccessLevel.FULL]
    assert not PatientSession.objects.alive().filter(pk=found.pk).exists()
    with pytest.raises(WrongCode):
        enter(asked, code)


def test_another_receipt_than_the_office_saw_is_not_confirmed(db: None, coordinator: User):
    """Whoever has the mailbox may ask again while the office is on the telephone with the patient."""
    request = factories.make_submitted()
    secret = access.issue_receipt(request, is_confirmed=True)
    receipt_of_the_mailbox(request)
    seen = access.waiting_receipt(request)
    others = receipt_of_the_mailbox(request)

    with pytest.raises(StaleVersion):
        confirm(request, coordinator, seen)

    opened = [level_of(request, one) for one in (secret, others)]
    assert opened == [AccessLevel.FULL, AccessLevel.STATUS]


def test_where_nobody_waits_nothing_is_confirmed(db: None, coordinator: User):
    request = factories.make_submitted()
    secret = access.issue_receipt(request, is_confirmed=True)

    with pytest.raises(StaleVersion):
        confirm(request, coordinator, None)

    assert level_of(request, secret) == AccessLevel.FULL


def test_with_the_code_alone_only_a_receipt_can_be_asked_for(draft: Request):
    session = enter(ask(draft.reference), mailed_code())
    by = Actor.patient(session)

    assert workflow.allowed_actions(by, draft) == (Action.ASK_RECEIPT,)
    with pytest.raises(NotAllowed):
        workflow.save_draft(request=draft, by=by, answers={"question": "Mine?"})
    assert not permissions.may_read(by, draft)


# --- the code --------------------------------------------------------------------------------------------------------


def test_receipt_and_code_open_everything(draft: Request, secret: str):
    session = enter(ask(draft.reference.lower(), secret), mailed_code())

    assert (session.request, session.level) == (draft, AccessLevel.FULL)
    assert TrailEntry.objects.of_case(draft).last().action == "signed_in"


def test_a_code_is_read_as_people_type_it(draft: Request):
    asked, code = ask(draft.reference), mailed_code()

    assert re.fullmatch(rf"[{access.CODE_ALPHABET}]{{8}}", code)
    assert enter(asked, f" {code[:4].lower()}-{code[4:].lower()} ").request == draft


def test_the_database_does_not_know_the_code(draft: Request):
    asked, code = ask(draft.reference), mailed_code()

    row = AccessCode.objects.get(pk=asked.code_id)
    guesses = [hashlib.sha256(text.encode()).hexdigest() for text in (code, f"{row.pk}:{code}")]
    assert row.code_hash not in guesses


def test_a_code_works_once(draft: Request):
    asked, code = ask(draft.reference), mailed_code()
    enter(asked, code)

    with pytest.raises(WrongCode):
        enter(asked, code)


def test_a_code_lives_for_ten_minutes(draft: Request):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        asked, code = ask(draft.reference), mailed_code()
        clock.shift(timedelta(minutes=10))

        with pytest.raises(WrongCode):
            enter(asked, code)


def test_a_code_works_in_its_browser_only(draft: Request):
    asked, code = ask(draft.reference), mailed_code()

    with pytest.raises(WrongCode):
        enter(asked, code, browser="another")
    # Somebody else's attempt costs the patient no try.
    assert enter(asked, code).request == draft


def test_after_three_tries_the_right_code_is_wrong(draft: Request):
    asked, code = ask(draft.reference), mailed_code()
    for _number in range(3):
        with pytest.raises(WrongCode):
            enter(asked, "AAAAAAAA")

    with pytest.raises(WrongCode):
        enter(asked, code)
    assert TrailEntry.objects.of_case(draft).filter(action="sign_in_failed").count() == 3


def test_a_newer_code_ends_the_older_one(draft: Request):
    older, code = ask(draft.reference), mailed_code()
    ask(draft.reference)

    with pytest.raises(WrongCode):
        enter(older, code)


@pytest.mark.parametrize("code_id", ["", "x", uuid.uuid4()])
def test_nonsense_is_just_wrong(db: None, code_id: object):
    with pytest.raises(WrongCode):
        access.enter_code(code_id=code_id, code="\0", browser=BROWSER, network=NETWORK)


# --- a miss ----------------------------------------------------------------------------------------------------------


def test_a_miss_looks_like_a_hit_and_sends_nothing(draft: Request):
    before = OutboxMessage.objects.count()

    asked = ask(references.make())

    assert AccessCode.objects.get(pk=asked.code_id).request is None
    assert OutboxMessage.objects.count() == before
    with pytest.raises(WrongCode):
        enter(asked, "AAAAAAAA")


def test_a_wrong_secret_is_a_miss(draft: Request, secret: str):
    before = OutboxMessage.objects.count()

    asked = ask(draft.reference, secret + "x")

    assert AccessCode.objects.get(pk=asked.code_id).request is None
    assert OutboxMessage.objects.count() == before


def test_a_miss_does_what_a_hit_does(draft: Request):
    def statements(reference: str) -> Counter[str]:
        with CaptureQueriesContext(connection) as captured:
            ask(reference)
        found = (
            re.match(r"\s*(INSERT INTO \S+|UPDATE \S+|SELECT)", query["sql"]) for query in captured.captured_queries
        )
        return Counter(match.group(1) for match in found if match)

    ask(draft.reference)
    hit, miss = statements(draft.reference), statements(references.make())

    assert not hit - miss
    assert (miss - hit).total() <= 1


def statements_of(deed: Callable[[], object]) -> Counter[str]:
    with CaptureQueriesContext(connection) as captured:
        deed()
    found = (re.match(r"\s*(INSERT INTO \S+|UPDATE \S+|SELECT)", query["sql"]) for query in captured.captured_queries)
    return Counter(match.group(1) for match in found if match)


def test_a_wrong_code_for_a_miss_does_what_one_for_a_hit_does(draft: Request):
    def try_one(asked: access.Asked) -> None:
        with pytest.raises(WrongCode):
            enter(asked, "AAAAAAAA")

    hit, miss = ask(draft.reference), ask(references.make())
    before = TrailEntry.objects.count()

    for_hit, for_miss = (statements_of(lambda asked=asked: try_one(asked)) for asked in (hit, miss))
    assert not for_hit - for_miss
    assert (for_miss - for_hit).total() <= 1
    assert TrailEntry.objects.count() == before + 1


def test_the_bell_rings_as_often_for_a_miss_as_for_a_hit(
    draft: Request, django_capture_on_commit_callbacks: Callable[..., Any]
):
    def rings(reference: str) -> int:
        with django_capture_on_commit_callbacks() as rung:
            ask(reference)
        return len(rung)

    assert rings(draft.reference) == rings(references.make()) == 1


def test_what_cannot_be_a_reference_is_said_so(db: None):
    with pytest.raises(WrongReference):
        ask("HL-7K3M-9QXA-W")


# --- the limits ------------------------------------------------------------------------------------------------------


def test_five_codes_an_hour_for_a_mailbox(draft: Request):
    other = factories.make_draft()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _number in range(3):
            ask(draft.reference)
        for _number in range(2):
            ask(other.reference)

        with pytest.raises(TooMany):
            ask(draft.reference)
        clock.shift(timedelta(hours=1, seconds=1))
        ask(draft.reference)


def test_five_codes_an_hour_for_a_miss_as_well(db: None):
    reference = references.make()
    for _number in range(5):
        ask(reference)

    with pytest.raises(TooMany):
        ask(reference)


@pytest.mark.parametrize("is_known", [True, False])
def test_wrong_secrets_do_not_tell_whether_there_is_such_a_request(draft: Request, is_known: bool):
    reference = draft.reference if is_known else references.make()
    for _number in range(5):
        ask(reference, "wrong")

    with pytest.raises(TooMany):
        ask(reference, "wrong")
    ask(reference)


@pytest.mark.parametrize("is_known", [True, False])
def test_ten_wrong_secrets_a_day_for_a_reference(draft: Request, secret: str, is_known: bool):
    reference = draft.reference if is_known else references.make()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _number in range(10):
            clock.shift(timedelta(minutes=15))
            ask(reference, "wrong")

        with pytest.raises(TooMany):
            ask(reference, "wrong")
        clock.shift(timedelta(days=1))
        ask(reference, "wrong")


def test_wrong_secrets_of_others_lock_nobody_out_who_has_the_receipt(draft: Request, secret: str):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _number in range(10):
            clock.shift(timedelta(minutes=15))
            ask(draft.reference, "wrong")

        with pytest.raises(TooMany):
            ask(draft.reference)
        assert enter(ask(draft.reference, secret), mailed_code()).level == AccessLevel.FULL


def test_codes_that_others_ask_for_leave_those_of_the_receipt(draft: Request, secret: str):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _number in range(5):
            ask(draft.reference, browser="of-somebody-else")
        with pytest.raises(TooMany):
            ask(draft.reference)

        clock.shift(timedelta(seconds=1))
        session = enter(ask(draft.reference, secret), mailed_code())
        for _number in range(4):
            access.ask_fresh_code(session=session, browser=BROWSER, network=NETWORK)
        with pytest.raises(TooMany):
            ask(draft.reference, secret)


def test_wrong_codes_count_for_the_receipt_as_well(draft: Request, secret: str):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _number in range(4):
            clock.shift(timedelta(minutes=15))
            asked = ask(draft.reference, secret)
            for _try in range(3):
                with pytest.raises(WrongCode):
                    enter(asked, "AAAAAAAA")

        with pytest.raises(TooMany):
            ask(draft.reference, secret)
        # Whoever knows the reference alone has not tried yet.
        ask(draft.reference)


def test_wrong_codes_count_as_well(draft: Request):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _number in range(4):
            clock.shift(timedelta(minutes=15))
            asked = ask(draft.reference)
            for _try in range(3):
                with pytest.raises(WrongCode):
                    enter(asked, "AAAAAAAA")

        with pytest.raises(TooMany):
            ask(draft.reference)


def test_a_hundred_an_hour_for_a_network(db: None):
    for _number in range(100):
        ask(references.make())

    with pytest.raises(TooMany):
        ask(references.make())
    ask(references.make(), network="192.0.2.2")


# --- the session -----------------------------------------------------------------------------------------------------


def test_a_session_ends_after_twenty_idle_minutes(draft: Request):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = access.start_session(draft)
        clock.shift(timedelta(minutes=19))
        assert access.session_for(token) is not None
        clock.shift(timedelta(minutes=19))
        assert access.session_for(token) is not None
        clock.shift(timedelta(minutes=20))

        assert access.session_for(token) is None


def test_a_session_ends_after_two_hours(draft: Request):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = access.start_session(draft)
        for _number in range(11):
            clock.shift(timedelta(minutes=10))
            assert access.session_for(token) is not None
        clock.shift(timedelta(minutes=10))

        assert access.session_for(token) is None


def test_signing_out_ends_the_session_and_its_secret(draft: Request):
    token = access.start_session(draft, secret="kept-for-now")
    session = access.session_for(token)
    assert session.unconfirmed_secret == "kept-for-now"

    access.end_session(session)

    assert access.session_for(token) is None
    assert PatientSession.objects.get().unconfirmed_secret == ""
    assert TrailEntry.objects.of_case(draft).last().action == "signed_out"


def test_a_kept_receipt_is_never_shown_again(draft: Request):
    session = access.session_for(access.start_session(draft, secret="kept-for-now"))

    access.receipt_is_kept(session)

    assert PatientSession.objects.get().unconfirmed_secret == ""


def test_the_cookie_is_no_django_session(draft: Request, settings: object):
    http_request = RequestFactory().get("/")
    http_request.COOKIES[settings.PATIENT_COOKIE_NAME] = access.start_session(draft)

    assert access.session_of(http_request).request == draft
    http_request.COOKIES[settings.PATIENT_COOKIE_NAME] = "another"
    assert access.session_of(http_request) is None


def test_erasing_ends_sessions_and_receipts(draft: Request, patient: Actor, secret: str):
    token = access.start_session(draft, secret=secret)
    asked, code = ask(draft.reference, secret), mailed_code()

    workflow.erase(request=draft, by=patient)

    assert access.session_for(token) is None
    with pytest.raises(WrongCode):
        enter(asked, code)
    for given in (secret, ""):
        assert AccessCode.objects.get(pk=ask(draft.reference, given).code_id).request is None


# --- lost reference --------------------------------------------------------------------------------------------------


def test_references_go_to_their_mailbox_only(draft: Request):
    access.send_references(email=" Patient@Example.org", network=NETWORK)

    message = OutboxMessage.objects.get(kind="teleconsult/mail/your_references")
    assert message.to == "Patient@Example.org"
    assert message.context["references"] == [draft.reference]


def test_references_go_five_times_an_hour(draft: Request):
    for _number in range(5):
        access.send_references(email="patient@example.org", network=NETWORK)

    with pytest.raises(TooMany):
        access.send_references(email="patient@example.org", network=NETWORK)


def test_an_unknown_mailbox_gets_nothing(draft: Request):
    access.send_references(email="nobody@example.org", network=NETWORK)

    assert not OutboxMessage.objects.filter(kind="teleconsult/mail/your_references").exists()
