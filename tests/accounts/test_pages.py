"""The pages keep the strict policy: nothing inline, no other host; staff forms carry a token."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import enrolment
from accounts.models import User
from tests.accounts.factories import PASSWORD, add_app, make_user, sign_in
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db

SIGNED_IN = [
    "account_profile",
    "account_logout",
    "account_new_password",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_add_webauthn",
    "mfa_list_webauthn",
    "mfa_reauthenticate",
    "mfa_generate_recovery_codes",
]


class InlineFinder(HTMLParser):
    """Collects what a strict policy would block, and forms without a token."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += [f"{tag} {name}" for name in values if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not values.get("src") and values.get("type") != "application/json"):
            self.found.append(tag)
        for name in ("src", "href", "action"):
            if re.match(r"(https?:)?//|javascript:", values.get(name) or ""):
                self.found.append(f"{tag} {name}={values[name]}")


def judge(response: Any) -> None:
    assert response.status_code == 200
    assert response["Cache-Control"].startswith(("no-store", "max-age=0"))
    assert "no-store" in response["Cache-Control"]
    assert "'unsafe-inline'" not in response["Content-Security-Policy"]
    finder = InlineFinder()
    finder.feed(response.content.decode())
    assert finder.found == []
    for form in re.findall(r'<form[^>]*method="post".*?</form>', response.content.decode(), re.DOTALL):
        assert "csrfmiddlewaretoken" in form


@pytest.mark.parametrize("name", SIGNED_IN)
def test_pages_of_the_account(client: Client, name: str) -> None:
    sign_in(client, make_user(roles=("editor",), language="it"))

    judge(client.get(reverse(name)))


def test_pages_before_sign_in(client: Client, editor: User) -> None:
    add_app(editor)
    judge(client.get(reverse("account_login")))
    client.post(reverse("account_login"), {"login": editor.email, "password": PASSWORD})
    judge(client.get(reverse("mfa_authenticate")))


def test_page_of_the_invitation(client: Client) -> None:
    invited = enrolment.invite(email="ada@example.org", by=None)

    judge(client.get("/accounts/enrol/" + invited.address.rstrip("/").rsplit("/", 1)[-1] + "/"))


@pytest.mark.parametrize("path", ["user/", "user/add/", "associationrole/", "associationrole/add/", "invitation/"])
def test_pages_of_the_administration(as_administrator: Client, path: str) -> None:
    judge(as_administrator.get(f"/admin/accounts/{path}"))


def test_profile_changes_name_and_language(client: Client, editor: User) -> None:
    sign_in(client, editor)

    client.post(reverse("account_profile"), {"name": "<b>Ada</b>", "language": "it"})

    page = client.get(reverse("account_profile")).content.decode()
    assert '<html lang="it"' in page
    assert "<b>Ada</b>" not in page
    assert User.objects.get(pk=editor.pk).name == "<b>Ada</b>"
    written = TrailEntry.objects.filter(object_id=str(editor.pk), action=Action.CHANGED)
    assert [row.detail for row in written] == ["name, language"]


@pytest.mark.parametrize("typed", ["Ada \u202ecirederF", "Ada\r\n cirederF", "  Ada \u2067cirederF "])
def test_a_name_reads_as_it_is_written(client: Client, editor: User, typed: str) -> None:
    """It stands in the pages of colleagues and below what patients keep."""
    sign_in(client, editor)

    client.post(reverse("account_profile"), {"name": typed, "language": "en"})

    editor.refresh_from_db()
    assert editor.name == "Ada cirederF"
