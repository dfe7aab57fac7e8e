"""The door of the staff areas, and that public pages never know of it."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import IntegrityError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import areas
from accounts.models import User
from tests.accounts.factories import PASSWORD, add_app, make_user, sign_in

pytestmark = pytest.mark.django_db


def staff_paths() -> Iterator[str]:
    """Yield an address for every pattern of the staff areas, with something in place of each variable."""
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and str(pattern.pattern) in {"admin/", "desk/"}:
            yield from (f"/{path}" for path in _paths(pattern, ""))


def _paths(pattern: URLPattern | URLResolver, before: str) -> Iterator[str]:
    route = before + _filled(str(pattern.pattern))
    if isinstance(pattern, URLResolver):
        for inner in pattern.url_patterns:
            yield from _paths(inner, route)
    else:
        yield route


def _filled(route: str) -> str:
    parts = [part if "<" not in part else "1" for part in route.strip("^$").split("/")]
    return "/".join(part.split("(")[0] for part in parts)


def test_every_staff_page_asks_to_sign_in(client: Client, db: None) -> None:
    paths = list(staff_paths())

    assert "/admin/login/" in paths
    assert len(paths) > 20
    for path in paths:
        response = client.get(path)
        assert response.status_code == 302, path
        assert response.url.startswith("/accounts/login/?next="), path
        assert client.post(path).status_code in {302, 403}, path


def test_every_staff_page_wants_a_second_factor(client: Client) -> None:
    user = make_user(roles=("editor", "administrator"))
    client.force_login(user)

    for path in staff_paths():
        response = client.get(path)
        assert (response.status_code, response.url) == (302, reverse("mfa_index")), path


def test_factor_set_up_elsewhere_does_not_count(client: Client, editor: User) -> None:
    client.force_login(editor)
    add_app(editor)

    assert client.get("/admin/").url == "/accounts/second-factor/reauthenticate/?next=%2Fadmin%2F"


def test_removed_factor_closes_the_door(client: Client, editor: User) -> None:
    sign_in(client, editor)
    editor.authenticator_set.all().delete()

    assert client.get("/admin/").url == reverse("mfa_index")


def test_person_without_a_role_reads_why(client: Client, stranger: User) -> None:
    sign_in(client, stranger)

    assert client.get("/admin/").status_code == 403
    assert client.get("/desk/").status_code == 403
    response = client.get(reverse("staff_home"))
    assert response.status_code == 403
    assert "no role" in response.content.decode()


def test_role_opens_its_area_only(client: Client, editor: User) -> None:
    sign_in(client, editor)

    assert client.get("/admin/").status_code == 200
    assert client.get("/desk/").status_code == 403


def test_apps_above_open_areas(client: Client, stranger: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(areas._checkers, "desk", [lambda user: user == stranger])
    sign_in(client, stranger)

    assert client.get(reverse("staff_home")).url == reverse("desk:queue")


def test_unknown_area_is_refused() -> None:
    with pytest.raises(KeyError):
        areas.register("kitchen", lambda user: True)


def test_admin_sign_in_page_is_ours(client: Client, db: None) -> None:
    response = client.get("/admin/login/?next=/admin/accounts/")

    assert response.url == "/accounts/login/?next=%2Fadmin%2Faccounts%2F"
    assert client.get("/admin/login/?next=https://example.com/").url == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "x", "password": PASSWORD}).status_code == 302


def test_public_pages_set_no_cookie(client: Client, editor: User) -> None:
    assert not client.get(reverse("home")).cookies

    sign_in(client, editor)
    response = client.get(reverse("home"))

    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
    assert editor.name not in response.content.decode()


def test_staff_pages_speak_the_language_of_the_person(client: Client) -> None:
    user = make_user(roles=("editor",), language="it")
    sign_in(client, user)

    assert '<html lang="it"' in client.get("/admin/", headers={"accept-language": "de"}).content.decode()
    assert '<html lang="it"' in client.get("/accounts/").content.decode()


def test_nobody_is_ever_superuser(db: None) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("a@example.org", is_superuser=True)


def test_admin_shows_no_table_with_secrets() -> None:
    shown = {model._meta.label for model in admin.site._registry}

    assert not shown & {
        "auth.Group",
        "auth.Permission",
        "account.EmailAddress",
        "account.EmailConfirmation",
        "mfa.Authenticator",
        "accounts.Session",
        "sessions.Session",
    }
