"""A master key is replaced: everything opens with the new one alone, the old one goes when nothing needs it."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection, transaction

from accounts.adapters import SealedMFAAdapter
from accounts.models import Session, User
from notifications.models import OutboxMessage
from tests.vault.conftest import master_key
from vault import checks, keys
from vault.files import StoredFile
from vault.keys import DataKey, SealBroken, email_hash, opened_keys
from vault.management.commands import rotate_master_key

OLD, NEW = master_key(1), master_key(2)
BOTH = f"{OLD},{NEW}"


@pytest.fixture
def old_key(settings: Any, db: None) -> None:
    """Begin with one master key."""
    settings.MASTER_KEYS = OLD
    opened_keys.clear()


def use(settings: Any, master_keys: str) -> None:
    """Start anew with other master keys."""
    settings.MASTER_KEYS = master_keys
    opened_keys.clear()
    keys._key_of_kept_hashes.cache_clear()


def test_everything_opens_with_the_new_key_alone(
    old_key: None, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    person = User.objects.create_user("ada@example.org", "a long password indeed", name="Ada Example")
    session = Session.objects.create(key_hash="a" * 64, content="signed in", user=person)
    message = OutboxMessage.objects.create(
        kind="accounts/mail/invitation",
        to="ada@example.org",
        to_key=email_hash("ada@example.org"),
        language="en",
        zone="Europe/Rome",
        context={"name": "Ada"},
    )
    secret = SealedMFAAdapter().encrypt("JBSWY3DP")
    file = StoredFile.objects.store(Paper(), data_key=DataKey.objects.make())

    use(settings, BOTH)
    call_command("rotate_master_key")
    use(settings, NEW)

    found = User.objects.with_email("ADA@example.org ")
    assert found == person
    assert (found.name, found.check_password("a long password indeed")) == ("Ada Example", True)
    assert Session.objects.get(pk=session.pk).content == "signed in"
    assert OutboxMessage.objects.get(pk=message.pk).context == {"name": "Ada"}
    assert SealedMFAAdapter().decrypt(secret) == "JBSWY3DP"
    assert b"".join(StoredFile.objects.get(pk=file.pk).chunks()) == b"paper"
    assert checks.master_keys_are_there(databases=["default"]) == []


def test_without_rotation_the_portal_does_not_start_without_the_old_key(old_key: None, settings: Any) -> None:
    User.objects.create_user("ada@example.org", name="Ada Example")
    use(settings, NEW)

    errors = checks.master_keys_are_there(databases=["default"])

    assert [error.id for error in errors] == ["vault.E010"]
    assert "Master key version 1 is gone, but" in str(errors[0])
    with pytest.raises(SystemCheckError, match=r"vault\.E010"):
        call_command("check", databases=["default"])


def test_dry_run_counts_and_changes_nothing(old_key: None, settings: Any, capsys: Any) -> None:
    before = {key.pk: bytes(key.wrapped or b"") for key in (DataKey.objects.make() for _ in range(3))}
    use(settings, BOTH)

    with pytest.raises(CommandError, match="Keep in MASTER_KEYS: 1"):
        call_command("rotate_master_key", dry_run=True)

    assert "Version 1 wraps 3 keys." in capsys.readouterr().out
    assert {key.pk: bytes(key.wrapped or b"") for key in DataKey.objects.all()} == before


def test_batch_that_does_not_open_again_is_not_kept(
    old_key: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {key.pk: bytes(key.wrapped or b"") for key in (DataKey.objects.make() for _ in range(3))}
    use(settings, BOTH)
    wrap = DataKey.wrap
    monkeypatch.setattr(DataKey, "wrap", lambda self, plain: wrap(self, bytes(reversed(plain))))

    with pytest.raises(CommandError, match="did not open again"):
        rotate_master_key.rewrap_batch(2)

    assert {key.pk: bytes(key.wrapped or b"") for key in DataKey.objects.filter(pk__in=before)} == before


def test_key_that_cannot_be_opened_stops_the_rotation(old_key: None, settings: Any) -> None:
    broken = DataKey.objects.make()
    DataKey.objects.filter(pk=broken.pk).update(wrapped=b"x" * 60)
    use(settings, BOTH)

    with pytest.raises(SealBroken):
        call_command("rotate_master_key")


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_it_goes_on_where_it_was(settings: Any, tmp_path: Any) -> None:
    use(settings, OLD)
    plain = {key.pk: key.unwrap() for key in (DataKey.objects.make() for _ in range(400))}
    environment = dict(os.environ) | {"MASTER_KEYS": BOTH, "DATABASE_URL": url_of_this_database()}
    # Stands still in the middle of a batch.
    standing = (
        "import time, django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from vault.management.commands import rotate_master_key as command\n"
        "command.BATCH = 10\n"
        "wrap, wrapped = command.DataKey.wrap, []\n"
        "def wrap_some(self, plain):\n"
        "    wrap(self, plain)\n"
        "    wrapped.append(self)\n"
        "    if len(wrapped) == 95: print('in the middle', flush=True); time.sleep(600)\n"
        "command.DataKey.wrap = wrap_some\n"
        "call_command('rotate_master_key')\n"
    )

    process = subprocess.Popen(
        [sys.executable, "-c", standing], cwd=project.BASE_DIR, env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"in the middle\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    with transaction.atomic():
        # The rows of its batch are free once the database has noticed that it is gone.
        assert len(DataKey.objects.select_for_update().filter(pk__in=plain)) == 400
    done = DataKey.objects.filter(pk__in=plain, master_version=2).count()
    assert 50 <= done < 400

    use(settings, BOTH)
    assert {key.pk: key.unwrap() for key in DataKey.objects.filter(pk__in=plain)} == plain
    call_command("rotate_master_key")
    use(settings, NEW)
    assert {key.pk: key.unwrap() for key in DataKey.objects.filter(pk__in=plain)} == plain


class Paper:
    """An upload of a few bytes."""

    name = "paper.txt"

    def chunks(self, chunk_size: int | None = None) -> Any:
        yield b"paper"


def url_of_this_database() -> str:
    """Return the address of the database of the tests, which has a name of its own."""
    return os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
