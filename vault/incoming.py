"""Uploads under way: each chunk is sealed by itself as it arrives and kept until the file is whole.

A chunk of at most 8 MiB is one entry of the storage `documents`, sealed in segments of 1 MiB (AES-256-GCM) under a key
of the upload, which is derived from the data key of its request. A segment is bound to upload, number of the chunk,
chunk and its own number; how many bytes a chunk has stands in its row. Nothing is ever changed: a connection that
breaks leaves a shorter chunk, and the next one begins where it ended.
"""

import io
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, BinaryIO, ClassVar, Protocol, cast

from django.core.files import File
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import get_random_string

from vault.data_classes import DataClass
from vault.fields import SealedTextField
from vault.files import CHUNK_BYTES as SEGMENT_BYTES
from vault.files import INCOMING, NAME_LENGTH, documents
from vault.keys import NONCE_BYTES, DataKey, SealBroken, derive, open_key, seal, unseal

log = logging.getLogger(__name__)

CHUNK_BYTES = 8 * 1024 * 1024
SEALED_SEGMENT_BYTES = SEGMENT_BYTES + NONCE_BYTES + 16
# As far as a DICOM file says that it is one.
HEAD_BYTES = 132
# Longer than putting a file of this size together may take, so that no two workers do it.
LEASE_SECONDS = 330


class WrongOffset(Exception):
    """The bytes do not go on where the upload stands: somebody else sent some, or an answer was lost."""


class NotAScan(Exception):
    """Only scans may be as large as this file, and its first bytes are those of something else."""


class Body(Protocol):
    """Where bytes arrive from; reading raises OSError when the connection breaks."""

    def read(self, size: int = ..., /) -> bytes: ...


