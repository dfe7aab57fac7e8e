"""Files before a real virus scanner: clean, harmful, too large for it, and while it is away."""

import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from tests.vault import clamd, corpus
from tests.vault.clamd import HARMFUL, MIB, Scanner
from vault import judging
from vault.files import FileState, Refusal, StoredFile
from vault.judging import process, scan
from vault.keys import DataKey

pytestmark = pytest.mark.skipif(clamd.program() is None, reason="Debian's clamav-daemon is not installed")


@pytest.fixture(scope="module")
def running() -> Iterator[Scanner]:
    """Keep one scanner for all tests: it takes some seconds to start."""
    with clamd.scanner() as own:
        yield own


@pytest.fixture
def scanner(running: Scanner, settings: Any) -> Scanner:
    """Let the portal use the scanner."""
    settings.CLAMAV_ADDRESS = running.address
    return running


def store(data_key: DataKey, content: bytes, name: str) -> StoredFile:
    return StoredFile.objects.store(ContentFile(content, name=name), data_key=data_key)


def scan_with(hidden: bytes, size: int = 64) -> bytes:
    """Return a DICOM file that holds some bytes among its pixels."""
    made = bytearray(corpus.dicom(size, size))
    made[-len(hidden) - 8 : -8] = hidden
    return bytes(made)


CLEAN = {
    "report.pdf": corpus.pdf,
    "photo.jpg": corpus.picture,
    "notes.txt": lambda: b"no harm",
    "letter.docx": corpus.docx,
    "IM0001": corpus.dicom,
    "cd.zip": corpus.scans,
}
INFECTED = {
    "notes.txt": lambda: b"some words " + HARMFUL,
    "letter.docx": lambda: corpus.docx({"word/media/notes.txt": HARMFUL}),
    "IM0001": lambda: scan_with(HARMFUL),
    "cd.zip": lambda: corpus.scans({"CD/IM9999": scan_with(HARMFUL)}),
    "stored.zip": lambda: corpus.packed({"CD/IM9999": scan_with(HARMFUL)}, zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_file_is_clean(scanner: Scanner, data_key: DataKey, name: str) -> None:
    assert process(store(data_key, CLEAN[name](), name).pk) == FileState.CLEAN


@pytest.mark.parametrize("name", INFECTED)
def test_harmful_file_is_refused_packed_or_not(scanner: Scanner, data_key: DataKey, name: str) -> None:
    file = store(data_key, INFECTED[name](), name)

    assert process(file.pk) == FileState.REFUSED
    file.refresh_from_db()
    assert (file.refusal, file.is_readable) == (Refusal.MALWARE, False)


def test_file_waits_while_the_scanner_is_stopped(scanner: Scanner, data_key: DataKey) -> None:
    clean, harmful = store(data_key, b"no harm", "a.txt"), store(data_key, HARMFUL, "b.txt")
    scanner.stop()
    try:
        assert [process(file.pk) for file in (clean, harmful)] == [FileState.JUDGED] * 2
    finally:
        scanner.start()
    for file in (clean, harmful):
        file.refresh_from_db()
        assert not file.is_readable

    StoredFile.objects.update(leased_until=None)
    assert [process(file.pk) for file in (clean, harmful)] == [FileState.CLEAN, FileState.REFUSED]


def test_study_larger_than_the_scanner_reads_says_so(scanner: Scanner, data_key: DataKey) -> None:
    beyond_stream = store(data_key, corpus.dicom(1100, 1100), "a.dcm")
    beyond_file = store(data_key, corpus.dicom(800, 800), "b.dcm")
    assert beyond_stream.size > 2 * MIB > beyond_file.size > MIB

    assert process(beyond_stream.pk) == FileState.UNSCANNED, "never clean, and never called harmful"
    assert process(beyond_file.pk) == FileState.UNSCANNED


def test_packed_study_beyond_the_scanners_limits_says_so(scanner: Scanner, data_key: DataKey) -> None:
    packed = corpus.packed({"IM0001": corpus.dicom(900, 900)[:-900_000] + b"\0" * 900_000})
    assert len(packed) < MIB

    assert process(store(data_key, packed, "cd.zip").pk) == FileState.UNSCANNED


def test_document_larger_than_the_scanner_reads_waits_for_an_operator(scanner: Scanner, data_key: DataKey) -> None:
    file = store(data_key, b"words " * (MIB // 2), "long.txt")

    assert process(file.pk) == FileState.JUDGED
    file.refresh_from_db()
    assert not file.is_readable


def test_file_beyond_the_configured_limit_is_not_sent_at_all(
    scanner: Scanner, data_key: DataKey, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAMAV_MAXIMUM_BYTES = 1000
    monkeypatch.setattr(judging, "_scanner", None)

    assert process(store(data_key, corpus.dicom(64, 64), "a.dcm").pk) == FileState.UNSCANNED


def test_large_file_within_the_limits_is_read_to_its_end(scanner: Scanner) -> None:
    pieces = [b"x" * (MIB // 2), b"x" * 400_000]

    assert scan(pieces, size=MIB)
    assert not scan([*pieces, HARMFUL], size=MIB)
