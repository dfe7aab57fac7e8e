"""What a file really is, whether it is harmless, and what is done about it."""

import json
import logging
import os
import socket
import struct
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.utils import timezone

from vault import children
from vault.files import FileKind, FileState, Refusal, StoredFile
from vault.keys import KeyErased, SealBroken

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("judge_child.py")
MEMORY_BYTES = 1536 * 1024**2
CPU_SECONDS = 60
WALL_SECONDS = 120
# A gibibyte of scans is unpacked, read and looked through in about a minute on a quiet machine.
CPU_SECONDS_PER_GIBIBYTE = 150
WALL_SECONDS_PER_GIBIBYTE = 400
MAXIMUM_PIXELS = 120_000_000
# In bytes: the answer is a line of a few words and numbers.
LONGEST_ANSWER = 64 * 1024
# What a column of the row holds.
LARGEST_NUMBER = 2**31 - 1
SCANNER_SECONDS = 60
# Between the last byte and the answer: the scanner unpacks what it was sent.
SCANNER_SECONDS_PER_GIBIBYTE = 240
# Longer than one judging may take, so that no two workers hold a file.
LEASE_SECONDS = 330
LEASE_SECONDS_PER_GIBIBYTE = WALL_SECONDS_PER_GIBIBYTE + 2 * SCANNER_SECONDS_PER_GIBIBYTE
GIBIBYTE = 1024**3
RETRY_SECONDS = 30
# So often a file that cannot be read from the storage is tried again before its sender hears that it is damaged.
READ_ATTEMPTS = 5

# Ends of names by kind. A name that promises another kind than the content has is refused.
ENDINGS: dict[FileKind, frozenset[str]] = {
    FileKind.PDF: frozenset({".pdf"}),
    FileKind.IMAGE: frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".heic", ".heif", ".hif"}),
    FileKind.TEXT: frozenset({".txt", ".text", ".csv", ".md"}),
    FileKind.DOCUMENT: frozenset({".docx", ".odt"}),
    FileKind.SPREADSHEET: frozenset({".xlsx"}),
    FileKind.DICOM: frozenset({".dcm", ".dicom", ".ima"}),
    FileKind.DICOM_ARCHIVE: frozenset({".zip"}),
}
OTHER_PROMISES = frozenset({".doc", ".docm", ".xls", ".xlsm", ".rtf", ".exe", ".html", ".svg", ".js"})
PROMISES = OTHER_PROMISES.union(*ENDINGS.values())


class JudgeUnavailable(Exception):
    """The judging process could not be started; the file waits."""


class ScannerUnavailable(Exception):
    """A virus scanner is configured and does not answer; the file waits as `judged`."""


class BeyondScanner(ScannerUnavailable):
    """The virus scanner answers, and cannot read a file of this size to its end."""


@dataclass(frozen=True)
class Judgement:
    """What is known about a file, and the state that follows from it."""

    state: FileState
    kind: FileKind | None = None
    media_type: str = ""
    pages: int | None = None
    pixels: int | None = None
    refusal: Refusal | None = None


def judge(file: StoredFile) -> Judgement:
    """Return the whole judgement on a stored file: content first, then viruses.

    Raises `JudgeUnavailable`, `ScannerUnavailable`, `KeyErased` and `SealBroken`.
    """
    judgement = _judge_stored(file)
    if judgement.state == FileState.REFUSED:
        return judgement
    return _with_scan(judgement, file)


def judge_content(file: BinaryIO, name: str = "") -> Judgement:
    """Judge a seekable file by what it is, in a confined process; the state is `judged` or `refused`.

    The process is handed no file: it asks for the bytes it wants to see, so a study of 2 GiB takes no more memory
    than a letter. One that does not answer as it should has met a file that was stronger than it.
    """
    try:
        return _read_answer(_ask_child(file), name)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return Judgement(FileState.REFUSED, refusal=Refusal.DAMAGED)


