"""Password, then second factor; the same words for everyone who is refused; tries are counted."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.auth.hashers import get_hasher
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import limits
from accounts.adapters import StaffAccountAdapter
from accounts.models import Session, User
from tests.accounts.factories import PASSWORD, add_app, code_of, make_user, sign_in
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def give_password(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"login": email, "password": password})


def words(response: Any) -> str:
    """Return a page without what differs by chance: token and typed address."""
    text = re.sub(r'(csrfmiddlewaretoken" value|name="login" value)="[^"]*"', "", response.content.decode())
    return re.sub(r"\s+", " ", text)


def test_password_alone_does_not_sign_in(client: Client, editor: User) -> None:
    add_app(editor)

    response = give_password(client, editor.email)

    assert response.url == reverse("mfa_authenticate")
    assert client.get("/admin/").url.startswith(LOGIN)


def test_password_and_code_sign_in(client: Client, editor: User) -> None:
    app = add_app(editor)
    give_password(client, editor.email.upper())

    response = client.post(reverse("mfa_authenticate"), {"code": code_of(app)})

    assert response.url == reverse("staff_home")
    assert client.get(reverse("staff_home")).url == "/admin/"
    assert TrailEntry.objects.filter(action=Action.SIGNED_IN, actor_id=str(editor.pk)).exists()


def test_unknown_person_and_wrong_password_read_the_same(client: Client, editor: User) -> None:
    wrong = give_password(client, editor.email, "not the right one")
    unknown = give_password(client, "nobody@example.org")

    assert "do not belong together" in wrong.content.decode()
    assert wrong.status_code == unknown.status_code == 200
    assert words(wrong) == words(unknown)
    assert TrailEntry.objects.filter(action=Action.SIGN_IN_FAILED).count() == 2


def test_unknown_person_costs_a_hash_too(client: Client, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = type(get_hasher())
    counted: list[str] = []
    encode = hasher.encode

    def counting(self: Any, *args: Any, **kwargs: Any) -> str:
        counted.append("encode")
        return encode(self, *args, **kwargs)

    monkeypatch.setattr(hasher, "encode", counting)
    give_password(client, "nobody@example.org")

    assert counted == ["encode"]


def test_inactive_person_reads_the_same(client: Client, editor: User) -> None:
    User.objects.filter(pk=editor.pk).update(is_active=False)

    refused, unknown = give_password(client, editor.email), give_password(client, "nobody@example.org")

    assert words(refused) == words(unknown)


def test_refusals_ask_the_database_the_same(client: Client, editor: User) -> None:
    asked = []
    for email in (editor.email, "nobody@example.org") * 2:
        with CaptureQueriesContext(connection) as queries:
            give_password(client, email, "not the right one")
        asked.append(len(queries))

    assert asked[2] == asked[3]


def test_wrong_code_does_not_sign_in(client: Client, editor: User) -> None:
    app = add_app(editor)
    give_password(client, editor.email)

    response = client.post(reverse("mfa_authenticate"), {"code": "000000" if code_of(app) != "000000" else "111111"})

    assert "This code is not right" in response.content.decode()
    assert client.get("/admin/").status_code == 302


def test_code_works_once(client: Client, editor: User) -> None:
    app = add_app(editor)
    code = code_of(app)
    give_password(client, editor.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    other = Client()
    give_password(other, editor.email)

    response = other.post(reverse("mfa_authenticate"), {"code": code})

    assert response.status_code == 200
    assert "used before" in response.content.decode()
    assert other.post(reverse("mfa_authenticate"), {"code": code_of(app, steps=1)}).status_code == 302


def test_recovery_code_works_once(client: Client, editor: User) -> None:
    add_app(editor)
    code = RecoveryCodes.activate(editor).get_unused_codes()[0]
    give_password(client, editor.email)
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    other = Client()
    give_password(other, editor.email)

    assert other.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200


def test_secrets_are_sealed(editor: User) -> None:
    app = add_app(editor)

    assert len(app.data["secret"]) > 60
    assert code_of(app).isdigit()
    assert not Authenticator.objects.filter(data__secret__regex="^[A-Z2-7]{32}$").exists()


def test_tries_for_one_account_are_limited(client: Client, editor: User) -> None:
    _scope, tries, _seconds = limits.ACCOUNT
    for _ in range(tries):
        assert give_password(client, editor.email, "not the right one").status_code == 200

    response = give_password(client, editor.email)

    assert response.status_code == 429
    assert response["Retry-After"]
    assert "too many tries" in response.content.decode()
    assert give_password(client, "somebody.else@example.org").status_code == 200


def test_tries_of_one_network_are_limited(client: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(limits, "NETWORK", ("sign-in network", 3, 3600))
    for number in range(3):
        give_password(client, f"nobody{number}@example.org")

    assert give_password(client, "nobody9@example.org").status_code == 429
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert give_password(elsewhere, "nobody9@example.org").status_code == 200


def test_tries_in_all_are_limited(client: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(limits, "WHOLE", ("sign-in whole", 2, 3600))
    for number in range(2):
        give_password(Client(REMOTE_ADDR=f"192.0.2.{number}"), f"nobody{number}@example.org")

    assert give_password(Client(REMOTE_ADDR="192.0.2.9"), "nobody@example.org").status_code == 429


def test_codes_are_limited(client: Client, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CODE", ("second factor", 2, 900))
    app = add_app(editor)
    give_password(client, editor.email)
    for _ in range(2):
        client.post(reverse("mfa_authenticate"), {"code": "wrong"})

    assert client.post(reverse("mfa_authenticate"), {"code": code_of(app)}).status_code == 429
    assert client.get("/admin/").status_code == 302


def test_without_a_count_nobody_is_let_in(client: Client, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any) -> bool:
        raise OperationalError

    monkeypatch.setattr(limits.limits, "allow", gone)

    response = give_password(client, editor.email)

    assert response.status_code == 503
    assert client.get("/admin/").url.startswith(LOGIN)


@pytest.mark.parametrize("typed", ["", "not an address", "a\0b@example.org", "x" * 300 + "@example.org"])
def test_odd_addresses_are_refused_in_words(client: Client, typed: str, db: None) -> None:
    response = give_password(client, typed)

    assert response.status_code == 200
    assert "to put right" in response.content.decode()


def test_opening_the_page_makes_no_session(client: Client, db: None) -> None:
    response = client.get(LOGIN)

    assert "session" not in response.cookies
    assert not Session.objects.exists()


def test_signing_out_takes_a_press(client: Client, editor: User) -> None:
    sign_in(client, editor)

    assert client.get("/accounts/logout/").status_code == 200
    assert client.get("/admin/").status_code == 200
    client.post("/accounts/logout/")

    assert client.get("/admin/").status_code == 302
    assert not Session.objects.filter(user=editor).exists()


def test_next_page_on_another_host_is_not_followed(client: Client, editor: User) -> None:
    app = add_app(editor)
    client.post(LOGIN + "?next=https://example.com/", {"login": editor.email, "password": PASSWORD})

    response = client.post(reverse("mfa_authenticate"), {"code": code_of(app)})

    assert response.url == reverse("staff_home")


def test_nobody_can_sign_up(client: Client) -> None:
    assert StaffAccountAdapter().is_open_for_signup(None) is False
    for path in ("signup", "email", "password/reset", "password/change", "confirm-email", "login/code"):
        assert client.get(f"/accounts/{path}/").status_code == 404


def test_page_in_italian(client: Client, db: None) -> None:
    assert '<html lang="it"' in client.get(LOGIN, headers={"accept-language": "it"}).content.decode()
    assert '<html lang="en"' in client.get(LOGIN, headers={"accept-language": "ar"}).content.decode()


def test_person_without_a_factor_sets_one_up(client: Client) -> None:
    user = make_user(roles=("editor",))

    give_password(client, user.email)

    assert client.get("/admin/").url == reverse("mfa_index")
