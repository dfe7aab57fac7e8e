"""Master keys, data keys and keyed hashes."""

import threading
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.vault.conftest import master_key
from vault import keys
from vault.keys import (
    PORTAL_KEY_ID,
    DataKey,
    KeyErased,
    SealBroken,
    email_hash,
    keyed_hash,
    open_key,
    opened_keys,
    portal_key,
)


def test_new_key_is_wrapped_by_the_highest_master_key(data_key: DataKey) -> None:
    assert data_key.master_version == 2
    assert len(data_key.open()) == 32
    assert data_key.open() not in bytes(data_key.wrapped or b"")


def test_opened_key_comes_back_from_the_database(data_key: DataKey) -> None:
    plain = data_key.open()
    opened_keys.clear()

    assert DataKey.objects.get(pk=data_key.pk).open() == plain


def test_opened_keys_are_kept_for_a_short_time(data_key: DataKey, monkeypatch: pytest.MonkeyPatch) -> None:
    open_key(data_key.pk)
    with CaptureQueriesContext(connection) as queries:
        open_key(data_key.pk)
    assert len(queries) == 0

    later = keys.time.monotonic() + keys.CACHE_SECONDS + 1
    monkeypatch.setattr(keys.time, "monotonic", lambda: later)
    with CaptureQueriesContext(connection) as queries:
        open_key(data_key.pk)
    assert len(queries) == 1


def test_erased_key_opens_nowhere(data_key: DataKey) -> None:
    data_key.open()
    data_key.erase()
    data_key.erase()

    stored = DataKey.objects.get(pk=data_key.pk)
    assert stored.wrapped is None
    assert stored.erased_at is not None
    for deed in (data_key.open, stored.open, lambda: open_key(data_key.pk)):
        with pytest.raises(KeyErased):
            deed()


def test_database_refuses_a_key_both_erased_and_wrapped(data_key: DataKey) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.filter(pk=data_key.pk).update(wrapped=None)


def test_key_wrapped_by_a_missing_master_key_does_not_open(data_key: DataKey, settings: Any) -> None:
    settings.MASTER_KEYS = master_key(1)

    with pytest.raises(SealBroken, match="version 2 is not in MASTER_KEYS"):
        DataKey.objects.get(pk=data_key.pk).open()


def test_key_under_a_wrong_version_number_does_not_open(data_key: DataKey) -> None:
    DataKey.objects.filter(pk=data_key.pk).update(master_version=1)

    with pytest.raises(SealBroken):
        DataKey.objects.get(pk=data_key.pk).unwrap()


def test_wrapped_bytes_of_another_key_do_not_open(data_key: DataKey) -> None:
    other = DataKey.objects.make()
    DataKey.objects.filter(pk=data_key.pk).update(wrapped=other.wrapped)

    with pytest.raises(SealBroken):
        DataKey.objects.get(pk=data_key.pk).unwrap()


@pytest.mark.parametrize("text", ["", "1:short", "one:" + "A" * 44, "demo", f"{master_key(1)},{master_key(1)}"])
def test_odd_master_keys_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MASTER_KEYS"):
        keys.parse_master_keys(text)


def test_rotation_rewraps_every_key_and_leaves_its_bytes(db: None, settings: Any, capsys: Any) -> None:
    settings.MASTER_KEYS = master_key(1)
    plain = {key.pk: key.open() for key in (DataKey.objects.make() for _ in range(3))}
    erased = DataKey.objects.make()
    erased.erase()
    opened_keys.clear()

    settings.MASTER_KEYS = ",".join((master_key(2), master_key(1)))
    call_command("rotate_master_key")
    settings.MASTER_KEYS = master_key(2)

    assert {key.pk: key.unwrap() for key in DataKey.objects.filter(pk__in=plain)} == plain
    assert DataKey.objects.get(pk=erased.pk).wrapped is None


def test_portal_key_is_the_same_after_a_rollback(db: None) -> None:
    class Undo(Exception):
        pass

    with pytest.raises(Undo), transaction.atomic():
        before = open_key(PORTAL_KEY_ID)
        raise Undo
    opened_keys.clear()

    assert portal_key().open() == before


def test_portal_key_cannot_be_erased(db: None) -> None:
    with pytest.raises(ValueError, match="portal"):
        portal_key().erase()


@pytest.mark.django_db(transaction=True)
def test_portal_key_made_by_many_at_once_is_one() -> None:
    barrier, made = threading.Barrier(8, timeout=120), []

    def make() -> None:
        connection.ensure_connection()
        barrier.wait()
        made.append(portal_key().unwrap())
        connection.close()

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8
    assert len(set(made)) == 1
    assert DataKey.objects.count() == 1


def test_keyed_hash_depends_on_value_purpose_and_key(db: None, settings: Any) -> None:
    settings.MASTER_KEYS = master_key(1)
    first = keyed_hash("Rossi", "family-name")
    settings.MASTER_KEYS = f"{master_key(1)},{master_key(3)}"
    opened_keys.clear()

    assert len(first) == 64
    assert keyed_hash("Rossi", "family-name") == first, "a rotation must not change it"
    assert len({first, keyed_hash("Rossi", "email"), keyed_hash("Russo", "family-name")}) == 3


@pytest.mark.parametrize("is_kept", [True, False])
def test_keyed_hash_tells_nothing_without_the_key(db: None, settings: Any, *, is_kept: bool) -> None:
    settings.MASTER_KEYS = master_key(1)
    first = keyed_hash("Rossi", "family-name", is_kept=is_kept)
    DataKey.objects.all().delete()
    settings.MASTER_KEYS = master_key(3)

    assert keyed_hash("Rossi", "family-name", is_kept=is_kept) != first


def test_email_hash_ignores_case_width_and_blanks(db: None) -> None:
    assert email_hash(" Ada@Example.ORG\n") == email_hash("ada@example.org") == email_hash("ａda@example.org")
    assert email_hash("ada@example.org") != email_hash("ada@example.com")