def scan(chunks: Iterable[bytes], *, size: int = 0) -> bool:
    """Return whether the virus scanner finds nothing; raises `ScannerUnavailable` and `BeyondScanner`.

    `size` in bytes gives a large file more time.
    """
    if size > settings.CLAMAV_MAXIMUM_BYTES:
        raise BeyondScanner("The file is larger than CLAMAV_MAXIMUM_BYTES.")
    try:
        with _scanner() as connection:
            _send_to_scanner(connection, chunks)
            connection.settimeout(SCANNER_SECONDS + SCANNER_SECONDS_PER_GIBIBYTE * size / GIBIBYTE)
            answer = _read_from_scanner(connection)
    except OSError as error:
        raise ScannerUnavailable("The virus scanner does not answer.") from error
    # clamd with AlertExceedsMax: it stopped before the end of the file, or of what is packed in it.
    if "Heuristics.Limits.Exceeded" in answer or "size limit exceeded" in answer:
        raise BeyondScanner(f"The virus scanner did not read all of the file (size limit): {answer[:100]}")
    if answer.endswith("FOUND"):
        return False
    if answer.endswith(": OK"):
        return True
    raise ScannerUnavailable(f"The virus scanner could not read the file: {answer[:100]}")


def process(file_id: uuid.UUID) -> FileState | None:
    """Judge one waiting file and write the result on its row; return the new state, None if there was nothing to do.

    Safe to call any number of times and from any number of workers.
    """
    file = StoredFile.objects.select_related("data_key").claim(
        file_id, LEASE_SECONDS, more_per_gibibyte=LEASE_SECONDS_PER_GIBIBYTE
    )
    if file is None:
        return None
    try:
        judgement = _judge_in_steps(file)
    except KeyErased:
        # Erased meanwhile: nobody waits for this file.
        return None
    except (ScannerUnavailable, JudgeUnavailable) as error:
        return _put_back(file, error)
    except (SealBroken, OSError) as error:
        if file.attempts < READ_ATTEMPTS:
            return _put_back(file, error)
        log.error("Stored file %s cannot be read.", file.pk)
        judgement = Judgement(FileState.REFUSED, refusal=Refusal.DAMAGED)
    _write(file, judgement)
    return judgement.state


def _judge_in_steps(file: StoredFile) -> Judgement:
    """Judge, keeping what is known when the scanner has to be asked again."""
    if file.state == FileState.RECEIVED:
        judgement = _judge_stored(file)
        if judgement.state == FileState.REFUSED:
            return judgement
        _write(file, judgement)
    return _with_scan(_known(file), file)


def _judge_stored(file: StoredFile) -> Judgement:
    with file.open_seekable() as stream:
        return judge_content(stream, file.name)


def _known(file: StoredFile) -> Judgement:
    return Judgement(FileState(file.state), FileKind(file.kind), file.media_type, file.pages, file.pixels)


def _with_scan(judgement: Judgement, file: StoredFile) -> Judgement:
    known = {"kind": judgement.kind, "media_type": judgement.media_type}
    counted = {"pages": judgement.pages, "pixels": judgement.pixels}
    if not settings.CLAMAV_ADDRESS:
        return Judgement(FileState.UNSCANNED, **known, **counted)  # type: ignore[arg-type]
    try:
        is_clean = scan(file.chunks(), size=file.size)
    except BeyondScanner:
        # A study may be larger than any scanner reads: whoever opens it is told so. Anything else waits for an
        # operator, who lets the scanner read MAXIMUM_FILE_BYTES.
        if judgement.kind not in {FileKind.DICOM, FileKind.DICOM_ARCHIVE}:
            raise
        log.warning("File %s is larger than the virus scanner reads.", file.pk)
        return Judgement(FileState.UNSCANNED, **known, **counted)  # type: ignore[arg-type]
    if is_clean:
        return Judgement(FileState.CLEAN, **known, **counted)  # type: ignore[arg-type]
    return Judgement(FileState.REFUSED, **known, **counted, refusal=Refusal.MALWARE)  # type: ignore[arg-type]


def _write(file: StoredFile, judgement: Judgement) -> None:
    file.state = judgement.state
    file.kind = judgement.kind or ""
    file.media_type = judgement.media_type
    file.pages, file.pixels = judgement.pages, judgement.pixels
    file.refusal = judgement.refusal or ""
    file.judged_at = timezone.now()
    if judgement.state != FileState.JUDGED:
        file.leased_until = None
    fields = ["state", "kind", "media_type", "pages", "pixels", "refusal", "judged_at", "leased_until"]
    file.save(update_fields=fields)


