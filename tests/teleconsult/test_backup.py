"""Backup, erasure, restore: what was there comes back as it was, what was erased does not."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from django.apps import apps
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from accounts.models import User
from notifications.models import OutboxMessage
from teleconsult import access, workflow
from teleconsult.enums import Status
from teleconsult.models import PatientSession, Request
from tests.teleconsult import factories
from tests.teleconsult.test_erasure import WORDS, case, files_of  # noqa: F401  a fixture
from treatments.enums import DocumentKind
from vault import backups, postgres_tools, tombstones
from vault.backups import Places
from vault.files import StoredFile, documents
from vault.keys import opened_keys
from vault.trail import anchor_heads

pytestmark = pytest.mark.django_db(transaction=True)
PAPER = b"%PDF-1.4 what only the patient knows"


@pytest.fixture
def backup(tmp_path: Path) -> Places:
    return Places.of(tmp_path / "backup")


@pytest.fixture
def empty_database() -> Iterator[Callable[[], Any]]:
    """Return how to go to an empty database; at the end it is gone, and the tests are back at their own."""
    own, name = connection.settings_dict["NAME"], f"{connection.settings_dict['NAME']}_restored"
    with at_server() as server:
        drop(server, name)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def go(to: str = name) -> None:
        connection.close()
        connection.settings_dict["NAME"] = to
        opened_keys.clear()

    yield go
    go(own)
    with at_server() as server:
        drop(server, name)


def drop(server: psycopg.Connection, name: str) -> None:
    """Remove a database; where the server itself is vacuuming there, its owner has to wait."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    for _try in range(600):
        try:
            server.execute(statement)
            return
        except psycopg.errors.InsufficientPrivilege:
            time.sleep(0.2)
    server.execute(statement)


@contextmanager
def at_server() -> Iterator[psycopg.Connection]:
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + "/postgres"
    with psycopg.connect(url, autocommit=True) as server:
        yield server


@pytest.fixture
def elsewhere(settings: Any, tmp_path: Path) -> Callable[[], Path]:
    """Return how to go to another computer: empty folders, the list of what was erased carried over by hand."""

    def go() -> Path:
        listed = tombstones.list_file()
        settings.DATA_DIR = tmp_path / "elsewhere"
        options = {"location": settings.DATA_DIR / "documents", "base_url": None}
        settings.STORAGES = {
            **settings.STORAGES,
            "documents": {**settings.STORAGES["documents"], "OPTIONS": options},
        }
        settings.MEDIA_ROOT = settings.DATA_DIR / "media"
        return listed

    return go


def make_case(coordinator: User) -> Request:
    request = factories.make_in_triage(coordinator)
    upload = factories.upload(content=PAPER)
    workflow.add_document(request=request, by=factories.patient_of(request), upload=upload, kind=DocumentKind.REPORT)
    request.refresh_from_db()
    return request


def contents() -> dict[str, dict[str, str]]:
    """Return counts and checksums of every table but those that stay behind."""
    with transaction.atomic():
        return {
            table: values
            for table, values in backups.digests(connection).items()
            if table not in backups.momentary_tables()
        }


def test_what_was_there_comes_back_and_what_was_erased_does_not(
    coordinator: User,
    backup: Places,
    empty_database: Callable[[], Any],
    elsewhere: Callable[[], Path],
    capsys: Any,
) -> None:
    stays, goes = make_case(coordinator), make_case(coordinator)
    access.start_session(stays)
    anchor_heads()
    gone_files = files_of(goes)

    call_command("backup", str(backup.folder))
    before = contents()
    workflow.erase(request=goes, by=factories.patient_of(goes))
    tombstones.keep_file()
    listed = elsewhere()
    empty_database()
    call_command("restore", str(backup.folder), tombstones=[listed])
    said = capsys.readouterr().out

    # Before anything was erased again, every table was compared with the backup; now only the erased case differs.
    after = contents()
    changed = {table for table in before if before[table] != after[table]}
    assert "teleconsult_consent" not in changed
    assert "accounts_user" not in changed
    assert changed <= {
        "notifications_outboxmessage",
        "teleconsult_assignment",
        "teleconsult_document",
        "teleconsult_event",
        "teleconsult_receipt",
        "teleconsult_request",
        "vault_datakey",
        "vault_storedfile",
        "vault_tombstone",
        "vault_trailentry",
    }
    restored = Request.objects.get(pk=stays.pk)
    assert (restored.patient_name, restored.question) == ("Ada Example", "Is the operation needed?")
    assert b"".join(restored.documents.get().file.chunks()) == PAPER
    erased = Request.objects.get(pk=goes.pk)
    assert (erased.status, erased.question, erased.documents.count()) == (Status.ERASED, "", 0)
    assert workflow.remains(erased) == []
    assert not any(documents().exists(name) for name in gone_files)
    assert not PatientSession.objects.exists()
    assert User.objects.with_email(coordinator.email) == coordinator
    assert "1 erased again" in said
    call_command("verify_trail")
    assert [event.action for event in erased.events.all()][-1] == "erase_again"


