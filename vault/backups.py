"""A backup: what it consists of, how it is written, and how it is read again to see that it is whole.

portal/manifest.json       when, counts and checksums of everything; portal/manifest.seal: made with a master key
portal/database.dump       pg_dump of one moment, without wrapped keys and without sessions, codes and counters
portal/documents, media    files as they lie in the storages; documents are sealed
portal/files.jsonl         name, size and SHA-256 of each
keys/keys.copy             the wrapped data keys, to be carried elsewhere and kept for KEY_BACKUP_DAYS at most

Names, questions and papers stand in it sealed; without the keys they are gone. The manifest is written last: a folder
without one is no backup.
"""

import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from vault import erasure, postgres_tools, tombstones
from vault.files import documents, walk
from vault.keys import DataKey, SealBroken, derive, master_keys

FORMAT = 1
CHUNK_BYTES = 1024 * 1024
KEY_COLUMNS = ("id", "master_version", "created_at", "erased_at", "wrapped")
KEY_TABLE = "vault_datakey"

Tell = Callable[[str], None]


class BackupBroken(Exception):
    """A backup is incomplete, was changed, or does not fit this portal."""


@dataclass(frozen=True)
class Places:
    """Where the parts of a backup are."""

    folder: Path
    keys_folder: Path

    @classmethod
    def of(cls, folder: Path, keys: Path | None = None) -> "Places":
        return cls(folder, keys or folder / "keys")

    @property
    def portal(self) -> Path:
        return self.folder / "portal"

    @property
    def manifest(self) -> Path:
        return self.portal / "manifest.json"

    @property
    def seal(self) -> Path:
        return self.portal / "manifest.seal"

    @property
    def dump(self) -> Path:
        return self.portal / "database.dump"

    @property
    def files(self) -> Path:
        return self.portal / "files.jsonl"

    @property
    def tombstones(self) -> Path:
        return self.portal / "tombstones.jsonl"

    @property
    def keys(self) -> Path:
        return self.keys_folder / "keys.copy"


