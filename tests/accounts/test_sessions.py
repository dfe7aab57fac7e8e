"""Sessions end: after a while without a page, after a day's work, and when something changes about the person."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.db import connection
from django.test import Client

from accounts import roles
from accounts.models import Session, User
from accounts.sessions import SessionStore, hash_of
from tests.accounts.factories import PASSWORD, make_user, sign_in

# Later than any role that a fixture gives today.
START = datetime(2031, 3, 4, 9, 0, tzinfo=UTC)
MINUTE, HOUR = 60, 3600


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_fifteen_minutes_without_a_page_end_it(client: Client, editor: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, editor)
        clock.shift(14 * MINUTE)
        assert is_in(client)
        clock.shift(14 * MINUTE)
        assert is_in(client)
        clock.shift(15 * MINUTE)
        assert not is_in(client)


def test_eight_hours_end_it(client: Client, editor: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, editor)
        for _ in range(47):
            clock.shift(10 * MINUTE)
            assert is_in(client)
        clock.shift(10 * MINUTE)
        assert not is_in(client)


def test_role_change_ends_it(client: Client, editor: User, administrator: User) -> None:
    sign_in(client, editor)

    roles.grant(user=editor, role="administrator", by=administrator)

    assert not is_in(client)


def test_end_of_a_role_ends_it(client: Client, editor: User, administrator: User) -> None:
    sign_in(client, editor)

    roles.end(role=editor.association_roles.get(), by=administrator)

    assert not is_in(client)
    editor = User.objects.get(pk=editor.pk)
    assert not editor.has_role("editor")
    assert not editor.is_staff


def test_new_version_ends_it_even_where_the_row_is_kept(client: Client, editor: User) -> None:
    sign_in(client, editor)

    User.objects.filter(pk=editor.pk).update(session_version=editor.session_version + 1)

    assert not is_in(client)


def test_new_password_ends_the_others(editor: User) -> None:
    here, there = sign_in(Client(), editor), sign_in(Client(), editor)

    response = here.post(
        "/accounts/password/", {"password": "a brand new sentence", "password_again": "a brand new sentence"}
    )

    assert response.status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert User.objects.get(pk=editor.pk).check_password("a brand new sentence")


def test_lock_ends_it(client: Client, editor: User, administrator: User) -> None:
    sign_in(client, editor)

    roles.lock(user=editor, by=administrator)

    assert not is_in(client)


def test_table_tells_nothing(client: Client, editor: User) -> None:
    sign_in(client, editor)
    cookie = client.cookies["session"].value
    with connection.cursor() as cursor:
        cursor.execute("SELECT key_hash, content FROM accounts_session")
        [(key_hash, content)] = cursor.fetchall()

    assert key_hash == hash_of(cookie) != cookie
    assert str(editor.pk).encode() not in bytes(content)


def test_cookie_ends_with_the_browser(client: Client, editor: User) -> None:
    response = client.post("/accounts/login/", {"login": editor.email, "password": PASSWORD})

    cookie = response.cookies["session"]
    assert cookie["max-age"] == ""
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_ended_row_is_not_written_again(editor: User, client: Client) -> None:
    sign_in(client, editor)
    store = SessionStore(client.cookies["session"].value)
    store["kept"] = True
    Session.objects.all().delete()

    with pytest.raises(UpdateError):
        store.save()


def test_sweep_removes_what_was_over_a_day_ago(db: None) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(Client(), make_user())
        clock.shift(23 * HOUR)
        over = sign_in(Client(), make_user())
        clock.shift(2 * HOUR)
        fresh = sign_in(Client(), make_user())

        SessionStore.clear_expired()

        kept = {hash_of(client.cookies["session"].value) for client in (over, fresh)}
        assert {row.key_hash for row in Session.objects.all()} == kept
