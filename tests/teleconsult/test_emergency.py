"""Breaking the glass: a reason, a second person, a short time, and a trace that the patient sees."""

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from teleconsult import emergency, permissions, reading, references, workflow
from teleconsult.enums import Action, Role
from teleconsult.exceptions import NotAllowed
from teleconsult.models import CoordinationOffice, EmergencyAccess, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import consulting, factories
from vault.keys import DataKey
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


def shown_to(client: Client, case: Request, *addresses: str) -> list[str]:
    """Return what the trail of the case says after each address was opened."""
    before = set(TrailEntry.objects.of_case(case).values_list("pk", flat=True))
    for address in addresses:
        assert client.get(address).status_code == 200
    entries = TrailEntry.objects.of_case(case).exclude(pk__in=before)
    assert {entry.role for entry in entries} <= {Role.EMERGENCY_READER}
    return [f"{entry.action} {entry.detail}".strip() for entry in entries]


def test_every_look_at_a_consultation_is_in_the_trail_and_the_patient_sees_it(
    enter: Enter, facility: Facility, asker: User, second: User
) -> None:
    booked = consulting.book(consulting.make_bookable(consulting.add_specialist(facility)))
    open_case(booked.request, asker, second)
    client, page = enter(asker), f"/desk/consultations/{booked.pk}/"

    told = shown_to(client, booked.request, page, f"{page}consultation.ics", "/desk/consultations/", "/desk/")

    assert told == ["viewed consultation", "downloaded consultation", "viewed agenda", "viewed list"]
    every = reading.openings_of(booked.request, every=True)[str(booked.request.pk)]
    assert [opening.role for opening in every] == [Role.EMERGENCY_READER] * 4


def test_a_table_with_the_case_in_it_is_in_its_trail(enter: Enter, case: Request, asker: User, second: User) -> None:
    open_case(case, asker, second)
    client, entries = enter(asker), TrailEntry.objects.of_case(case)

    assert case.reference in b"".join(client.post("/desk/export/")).decode()

    assert (entries.last().role, entries.last().detail) == (Role.EMERGENCY_READER, "table")


def test_nothing_is_shown_where_the_trail_cannot_be_written(
    facility: Facility, enter: Enter, asker: User, second: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = consulting.book(consulting.make_bookable(consulting.add_specialist(facility)))
    open_case(booked.request, asker, second)
    client = enter(asker)

    def refuse(**values: object) -> None:
        raise PermissionError

    monkeypatch.setattr(reading.trail, "record", refuse)
    for address in ("", "consultation.ics"):
        with pytest.raises(PermissionError):
            client.get(f"/desk/consultations/{booked.pk}/{address}")


def test_office_sees_who_opened_it(enter: Enter, case: Request, coordinator: User, asker: User, second: User) -> None:
    open_case(case, asker, second)

    page = enter(coordinator).get(f"/desk/{case.reference}/").content.decode()

    assert "Opened in an emergency" in page


def test_who_reads_the_reason_is_in_the_trail(enter: Enter, case: Request, asker: User, second: User) -> None:
    asked = emergency.ask(reference=case.reference, by=asker, reason=WHY)
    assert asked is not None
    for person in (asker, second):
        assert enter(person).get("/desk/emergency/").status_code == 200

    viewed = TrailEntry.objects.of_case(case).filter(action=TrailAction.VIEWED)
    assert [(entry.actor_id, entry.object_id) for entry in viewed] == [(str(second.pk), str(asked.pk))]


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


def test_a_miss_does_what_a_hit_does(enter: Enter, case: Request, asker: User) -> None:
    client, work, keys = enter(asker), [], DataKey.objects.count()
    for reference in (case.reference, references.make(), case.reference):
        with CaptureQueriesContext(connection) as queries:
            client.post("/desk/emergency/", {"reference": reference, "reason": WHY})
        written = [query["sql"].split(" (")[0] for query in queries if query["sql"].startswith("INSERT")]
        work.append(sorted(sql for sql in written if "datakey" not in sql))

    # Found, not found, and found again.
    assert work[0] == work[1] == work[2]
    assert any("emergencyaccess" in sql for sql in work[0])
    assert EmergencyAccess.objects.count() == 1
    assert DataKey.objects.count() == keys
    assert list(TrailEntry.objects.of_case(None).filter(detail="emergency").values_list("action", flat=True)) == [
        TrailAction.REFUSED
    ]


def test_tries_are_counted_and_end(enter: Enter, case: Request, asker: User, second: User) -> None:
    client = enter(asker)
    for _try in range(emergency.TRIES):
        client.post("/desk/emergency/", {"reference": references.make(), "reason": WHY})

    page = client.post("/desk/emergency/", {"reference": case.reference, "reason": WHY}).content.decode()
    assert "You have done this too often." in page
    assert "&lt;b&gt;bleeding&lt;/b&gt;" in page
    assert not EmergencyAccess.objects.exists()
    # A colleague is not held up by her.
    assert enter(second).post("/desk/emergency/", {"reference": case.reference, "reason": WHY}).status_code == 302
    assert EmergencyAccess.objects.get().asked_by == second
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=61), tick=False):
        assert emergency.ask(reference=case.reference, by=asker, reason=WHY) is not None


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
