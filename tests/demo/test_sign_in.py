"""Signing in to the demonstration: once, by a press, with the second factor still asked, and only where DEMO is on."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Session, User
from demo.management.commands import load_demo
from demo.models import SignInAddress
from demo.people import FACILITY, OTHER_FACILITIES, PEOPLE, demo_user, load_people
from facilities.models import Facility

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> Facility:
    place = {"province": "MI", "latitude": 45.46, "longitude": 9.19, "is_demo": True}
    for letter, slug in OTHER_FACILITIES.items():
        Facility.objects.create(slug=slug, short_name=f"Demo Hospital {letter.upper()}", **place)
    return Facility.objects.create(slug=FACILITY, short_name="Demo Hospital A", **place)


@pytest.fixture
def people(hospital: Facility) -> dict[str, User]:
    return load_people()


def address_for(role: str, capsys: pytest.CaptureFixture[str]) -> str:
    call_command("demo_sign_in", role)
    printed = capsys.readouterr().out.strip()
    assert printed.startswith(f"{project.PUBLIC_URL}/demo/sign-in/")
    return printed.removeprefix(project.PUBLIC_URL)


def code_of(client: Client, user: User) -> str:
    """Return the code that the page of the demo shows for a person."""
    page = client.get(reverse("demo:codes")).content.decode()
    return re.search(rf'data-code="{user.email}">(\d{{6}})<', page)[1]


@pytest.mark.parametrize("role", PEOPLE)
def test_each_role_gets_to_its_work(
    client: Client, people: dict[str, User], role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = address_for(role, capsys)
    assert people[role].name in client.get(address).content.decode()

    asked = client.post(address)
    assert asked.url == reverse("mfa_authenticate")
    page = client.get(asked.url).content.decode()
    assert reverse("demo:codes") in page
    assert client.post(asked.url, {"code": code_of(client, people[role])}).url == reverse("staff_home")

    home = client.get(reverse("staff_home"))
    area = "/desk/" if role.startswith(("coordinator", "facility_office", "specialist", "interpreter")) else "/admin/"
    assert home.url.startswith(area)


def test_every_person_is_visibly_invented(people: dict[str, User]) -> None:
    for user in people.values():
        assert user.name.startswith("Demo ")
        assert user.email.endswith("@demo.invalid")


def test_loading_twice_adds_nothing(people: dict[str, User]) -> None:
    before = {user.pk: user.authenticator_set.get().data for user in people.values()}

    load_people()

    assert User.objects.count() == len(PEOPLE)
    assert {user.pk: user.authenticator_set.get().data for user in User.objects.all()} == before
    assert people["specialist"].memberships.count() == 1
    assert people["coordinator"].office_members.count() == 1
    assert people["editor"].association_roles.count() == 1


def test_load_demo_makes_hospitals_before_people(monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    monkeypatch.setattr(load_demo, "load_facilities", lambda: request.getfixturevalue("hospital"))

    call_command("load_demo")

    assert demo_user("specialist").memberships.get().facility.slug == "demo-hospital-a"


def test_load_demo_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_demo, "load_facilities", lambda: None)

    with pytest.raises(CommandError, match="demo hospital"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_opening_the_address_signs_nobody_in(
    client: Client, people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    address = address_for("editor", capsys)

    for _ in range(3):
        assert client.get(address).status_code == 200

    assert not Session.objects.exists()
    assert SignInAddress.objects.get().used_at is None
    assert client.get("/admin/").url.startswith("/accounts/login/")


def test_address_works_once(client: Client, people: dict[str, User], capsys: pytest.CaptureFixture[str]) -> None:
    address = address_for("editor", capsys)
    client.post(address)

    for answer in (Client().post(address), Client().get(address)):
        assert answer.status_code == 404
        assert "has ended" in answer.content.decode()


def test_address_ends_after_ten_minutes(
    client: Client, people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    address = address_for("editor", capsys)

    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert client.get(address).status_code == 404
        assert client.post(address).status_code == 404


def test_address_alone_opens_nothing(
    client: Client, people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    client.post(address_for("administrator", capsys))

    assert client.get("/admin/").url.startswith("/accounts/login/")


def test_address_signs_somebody_else_out_first(
    client: Client, people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    client.force_login(people["editor"])

    response = client.post(address_for("coordinator", capsys))

    assert response.url == reverse("mfa_authenticate")
    assert client.get("/admin/").url.startswith("/accounts/login/")


def test_used_code_is_followed_by_the_next(
    client: Client, people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(2):
            other = Client()
            other.post(address_for("editor", capsys))
            answer = other.post(reverse("mfa_authenticate"), {"code": code_of(other, people["editor"])})
            assert answer.status_code == 302
        assert "wait for the next one" in client.get(reverse("demo:codes")).content.decode()


def test_token_is_not_in_the_database(people: dict[str, User], capsys: pytest.CaptureFixture[str]) -> None:
    token = address_for("editor", capsys).rstrip("/").rsplit("/", 1)[-1]

    assert len(token) >= 43
    assert SignInAddress.objects.get().token_hash != token


def test_unknown_role_is_told_the_roles() -> None:
    with pytest.raises(
        CommandError, match="coordinator, facility_office, specialist, interpreter, facility_editor, editor, admin"
    ):
        call_command("demo_sign_in", "king")


def test_people_must_be_loaded() -> None:
    with pytest.raises(CommandError, match="load_demo first"):
        call_command("demo_sign_in", "editor")


@pytest.mark.parametrize("command", [["demo_sign_in", "editor"], ["load_demo"]])
def test_commands_are_refused_without_demo(settings: Settings, people: dict[str, User], command: list[str]) -> None:
    settings.DEMO = False

    with pytest.raises(CommandError, match="The demo is off"):
        call_command(*command)
    assert not SignInAddress.objects.exists()


def test_demo_is_not_even_installed_without_demo() -> None:
    script = (
        "import django; django.setup(); from django.apps import apps; from django.urls import Resolver404, resolve\n"
        "print(apps.is_installed('demo'))\n"
        "try: resolve('/demo/codes/'); print('found')\n"
        "except Resolver404: print('missing')\n"
    )
    environment = dict(os.environ) | {"DEMO": "0", "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "healthlombardy.settings"}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(project.BASE_DIR),
    )

    assert done.stdout.split() == ["False", "missing"]
