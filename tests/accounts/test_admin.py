"""Administrators look after people; nobody else sees them, and no secret is shown."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AssociationRole, Invitation, User
from tests.accounts.factories import PASSWORD, add_app, code_of, make_user, sign_in
from vault.trail import Action, TrailEntry

LISTS = [
    "admin:accounts_user_changelist",
    "admin:accounts_associationrole_changelist",
    "admin:accounts_invitation_changelist",
]
PEOPLE = "/admin/accounts/user/"


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_for_administrators(name: str, administrator: User, editor: User) -> None:
    assert sign_in(Client(), administrator).get(reverse(name)).status_code == 200
    assert sign_in(Client(), editor).get(reverse(name)).status_code == 403


def test_person_page_shows_no_secret(as_administrator: Client, editor: User) -> None:
    page = as_administrator.get(f"{PEOPLE}{editor.pk}/change/").content.decode()

    assert editor.email in page
    assert "argon2" not in page
    assert editor.email_key not in page
    assert '<input type="password"' not in page


def test_editor_cannot_invite(client: Client, editor: User) -> None:
    sign_in(client, editor)

    client.post(f"{PEOPLE}add/", {"email": "new@example.org", "language": "en", "roles": ["administrator"]})

    assert not Invitation.objects.exists()


def test_invitation_from_the_admin(as_administrator: Client, administrator: User) -> None:
    assert as_administrator.get(f"{PEOPLE}add/").status_code == 200

    response = as_administrator.post(
        f"{PEOPLE}add/", {"email": "new@example.org", "name": "New", "language": "it", "roles": ["editor"]}
    )

    invitation = Invitation.objects.get()
    assert response.url == f"{PEOPLE}{invitation.user.pk}/change/"
    assert invitation.invited_by == administrator
    assert invitation.user.language == "it"
    assert AssociationRole.objects.filter(user=invitation.user, role="editor").exists()
    assert TrailEntry.objects.filter(action=Action.GRANTED, actor_id=str(administrator.pk)).exists()
    assert not LogEntry.objects.exists()


def test_role_change_asks_for_the_factor_once_more(client: Client, administrator: User) -> None:
    app = add_app(administrator)
    sign_in(client, administrator, is_fresh=False)
    wanted = {"email": "new@example.org", "name": "New", "language": "en", "roles": ["editor"]}

    asked = client.post(f"{PEOPLE}add/", wanted)
    assert asked.url.startswith(reverse("mfa_reauthenticate"))
    assert not Invitation.objects.exists()

    client.post(asked.url, {"code": code_of(app), "next": f"{PEOPLE}add/"})
    assert Invitation.objects.get().user.has_role("editor") is False
    assert AssociationRole.objects.filter(user__email_key=Invitation.objects.get().user.email_key).count() == 1


def act(client: Client, url: str, action: str, *objects: Any) -> Any:
    return client.post(url, {"action": action, "_selected_action": [str(item.pk) for item in objects]})


def test_ending_a_role(as_administrator: Client, administrator: User, editor: User) -> None:
    signed_in = sign_in(Client(), editor)

    act(as_administrator, reverse(LISTS[1]), "end_roles", *AssociationRole.objects.all())

    assert signed_in.get("/admin/").status_code == 302
    assert not User.objects.get(pk=editor.pk).has_role("editor")
    # Nobody takes the last key out of one's own hand by mistake.
    assert User.objects.get(pk=administrator.pk).has_role("administrator")


def test_giving_a_role(as_administrator: Client, editor: User) -> None:
    as_administrator.post("/admin/accounts/associationrole/add/", {"user": str(editor.pk), "role": "administrator"})

    assert User.objects.get(pk=editor.pk).has_role("administrator")
    assert not LogEntry.objects.exists()


def test_locking_and_inviting_again(as_administrator: Client, administrator: User, editor: User) -> None:
    act(as_administrator, reverse(LISTS[0]), "lock_accounts", editor, administrator)

    assert not User.objects.get(pk=editor.pk).is_active
    assert User.objects.get(pk=administrator.pk).is_active
    act(as_administrator, reverse(LISTS[0]), "invite_again", editor)
    assert Invitation.objects.get().user == editor


def test_signing_somebody_out_is_in_the_trail(as_administrator: Client, administrator: User, editor: User) -> None:
    there = sign_in(Client(), editor)

    act(as_administrator, reverse(LISTS[0]), "sign_out", editor)

    assert there.get("/admin/").status_code == 302
    entry = TrailEntry.objects.get(action=Action.SIGNED_OUT)
    assert (entry.actor_id, entry.object_id) == (str(administrator.pk), str(editor.pk))


def test_person_is_found_by_the_whole_address(as_administrator: Client) -> None:
    make_user(email="wanted@example.org", name="Wanted Person")

    found = as_administrator.get(f"{PEOPLE}?q=Wanted@example.org").content.decode()
    part = as_administrator.get(f"{PEOPLE}?q=wanted").content.decode()

    assert "Wanted Person" in found
    assert "Wanted Person" not in part


def test_nothing_is_deleted_or_typed_over(as_administrator: Client, editor: User) -> None:
    assert as_administrator.post(f"{PEOPLE}{editor.pk}/delete/", {"post": "yes"}).status_code == 403
    as_administrator.post(f"{PEOPLE}{editor.pk}/change/", {"is_superuser": "on", "password": PASSWORD, "name": "X"})

    assert User.objects.get(pk=editor.pk).name == editor.name


def test_list_of_people_asks_no_more_for_more_people(as_administrator: Client) -> None:
    asked = []
    for _ in range(3):
        add_app(make_user(roles=("editor",)))
        with CaptureQueriesContext(connection) as queries:
            as_administrator.get(PEOPLE)
        asked.append(len(queries))

    assert asked[1] == asked[2]
