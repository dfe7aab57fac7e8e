"""Files without a row and rows without a file, in every table that keeps bytes in the storage of documents."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import models
from django.utils import timezone

from vault import erasure
from vault.files import documents, walk


def files_without_row(older_than: timedelta = timedelta(days=1)) -> Iterator[str]:
    """Yield the names of stored files that no row knows; of a younger one the row may not be committed yet."""
    before = timezone.now() - older_than
    stored = [table.model for table in erasure.tables() if table.is_stored]
    for name in walk(documents()):
        is_known = any(model._base_manager.filter(**{erasure.STORAGE_NAME: name}).exists() for model in stored)
        if not is_known and documents().get_modified_time(name) < before:
            yield name


def rows_without_file() -> Iterator[models.Model]:
    """Yield the rows whose bytes the storage lost; those of an erased case have none."""
    for table in erasure.tables():
        if table.is_stored:
            for row in table.model._base_manager.filter(**{f"{table.path}__erased_at": None}).iterator():
                if not documents().exists(getattr(row, erasure.STORAGE_NAME)):
                    yield row
