"""Files and rows that lost each other are found, both ways."""

import os
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.management import CommandError, call_command

from tests.vault.test_rotation import Paper
from vault import erasure, orphans, tasks
from vault.files import StoredFile, documents
from vault.keys import DataKey


@pytest.fixture
def file(data_key: DataKey) -> StoredFile:
    return StoredFile.objects.store(Paper(), data_key=data_key)


def leave(folder: Path, name: str = "ab/orphan") -> Path:
    """Store a file that a dying process left two days ago."""
    documents().save(name, File(BytesIO(b"sealed")))
    path = folder / name
    os.utime(path, (time.time() - 2 * 86400,) * 2)
    return path


def test_whole_storage_has_none(file: StoredFile, capsys: Any) -> None:
    call_command("look_for_orphans")

    assert "0 stored files no row knows.\n0 rows lost their file." in capsys.readouterr().out


def test_file_without_row_is_found_and_removed_on_request(
    file: StoredFile, documents_folder: Path, capsys: Any
) -> None:
    left = leave(documents_folder)

    with pytest.raises(CommandError, match="There are orphans"):
        call_command("look_for_orphans")
    assert "  ab/orphan\n" in capsys.readouterr().out
    assert left.exists()

    call_command("look_for_orphans", remove=True)
    assert not left.exists()
    assert documents().exists(file.storage_name)


def test_file_on_its_way_is_left_alone(db: None, documents_folder: Path) -> None:
    documents().save("ab/young", File(BytesIO(b"sealed")))

    call_command("look_for_orphans", remove=True)

    assert documents().exists("ab/young")


def test_row_without_file_is_found(file: StoredFile, capsys: Any) -> None:
    documents().delete(file.storage_name)

    with pytest.raises(CommandError):
        call_command("look_for_orphans", remove=True)
    assert f"vault.StoredFile {file.pk}" in capsys.readouterr().out


def test_erased_key_whose_file_stayed_is_found(file: StoredFile, capsys: Any) -> None:
    file.data_key.erase()

    with pytest.raises(CommandError):
        call_command("look_for_orphans")
    out = capsys.readouterr().out
    assert f"1 erased keys whose files are still there.\n  {file.data_key_id}" in out
    assert "0 rows lost their file." in out


def test_the_job_goes_on_where_a_file_cannot_be_removed(
    file: StoredFile, documents_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    leave(documents_folder)
    documents().delete(file.storage_name)

    def refuse(*args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(type(documents()), "delete", refuse)
    tasks.look_for_orphans()

    assert "remove_files_without_row failed: PermissionError" in caplog.text
    assert f"vault.StoredFile {file.pk} is gone from the storage." in caplog.text


def test_the_job_removes_the_files_of_an_erased_case(file: StoredFile, data_key: DataKey) -> None:
    other = StoredFile.objects.store(Paper(), data_key=DataKey.objects.make())
    data_key.erase()

    tasks.look_for_orphans()

    assert not documents().exists(file.storage_name)
    assert documents().exists(other.storage_name)


def test_files_are_looked_up_many_at_a_time(
    db: None, documents_folder: Path, data_key: DataKey, django_assert_max_num_queries: Any
) -> None:
    for _number in range(5):
        StoredFile.objects.store(Paper(), data_key=data_key)
    leave(documents_folder)
    tables = sum(table.is_stored for table in erasure.tables())

    with django_assert_max_num_queries(tables):
        assert list(orphans.files_without_row()) == ["ab/orphan"]
