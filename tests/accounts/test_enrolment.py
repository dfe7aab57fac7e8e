"""From the invitation to the first page of work."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import enrolment
from accounts.models import Invitation, User
from notifications.models import OutboxMessage
from notifications.sending import build
from tests.accounts.factories import PASSWORD, add_app, make_user, sign_in
from vault.trail import verify_chain

pytestmark = pytest.mark.django_db
FORM = {"name": "Ada Example", "language": "it", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def invited() -> enrolment.Invited:
    return enrolment.invite(email="Ada@Example.org", by=None, roles=["editor"])


def path_of(invited: enrolment.Invited) -> str:
    return reverse("account_enrol", args=[invited.address.rstrip("/").rsplit("/", 1)[-1]])


def codes_in(response: Any) -> list[str]:
    return re.findall(r"<li>(\d{8})</li>", response.content.decode())


def set_up_app(client: Client) -> Any:
    """Go through the page of the authenticator app; return its answer."""
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    return client.post(
        reverse("mfa_activate_totp"), {"code": format_hotp_value(hotp_value(secret, int(time.time()) // 30))}
    )


def test_whole_way(client: Client, invited: enrolment.Invited) -> None:
    assert "ada@example.org" in client.get(path_of(invited)).content.decode().lower()

    response = client.post(path_of(invited), FORM)
    assert response.url == reverse("mfa_index")
    assert client.get("/admin/").url == reverse("mfa_index")
    assert client.get("/accounts/").url == reverse("mfa_index")

    shown = set_up_app(client)
    assert len(codes_in(shown)) == 10
    assert client.get(reverse("staff_home")).url == "/admin/"
    page = client.get("/admin/")
    assert page.status_code == 200
    assert '<html lang="it"' in page.content.decode()

    user = User.objects.with_email("ada@example.org")
    assert (user.name, user.language, user.is_active) == ("Ada Example", "it", True)
    assert user.has_role("editor")
    assert verify_chain(None) > 0


def test_invited_person_cannot_sign_in_before(client: Client, invited: enrolment.Invited) -> None:
    assert not invited.user.is_active
    assert not invited.user.has_usable_password()
    assert not invited.user.areas


def test_opening_the_address_changes_nothing(client: Client, invited: enrolment.Invited) -> None:
    response = client.get(path_of(invited))

    assert response.status_code == 200
    assert "session" not in response.cookies
    assert response["Cache-Control"] == "no-store"
    assert enrolment.find(path_of(invited).rstrip("/").rsplit("/", 1)[-1]) is not None


def test_address_works_once(client: Client, invited: enrolment.Invited) -> None:
    client.post(path_of(invited), FORM)

    for answer in (Client().get(path_of(invited)), Client().post(path_of(invited), FORM)):
        assert answer.status_code == 404
        assert "has ended" in answer.content.decode()


def test_address_ends_after_72_hours(client: Client, invited: enrolment.Invited) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=73)):
        assert client.get(path_of(invited)).status_code == 404
        assert client.post(path_of(invited), FORM).status_code == 404
    assert not User.objects.get(pk=invited.user.pk).is_active


def test_newer_invitation_ends_the_older(client: Client, invited: enrolment.Invited) -> None:
    newer = enrolment.invite(email="ada@example.org", by=None)

    assert newer.user == invited.user
    assert client.get(path_of(invited)).status_code == 404
    assert client.get(path_of(newer)).status_code == 200


def test_token_is_not_in_the_database(invited: enrolment.Invited) -> None:
    token = path_of(invited).rstrip("/").rsplit("/", 1)[-1]

    assert len(token) >= 43
    assert Invitation.objects.get().token_hash == enrolment.hash_of(token) != token


@pytest.mark.parametrize(
    "change",
    [
        {"password": "too short", "password_again": "too short"},
        {"password": "1234567890123456", "password_again": "1234567890123456"},
        {"password_again": "something different"},
        {"name": ""},
        {"language": "ar"},
        {"password": "x" * 300, "password_again": "x" * 300},
        {"name": "A\0B"},
    ],
)
def test_odd_answers_are_refused_in_words(client: Client, invited: enrolment.Invited, change: dict[str, str]) -> None:
    response = client.post(path_of(invited), FORM | change)

    assert response.status_code == 200
    assert "to put right" in response.content.decode()
    assert not User.objects.get(pk=invited.user.pk).is_active


def test_new_invitation_replaces_password_factor_and_sessions(client: Client) -> None:
    user = make_user(roles=("editor",))
    sign_in(client, user)
    invited = enrolment.invite(email=user.email, by=None)
    assert client.get("/admin/").status_code == 200

    Client().post(
        path_of(invited), FORM | {"password": "a brand new sentence", "password_again": "a brand new sentence"}
    )

    assert client.get("/admin/").status_code == 302
    user = User.objects.get(pk=user.pk)
    assert user.check_password("a brand new sentence")
    assert not Authenticator.objects.filter(user=user).exists()


def test_mail_carries_the_address_in_the_language_of_the_person(invited: enrolment.Invited) -> None:
    message = OutboxMessage.objects.get(about=str(invited.invitation.pk))

    mail = build(message)

    assert mail.to == ["Ada@Example.org"]
    assert invited.address in mail.body
    assert invited.address in mail.alternatives[0].content


def test_mail_is_emptied_once_it_was_used(client: Client, invited: enrolment.Invited) -> None:
    client.post(path_of(invited), FORM)

    message = OutboxMessage.objects.get(about=str(invited.invitation.pk))
    assert message.erased_at is not None


def test_command_prints_a_one_time_address(capsys: pytest.CaptureFixture[str], client: Client) -> None:
    call_command("create_administrator", "root@example.org")

    address = capsys.readouterr().out.split()[-1]
    assert client.get(address.removeprefix("http://localhost:8000") or address).status_code in {200, 404}
    user = User.objects.with_email("root@example.org")
    assert [role.role for role in user.association_roles.current()] == ["administrator"]
    assert not user.is_active
    assert not OutboxMessage.objects.exists()


def test_command_twice_makes_one_administrator() -> None:
    call_command("create_administrator", "root@example.org")
    call_command("create_administrator", "Root@Example.org ")

    assert User.objects.count() == 1
    assert User.objects.get().association_roles.count() == 1


def test_command_refuses_a_bad_address_in_a_sentence() -> None:
    with pytest.raises(CommandError, match="is not an e-mail address. Write it like this"):
        call_command("create_administrator", "root")


def test_codes_are_shown_once(client: Client, invited: enrolment.Invited) -> None:
    client.post(path_of(invited), FORM)
    first = codes_in(set_up_app(client))

    page = client.get(reverse("mfa_index")).content.decode()
    assert first
    assert not any(code in page for code in first)
    again = codes_in(client.post(reverse("mfa_generate_recovery_codes")))
    assert len(again) == 10
    assert not set(first) & set(again)
    assert not codes_in(client.get(reverse("mfa_generate_recovery_codes")))


def test_last_factor_cannot_be_removed(client: Client) -> None:
    user = make_user(roles=("editor",))
    sign_in(client, user)

    response = client.post(reverse("mfa_deactivate_totp"))

    assert "only second factor" in response.content.decode()
    assert Authenticator.objects.filter(user=user, type="totp").exists()


def test_new_app_takes_the_place_of_the_old(client: Client, django_capture_on_commit_callbacks: Any) -> None:
    user = make_user(roles=("editor",))
    old = add_app(user)
    there = sign_in(Client(), user)
    sign_in(client, user)

    with django_capture_on_commit_callbacks(execute=True):
        set_up_app(client)

    [new] = Authenticator.objects.filter(user=user, type="totp")
    assert new.data["secret"] != old.data["secret"]
    assert client.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 302
    mail = build(OutboxMessage.objects.get(kind="accounts/mail/second_factor_changed"))
    assert "An authenticator app was set up" in mail.body


def test_change_of_a_factor_asks_once_more(client: Client) -> None:
    user = make_user(roles=("editor",))
    sign_in(client, user, is_fresh=False)

    for name in ("mfa_activate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes", "account_new_password"):
        response = client.get(reverse(name))
        assert response.url == f"{reverse('mfa_reauthenticate')}?next={reverse(name).replace('/', '%2F')}", name


def test_password_is_not_enough_to_confirm_with_a_factor_at_hand(client: Client) -> None:
    user = make_user(roles=("editor",))
    sign_in(client, user, is_fresh=False)

    response = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    assert response.url == reverse("mfa_reauthenticate")


def test_last_passkey_cannot_be_removed(client: Client) -> None:
    user = make_user(roles=("editor",))
    sign_in(client, user)
    passkey = Authenticator.objects.create(user=user, type="webauthn", data={"name": "blue key", "credential": {}})
    Authenticator.objects.filter(user=user, type="totp").delete()

    response = client.post(reverse("mfa_remove_webauthn", args=[passkey.pk]))

    assert "only second factor" in client.get(response.url).content.decode()
    assert Authenticator.objects.filter(pk=passkey.pk).exists()


def test_passkey_of_somebody_else_is_not_found(client: Client) -> None:
    other = make_user()
    passkey = Authenticator.objects.create(user=other, type="webauthn", data={"name": "blue key", "credential": {}})
    sign_in(client, make_user(roles=("editor",)))

    for name in ("mfa_remove_webauthn", "mfa_edit_webauthn"):
        assert client.post(reverse(name, args=[passkey.pk]), {"name": "mine"}).status_code == 404