def test_restored_messages_are_the_same_to_the_letter(
    coordinator: User, backup: Places, empty_database: Callable[[], Any], elsewhere: Callable[[], Path]
) -> None:
    make_case(coordinator)
    before = {row.pk: (row.message_id, row.to, row.context, row.state) for row in OutboxMessage.objects.all()}
    assert before

    call_command("backup", str(backup.folder))
    tombstones.keep_file()
    listed = elsewhere()
    empty_database()
    call_command("restore", str(backup.folder), tombstones=[listed])

    assert {row.pk: (row.message_id, row.to, row.context, row.state) for row in OutboxMessage.objects.all()} == before
    assert contents().keys() >= {"teleconsult_request", "vault_trailentry"}


def test_application_role_can_make_a_backup(coordinator: User, backup: Places) -> None:
    """Nobody needs the owner's password to save the portal."""
    make_case(coordinator)
    call_command("grant_application_role")
    owner = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    with psycopg.connect(os.environ["DATABASE_APPLICATION_URL"]) as application:
        role = {"USER": application.info.user, "PASSWORD": application.info.password}
    connection.close()
    connection.settings_dict.update(role)
    try:
        call_command("backup", str(backup.folder))
    finally:
        connection.close()
        connection.settings_dict.update(owner)

    assert backups.Manifest.read(backup).keys["by_version"]


def test_backup_holds_no_words_and_no_keys_beside_the_data(case: Request, backup: Places) -> None:  # noqa: F811
    call_command("backup", str(backup.folder))
    with postgres_tools.output_of("pg_restore", ["--file=-", str(backup.dump)]) as output:
        dump = output.read()
    rest = b"".join(file.read_bytes() for file in backup.portal.rglob("*") if file.is_file())
    wrapped = bytes(case.data_key.wrapped or b"")

    assert case.reference.encode() in dump
    for word in (*WORDS, "report.pdf", "%PDF-1.4 example"):
        assert word.encode() not in dump
        assert word.encode().hex().encode() not in dump
        assert word.encode() not in rest
    assert wrapped.hex().encode() not in dump
    assert wrapped.hex().encode() in backup.keys.read_bytes()
    assert [file for file in (backup.folder, *backup.folder.rglob("*")) if file.stat().st_mode & 0o077] == []


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda places: places.manifest.unlink(), "no manifest"),
        (lambda places: damage(places.dump), "database.dump is missing or was changed"),
        (lambda places: damage(places.keys), "keys.copy is missing or was changed"),
        (lambda places: shutil.rmtree(places.keys_folder), "wrapped keys are not in"),
        (lambda places: damage(next((places.portal / "documents").rglob("*/*"))), "is missing or was changed"),
        (lambda places: next((places.portal / "documents").rglob("*/*")).unlink(), "is missing or was changed"),
        (
            lambda places: places.manifest.write_text(
                places.manifest.read_text().replace('"rows": "1"', '"rows": "0"')
            ),
            "manifest was changed",
        ),
    ],
    ids=["interrupted", "dump", "keys", "keys gone", "file changed", "file gone", "manifest"],
)
def test_spoilt_backup_is_refused_before_anything_is_touched(
    coordinator: User, backup: Places, spoil: Callable[[Places], Any], says: str, empty_database: Callable[[], Any]
) -> None:
    make_case(coordinator)
    call_command("backup", str(backup.folder))
    tombstones.keep_file()
    call_command("restore", str(backup.folder), dry_run=True)
    spoil(backup)

    with pytest.raises(CommandError, match=says):
        call_command("restore", str(backup.folder), dry_run=True)
    empty_database()
    with pytest.raises(CommandError, match=says):
        call_command("restore", str(backup.folder))
    assert backups.tables_of(connection) == []


def test_without_a_newer_list_of_what_was_erased_nothing_is_restored(
    coordinator: User, backup: Places, empty_database: Callable[[], Any], elsewhere: Callable[[], Path]
) -> None:
    make_case(coordinator)
    tombstones.keep_file()
    listed = shutil.copy(tombstones.list_file(), backup.folder.with_name("older.jsonl"))
    call_command("backup", str(backup.folder))
    elsewhere()
    empty_database()

    for given in ([], [Path(listed)]):
        with pytest.raises(CommandError, match="erased since would come back"):
            call_command("restore", str(backup.folder), tombstones=given)
    assert backups.tables_of(connection) == []
    call_command("restore", str(backup.folder), tombstones_are_lost=True)
    assert Request.objects.count() == 1


