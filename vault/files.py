"""Patients' files: one sealed stream each, in the storage `documents`.

Each file has a Tink keyset of its own (AES256_GCM_HKDF_1MB), wrapped under the data key of its request. Tink seals
the stream in segments of 1 MiB bound to their order and to the last one, so a cut or shuffled file does not open.
"""

import hashlib
import io
import logging
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol, cast

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from vault.data_classes import DataClass
from vault.fields import SealedTextField
from vault.keys import DataKey, open_key, seal, unseal
from vault.tombstones import Kind, Tombstone

if TYPE_CHECKING:
    from tink import KeysetHandle

log = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024
NAME_LENGTH = 255
# Folder of the storage in which `vault.incoming` keeps what is still arriving.
INCOMING = "incoming/"


class FileState(models.TextChoices):
    """Where a file stands between arriving and being readable."""

    RECEIVED = "received", _("received, not yet checked")
    JUDGED = "judged", _("waiting for the virus scanner")
    CLEAN = "clean", _("checked")
    UNSCANNED = "unscanned", _("checked, but not for viruses")
    REFUSED = "refused", _("refused")


class FileKind(models.TextChoices):
    """What a file is, by its content."""

    PDF = "pdf", _("PDF")
    IMAGE = "image", _("picture")
    TEXT = "text", _("plain text")
    DOCUMENT = "document", _("text document")
    SPREADSHEET = "spreadsheet", _("spreadsheet")
    DICOM = "dicom", _("scan (DICOM)")
    DICOM_ARCHIVE = "dicom_archive", _("scans in a ZIP file (DICOM)")


class Refusal(models.TextChoices):
    """Why a file is not accepted, in the words its sender reads."""

    EMPTY = "empty", _("The file is empty.")
    MISMATCH = "mismatch", _("The content of the file does not match the end of its name.")
    TYPE = "type", _("We cannot accept this type of file. Save it as PDF and send it again.")
    TOO_LARGE = "too_large", _("The file is too large.")
    TOO_MANY_PIXELS = "too_many_pixels", _("The picture has too many pixels. Send a smaller one.")
    DAMAGED = "damaged", _("The file is damaged: it cannot be opened. Send it again.")
    ENCRYPTED = "encrypted", _("The file is protected by a password. Remove the password and send it again.")
    ACTIVE_CONTENT = (
        "active_content",
        _("The file holds a program or another file. Print it as a new PDF and send that."),
    )
    MACROS = "macros", _("The document holds macros (small programs). Save it as PDF and send that.")
    UNSAFE_ARCHIVE = "unsafe_archive", _("The ZIP file is built in an unsafe way. Make a new one with the scans only.")
    NOT_ONLY_SCANS = (
        "not_only_scans",
        _("The ZIP file holds other files than scans (DICOM). Make a new one with the scans only."),
    )
    TOO_COMPLEX = "too_complex", _("We could not check the file in a reasonable time. Send it in smaller parts.")
    MALWARE = "malware", _("The virus scanner found something harmful in the file.")


class Upload(Protocol):
    """What can be stored: a form's upload, or anything with a name that gives its bytes in chunks."""

    name: str | None

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]: ...


class StoredFileQuerySet(models.QuerySet["StoredFile"]):
    def store(self, upload: Upload, *, data_key: DataKey, name: str | None = None) -> "StoredFile":
        """Seal an upload into the storage and save its row, in constant memory.

        If the transaction is rolled back the sealed bytes are removed. Raises `KeyErased`; an upload that was too
        large is a `ValueError`, for the form says so before.
        """
        if getattr(upload, "too_large", False):
            raise ValueError("This upload was too large and holds no bytes.")
        keyset = streams().new_keyset()
        file = self.model(id=uuid.uuid4(), data_key=data_key, name=(name or upload.name or "")[:NAME_LENGTH])
        file.wrapped_keyset = file.wrap_keyset(keyset)
        digest, count = hashlib.sha256(), _Count()
        plain = _counted(upload.chunks(CHUNK_BYTES), digest.update, count.add)
        with transaction.atomic():
            source = streams().SealingSource(keyset, file.associated_data, plain)
            file.storage_name = _save_until_rollback(file.storage_name, source)
            file.size, file.sha256 = count.total, digest.hexdigest()
            file.save(force_insert=True)
        return file

    def waiting(self, older_than: timedelta = timedelta(0)) -> "StoredFileQuerySet":
        """Return the files to judge or scan which no worker holds at the moment, oldest first."""
        now = timezone.now()
        return self.filter(
            models.Q(leased_until=None) | models.Q(leased_until__lt=now),
            state__in=[FileState.RECEIVED, FileState.JUDGED],
            data_key__erased_at=None,
            created_at__lte=now - older_than,
        ).order_by("created_at")

    def claim(self, file_id: uuid.UUID, seconds: int, *, more_per_gibibyte: int = 0) -> "StoredFile | None":
        """Lease one waiting file to this worker, or return None when another has it or nothing is left to do."""
        with transaction.atomic():
            waiting = self.waiting().filter(pk=file_id)
            file = waiting.select_for_update(skip_locked=True, of=("self",)).first()
            if file is not None:
                lease = seconds + more_per_gibibyte * file.size / 1024**3
                file.leased_until = timezone.now() + timedelta(seconds=lease)
                file.attempts += 1
                file.save(update_fields=["leased_until", "attempts"])
        return file


