"""Whatever lies under a key goes with it, whether or not the one who erases knows of it."""

from typing import Any

import pytest

from tests.vault.test_rotation import Paper
from vault import erasure
from vault.files import StoredFile, documents
from vault.keys import DataKey

pytestmark = pytest.mark.django_db(transaction=True)


def test_file_that_nobody_names_goes_with_its_key() -> None:
    key, other = DataKey.objects.make(), DataKey.objects.make()
    file = StoredFile.objects.store(Paper(), data_key=key)
    kept = StoredFile.objects.store(Paper(), data_key=other)

    erasure.erase(key)

    assert not documents().exists(file.storage_name)
    assert not StoredFile.objects.filter(pk=file.pk).exists()
    assert b"".join(StoredFile.objects.get(pk=kept.pk).chunks()) == b"paper"
    assert erasure.remains(key) == []


def test_row_that_cannot_go_loses_its_words_and_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another row may hold on to the file; then only the row stays."""
    key = DataKey.objects.make()
    file = StoredFile.objects.store(Paper(), data_key=key)
    monkeypatch.setattr(erasure.models.QuerySet, "delete", refuse)

    erasure.erase(key)

    row = StoredFile.objects.get(pk=file.pk)
    assert (row.name, row.sha256) == ("", "")
    assert not documents().exists(file.storage_name)
    assert erasure.remains(DataKey.objects.get(pk=key.pk)) == []


def refuse(*_args: Any) -> Any:
    raise erasure.ProtectedError("held", set())
