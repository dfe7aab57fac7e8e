"""Files without a row and rows without a file, in every table that keeps bytes in the storage of documents."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.db import models
from django.utils import timezone

from vault import erasure
from vault.files import documents, walk

# Asked for at once.
BATCH = 1000


def files_without_row(older_than: timedelta = timedelta(days=1)) -> Iterator[str]:
    """Yield the names of stored files that no row knows; of a younger one the row may not be committed yet."""
    before = timezone.now() - older_than
    names = walk(documents())
    while batch := list(islice(names, BATCH)):
        known = _known(batch)
        for name in batch:
            if name not in known and documents().get_modified_time(name) < before:
                yield name


def rows_without_file() -> Iterator[models.Model]:
    """Yield the rows whose bytes the storage lost; those of an erased case have none."""
    for table in erasure.tables():
        if table.is_stored:
            for row in table.model._base_manager.filter(**{f"{table.path}__erased_at": None}).iterator():
                if not documents().exists(getattr(row, erasure.STORAGE_NAME)):
                    yield row


def _known(names: list[str]) -> set[str]:
    """Return which of these names some row has."""
    stored = [table.model._base_manager for table in erasure.tables() if table.is_stored]
    rows = (manager.filter(**{f"{erasure.STORAGE_NAME}__in": names}) for manager in stored)
    return {name for found in rows for name in found.values_list(erasure.STORAGE_NAME, flat=True)}