class StoredFile(models.Model):
    """One file of a patient. Its bytes are read through `open_stream()` only."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="files")
    wrapped_keyset = models.BinaryField(editable=False)
    storage_name = models.CharField(max_length=100, unique=True, editable=False)
    name = SealedTextField(data_class=DataClass.HEALTH, key="data_key", max_length=NAME_LENGTH)
    sha256 = SealedTextField(data_class=DataClass.HEALTH, key="data_key")
    size = models.PositiveBigIntegerField()
    state = models.CharField(max_length=20, choices=FileState, default=FileState.RECEIVED)
    refusal = models.CharField(max_length=20, choices=Refusal, blank=True)
    kind = models.CharField(max_length=20, choices=FileKind, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    pages = models.PositiveIntegerField(null=True, blank=True)
    pixels = models.PositiveBigIntegerField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    judged_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=FileState.REFUSED) ^ models.Q(refusal=""), name="vault_storedfile_says_why"
            )
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(state__in=[FileState.RECEIVED, FileState.JUDGED]),
                name="vault_storedfile_waiting",
            )
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._state.adding and not self.storage_name:
            self.storage_name = _random_name()

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def associated_data(self) -> bytes:
        return f"{self._meta.db_table}|{self.pk}|{self.data_key_id}".encode()

    @property
    def is_readable(self) -> bool:
        """Return whether people may open it; `unscanned` files only after a warning."""
        return self.state in {FileState.CLEAN, FileState.UNSCANNED}

    def open_stream(self) -> BinaryIO:
        """Return the file's bytes as a stream of constant memory; close it after use.

        Reading raises `SealBroken` when the stream was cut or changed; opening raises `KeyErased`, and
        `FileNotFoundError` when the storage lost the file.
        """
        sealed = documents().open(self.storage_name, "rb")
        try:
            plain = streams().unsealed(self._open_keyset(), cast(BinaryIO, sealed), self.associated_data)
        except BaseException:
            sealed.close()
            raise
        return cast(BinaryIO, io.BufferedReader(plain, CHUNK_BYTES))

    def open_seekable(self) -> BinaryIO:
        """Return the file's bytes as a stream that can be read from any place; errors as of `open_stream`."""
        sealed = documents().open(self.storage_name, "rb")
        try:
            plain = streams().SeekableStream(self._keyset_bytes(), cast(BinaryIO, sealed), self.associated_data)
        except BaseException:
            sealed.close()
            raise
        return cast(BinaryIO, plain)

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes in pieces of at most 1 MiB."""
        with self.open_stream() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row, and the sealed bytes when the transaction commits."""
        name, of = self.storage_name, self.pk
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            Tombstone.objects.note(Kind.FILE, of)
        transaction.on_commit(lambda: documents().delete(name))
        return deleted

    def wrap_keyset(self, keyset: "KeysetHandle") -> bytes:
        """Return the keyset sealed under the data key."""
        return seal(open_key(self.data_key_id), streams().keyset_bytes(keyset), self._keyset_place)

    def _open_keyset(self) -> "KeysetHandle":
        return streams().keyset_of(self._keyset_bytes())

    def _keyset_bytes(self) -> bytes:
        return unseal(open_key(self.data_key_id), bytes(self.wrapped_keyset), self._keyset_place)

    @property
    def _keyset_place(self) -> str:
        return f"{self._meta.db_table}|wrapped_keyset|{self.pk}|{self.data_key_id}"


class _Count:
    """How many bytes went by."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)


def streams() -> ModuleType:
    """Return `vault.streams`. Tink and protobuf take 8 MB, and only a process that handles a file needs them."""
    return import_module("vault.streams")


def documents() -> Storage:
    """Return the storage of sealed files."""
    return storages["documents"]


def walk(storage: Storage, folder: str = "") -> Iterator[str]:
    """Yield the names of all files of a storage."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    prefix = f"{folder}/" if folder else ""
    yield from (prefix + name for name in sorted(files))
    for name in sorted(folders):
        yield from walk(storage, prefix + name)


def _random_name() -> str:
    name = get_random_string(40, "abcdefghijklmnopqrstuvwxyz234567")
    return f"{name[:2]}/{name[2:]}"


def _counted(chunks: Iterable[bytes], *tellers: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        for tell in tellers:
            tell(chunk)
        yield chunk


class _Tie:
    """Held by nothing but the list of things to do on commit."""


def _save_until_rollback(name: str, source: io.RawIOBase) -> str:
    """Save sealed bytes, and remove them again unless the transaction commits.

    Django has no hook for a rollback, but it throws the functions of `on_commit` away: then the tie goes, and takes
    the file with it. A process that is killed leaves the file to `vault.orphans`.
    """
    tie = _Tie()
    on_rollback = weakref.finalize(tie, _remove_quietly, name)
    transaction.on_commit(lambda tie=tie: on_rollback.detach())  # type: ignore[misc]
    saved = documents().save(name, File(cast(BinaryIO, source), name=name))
    if saved != name:
        raise OSError("The storage changed the random name of a file.")
    return saved


def _remove_quietly(name: str) -> None:
    # After a lost connection nobody knows whether the commit arrived: the sweep looks at the row and decides.
    if connection.errors_occurred:
        return
    try:
        documents().delete(name)
    except OSError:
        log.warning("A file without row could not be removed; the sweep tries again.")
