"""Breaking the glass: a reason, a second person, a short time, and a trace that the patient sees."""

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from teleconsult import emergency, permissions, reading, workflow
from teleconsult.enums import Action, Role
from teleconsult.exceptions import NotAllowed
from teleconsult.models import CoordinationOffice, EmergencyAccess, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from vault.trail import Action as TrailAction
from vault.trail import TrailEntry

pytestmark = pytest.mark.django_db
WHY = "The patient rang: <b>bleeding</b>"
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


@pytest.fixture
def other_office(db: None) -> CoordinationOffice:
    return CoordinationOffice.objects.create(name="Another office", is_receiving=False)


@pytest.fixture
def asker(other_office: CoordinationOffice) -> User:
    return factories.add_coordinator(other_office)


@pytest.fixture
def second(other_office: CoordinationOffice) -> User:
    return factories.add_coordinator(other_office)


@pytest.fixture
def case(coordinator: User) -> Request:
    return factories.make_in_triage(coordinator)


def open_case(case: Request, asker: User, second: User) -> EmergencyAccess:
    asked = emergency.ask(reference=case.reference, by=asker, reason=WHY)
    return emergency.confirm(access=asked, by=second)


def test_two_people_open_a_case_for_four_hours(enter: Enter, case: Request, asker: User, second: User) -> None:
    asks = enter(asker)
    asks.post("/desk/emergency/", {"reference": case.reference.lower(), "reason": WHY})
    assert asks.get(f"/desk/{case.reference}/").status_code == 404

    confirms = enter(second)
    page = confirms.get("/desk/emergency/").content.decode()
    assert "&lt;b&gt;bleeding&lt;/b&gt;" in page
    asked = EmergencyAccess.objects.get()
    assert confirms.post(f"/desk/emergency/{asked.pk}/").status_code == 302

    assert asks.get(f"/desk/{case.reference}/").status_code == 200
    # The second person has not asked: she reads nothing.
    assert confirms.get(f"/desk/{case.reference}/").status_code == 404
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=4, minutes=1), tick=False):
        assert not Request.objects.visible_to(asker).exists()


def test_who_leaves_the_office_reads_no_more(case: Request, asker: User, second: User) -> None:
    open_case(case, asker, second)
    assert (list(Request.objects.visible_to(asker)), permissions.may_read(asker, case)) == ([case], True)

    asker.office_members.update(until=timezone.localdate())

    assert (list(Request.objects.visible_to(asker)), permissions.may_read(asker, case)) == ([], False)


def test_she_reads_and_does_nothing_else(enter: Enter, case: Request, asker: User, second: User) -> None:
    workflow.write_note(
        request=case, by=Actor.staff(case.owner), text="Secret note", idempotency_key=case.idempotency_key
    )
    open_case(case, asker, second)
    client = enter(asker)

    page = client.get(f"/desk/{case.reference}/").content.decode()

    assert factories.ANSWERS["question"] in page
    assert factories.ANSWERS["email"] not in page
    assert "Secret note" not in page
    assert workflow.allowed_actions(asker, case) == ()
    assert client.post(f"/desk/{case.reference}/close/", {"seen_version": case.version}).status_code == 404


def test_it_is_in_the_trail_and_the_patient_sees_it(enter: Enter, case: Request, asker: User, second: User) -> None:
    open_case(case, asker, second)
    enter(asker).get(f"/desk/{case.reference}/")

    broke = TrailEntry.objects.of_case(case).filter(action=TrailAction.BROKE_GLASS)
    assert [(entry.actor_id, entry.detail) for entry in broke] == [
        (str(asker.pk), "asked for"),
        (str(second.pk), f"confirmed for {asker.pk}"),
    ]
    assert [opening.role for opening in reading.openings_of(case)[str(case.pk)]] == [Role.EMERGENCY_READER]


def test_office_sees_who_opened_it(enter: Enter, case: Request, coordinator: User, asker: User, second: User) -> None:
    open_case(case, asker, second)

    page = enter(coordinator).get(f"/desk/{case.reference}/").content.decode()

    assert "Opened in an emergency" in page


def test_nobody_confirms_her_own(enter: Enter, case: Request, asker: User) -> None:
    asked = emergency.ask(reference=case.reference, by=asker, reason=WHY)

    with pytest.raises(NotAllowed):
        emergency.confirm(access=asked, by=asker)
    enter(asker).post(f"/desk/emergency/{asked.pk}/")

    assert not Request.objects.visible_to(asker).exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        now = timezone.now()
        EmergencyAccess.objects.filter(pk=asked.pk).update(
            confirmed_by=asker, confirmed_at=now, ends_at=now + datetime.timedelta(hours=1)
        )


def test_confirmation_asks_for_the_second_factor_again(enter: Enter, case: Request, asker: User, second: User) -> None:
    client = enter(second)
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=6), tick=False):
        asked = emergency.ask(reference=case.reference, by=asker, reason=WHY)
        response = client.post(f"/desk/emergency/{asked.pk}/")

    assert "/reauthenticate/" in response.url
    assert not Request.objects.visible_to(asker).exists()


def test_an_hour_later_nobody_confirms(enter: Enter, case: Request, asker: User, second: User) -> None:
    asked = emergency.ask(reference=case.reference, by=asker, reason=WHY)
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=61), tick=False):
        with pytest.raises(emergency.TooLate):
            emergency.confirm(access=asked, by=second)
        assert emergency.waiting_for(second) == []


def test_answer_does_not_tell_whether_there_is_a_case(enter: Enter, case: Request, asker: User) -> None:
    client = enter(asker)

    there = client.post("/desk/emergency/", {"reference": case.reference, "reason": WHY}, follow=True)
    nowhere = client.post("/desk/emergency/", {"reference": "HL-3333-3333-3", "reason": WHY}, follow=True)

    sentence = "If another office has this request"
    assert sentence in there.content.decode()
    assert (sentence in nowhere.content.decode()) or "This is not a request number" in nowhere.content.decode()
    assert EmergencyAccess.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"reference": "x", "reason": WHY}, "This is not a request number."),
        ({"reference": "HL-\x00", "reason": WHY}, "Null characters are not allowed."),
        ({"reason": WHY}, "This field is required."),
        ({"reference": "x"}, "Write the reason."),
    ],
)
def test_what_is_wrong_is_said(enter: Enter, asker: User, data: dict[str, str], sentence: str) -> None:
    page = enter(asker).post("/desk/emergency/", data).content.decode()

    assert sentence in page
    if "reason" in data:
        assert "&lt;b&gt;bleeding&lt;/b&gt;" in page


@pytest.mark.parametrize("who", ["facility_office", "specialist"])
def test_only_coordinators(enter: Enter, who: str, request: pytest.FixtureRequest, case: Request) -> None:
    client = enter(request.getfixturevalue(who))

    assert client.get("/desk/emergency/").status_code == 404
    assert client.post("/desk/emergency/", {"reference": case.reference, "reason": WHY}).status_code == 404


def test_what_is_erased_is_not_opened_and_its_reason_is_gone(case: Request, asker: User, second: User) -> None:
    opened = open_case(case, asker, second)

    workflow.erase(request=case, by=factories.patient_of(case))

    assert not Request.objects.visible_to(asker).exists()
    opened.refresh_from_db()
    assert opened.reason == ""
    assert case.events.filter(action=Action.ERASE).exists()
