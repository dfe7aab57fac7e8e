"""Tables, keys and a clean trail for the tests of the vault."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import connection

from tests.vault.sealed_models import Case, Line
from vault.keys import DataKey, opened_keys


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Keep uploads and documents of each test apart."""
    settings.DATA_DIR = tmp_path
    documents = {**settings.STORAGES["documents"], "OPTIONS": {"location": tmp_path / "documents", "base_url": None}}
    settings.STORAGES = {**settings.STORAGES, "documents": documents}
    settings.CLAMAV_ADDRESS = ""


@pytest.fixture(autouse=True)
def master_keys(settings: Any) -> Iterator[None]:
    """Use two known master keys, and forget every opened key before and after."""
    settings.MASTER_KEYS = ",".join((master_key(1), master_key(2)))
    opened_keys.clear()
    yield
    opened_keys.clear()


def master_key(version: int) -> str:
    """Return one entry of MASTER_KEYS."""
    return f"{version}:{base64.b64encode(bytes([version]) * 32).decode()}"


@pytest.fixture
def data_key(db: None) -> DataKey:
    """Return a fresh data key."""
    return DataKey.objects.make()


@pytest.fixture
def sealed_tables(db: None) -> None:
    """Create the tables of `sealed_models`; the rollback of the test takes them away."""
    with connection.schema_editor() as editor:
        editor.create_model(Case)
        editor.create_model(Line)


@pytest.fixture
def case(sealed_tables: None, data_key: DataKey) -> Case:
    """Return a saved case with a question."""
    return Case.objects.create(data_key=data_key, question="Does it spread?", answers={"pain": 3}, remark="portal")


@pytest.fixture
def documents_folder(tmp_path: Path) -> Path:
    """Return where sealed files lie."""
    assert storages["documents"] is not None
    return tmp_path / "documents"
