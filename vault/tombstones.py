"""What was erased, so that it can be erased again when an older backup is restored.

Each erasure writes a row, and once it is committed a line into the file `tombstones.jsonl` of DATA_DIR, which
outlives the database. `keep_file` makes up for lines a dying process did not write, and says until when the file is
complete. Lines hold ids only.
"""

import json
import logging
import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from vault.data_classes import DataClass

log = logging.getLogger(__name__)

BATCH = 1000


class Kind(models.TextChoices):
    """What an id belongs to."""

    KEY = "key", "data key"
    FILE = "file", "stored file"


class TombstoneQuerySet(models.QuerySet["Tombstone"]):
    def note(self, kind: Kind, of: uuid.UUID) -> None:
        """Write down an erasure inside its transaction; twice is once."""
        stone = self.model(kind=kind, of=of)
        self.bulk_create([stone], ignore_conflicts=True)
        transaction.on_commit(lambda: _append([_line(stone)]), robust=True)


class Tombstone(models.Model):
    """One erasure."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    of = models.UUIDField()
    at = models.DateTimeField(default=timezone.now)

    objects = TombstoneQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "of"], name="vault_tombstone_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.of}"


class Listed:
    """A list of tombstones as files tell it."""

    def __init__(self) -> None:
        self.stones: dict[tuple[str, uuid.UUID], datetime] = {}
        self.complete_to: datetime | None = None

    def read(self, file: Path) -> "Listed":
        """Add a file; a line that a dying process cut short is left out."""
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                self._add(line)
        return self

    def of(self, kind: Kind) -> set[uuid.UUID]:
        return {of for found, of in self.stones if found == kind}

    def _add(self, line: str) -> None:
        try:
            said: dict[str, Any] = json.loads(line)
            if "complete_to" in said:
                moment = datetime.fromisoformat(said["complete_to"])
                self.complete_to = max(self.complete_to or moment, moment)
            else:
                self.stones[said["kind"], uuid.UUID(said["of"])] = datetime.fromisoformat(said["at"])
        except (ValueError, KeyError, TypeError):
            return


def list_file() -> Path:
    """Return where the list stands."""
    return Path(settings.DATA_DIR) / "tombstones.jsonl"


def keep_file() -> int:
    """Write what the file lacks, and until when it is complete; return how many lines were lacking."""
    now, file = timezone.now(), list_file()
    listed = Listed().read(file) if file.exists() else Listed()
    lacking = [
        stone for stone in Tombstone.objects.order_by("at").iterator() if (stone.kind, stone.of) not in listed.stones
    ]
    _append([*map(_line, lacking), json.dumps({"complete_to": now.isoformat()})])
    return len(lacking)


def write_file(file: Path) -> int:
    """Write the whole list into a new file; return how many tombstones it has."""
    now, count = timezone.now(), 0
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        for stone in Tombstone.objects.order_by("at").iterator():
            target.write(_line(stone) + "\n")
            count += 1
        target.write(json.dumps({"complete_to": now.isoformat()}) + "\n")
    return count


def add(listed: Listed) -> None:
    """Take a list into the table."""
    rows = (Tombstone(kind=kind, of=of, at=at) for (kind, of), at in listed.stones.items())
    for batch in _batches(rows):
        Tombstone.objects.bulk_create(batch, ignore_conflicts=True)


def _line(stone: Tombstone) -> str:
    return json.dumps({"kind": str(stone.kind), "of": str(stone.of), "at": stone.at.isoformat()})


def _append(lines: list[str]) -> None:
    """Add lines in one write, so that those of two processes do not mix, and see them on the disk."""
    file = list_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # It begins on a new line even where the one before was cut short.
        os.write(descriptor, ("\n" + "\n".join(lines) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _batches(rows: Iterable[Tombstone]) -> Iterator[list[Tombstone]]:
    batch: list[Tombstone] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