def test_the_list_of_a_portal_that_knew_nothing_of_it_is_refused(
    coordinator: User, backup: Places, empty_database: Callable[[], Any], elsewhere: Callable[[], Path]
) -> None:
    """A portal that ran for an hour beside the empty database has a list too, and says that it is complete."""
    erased, kept = make_case(coordinator), make_case(coordinator)
    workflow.erase(request=erased, by=factories.patient_of(erased))
    call_command("backup", str(backup.folder))
    listed = elsewhere()
    empty_database()
    now = (timezone.now() + timedelta(hours=1)).isoformat()
    tombstones.list_file().parent.mkdir(parents=True, exist_ok=True)
    tombstones.list_file().write_text(json.dumps({"complete_to": now}) + "\n", encoding="utf-8")

    with pytest.raises(CommandError, match="that of another portal"):
        call_command("restore", str(backup.folder))
    assert backups.tables_of(connection) == []
    call_command("restore", str(backup.folder), tombstones=[listed])
    assert Request.objects.get(pk=kept.pk).question


def test_backup_asks_for_no_file_of_an_erased_case_whose_row_stayed(case: Request, backup: Places) -> None:  # noqa: F811
    assert StoredFile.objects.filter(data_key=case.data_key).exists()
    for name in files_of(case):
        documents().delete(name)
    with pytest.raises(CommandError, match="is gone"):
        call_command("backup", str(backup.folder))
    shutil.rmtree(backup.folder)

    case.data_key.erase()
    call_command("backup", str(backup.folder))

    assert not [entry for entry in backups.listed_files(backup) if entry["in"] == "documents"]


def test_keys_older_than_thirty_days_are_refused(
    coordinator: User, backup: Places, empty_database: Callable[[], Any], elsewhere: Callable[[], Path]
) -> None:
    request = make_case(coordinator)
    call_command("backup", str(backup.folder))
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        tombstones.keep_file()
        listed = elsewhere()
        empty_database()
        with pytest.raises(CommandError, match="older than they may be"):
            call_command("restore", str(backup.folder), tombstones=[listed])
        call_command("restore", str(backup.folder), tombstones=[listed], without_keys=True)

    restored = Request.objects.get(pk=request.pk)
    assert (restored.status, restored.question) == (Status.ERASED, "")
    assert workflow.remains(restored) == []
    assert User.objects.with_email(coordinator.email) == coordinator


def test_full_database_is_not_written_over(coordinator: User, backup: Places) -> None:
    make_case(coordinator)
    call_command("backup", str(backup.folder))
    tombstones.keep_file()

    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", str(backup.folder))


def test_folder_is_not_written_over(coordinator: User, backup: Places) -> None:
    call_command("backup", str(backup.folder))

    with pytest.raises(CommandError, match="is not empty"):
        call_command("backup", str(backup.folder))


def test_another_master_key_is_named(coordinator: User, backup: Places, settings: Any) -> None:
    make_case(coordinator)
    call_command("backup", str(backup.folder))
    settings.MASTER_KEYS = settings.MASTER_KEYS.replace("1:", "7:")

    with pytest.raises(CommandError, match="needs master key version 1"):
        call_command("restore", str(backup.folder), dry_run=True)


def test_nothing_points_at_what_stays_behind() -> None:
    momentary = {model for model in apps.get_models() if getattr(model, "is_momentary", False)}
    pointing = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
        if field.is_relation and field.related_model in momentary
    ]

    assert {"Session", "AccessCode", "PatientSession", "Counter"} == {model.__name__ for model in momentary}
    assert pointing == []


def test_case_written_while_the_backup_runs_is_whole_or_absent(coordinator: User, backup: Places) -> None:
    """Somebody writes all the time; the counts of the dump are those of one moment."""
    writing = (
        "import django; django.setup()\n"
        "from tests.teleconsult import factories\n"
        "while True: factories.make_submitted()\n"
    )
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "-c", writing], cwd=project.BASE_DIR, env=dict(os.environ) | {"DATABASE_URL": url}
    )
    try:
        while Request.objects.count() < 3:
            assert process.poll() is None
        call_command("backup", str(backup.folder))
        rows = int(backups.Manifest.read(backup).tables["teleconsult_request"]["rows"])
        # The writer may get no turn while a busy machine saves.
        while Request.objects.count() == rows:
            assert process.poll() is None
    finally:
        process.kill()
        process.wait()

    assert rows >= 3
    keys = sum(1 for key in backups.data_keys(backup) if not str(key.pk).startswith("00000000"))
    assert keys == rows
