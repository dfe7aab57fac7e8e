import datetime

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import workflow
from teleconsult.models import CoordinationOffice, Interpreter, OfficeMember, Request, WaitingEntry
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import consulting
from vault.trail import TrailEntry


@pytest.fixture
def office(db: None) -> CoordinationOffice:
    return CoordinationOffice.receiving()


def form(office: CoordinationOffice, *members: dict[str, object], known: int = 0) -> dict[str, object]:
    values: dict[str, object] = {
        "name": "Milan",
        "province": "MI",
        "zone": "Europe/Rome",
        "first_answer_working_days": 3,
        "consultation_minutes": 30,
        "interpreted_minutes": 45,
        "is_receiving": "on",
        "members-TOTAL_FORMS": len(members),
        "members-INITIAL_FORMS": known,
    }
    for number, member in enumerate(members):
        values |= {f"members-{number}-office": office.pk} | {
            f"members-{number}-{key}": value for key, value in member.items()
        }
    return values


def url(office: CoordinationOffice) -> str:
    return reverse("admin:teleconsult_coordinationoffice_change", args=[office.pk])


def test_nothing_of_a_request_is_in_the_administration():
    registered = {model for model in admin.site._registry if model._meta.app_label == "teleconsult"}

    assert registered == {CoordinationOffice, Interpreter}
    assert Request not in registered


def test_an_administrator_gives_and_ends_a_role(
    client: Client, administrator: User, stranger: User, office: CoordinationOffice
):
    sign_in(client, administrator)
    since = timezone.localdate()

    answer = client.post(url(office), form(office, {"user": stranger.pk, "since": since}))
    assert answer.status_code == 302
    member = OfficeMember.objects.get(user=stranger)
    stranger.refresh_from_db()
    version = stranger.session_version
    row = {"id": member.pk, "user": stranger.pk, "since": since, "until": since}
    client.post(url(office), form(office, row, known=1))

    assert not OfficeMember.objects.current().filter(user=stranger).exists()
    stranger.refresh_from_db()
    assert stranger.session_version == version + 1
    entries = TrailEntry.objects.filter(detail="coordinator").order_by("number")
    assert [entry.action for entry in entries] == ["granted", "revoked"]


def test_a_role_wants_the_factor_again(client: Client, administrator: User, stranger: User, office: CoordinationOffice):
    sign_in(client, administrator, is_fresh=False)

    client.post(url(office), form(office, {"user": stranger.pk, "since": datetime.date(2026, 3, 2)}))

    assert not OfficeMember.objects.exists()


@pytest.mark.parametrize("role", ["editor", "coordinator", "facility_office", "stranger"])
def test_nobody_else_finds_the_page(
    role: str, request: pytest.FixtureRequest, client: Client, office: CoordinationOffice
):
    sign_in(client, request.getfixturevalue(role))

    assert client.get(url(office)).status_code in {302, 403, 404}
    client.post(url(office), form(office))
    office.refresh_from_db()
    assert office.name != "Milan"


def interpreter_form(user: User, **values: object) -> dict[str, object]:
    return {
        "user": user.pk,
        "zone": "Europe/Rome",
        "since": timezone.localdate(),
        "until": "",
        "pairs-TOTAL_FORMS": 1,
        "pairs-INITIAL_FORMS": 0,
        "pairs-0-first": "ar",
        "pairs-0-second": "it",
        **values,
    }


def test_an_administrator_makes_an_interpreter(client: Client, administrator: User, stranger: User):
    sign_in(client, administrator)
    address = reverse("admin:teleconsult_interpreter_add")

    assert client.get(address).status_code == 200
    assert client.post(address, interpreter_form(stranger)).status_code == 302

    made = Interpreter.objects.current().get(user=stranger)
    assert [(pair.first, pair.second) for pair in made.pairs.all()] == [("ar", "it")]
    assert TrailEntry.objects.filter(detail="interpreter", action="granted").count() == 1
    version = stranger.session_version
    stranger.refresh_from_db()
    assert stranger.session_version == version + 1
    assert "العربية" in client.get(reverse("admin:teleconsult_interpreter_changelist")).content.decode()


def test_languages_of_an_interpreter_are_news_for_who_waits(client: Client, administrator: User, facility: Facility):
    doctor = consulting.add_specialist(facility, "it")
    interpreter = consulting.add_interpreter()
    case = consulting.make_bookable(doctor, language="ar")
    workflow.join_waiting(request=case, by=Actor.author(case))
    sign_in(client, administrator)

    address = reverse("admin:teleconsult_interpreter_change", args=[interpreter.pk])
    assert client.post(address, interpreter_form(interpreter.user)).status_code == 302

    assert WaitingEntry.objects.get(request=case).told_at is not None
    assert OutboxMessage.objects.filter(kind="teleconsult/mail/waiting_list", about=str(case.pk)).count() == 1


def test_an_interpreter_wants_the_factor_again(client: Client, administrator: User, stranger: User):
    sign_in(client, administrator, is_fresh=False)

    client.post(reverse("admin:teleconsult_interpreter_add"), interpreter_form(stranger))

    assert not Interpreter.objects.exists()


def test_only_an_administrator_sees_interpreters(client: Client, editor: User):
    sign_in(client, editor)

    assert client.get(reverse("admin:teleconsult_interpreter_changelist")).status_code == 403