@dataclass
class Manifest:
    """What a backup says of itself."""

    taken_at: datetime
    master_version: int
    tables: dict[str, dict[str, str]]
    checksums: dict[str, str]
    keys: dict[str, Any]
    files: dict[str, int]
    trail: dict[str, int]
    left_out: list[str]
    format: int = FORMAT
    lost_meanwhile: list[str] = field(default_factory=list)

    def text(self) -> bytes:
        values = self.__dict__ | {"taken_at": self.taken_at.isoformat()}
        return (json.dumps(values, sort_keys=True, indent=1) + "\n").encode()

    def seal(self) -> str:
        """Return what only who has the master key can make; raises `BackupBroken` without it."""
        key = master_keys().get(self.master_version)
        if key is None:
            raise BackupBroken(f"This backup needs master key version {self.master_version}. Put it into MASTER_KEYS.")
        return hmac.new(derive(key, "backup"), self.text(), hashlib.sha256).hexdigest()

    @classmethod
    def read(cls, places: Places) -> "Manifest":
        """Return the manifest of a backup; raises `BackupBroken` where it is missing or was changed."""
        if not places.manifest.exists() or not places.seal.exists():
            raise BackupBroken(f"There is no whole backup in {places.folder}: it has no manifest.")
        values = json.loads(places.manifest.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise BackupBroken(f"This backup has format {values.get('format')}; this portal reads format {FORMAT}.")
        manifest = cls(**values | {"taken_at": datetime.fromisoformat(values["taken_at"])})
        if not hmac.compare_digest(manifest.seal(), places.seal.read_text(encoding="utf-8").strip()):
            raise BackupBroken("The manifest was changed after the backup was made.")
        return manifest

    @property
    def are_keys_too_old(self) -> bool:
        return self.taken_at < timezone.now() - timedelta(days=settings.KEY_BACKUP_DAYS)


# --- writing ---------------------------------------------------------------------------------------------------------


def write(places: Places, tell: Tell = lambda _sentence: None) -> Manifest:
    """Write a backup into an empty folder, read it again, and return its manifest; raises `BackupBroken`."""
    folders = (places.folder, places.portal, places.keys_folder)
    for folder in folders:
        if folder.exists() and any(folder.iterdir()):
            raise BackupBroken(f"{folder} is not empty. Name a new folder for each backup.")
    for folder in folders:
        _make_folder(folder)
    with _snapshot() as (frozen, name):
        tell("Counting what is there …")
        taken_at, tables = timezone.now(), digests(frozen)
        tell("Writing the database …")
        left_out = momentary_tables()
        _dump(places, name, left_out)
        keys = _write_keys(places, frozen)
        stored = list(_stored_names(frozen))
        trail = {table: int(tables[table]["rows"]) for table in ("vault_trailentry", "vault_trailanchor")}
    tell(f"Copying {len(stored)} documents and what is public …")
    files, lost = _copy_files(places, stored)
    tombstones.write_file(places.tombstones)
    manifest = Manifest(
        taken_at=taken_at,
        master_version=max(master_keys()),
        tables={table: values for table, values in tables.items() if table not in left_out},
        checksums={file.name: sha256_of(file) for file in (places.dump, places.files, places.tombstones, places.keys)},
        keys=keys,
        files=files,
        trail=trail,
        left_out=left_out,
        lost_meanwhile=lost,
    )
    tell("Reading it again …")
    verify(places, manifest)
    _write_text(places.manifest, manifest.text())
    _write_text(places.seal, manifest.seal().encode())
    # From now on the list of this portal reaches beyond the backup.
    tombstones.keep_file()
    return manifest


def digests(database: BaseDatabaseWrapper) -> dict[str, dict[str, str]]:
    """Return for each table how many rows it has and a checksum of them, whatever their order."""
    found = {}
    with database.cursor() as cursor:
        # A row is compared as text: the same text on every connection.
        cursor.execute("SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1")
        for table in tables_of(database):
            quoted = database.ops.quote_name(table)
            cursor.execute(
                f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {quoted} t"  # noqa: S608
            )
            rows, digest = cursor.fetchone()
            found[table] = {"rows": str(rows), "digest": str(digest)}
    return found


def tables_of(database: BaseDatabaseWrapper) -> list[str]:
    """Return the tables of the portal."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition ORDER BY relname"
        )
        return [row[0] for row in cursor.fetchall()]


def momentary_tables() -> list[str]:
    """Return the tables of what is over within hours and must not come back: sessions, codes, counters."""
    return sorted(model._meta.db_table for model in apps.get_models() if getattr(model, "is_momentary", False))


class _snapshot:  # noqa: N801  used as a with-statement
    """A connection that sees one moment, and the name by which pg_dump sees the same."""

    def __enter__(self) -> tuple[BaseDatabaseWrapper, str]:
        self._connection = connection.copy()
        self._connection.set_autocommit(False)
        with self._connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            name = cursor.fetchone()[0]
        return self._connection, name

    def __exit__(self, *error: object) -> None:
        self._connection.rollback()
        self._connection.close()


def _dump(places: Places, snapshot: str, left_out: list[str]) -> None:
    without = [f"--exclude-table-data=public.{table}" for table in (KEY_TABLE, *left_out)]
    _write_text(places.dump, b"")
    postgres_tools.run(
        "pg_dump",
        [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            f"--snapshot={snapshot}",
            f"--file={places.dump}",
            *without,
        ],
    )


def _write_keys(places: Places, frozen: BaseDatabaseWrapper) -> dict[str, Any]:
    with _private(places.keys) as target, frozen.cursor() as cursor:
        columns = ", ".join(KEY_COLUMNS)
        statement = f"COPY (SELECT {columns} FROM {KEY_TABLE} ORDER BY id) TO STDOUT"  # noqa: S608
        with cursor.cursor.copy(statement) as copy:
            for piece in copy:
                target.write(bytes(piece))
        cursor.execute(
            f"SELECT master_version, count(*) FROM {KEY_TABLE} WHERE erased_at IS NULL"  # noqa: S608
            " GROUP BY 1 ORDER BY 1"
        )
        by_version = {str(version): number for version, number in cursor.fetchall()}
        cursor.execute(f"SELECT count(*) FROM {KEY_TABLE} WHERE erased_at IS NOT NULL")  # noqa: S608
        erased = cursor.fetchone()[0]
    return {"by_version": by_version, "erased": erased}


def _stored_names(frozen: BaseDatabaseWrapper) -> Iterator[tuple[erasure.Table, str]]:
    with frozen.cursor() as cursor:
        for table in erasure.tables():
            if table.is_stored:
                rows = _unerased(table).order_by(erasure.STORAGE_NAME)
                cursor.execute(*rows.values_list(erasure.STORAGE_NAME).query.sql_with_params())
                yield from ((table, row[0]) for row in cursor.fetchall())


def _unerased(table: erasure.Table) -> models.QuerySet:
    """Return the rows whose bytes are still there; a row may outlive them where others point at it."""
    return table.model._base_manager.filter(**{f"{table.path}__erased_at": None})


def _copy_files(places: Places, stored: list[tuple[erasure.Table, str]]) -> tuple[dict[str, int], list[str]]:
    """Copy every file that a row knew at that moment, and all that is public."""
    number = size = 0
    lost = []
    with _private(places.files) as listing:
        for table, name in stored:
            try:
                entry = _copy(documents(), name, places.portal / "documents" / name)
            except FileNotFoundError:
                if _unerased(table).filter(**{erasure.STORAGE_NAME: name}).exists():
                    raise BackupBroken(f"The stored file {name} is gone. Run look_for_orphans.") from None
                # It was erased while we copied; its tombstone erases the row again.
                lost.append(name)
                continue
            number, size = number + 1, size + int(entry["size"])
            listing.write((json.dumps({"in": "documents", "name": name} | entry) + "\n").encode())
        for name in walk(storages["default"]):
            entry = _copy(storages["default"], name, places.portal / "media" / name)
            listing.write((json.dumps({"in": "media", "name": name} | entry) + "\n").encode())
    return {"number": number, "bytes": size}, lost


def _copy(storage: Storage, name: str, target: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with storage.open(name, "rb") as source, _private(target) as opened:
        while piece := source.read(CHUNK_BYTES):
            opened.write(piece)
            digest.update(piece)
            size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


# --- reading ---------------------------------------------------------------------------------------------------------


def verify(places: Places, manifest: Manifest) -> None:
    """Read a backup to its last byte; raises `BackupBroken` with what is wrong."""
    if not places.keys.exists():
        raise BackupBroken(f"The wrapped keys are not in {places.keys_folder}. Name their folder with --keys.")
    for file in (places.dump, places.files, places.tombstones, places.keys):
        if not file.exists() or sha256_of(file) != manifest.checksums[file.name]:
            raise BackupBroken(f"{file.name} is missing or was changed.")
    for row in data_keys(places):
        if row.wrapped is None:
            continue
        try:
            row.unwrap()
        except SealBroken as error:
            raise BackupBroken(f"Data key {row.pk} does not open: {error}") from error
    for entry in listed_files(places):
        file = places.portal / entry["in"] / entry["name"]
        if not file.exists() or file.stat().st_size != entry["size"] or sha256_of(file) != entry["sha256"]:
            raise BackupBroken(f"{entry['in']}/{entry['name']} is missing or was changed.")
    counted = _rows_in_dump(places)
    for table, values in manifest.tables.items():
        if table != KEY_TABLE and counted.get(table, 0) != int(values["rows"]):
            raise BackupBroken(f"The dump has {counted.get(table, 0)} rows of {table}, not {values['rows']}.")


def listed_files(places: Places) -> Iterator[dict[str, Any]]:
    """Yield folder, name, size and checksum of every file of a backup."""
    with places.files.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def data_keys(places: Places) -> Iterator[DataKey]:
    """Yield the data keys of a backup, unsaved."""
    with places.keys.open(encoding="ascii") as lines:
        for line in lines:
            values = dict(zip(KEY_COLUMNS, line.rstrip("\n").split("\t"), strict=True))
            wrapped = None if values["wrapped"] == r"\N" else bytes.fromhex(values["wrapped"].removeprefix(r"\\x"))
            yield DataKey(id=uuid.UUID(values["id"]), master_version=int(values["master_version"]), wrapped=wrapped)


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _rows_in_dump(places: Places) -> dict[str, int]:
    counted: dict[str, int] = {}
    table = ""
    with postgres_tools.output_of("pg_restore", ["--data-only", "--file=-", str(places.dump)]) as lines:
        for line in lines:
            if table:
                if line == b"\\.\n":
                    table = ""
                else:
                    counted[table] += 1
            elif line.startswith(b"COPY public."):
                table = line.split()[1].decode().removeprefix("public.").strip('"')
                counted[table] = 0
    return counted


def _make_folder(folder: Path) -> None:
    """Make a folder, and those on the way to it, for this account alone."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700)


def _private(file: Path) -> Any:
    """Return a new file that only this account can read; its folder is made."""
    _make_folder(file.parent)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write_text(file: Path, content: bytes) -> None:
    with _private(file) as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
