"""Stored files: sealed streams, constant memory, nothing left behind."""

import hashlib
import os
import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone

from tests.vault.memory import growth_of
from vault import orphans, tasks
from vault.files import (
    CHUNK_BYTES,
    FileState,
    StoredFile,
)
from vault.keys import DataKey, KeyErased, SealBroken, opened_keys

MIB = 1024 * 1024


class Stream:
    """An upload of many bytes, made while it is read."""

    name: str | None = "scan.zip"

    def __init__(self, mebibytes: int) -> None:
        self.mebibytes = mebibytes

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return (bytes([number % 256]) * MIB for number in range(self.mebibytes))


def store(data_key: DataKey, content: bytes = b"The finding is benign.", name: str = "report.pdf") -> StoredFile:
    """Store some bytes."""
    return StoredFile.objects.store(ContentFile(content, name=name), data_key=data_key)


def files_in(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return [file for file in folder.rglob("*") if file.is_file()]


def test_file_comes_back_as_it_was(data_key: DataKey) -> None:
    content = random.Random(1).randbytes(3 * MIB + 17)
    file = StoredFile.objects.get(pk=store(data_key, content).pk)

    assert b"".join(file.chunks()) == content
    assert (file.size, file.sha256, file.name) == (len(content), hashlib.sha256(content).hexdigest(), "report.pdf")
    assert (file.state, file.refusal) == (FileState.RECEIVED, "")
    with file.open_stream() as stream:
        assert stream.read(5) == content[:5]
        assert stream.read() == content[5:]


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB])
def test_edges_of_segments(data_key: DataKey, size: int) -> None:
    content = bytes(size)

    assert b"".join(store(data_key, content).chunks()) == content


def test_nothing_readable_lies_on_disk_or_in_the_row(data_key: DataKey, documents_folder: Path) -> None:
    file = store(data_key, b"malignant " * 1000, "Rossi Maria.pdf")
    with connection.cursor() as cursor:
        cursor.execute("SELECT vault_storedfile::text FROM vault_storedfile")
        row = cursor.fetchone()[0]

    (sealed,) = files_in(documents_folder)
    assert b"malignant" not in sealed.read_bytes()
    assert "Rossi" not in row + str(sealed)
    assert b"Rossi".hex() not in row
    assert file.sha256 not in row


def test_same_content_is_sealed_differently(data_key: DataKey, documents_folder: Path) -> None:
    store(data_key), store(data_key)
    one, two = files_in(documents_folder)

    assert one.read_bytes() != two.read_bytes()


def damage(documents_folder: Path, file: StoredFile, change: Any) -> None:
    """Change the sealed bytes of a file."""
    path = documents_folder / file.storage_name
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[: 2 * MIB],
        lambda sealed: sealed[:MIB],
        lambda sealed: sealed[:10],
        lambda sealed: b"",
        lambda sealed: sealed[:MIB] + sealed[2 * MIB :],
        lambda sealed: sealed[:MIB] + sealed[2 * MIB : 3 * MIB] + sealed[MIB : 2 * MIB] + sealed[3 * MIB :],
        lambda sealed: sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
        lambda sealed: sealed + b"more",
    ],
    ids=["last byte", "second segment", "first segment", "head", "all", "hole", "swapped", "bit", "longer"],
)
def test_cut_or_changed_stream_does_not_open(data_key: DataKey, documents_folder: Path, change: Any) -> None:
    file = store(data_key, random.Random(2).randbytes(4 * MIB))
    damage(documents_folder, file, change)

    with pytest.raises(SealBroken):
        b"".join(file.chunks())


def test_file_put_in_place_of_another_does_not_open(data_key: DataKey, documents_folder: Path) -> None:
    mine, other = store(data_key, b"mine"), store(data_key, b"other")
    damage(documents_folder, mine, lambda _sealed: (documents_folder / other.storage_name).read_bytes())
    StoredFile.objects.filter(pk=mine.pk).update(wrapped_keyset=other.wrapped_keyset)

    with pytest.raises(SealBroken):
        b"".join(mine.chunks())
    with pytest.raises(SealBroken):
        b"".join(StoredFile.objects.get(pk=mine.pk).chunks())


def test_stream_is_bound_to_its_row_even_with_the_right_keyset(data_key: DataKey, documents_folder: Path) -> None:
    mine, other = store(data_key, b"mine"), store(data_key, b"other")
    damage(documents_folder, mine, lambda _sealed: (documents_folder / other.storage_name).read_bytes())
    mine.wrapped_keyset = mine.wrap_keyset(other._open_keyset())

    with pytest.raises(SealBroken):
        b"".join(mine.chunks())


def test_file_moved_under_another_key_does_not_open(data_key: DataKey) -> None:
    file = store(data_key)
    file.data_key = DataKey.objects.make()

    with pytest.raises(SealBroken):
        b"".join(file.chunks())