def _put_back(file: StoredFile, error: Exception) -> FileState:
    log.warning("File %s waits: %s", file.pk, type(error).__name__)
    wait = RETRY_SECONDS * min(file.attempts, 20)
    file.leased_until = timezone.now() + timedelta(seconds=wait)
    file.save(update_fields=["leased_until"])
    return FileState(file.state)


# --- the child process ----------------------------------------------------------------------------------------------


def _ask_child(file: BinaryIO) -> dict[str, Any]:
    """Return the child's answer; a child that broke its limits answers `too_complex`."""
    size = file.seek(0, os.SEEK_END)
    limits = {
        "memory_bytes": MEMORY_BYTES,
        "cpu_seconds": CPU_SECONDS + CPU_SECONDS_PER_GIBIBYTE * size // GIBIBYTE,
        "pixels": MAXIMUM_PIXELS,
        "file_bytes": settings.MAXIMUM_FILE_BYTES,
        "scan_bytes": settings.MAXIMUM_SCAN_BYTES,
    }
    try:
        output, returncode = children.ask(
            CHILD,
            file,
            limits,
            lambda answer: answer.read(LONGEST_ANSWER),
            seconds=WALL_SECONDS + WALL_SECONDS_PER_GIBIBYTE * size / GIBIBYTE,
        )
    except children.ChildUnavailable as error:
        raise JudgeUnavailable("The judging process could not be started.") from error
    except children.ChildTooSlow:
        return {"refusal": Refusal.TOO_COMPLEX.value}
    except children.ChildTooLoud:
        return {"refusal": Refusal.DAMAGED.value}
    return _answer_of(output, returncode)


def _answer_of(output: bytes, returncode: int) -> dict[str, Any]:
    if returncode == 0:
        return cast("dict[str, Any]", json.loads(output))
    if returncode in children.OVER_ITS_LIMITS:
        return {"refusal": Refusal.TOO_COMPLEX.value}
    # The parser crashed on this file.
    return {"refusal": Refusal.DAMAGED.value}


def _read_answer(answer: dict[str, Any], name: str) -> Judgement:
    """Return the judgement; every value is checked, for the child had a stranger's file in its hands."""
    if "refusal" in answer:
        return Judgement(FileState.REFUSED, refusal=Refusal(answer["refusal"]))
    kind = FileKind(answer["kind"])
    ending = Path(name).suffix.casefold()
    if ending in PROMISES and ending not in ENDINGS[kind]:
        return Judgement(FileState.REFUSED, kind, refusal=Refusal.MISMATCH)
    pages, pixels = (int(answer[key]) if answer.get(key) else None for key in ("pages", "pixels"))
    if any(number is not None and not 0 <= number <= LARGEST_NUMBER for number in (pages, pixels)):
        raise ValueError("No file has so many.")
    return Judgement(FileState.JUDGED, kind, str(answer["media_type"]).replace("\0", "")[:100], pages, pixels)


# --- the virus scanner ----------------------------------------------------------------------------------------------


def _scanner() -> socket.socket:
    """Return a connection to clamd at `host:port` or `/path/of/socket`."""
    address = settings.CLAMAV_ADDRESS.removeprefix("unix:")
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SCANNER_SECONDS)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    host, _colon, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=SCANNER_SECONDS)


def _send_to_scanner(connection: socket.socket, chunks: Iterable[bytes]) -> None:
    connection.sendall(b"zINSTREAM\0")
    try:
        for chunk in chunks:
            connection.sendall(struct.pack("!I", len(chunk)) + chunk)
        connection.sendall(struct.pack("!I", 0))
    except (BrokenPipeError, ConnectionResetError):
        # clamd closes when its size limit is reached; its answer says so.
        return


def _read_from_scanner(connection: socket.socket) -> str:
    answer = b""
    while b"\0" not in answer and (piece := connection.recv(4096)):
        answer += piece
    return answer.rstrip(b"\0\n ").decode("utf-8", "replace")
