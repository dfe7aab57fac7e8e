"""Bringing a backup back into an empty database and empty storages, and proving that it is whole.

Nothing is touched before the whole backup was read. The database comes back in one transaction and is compared with
the manifest. Then what was erased since is erased again, before a single file returns.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.apps import apps
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.core.management import call_command
from django.db import connection, models, transaction

from vault import erasure, orphans, postgres_tools, tombstones, trail
from vault.backups import (
    KEY_COLUMNS,
    KEY_TABLE,
    BackupBroken,
    Manifest,
    Places,
    Tell,
    digests,
    listed_files,
    tables_of,
    verify,
)
from vault.fields import SealedField
from vault.files import StoredFile, documents
from vault.keys import LASTING, DataKey, KeyErased, opened_keys
from vault.tombstones import Kind, Listed, Tombstone

# So many rows of each table are opened to see that seals and keys fit.
OPENED_ROWS = 200


@dataclass
class Restored:
    """What came back."""

    tables: int = 0
    rows: int = 0
    files: int = 0
    erased_again: int = 0
    opened: int = 0
    chains: int = 0
    notes: list[str] = field(default_factory=list)


def newest_list(places: Places, manifest: Manifest, files: list[Path], *, is_lost: bool) -> Listed:
    """Return what was erased, from the list of this portal and those given.

    Raises `BackupBroken` where none reaches beyond the backup, or none is of the portal that was lost: what was erased
    since would come back.
    """
    listed = Listed()
    for file in [tombstones.list_file(), *files]:
        if file.exists():
            listed.read(file)
        elif file in files:
            raise BackupBroken(f"There is no list of what was erased at {file}.")
    if not is_lost and (listed.complete_to is None or listed.complete_to < manifest.taken_at):
        raise BackupBroken(
            "No list of what was erased reaches beyond this backup, so cases that were erased since would come back. "
            "Give the tombstones.jsonl of the lost portal with --tombstones, or say --tombstones-are-lost."
        )
    if not is_lost and not Listed().read(places.tombstones).stones.keys() <= listed.stones.keys():
        raise BackupBroken(
            "The list of what was erased is that of another portal: it lacks what this backup names. "
            "Give the tombstones.jsonl of the lost portal with --tombstones, or say --tombstones-are-lost."
        )
    return listed


def check(places: Places, files: list[Path], *, is_lost: bool, are_keys_lost: bool, tell: Tell) -> Manifest:
    """Read everything a restore needs, without touching anything; raises `BackupBroken`."""
    manifest = Manifest.read(places)
    if manifest.are_keys_too_old and not are_keys_lost:
        raise BackupBroken(
            f"The keys of this backup are older than they may be: it was made on {manifest.taken_at:%Y-%m-%d}. "
            "Without them (--without-keys) all but the cases comes back."
        )
    tell("Reading the backup …")
    verify(places, manifest)
    newest_list(places, manifest, files, is_lost=is_lost)
    return manifest


def restore(
    places: Places,
    files: list[Path],
    *,
    is_lost: bool = False,
    are_keys_lost: bool = False,
    tell: Tell = lambda _sentence: None,
) -> Restored:
    """Bring a backup back; raises `BackupBroken` and `postgres_tools.ToolFailed`."""
    manifest = check(places, files, is_lost=is_lost, are_keys_lost=are_keys_lost, tell=tell)
    if tables_of(connection):
        raise BackupBroken("This database is not empty. Restore into a new one, before the portal first starts on it.")
    listed = newest_list(places, manifest, files, is_lost=is_lost)
    done = Restored()
    tell("Restoring the database …")
    postgres_tools.execute(_script(places, are_keys_lost=are_keys_lost))
    opened_keys.clear()
    _compare(manifest, done, are_keys_lost=are_keys_lost)
    call_command("grant_application_role", verbosity=0, stdout=io.StringIO())
    tell("Erasing again what was erased since …")
    with transaction.atomic():
        tombstones.add(listed)
    done.erased_again = erase_again()
    tell("Restoring the files …")
    _restore_files(places, done)
    tell("Looking whether everything is there …")
    prove(done)
    tombstones.keep_file()
    return done


def erase_again() -> int:
    """Erase what the list of tombstones names and what is there all the same; return how many."""
    count = 0
    # Keys first: with a key go its files.
    for stone in Tombstone.objects.order_by("-kind", "at").iterator():
        if stone.kind == Kind.KEY:
            data_key = DataKey.objects.filter(pk=stone.of, erased_at=None).first()
            if data_key is not None:
                erasure.erase_again(data_key)
                count += 1
        else:
            file = StoredFile.objects.filter(pk=stone.of).first()
            if file is not None:
                _delete_file(file)
                count += 1
    # A key that came back without its wrapping belongs to a case nobody can read.
    for data_key in DataKey.objects.exclude(erased_at=None).iterator():
        count += erasure.erase_again(data_key)
    return count


def prove(done: Restored) -> None:
    """Verify the trail, look for orphans both ways, open sealed values; raises `BackupBroken`."""
    wrong = list(trail.verify_all_chains())
    done.chains = trail.TrailEntry.objects.order_by().values("case_id").distinct().count()
    wrong += [f"{row._meta.label} {row.pk} is gone from the storage." for row in orphans.rows_without_file()]
    wrong += [f"{key.pk} was erased, but its files are there." for key in erasure.orphans_of_keys()]
    for stone in Tombstone.objects.filter(kind=Kind.KEY).iterator():
        data_key = DataKey.objects.filter(pk=stone.of).first()
        wrong += erasure.remains(data_key) if data_key else []
    for model, sealed in _sealed_models():
        for row in model._base_manager.order_by("pk")[:OPENED_ROWS]:
            done.opened += _open(row, sealed)
    if wrong:
        raise BackupBroken("\n".join(wrong))


def _script(places: Places, *, are_keys_lost: bool) -> Iterator[bytes]:
    """Yield the SQL of a backup in the order in which foreign keys and triggers let it in."""
    for section in ("pre-data", "data"):
        yield from _section(places, section)
    columns = ", ".join(KEY_COLUMNS)
    yield f"COPY public.{KEY_TABLE} ({columns}) FROM stdin;\n".encode()
    with places.keys.open("rb") as keys:
        for line in keys:
            yield _without_key(line) if are_keys_lost else line
    yield b"\\.\n"
    yield from _section(places, "post-data")


def _section(places: Places, section: str) -> Iterator[bytes]:
    arguments = ["--no-owner", "--no-privileges", "--no-comments", f"--section={section}", "--file=-"]
    with postgres_tools.output_of("pg_restore", [*arguments, str(places.dump)]) as output:
        while piece := output.read(postgres_tools.CHUNK_BYTES):
            yield piece


def _without_key(line: bytes) -> bytes:
    """Return the row of a key as one that was erased; those of the portal itself are derived anew and stay."""
    values = line.rstrip(b"\n").split(b"\t")
    if values[0].decode().startswith(LASTING) or values[-1] == rb"\N":
        return line
    erased = KEY_COLUMNS.index("erased_at")
    values[erased], values[-1] = values[KEY_COLUMNS.index("created_at")], rb"\N"
    return b"\t".join(values) + b"\n"


def _compare(manifest: Manifest, done: Restored, *, are_keys_lost: bool) -> None:
    with transaction.atomic():
        found = digests(connection)
    for table, values in manifest.tables.items():
        if found.get(table) != values and not (are_keys_lost and table == KEY_TABLE):
            raise BackupBroken(f"{table} did not come back as it was: {found.get(table)} instead of {values}.")
        done.tables += 1
        done.rows += int(values["rows"])
    for table in manifest.left_out:
        if found.get(table, {}).get("rows") != "0":
            raise BackupBroken(f"{table} should have come back empty.")


def _restore_files(places: Places, done: Restored) -> None:
    known = {
        name
        for table in erasure.tables()
        if table.is_stored
        for name in table.model._base_manager.values_list(erasure.STORAGE_NAME, flat=True)
    }
    for entry in listed_files(places):
        is_document = entry["in"] == "documents"
        if is_document and entry["name"] not in known:
            continue
        storage = documents() if is_document else storages["default"]
        _put_back(storage, entry["name"], places.portal / entry["in"] / entry["name"], entry["sha256"])
        done.files += 1


def _put_back(storage: Storage, name: str, source: Path, sha256: str) -> None:
    if storage.exists(name):
        # A restore that was interrupted had come so far.
        storage.delete(name)
    with source.open("rb") as opened:
        saved = storage.save(name, File(opened, name=name))
    if saved != name:
        raise BackupBroken(f"The storage did not keep the name {name}.")
    with storage.open(name, "rb") as stored:
        if _sha256(stored) != sha256:
            raise BackupBroken(f"{name} did not come back as it was.")


def _sha256(stored: File) -> str:
    digest = hashlib.sha256()
    for piece in stored.chunks(1024 * 1024):
        digest.update(piece)
    return digest.hexdigest()


def _delete_file(file: StoredFile) -> None:
    """Delete a file that was erased, with the rows that speak of it."""
    with transaction.atomic():
        for relation in StoredFile._meta.related_objects:
            relation.related_model._base_manager.filter(**{relation.field.name: file}).delete()
        file.delete()


def _sealed_models() -> Iterator[tuple[type[models.Model], list[str]]]:
    for model in apps.get_models():
        sealed = [field.name for field in model._meta.local_concrete_fields if isinstance(field, SealedField)]
        if sealed:
            yield model, sealed


def _open(row: models.Model, sealed: list[str]) -> int:
    """Return how many sealed values of a row were opened; those of an erased case never are. Raises `SealBroken`."""
    count = 0
    for name in sealed:
        try:
            getattr(row, name)
            count += 1
        except KeyErased:
            continue
    return count