def test_erasing_the_key_erases_the_file(data_key: DataKey) -> None:
    file = store(data_key)
    data_key.erase()
    fresh = StoredFile.objects.get(pk=file.pk)

    with pytest.raises(KeyErased):
        fresh.open_stream()
    with pytest.raises(KeyErased):
        _ = fresh.name
    with pytest.raises(KeyErased):
        store(data_key)


def test_lost_file_says_so(data_key: DataKey, documents_folder: Path) -> None:
    file = store(data_key)
    (documents_folder / file.storage_name).unlink()

    with pytest.raises(FileNotFoundError):
        file.open_stream()
    assert [row.pk for row in orphans.rows_without_file()] == [file.pk]


def test_too_large_upload_is_never_stored(data_key: DataKey) -> None:
    upload = ContentFile(b"", name="a.pdf")
    upload.too_large = True

    with pytest.raises(ValueError, match="too large"):
        StoredFile.objects.store(upload, data_key=data_key)


def test_long_name_is_cut_and_nul_does_no_harm(data_key: DataKey) -> None:
    assert StoredFile.objects.get(pk=store(data_key, name="x" * 400).pk).name == "x" * 255
    assert StoredFile.objects.get(pk=store(data_key, name="a\0b.pdf").pk).name == "a\0b.pdf"


class Undo(Exception):
    """Ends a transaction."""


@pytest.mark.django_db(transaction=True)
def test_rollback_takes_the_file_with_it(documents_folder: Path) -> None:
    data_key = DataKey.objects.make()
    with pytest.raises(Undo), transaction.atomic():
        store(data_key)
        assert len(files_in(documents_folder)) == 1
        raise Undo

    assert files_in(documents_folder) == []


@pytest.mark.django_db(transaction=True)
def test_rollback_to_a_savepoint_takes_only_what_came_after(documents_folder: Path) -> None:
    data_key = DataKey.objects.make()
    with transaction.atomic():
        kept = store(data_key, b"kept")
        with pytest.raises(Undo), transaction.atomic():
            store(data_key, b"undone")
            raise Undo

    assert [str(file.relative_to(documents_folder)) for file in files_in(documents_folder)] == [kept.storage_name]
    assert b"".join(kept.chunks()) == b"kept"


@pytest.mark.django_db(transaction=True)
def test_upload_that_breaks_off_leaves_nothing(documents_folder: Path) -> None:
    class Broken(Stream):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"x" * CHUNK_BYTES
            yield b"x" * CHUNK_BYTES
            raise OSError("the network is gone")

    data_key = DataKey.objects.make()
    with pytest.raises(OSError, match="network"):
        StoredFile.objects.store(Broken(1), data_key=data_key)

    assert files_in(documents_folder) == []
    assert not StoredFile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_committed_file_stays_and_goes_with_its_row(documents_folder: Path) -> None:
    file = store(DataKey.objects.make())
    assert len(files_in(documents_folder)) == 1
    with pytest.raises(Undo), transaction.atomic():
        StoredFile.objects.get(pk=file.pk).delete()
        raise Undo
    assert len(files_in(documents_folder)) == 1

    file.delete()
    assert files_in(documents_folder) == []


def test_orphans_are_removed_when_old_enough(data_key: DataKey, documents_folder: Path) -> None:
    kept = store(data_key)
    orphan = documents_folder / "ab" / "orphan"
    # The random name of the other file may lie in the same folder.
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"sealed")
    assert list(orphans.files_without_row()) == []
    assert list(orphans.files_without_row(timedelta(seconds=-5))) == ["ab/orphan"]

    tasks.look_for_orphans()
    assert orphan.exists()
    old = (timezone.now() - timedelta(days=2)).timestamp()
    for path in files_in(documents_folder):
        os.utime(path, (old, old))
    tasks.look_for_orphans()
    assert not orphan.exists()
    assert (documents_folder / kept.storage_name).exists()


def test_200_mebibytes_pass_in_constant_memory(data_key: DataKey) -> None:
    stored: list[StoredFile] = []
    # Warm up, so that libraries do not count.
    b"".join(store(data_key, b"x" * 3 * MIB).chunks())

    written = growth_of(lambda: stored.append(StoredFile.objects.store(Stream(200), data_key=data_key)))
    read = growth_of(lambda: sum(len(chunk) for chunk in stored[0].chunks()))
    whole = growth_of(lambda: len(b"".join(stored[0].chunks())))

    assert stored[0].size == 200 * MIB
    assert whole > 150 * MIB, "the ruler must be able to see 200 MiB"
    assert written < 24 * MIB
    assert read < 24 * MIB


def test_keyset_is_opened_anew_by_another_process(data_key: DataKey) -> None:
    file = store(data_key, b"later")
    opened_keys.clear()

    assert b"".join(StoredFile.objects.get(pk=uuid.UUID(str(file.pk))).chunks()) == b"later"
