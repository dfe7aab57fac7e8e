"""What a file really is, whether it is harmless, and what is done about it."""

import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.utils import timezone

from vault.files import FileKind, FileState, Refusal, StoredFile
from vault.keys import KeyErased, SealBroken

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("judge_child.py")
MEMORY_BYTES = 1536 * 1024**2
CPU_SECONDS = 60
WALL_SECONDS = 120
MAXIMUM_PIXELS = 120_000_000
SCANNER_SECONDS = 60
# Longer than one judging may take, so that no two workers hold a file.
LEASE_SECONDS = 330
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
    judgement = judge_content(file.chunks(), file.name)
    if judgement.state == FileState.REFUSED:
        return judgement
    return _with_scan(judgement, file)


def judge_content(chunks: Iterable[bytes], name: str = "") -> Judgement:
    """Judge bytes by what they are, in a confined process; the state is `judged` or `refused`."""
    with _in_memory(chunks) as descriptor:
        answer = _ask_child(descriptor)
    return _read_answer(answer, name)


def scan(chunks: Iterable[bytes]) -> bool:
    """Return whether the virus scanner finds nothing; raises `ScannerUnavailable`."""
    try:
        with _scanner() as connection:
            _send_to_scanner(connection, chunks)
            answer = _read_from_scanner(connection)
    except OSError as error:
        raise ScannerUnavailable("The virus scanner does not answer.") from error
    if answer.endswith("FOUND"):
        return False
    if answer.endswith(": OK"):
        return True
    # Most often: clamd's StreamMaxLength is below MAXIMUM_FILE_BYTES.
    raise ScannerUnavailable(f"The virus scanner could not read the file: {answer[:100]}")


def process(file_id: uuid.UUID) -> FileState | None:
    """Judge one waiting file and write the result on its row; return the new state, None if there was nothing to do.

    Safe to call any number of times and from any number of workers.
    """
    file = StoredFile.objects.select_related("data_key").claim(file_id, LEASE_SECONDS)
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
        judgement = judge_content(file.chunks(), file.name)
        if judgement.state == FileState.REFUSED:
            return judgement
        _write(file, judgement)
    return _with_scan(_known(file), file)


def _known(file: StoredFile) -> Judgement:
    return Judgement(FileState(file.state), FileKind(file.kind), file.media_type, file.pages, file.pixels)


def _with_scan(judgement: Judgement, file: StoredFile) -> Judgement:
    known = {"kind": judgement.kind, "media_type": judgement.media_type}
    counted = {"pages": judgement.pages, "pixels": judgement.pixels}
    if not settings.CLAMAV_ADDRESS:
        return Judgement(FileState.UNSCANNED, **known, **counted)  # type: ignore[arg-type]
    if scan(file.chunks()):
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


@contextmanager
def _in_memory(chunks: Iterable[bytes]) -> Iterator[int]:
    """Yield a descriptor of nameless memory with these bytes: they never touch the disk."""
    descriptor = os.memfd_create("file", os.MFD_CLOEXEC)
    try:
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        yield descriptor
    finally:
        os.close(descriptor)


def _ask_child(descriptor: int) -> dict[str, Any]:
    """Return the child's answer; a child that broke its limits answers `too_complex`."""
    limits = {
        "memory_bytes": MEMORY_BYTES,
        "cpu_seconds": CPU_SECONDS,
        "pixels": MAXIMUM_PIXELS,
        "file_bytes": settings.MAXIMUM_FILE_BYTES,
        "scan_bytes": max(settings.MAXIMUM_UPLOAD_BYTES, settings.MAXIMUM_FILE_BYTES),
    }
    try:
        child = subprocess.run(
            [sys.executable, "-I", str(CHILD), str(descriptor)],
            input=json.dumps(limits).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[descriptor],
            env={"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"},
            cwd="/",
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"refusal": Refusal.TOO_COMPLEX.value}
    except OSError as error:
        raise JudgeUnavailable("The judging process could not be started.") from error
    return _answer_of(child.stdout, child.returncode)


def _answer_of(output: bytes, returncode: int) -> dict[str, Any]:
    ready, _line, answer = output.partition(b"\n")
    if ready != b"ready":
        raise JudgeUnavailable("The judging process did not get ready.")
    if returncode == 0:
        return cast("dict[str, Any]", json.loads(answer))
    if returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
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
    return Judgement(FileState.JUDGED, kind, str(answer["media_type"])[:100], pages, pixels)


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
