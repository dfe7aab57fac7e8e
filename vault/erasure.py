"""Erasing all that lies under one data key, in whatever table it is, and seeing that it is gone.

The key is destroyed, so nothing opens again. Beside it every sealed column under the key is emptied, look-up hashes go,
and sealed bytes leave the storage. Rows that the database lets nobody change (history, what was signed) keep their
sealed bytes, which nobody can open. A new table is reached without a word: the key of a sealed field says where it is.
"""

import functools
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import ProgrammingError, connection, models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils.crypto import get_random_string

from vault.fields import KeyedHashField, SealedField
from vault.files import documents
from vault.keys import DataKey, KeyErased, SealBroken
from vault.tombstones import Kind, Tombstone

log = logging.getLogger(__name__)

STORAGE_NAME = "storage_name"
PERMISSION_DENIED = "42501"


@dataclass(frozen=True)
class Table:
    """A model with the path from its row to the data key, and what of it is under that key."""

    model: type[models.Model]
    path: str
    sealed: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    is_stored: bool = False

    def rows(self, key_id: uuid.UUID) -> models.QuerySet:
        return self.model._base_manager.filter(**{self.path: key_id})


@functools.lru_cache(maxsize=1)
def tables() -> tuple[Table, ...]:
    """Return every table of which something lies under a data key of its own or of a row it belongs to."""
    return tuple(table for model in apps.get_models() if (table := _table(model)) is not None)


def erase(data_key: DataKey) -> None:
    """Empty everything under a key, remove its files when the transaction commits, and destroy the key."""
    for table in tables():
        if table.is_stored:
            _remove_stored(table, data_key.pk)
    for table in tables():
        _empty(table, data_key.pk)
    data_key.erase()


_owners: list[Callable[[DataKey], bool]] = []


def register(owner: Callable[[DataKey], bool]) -> None:
    """Let an app erase again what belongs to one of its rows; it says whether it did. Call it in AppConfig.ready()."""
    if owner not in _owners:
        _owners.append(owner)


@transaction.atomic
def erase_again(data_key: DataKey) -> bool:
    """Erase what came back with a backup; return whether anything of it was there."""
    if any(owner(data_key) for owner in _owners):
        return True
    if data_key.erased_at is None:
        erase(data_key)
        return True
    return False


def remains(data_key: DataKey) -> list[str]:
    """Return in words what can still be read of what an erased key sealed; nothing, if all went well."""
    found = []
    stored = DataKey.objects.get(pk=data_key.pk)
    if stored.wrapped is not None:
        found.append(f"Data key {stored.pk} is still there.")
    for table in tables():
        for row in table.rows(stored.pk):
            name = f"{table.model._meta.label} {row.pk}"
            found += [f"{name}: {field} opens." for field in table.sealed if _opens(row, field)]
            found += [f"{name}: {field} is still there." for field in table.hashes if _is_look_up(row, field)]
            if table.is_stored and documents().exists(getattr(row, STORAGE_NAME)):
                found.append(f"{name}: its file is still there.")
    if not Tombstone.objects.filter(kind=Kind.KEY, of=stored.pk).exists():
        found.append(f"Data key {stored.pk} has no tombstone.")
    return found


def stored_names(key_id: uuid.UUID) -> list[str]:
    """Return the names in the storage of all that lies under a key."""
    return [
        name
        for table in tables()
        if table.is_stored
        for name in table.rows(key_id).values_list(STORAGE_NAME, flat=True)
    ]


def remove_files(data_key: DataKey) -> None:
    """Remove from the storage what lies under an erased key; raises what the storage does."""
    if data_key.erased_at is None:
        raise ValueError("Files go with their key, not before.")
    for name in stored_names(data_key.pk):
        documents().delete(name)


def _table(model: type[models.Model]) -> Table | None:
    fields = model._meta.local_concrete_fields
    sealed = [field for field in fields if isinstance(field, SealedField) and field.key]
    keys = [str(field.key) for field in sealed]
    is_stored = any(field.name == STORAGE_NAME for field in fields)
    if not (sealed or is_stored):
        return None
    path = keys[0].replace(".", "__") if keys else _path_to_key(model)
    if not path:
        return None
    hashes = tuple(field.name for field in fields if isinstance(field, KeyedHashField))
    return Table(model, path, tuple(field.name for field in sealed), hashes, is_stored)


def _path_to_key(model: type[models.Model]) -> str:
    """Return the way from a row to its data key, over at most one other row."""
    relations = [field for field in model._meta.local_concrete_fields if field.is_relation]
    for field in relations:
        if field.related_model is DataKey:
            return field.name
    for field in relations:
        for further in field.related_model._meta.local_concrete_fields:
            if further.is_relation and further.related_model is DataKey:
                return f"{field.name}__{further.name}"
    return ""


def _remove_stored(table: Table, key_id: uuid.UUID) -> None:
    """Remove rows with files, or only the files where another row holds on to them."""
    names = list(table.rows(key_id).values_list(STORAGE_NAME, flat=True))
    transaction.on_commit(lambda: _remove_files(names), robust=True)
    try:
        with transaction.atomic():
            table.rows(key_id).delete()
    except (ProtectedError, RestrictedError):
        return


def _remove_files(names: list[str]) -> None:
    for name in names:
        try:
            documents().delete(name)
        except OSError:
            log.warning("A file of an erased case could not be removed; the sweep tries again.")


def _empty(table: Table, key_id: uuid.UUID) -> None:
    if getattr(table.model, "is_append_only", False):
        return
    values: dict[str, object] = dict.fromkeys(table.sealed, b"")
    for name in table.hashes:
        field = table.model._meta.get_field(name)
        values[name] = get_random_string(64) if field.unique else ""
    if not values:
        return
    rows = table.rows(key_id)
    # All at once, and one by one where the database guards some of them.
    for part in [rows, *(table.rows(key_id).filter(pk=pk) for pk in rows.values_list("pk", flat=True))]:
        try:
            with transaction.atomic():
                part.update(**values)
        except ProgrammingError as error:
            if getattr(error.__cause__, "sqlstate", "") != PERMISSION_DENIED:
                raise
            continue
        if part is rows:
            return


def _opens(row: models.Model, field: str) -> bool:
    """Return whether a sealed field of this row still tells something."""
    try:
        return bool(_bytes_of(row, field)) and getattr(row, field) is not None
    except (KeyErased, SealBroken):
        return False


def _bytes_of(row: models.Model, field: str) -> bytes:
    with connection.cursor() as cursor:
        quote = connection.ops.quote_name
        table, key = quote(row._meta.db_table), quote(str(row._meta.pk.column))
        column = quote(str(row._meta.get_field(field).column))
        cursor.execute(f"SELECT {column} FROM {table} WHERE {key} = %s", [row.pk])  # noqa: S608
        found = cursor.fetchone()
    return bytes(found[0] or b"") if found else b""


def _is_look_up(row: models.Model, field: str) -> bool:
    """Return whether a look-up hash is still one: what an erasure writes is no hexadecimal number."""
    value = getattr(row, field)
    return bool(value) and all(char in "0123456789abcdef" for char in value)


def orphans_of_keys() -> Iterator[DataKey]:
    """Yield erased keys under which a file is still stored."""
    for data_key in DataKey.objects.exclude(erased_at=None).iterator():
        if any(documents().exists(name) for name in stored_names(data_key.pk)):
            yield data_key