class IncomingFileQuerySet(models.QuerySet["IncomingFile"]):
    def whole(self, older_than: timedelta = timedelta(0)) -> "IncomingFileQuerySet":
        """Return the uploads whose every byte has arrived and which no worker holds, oldest first."""
        now = timezone.now()
        return self.filter(
            Q(leased_until=None) | Q(leased_until__lt=now),
            received=F("size"),
            data_key__erased_at=None,
            touched_at__lte=now - older_than,
        ).order_by("touched_at")

    def unfinished(self) -> "IncomingFileQuerySet":
        """Return the uploads of which something is missing."""
        return self.filter(received__lt=F("size"))

    def claim(self, file_id: uuid.UUID) -> "IncomingFile | None":
        """Lease one whole upload to this worker, or return None when another has it or it is gone."""
        with transaction.atomic():
            rows = self.whole().filter(pk=file_id).select_related("data_key")
            file = rows.select_for_update(skip_locked=True, of=("self",)).first()
            if file is not None:
                seconds = LEASE_SECONDS * (1 + file.size // 1024**3)
                file.leased_until = timezone.now() + timedelta(seconds=seconds)
                file.attempts += 1
                file.save(update_fields=["leased_until", "attempts"])
        return file


class IncomingFile(models.Model):
    """A file on its way in."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="incoming_files")
    name = SealedTextField(data_class=DataClass.HEALTH, key="data_key", max_length=NAME_LENGTH)
    size = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # When something of it arrived last.
    touched_at = models.DateTimeField(default=timezone.now)

    objects = IncomingFileQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gt=0, received__lte=F("size")), name="vault_incomingfile_not_too_much"
            )
        ]
        indexes = [models.Index(fields=["touched_at"], name="vault_incomingfile_touched")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_whole(self) -> bool:
        """Return whether every byte has arrived."""
        return self.received == self.size

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the bytes in pieces of at most 1 MiB; raises `SealBroken`, `KeyErased` and `FileNotFoundError`."""
        key = self.open_key()
        end = 0
        for chunk in self.parts.order_by("number"):
            if chunk.start != end:
                raise SealBroken("A chunk of the upload is missing.")
            yield from chunk.segments(key)
            end += chunk.size
        if end != self.size:
            raise SealBroken("The upload is not whole.")

    def open_key(self) -> bytes:
        """Return the key of this upload's chunks."""
        return derive(open_key(self.data_key_id), f"incoming/{self.pk}")

    def discard(self) -> None:
        """Delete the upload; its sealed bytes go when the transaction commits."""
        self._discard_from(0)
        self.delete()

    def go_back(self) -> None:
        """Forget what cannot be read, so that its sender can send that part again."""
        start = self._readable_bytes()
        self._discard_from(start)
        self.received, self.attempts, self.leased_until = start, 0, None
        self.save(update_fields=["received", "attempts", "leased_until"])

    def _readable_bytes(self) -> int:
        end = 0
        for chunk in self.parts.order_by("number"):
            try:
                for _segment in chunk.segments(self.open_key()):
                    pass
            except (SealBroken, OSError):
                break
            end += chunk.size
        return end

    def _discard_from(self, start: int) -> None:
        rows = self.parts.filter(start__gte=start)
        for name in rows.values_list("storage_name", flat=True):
            transaction.on_commit(partial(_remove_quietly, name))
        rows.delete()


class IncomingChunk(models.Model):
    """A part of an upload that has arrived, sealed."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file = models.ForeignKey(IncomingFile, on_delete=models.PROTECT, related_name="parts")
    number = models.PositiveIntegerField()
    start = models.PositiveBigIntegerField()
    size = models.PositiveIntegerField()
    storage_name = models.CharField(max_length=100, unique=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="vault_incomingchunk_once")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def place(self) -> str:
        """Return what every segment of this chunk is bound to."""
        return f"{self._meta.db_table}|{self.file_id}|{self.number}|{self.pk}"

    def segments(self, key: bytes) -> Iterator[bytes]:
        """Yield the bytes of the chunk; raises `SealBroken`, and `FileNotFoundError` when the storage lost it."""
        left, number = self.size, 0
        with documents().open(self.storage_name, "rb") as sealed:
            while left > 0:
                plain = unseal(key, sealed.read(SEALED_SEGMENT_BYTES), f"{self.place}|{number}")
                left -= len(plain)
                number += 1
                yield plain
        if left:
            raise SealBroken("A chunk of the upload is longer than it says.")


class _Arriving(io.RawIOBase):
    """The sealed bytes of one chunk, made from what arrives while a storage takes them."""

    def __init__(self, chunk: IncomingChunk, key: bytes, body: "_Steady", limit: int) -> None:
        super().__init__()
        self._chunk, self._key, self._body, self._left = chunk, key, body, limit
        self._held = memoryview(b"")
        self._number = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if not self._held:
            self._seal_next()
        piece = self._held[: len(target)]
        target[: len(piece)] = piece
        self._held = self._held[len(piece) :]
        return len(piece)

    def _seal_next(self) -> None:
        plain = self._body.read(min(SEGMENT_BYTES, self._left))
        if plain:
            self._held = memoryview(seal(self._key, plain, f"{self._chunk.place}|{self._number}"))
            self._chunk.size += len(plain)
            self._left -= len(plain)
            self._number += 1


class _Steady:
    """A body whose break looks like its end: what came before is kept."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._ahead = b""
        self._is_over = False

    def look(self) -> bytes:
        """Return the first bytes of what comes next, without taking them."""
        if not self._ahead:
            self._ahead = self._read(SEGMENT_BYTES)
        return self._ahead

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes, fewer at the end."""
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken + self._read(size - len(taken)) if len(taken) < size else taken

    def _read(self, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size and not self._is_over:
            try:
                piece = self._body.read(size - len(pieces))
            except OSError:
                piece = b""
            self._is_over = not piece
            pieces += piece
        return bytes(pieces)


def receive(file: IncomingFile, body: Body, *, offset: int, plain_limit: int) -> IncomingFile:
    """Seal what a body brings, chunk by chunk, and return the upload as it stands when the body ends or breaks.

    No lock is held while bytes arrive: of two senders the second one's chunk is thrown away. A file larger than
    `plain_limit` bytes has to begin as a scan does. Raises `WrongOffset`, `NotAScan`, `KeyErased`, and
    `IncomingFile.DoesNotExist` for an upload that was removed meanwhile.
    """
    if offset != file.received:
        raise WrongOffset
    key, steady = file.open_key(), _Steady(body)
    head = steady.look()
    if file.received == 0 and file.size > plain_limit and len(head) >= HEAD_BYTES and not _begins_as_scan(head):
        raise NotAScan
    while not file.is_whole and steady.look():
        file = _keep_chunk(file, key, steady)
    return file


def _keep_chunk(file: IncomingFile, key: bytes, body: _Steady) -> IncomingFile:
    chunk = IncomingChunk(file=file, number=file.parts.count(), start=file.received, size=0)
    chunk.storage_name = f"{INCOMING}{get_random_string(40, 'abcdefghijklmnopqrstuvwxyz234567')}"
    source = _Arriving(chunk, key, body, min(CHUNK_BYTES, file.size - file.received))
    try:
        saved = documents().save(chunk.storage_name, File(cast(BinaryIO, source), name=chunk.storage_name))
        if saved != chunk.storage_name:
            raise OSError("The storage changed the random name of a chunk.")
        with transaction.atomic():
            locked = IncomingFile.objects.select_for_update().get(pk=file.pk)
            if locked.received != chunk.start:
                raise WrongOffset
            chunk.save(force_insert=True)
            locked.received += chunk.size
            locked.touched_at = timezone.now()
            locked.save(update_fields=["received", "touched_at"])
    except BaseException:
        _remove_quietly(chunk.storage_name)
        raise
    return locked


def files_without_chunk() -> Iterator[IncomingFile]:
    """Yield the uploads of which the storage lost a part."""
    storage = documents()
    lost: set[uuid.UUID] = set()
    for chunk in IncomingChunk.objects.select_related("file__data_key").iterator():
        if chunk.file_id not in lost and not storage.exists(chunk.storage_name):
            lost.add(chunk.file_id)
            yield chunk.file


def _begins_as_scan(head: bytes) -> bool:
    """Return whether bytes begin as a DICOM file or a ZIP does."""
    return head[128:132] == b"DICM" or head[:4] == b"PK\x03\x04"


def _remove_quietly(name: str) -> None:
    try:
        documents().delete(name)
    except OSError:
        log.warning("A chunk of an upload could not be removed; the sweep tries again.")
