"""The list of what was erased outlives the database."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.vault.test_rotation import Paper
from vault import tombstones
from vault.files import StoredFile
from vault.keys import DataKey
from vault.tombstones import Kind, Listed, Tombstone


def listed() -> Listed:
    return Listed().read(tombstones.list_file())


@pytest.mark.django_db(transaction=True)
def test_erasures_are_listed_once_they_are_committed() -> None:
    key = DataKey.objects.make()
    file = StoredFile.objects.store(Paper(), data_key=key)
    file_id = file.pk
    file.delete()
    key.erase()
    key.erase()

    assert listed().of(Kind.KEY) == {key.pk}
    assert listed().of(Kind.FILE) == {file_id}
    assert Tombstone.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_erasure_that_is_undone_is_not_listed() -> None:
    class Undo(Exception):
        pass

    key = DataKey.objects.make()
    with pytest.raises(Undo), transaction.atomic():
        key.erase()
        raise Undo

    assert not tombstones.list_file().exists()
    assert DataKey.objects.get(pk=key.pk).wrapped is not None


def test_what_a_dying_process_left_out_is_made_good(db: None) -> None:
    of = uuid.uuid4()
    Tombstone.objects.create(kind=Kind.KEY, of=of)

    assert tombstones.keep_file() == 1
    assert tombstones.keep_file() == 0
    assert listed().of(Kind.KEY) == {of}
    assert listed().complete_to is not None


def test_line_cut_short_spoils_no_other(db: None) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    Tombstone.objects.create(kind=Kind.KEY, of=first)
    tombstones.keep_file()
    with tombstones.list_file().open("a") as file:
        file.write('{"kind": "key", "of": "123')
    Tombstone.objects.create(kind=Kind.KEY, of=second)
    tombstones.keep_file()

    assert listed().of(Kind.KEY) == {first, second}


def test_list_holds_ids_and_times_only(db: None) -> None:
    DataKey.objects.make().erase()
    tombstones.keep_file()

    lines = [json.loads(line) for line in tombstones.list_file().read_text().splitlines() if line]
    assert {name for line in lines for name in line} == {"kind", "of", "at", "complete_to"}


def test_list_is_taken_into_a_table_that_lacks_it(db: None, tmp_path: Path, settings: Any) -> None:
    of = uuid.uuid4()
    Tombstone.objects.create(kind=Kind.FILE, of=of)
    copy = tmp_path / "copy.jsonl"
    assert tombstones.write_file(copy) == 1
    Tombstone.objects.all().delete()

    tombstones.add(Listed().read(copy))
    tombstones.add(Listed().read(copy))

    assert list(Tombstone.objects.values_list("kind", "of")) == [("file", of)]
