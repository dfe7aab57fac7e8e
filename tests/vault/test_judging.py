"""What the confined process makes of good and bad files."""

import io
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone
from django.utils.translation import override

from tests.vault import corpus, memory
from vault import doorbell, judging, tasks
from vault.files import FileKind, FileState, Refusal, StoredFile
from vault.judging import Judgement, JudgeUnavailable, ScannerUnavailable, judge, judge_content, process, scan
from vault.keys import DataKey

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

GOOD = {
    "report.pdf": (corpus.pdf, FileKind.PDF, "application/pdf", 2, None),
    "linked.pdf": (lambda: corpus.pdf(corpus.web_link), FileKind.PDF, "application/pdf", 2, None),
    "late header": (lambda: b"\n\n" + corpus.pdf(), FileKind.PDF, "application/pdf", 2, None),
    "photo.jpg": (corpus.picture, FileKind.IMAGE, "image/jpeg", None, 64 * 48),
    "photo.png": (lambda: corpus.picture("PNG"), FileKind.IMAGE, "image/png", None, 64 * 48),
    "png named.jpg": (lambda: corpus.picture("PNG"), FileKind.IMAGE, "image/png", None, 64 * 48),
    "photo.HEIC": (lambda: corpus.HEIC, FileKind.IMAGE, "image/heic", None, 256),
    "notes.txt": (lambda: "Età 54, dolore".encode(), FileKind.TEXT, "text/plain", None, None),
    "latin.txt": (lambda: "Età 54".encode("latin-1"), FileKind.TEXT, "text/plain", None, None),
    "wide.txt": (lambda: "Età 54".encode("utf-16"), FileKind.TEXT, "text/plain", None, None),
    "letter.docx": (corpus.docx, FileKind.DOCUMENT, corpus.WORD, None, None),
    "values.xlsx": (corpus.xlsx, FileKind.SPREADSHEET, corpus.SHEET, None, None),
    "letter.odt": (corpus.odt, FileKind.DOCUMENT, corpus.ODT, None, None),
    "IM0001": (corpus.dicom, FileKind.DICOM, "application/dicom", None, 64),
    "dual.dcm": (lambda: corpus.disguised(b"II*\0"), FileKind.DICOM, "application/dicom", None, 64),
    "worded.dcm": (lambda: corpus.disguised(b"made by <CT 5>"), FileKind.DICOM, "application/dicom", None, 64),
    "trailer.jpg": (lambda: corpus.picture() + b"SEFT" * 20, FileKind.IMAGE, "image/jpeg", None, 64 * 48),
    "printed.pdf": (lambda: b"\x1b%-12345X@PJL\n" + corpus.pdf(), FileKind.PDF, "application/pdf", 2, None),
    "deflated.dcm": (corpus.deflated, FileKind.DICOM, "application/dicom", None, 64),
    "ultrasound.dcm": (corpus.shared_colours, FileKind.DICOM, "application/dicom", None, 4 * 64),
    "fields.docx": (lambda: corpus.docx({"word/header1.xml": corpus.field("PAGE", " of ", "NUMPAGES")}),
        FileKind.DOCUMENT, corpus.WORD, None, None),
    "scan.12.03.2024": (corpus.dicom, FileKind.DICOM, "application/dicom", None, 64),
    "cd.zip": (
        lambda: corpus.scans({"CD/DICOMDIR": corpus.dicom(), "__MACOSX/._x": b"litter"}),
        FileKind.DICOM_ARCHIVE, "application/zip", 3, 3 * 64,
    ),
}  # fmt: skip

BAD = {
    "empty.pdf": (lambda: b"", Refusal.EMPTY),
    "renamed.pdf": (corpus.picture, Refusal.MISMATCH),
    "renamed.zip": (corpus.pdf, Refusal.MISMATCH),
    "renamed.docx": (corpus.scans, Refusal.MISMATCH),
    "report.exe": (corpus.pdf, Refusal.MISMATCH),
    "program.pdf": (lambda: b"MZ\x90\0" + b"\0" * 500, Refusal.TYPE),
    "page.txt": (lambda: b"<!DOCTYPE html><script>alert(1)</script>", Refusal.TYPE),
    "drawing.txt": (lambda: b'\xef\xbb\xbf<svg onload="x">', Refusal.TYPE),
    "script.txt": (lambda: b"#!/bin/sh\nrm -rf /", Refusal.TYPE),
    "old.doc": (corpus.old_office, Refusal.TYPE),
    "presentation.zip": (lambda: corpus.packed({"[Content_Types].xml": b"<T/>", "ppt/x.xml": b""}), Refusal.TYPE),
    "cut.pdf": (lambda: corpus.pdf()[:60], Refusal.DAMAGED),
    "no pages.pdf": (lambda: corpus.pdf(pages=0), Refusal.DAMAGED),
    "cut.jpg": (lambda: corpus.picture(size=(400, 300))[:20_000], Refusal.DAMAGED),
    "cut.png": (lambda: corpus.picture("PNG")[:3000], Refusal.DAMAGED),
    "cut.heic": (lambda: corpus.HEIC[:430], Refusal.DAMAGED),
    "cut.dcm": (lambda: corpus.dicom()[:-20], Refusal.DAMAGED),
    "short.dcm": (lambda: b"\0" * 128 + b"DICM", Refusal.DAMAGED),
    "cut.zip": (lambda: corpus.scans()[:-30], Refusal.DAMAGED),
    "huge.png": (lambda: corpus.huge_png(40_000, 40_000), Refusal.TOO_MANY_PIXELS),
    "locked.pdf": (
        lambda: corpus.pdf(encryption=pikepdf.Encryption(user="secret", owner="secret")), Refusal.ENCRYPTED,
    ),
    "locked.docx": (lambda: corpus.old_office("EncryptedPackage"), Refusal.ENCRYPTED),
    "locked.odt": (lambda: corpus.odt({"META-INF/manifest.xml": b"<m:encryption-data/>"}), Refusal.ENCRYPTED),
    "locked.zip": (corpus.locked_zip, Refusal.ENCRYPTED),
    "opens script.pdf": (lambda: corpus.pdf(corpus.open_action("JavaScript", JS="x")), Refusal.ACTIVE_CONTENT),
    "opens program.pdf": (lambda: corpus.pdf(corpus.open_action("Launch", F="cmd.exe")), Refusal.ACTIVE_CONTENT),
    "packed script.pdf": (
        lambda: corpus.pdf(
            corpus.annotation_script, object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True
        ),
        Refusal.ACTIVE_CONTENT,
    ),
    "file inside.pdf": (lambda: corpus.pdf(corpus.attachment), Refusal.ACTIVE_CONTENT),
    "dynamic form.pdf": (lambda: corpus.pdf(corpus.xfa), Refusal.ACTIVE_CONTENT),
    "owner lock with script.pdf": (
        lambda: corpus.pdf(corpus.open_action("JavaScript", JS="x"), encryption=pikepdf.Encryption(user="", owner="o")),
        Refusal.ACTIVE_CONTENT,
    ),
    "template.docx": (
        lambda: corpus.docx({"word/_rels/settings.xml.rels": b'<R Type="x/attachedTemplate" TargetMode="External"/>'}),
        Refusal.ACTIVE_CONTENT,
    ),
    "field.docx": (
        lambda: corpus.docx({"word/footer.xml": b"", "word/embeddings/oleObject1.bin": b"x"}), Refusal.ACTIVE_CONTENT,
    ),
    "quoted template.docx": (
        lambda: corpus.docx(
            {"word/_rels/settings.xml.rels": b"<R Type='x/attachedTemplate' Target='http://x' TargetMode='External'/>"}
        ),
        Refusal.ACTIVE_CONTENT,
    ),
    "wide template.docx": (
        lambda: corpus.docx(
            {"word/_rels/settings.xml.rels": '<R Type="x/attachedTemplate" TargetMode="External"/>'.encode("utf-16")}
        ),
        Refusal.ACTIVE_CONTENT,
    ),
    "program in a field.docx": (
        lambda: corpus.docx({"word/document.xml": corpus.field("DDEAUTO c:\\cmd.exe")}), Refusal.ACTIVE_CONTENT,
    ),
    "program in the footer.docx": (
        lambda: corpus.docx({"word/footer1.xml": corpus.field("D", "DE", "AUTO c:\\cmd.exe")}), Refusal.ACTIVE_CONTENT,
    ),
    "simple field.docx": (
        lambda: corpus.docx({"word/footnotes.xml": b'<w:fldSimple w:instr="DDE cmd x"/>'}), Refusal.ACTIVE_CONTENT,
    ),
    "program behind a cell.xlsx": (
        lambda: corpus.xlsx({"xl/externalLinks/externalLink1.xml": b'<ddeLink ddeService="cmd"/>'}),
        Refusal.ACTIVE_CONTENT,
    ),
    "macro.docx": (lambda: corpus.docx({"word/vbaProject.bin": b"x"}), Refusal.MACROS),
    "macro type.docx": (lambda: corpus.docx(content_type="x.macroEnabled.main+xml"), Refusal.MACROS),
    "macro.odt": (lambda: corpus.odt({"Basic/Standard/Module1.xml": b"Sub Main"}), Refusal.MACROS),
    "bomb.zip": (lambda: corpus.scans({"CD/IM9999": b"\0" * 200_000_000}), Refusal.UNSAFE_ARCHIVE),
    "bomb.docx": (lambda: corpus.docx({"word/big.xml": b" " * 50_000_000}), Refusal.UNSAFE_ARCHIVE),
    "overlapping.zip": (corpus.overlapping, Refusal.UNSAFE_ARCHIVE),
    "climbing.zip": (lambda: corpus.scans({"../../etc/cron": corpus.dicom()}), Refusal.UNSAFE_ARCHIVE),
    "absolute.zip": (lambda: corpus.scans({"/etc/cron": corpus.dicom()}), Refusal.UNSAFE_ARCHIVE),
    "drive.zip": (lambda: corpus.scans({"C:\\x": corpus.dicom()}), Refusal.UNSAFE_ARCHIVE),
    "linked.zip": (lambda: corpus.scans({corpus.link("CD/link"): b"/etc/passwd"}), Refusal.UNSAFE_ARCHIVE),
    "viewer.zip": (lambda: corpus.scans({"CD/VIEWER.EXE": b"MZ" * 100}), Refusal.NOT_ONLY_SCANS),
    "nested.zip": (lambda: corpus.packed({"inner.zip": corpus.scans()}), Refusal.NOT_ONLY_SCANS),
    "folders.zip": (lambda: corpus.packed({"CD/": b""}, zipfile.ZIP_STORED), Refusal.NOT_ONLY_SCANS),
    "program.dcm": (lambda: corpus.disguised(b"MZ\x90\0"), Refusal.ACTIVE_CONTENT),
    "elf program.dcm": (lambda: corpus.disguised(b"\x7fELF\2"), Refusal.ACTIVE_CONTENT),
    "shell script.dcm": (lambda: corpus.disguised(b"#!/bin/sh\nid\nexit\n"), Refusal.ACTIVE_CONTENT),
    "page.dcm": (lambda: corpus.disguised(b"\n<ScRipt>alert(1)</script>"), Refusal.ACTIVE_CONTENT),
    "program in.zip": (lambda: corpus.scans({"CD/IM9999": corpus.disguised(b"MZ")}), Refusal.ACTIVE_CONTENT),
    "page.pdf": (lambda: b"<html><script>alert(1)</script>" + corpus.pdf(), Refusal.ACTIVE_CONTENT),
    "program and document.pdf": (lambda: b"MZ" + corpus.pdf(), Refusal.ACTIVE_CONTENT),
    "archive behind.pdf": (lambda: corpus.pdf() + corpus.packed({"a.class": b"x"}), Refusal.ACTIVE_CONTENT),
    "archive behind.jpg": (lambda: corpus.picture() + corpus.packed({"a.class": b"x"}), Refusal.ACTIVE_CONTENT),
    "archive behind.dcm": (lambda: corpus.dicom() + corpus.packed({"a.exe": b"MZ"}), Refusal.ACTIVE_CONTENT),
    "archive before.pdf": (lambda: corpus.packed({"a.class": b"x"}) + corpus.pdf(), Refusal.NOT_ONLY_SCANS),
    "sends.pdf": (lambda: corpus.pdf(corpus.open_action("SubmitForm", F="http://x")), Refusal.ACTIVE_CONTENT),
    "endless scan.dcm": (lambda: corpus.promising(65535, 65535, 9999), Refusal.DAMAGED),
    "nameless scan.dcm": (corpus.without_class, Refusal.DAMAGED),
    "only a head.dcm": (lambda: b"\0" * 128 + b"DICM" + b"\xff" * 500, Refusal.DAMAGED),
    "short of its end.jpg": (lambda: corpus.picture()[:-400], Refusal.DAMAGED),
    "huge.jpg": (lambda: corpus.huge_png(65_000, 65_000), Refusal.TOO_MANY_PIXELS),
    "program.exe": (lambda: b"MZ" + b"\0" * 200, Refusal.TYPE),
    "renamed program.pdf": (lambda: b"MZ" + b"\0" * 200, Refusal.TYPE),
    "renamed program.dcm": (lambda: b"\x7fELF" + b"\0" * 200, Refusal.TYPE),
    "picture.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", Refusal.TYPE),
    "renamed page.txt": (lambda: b"\n <HTML><script>alert(1)</script>", Refusal.TYPE),
    "renamed zip.pdf": (corpus.scans, Refusal.MISMATCH),
    "renamed scan.pdf": (corpus.dicom, Refusal.MISMATCH),
    "short entry.zip": (lambda: corpus.lying_zip(100), Refusal.DAMAGED),
    "windows climbing.zip": (lambda: corpus.scans({"..\\..\\x": corpus.dicom()}), Refusal.UNSAFE_ARCHIVE),
    "rooted.zip": (lambda: corpus.scans({"\\\\server\\x": corpus.dicom()}), Refusal.UNSAFE_ARCHIVE),
    "cut ultrasound.dcm": (lambda: corpus.shared_colours()[:-20], Refusal.DAMAGED),
    "cut scan.zip": (lambda: corpus.scans({"CD/IM9999": corpus.dicom()[:-20]}), Refusal.DAMAGED),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_good_file_is_recognised(name: str) -> None:
    make, kind, media_type, pages, pixels = GOOD[name]

    assert judge_content(io.BytesIO(make()), name) == Judgement(FileState.JUDGED, kind, media_type, pages, pixels)


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_refused_with_its_reason(name: str) -> None:
    make, refusal = BAD[name]
    judgement = judge_content(io.BytesIO(make()), name)

    assert (judgement.state, judgement.refusal) == (FileState.REFUSED, refusal)


def test_too_large_document_is_refused_but_not_a_scan(settings: Any) -> None:
    settings.MAXIMUM_FILE_BYTES = 10_000
    padding = b"%" + b"x" * 10_000

    assert judge_content(io.BytesIO(b"".join([corpus.pdf(), padding])), "a.pdf").refusal == Refusal.TOO_LARGE
    assert judge_content(io.BytesIO(b"x" * 10_001), "a.txt").refusal == Refusal.TOO_LARGE
    assert judge_content(io.BytesIO(corpus.dicom(128, 128)), "a.dcm").state == FileState.JUDGED


def test_reasons_are_plain_translatable_sentences() -> None:
    with override("en"):
        for refusal in Refusal:
            assert str(refusal.label).endswith("."), refusal


# --- the confined process -------------------------------------------------------------------------------------------

PROBES = {
    "network": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "disk": "open('{folder}/judge-was-here', 'w').write('x')",
    "process": "import subprocess; subprocess.run(['/bin/true'], check=True)",
    # Promised to a free process, and never filled.
    "memory": "bytes(3 * 1024**3)",
    "descriptors": "[open('/dev/null') for _ in range(40)]",
}


@pytest.mark.parametrize("probe", PROBES)
def test_child_can_do_nothing_else(probe: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        deed = PROBES[probe].format(port=server.getsockname()[1], folder=tmp_path)
        script = f"import runpy\nchild = runpy.run_path({str(judging.CHILD)!r})\n{{confine}}\n{deed}\n"
        free = subprocess.run([sys.executable, "-c", script.format(confine="")], capture_output=True, check=False)
        held = subprocess.run(
            [sys.executable, "-c", script.format(confine="child['confine'](1 << 30, 5)")],
            capture_output=True,
            check=False,
        )

    assert free.returncode == 0, free.stderr.decode()
    assert held.returncode != 0
    assert b"Error" in held.stderr, held.stderr


# How a child begins that was taken over once it was ready.
READY = (
    "import json, os, socket, struct, sys, time\nsys.stdin.read(); s = socket.socket(fileno=int(sys.argv[1]))\n"
    "print('ready', flush=True)"
)
LET_GO = f"{READY}\ns.close()"


def stand_in(tmp_path: Path, script: str) -> Path:
    """Return a child that behaves badly."""
    file = tmp_path / "child.py"
    file.write_text(script, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("script", "refusal"),
    [
        ("print('ready', flush=True)\nimport os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Refusal.DAMAGED),
        ("print('ready', flush=True)\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)", Refusal.TOO_COMPLEX),
        (
            "print('ready', flush=True)\nimport resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n"
            "while True: pass",
            Refusal.TOO_COMPLEX,
        ),
        ("print('ready', flush=True)\nimport time; time.sleep(60)", Refusal.TOO_COMPLEX),
        # One that the file has taken over: it talks without end, drop by drop, asks without end, or tells nonsense.
        (f"{LET_GO}\nwhile True: os.write(1, bytes(1 << 16))", Refusal.DAMAGED),
        (f"{LET_GO}\nwhile True: os.write(1, b' '); time.sleep(0.05)", Refusal.TOO_COMPLEX),
        (f"{READY}\nwhile True: s.sendall(struct.pack('!QI', 0, 1)); s.recv(5)", Refusal.TOO_COMPLEX),
        (f"{LET_GO}\nprint('[' * 60_000)", Refusal.DAMAGED),
        (f"{LET_GO}\nprint('no answer')", Refusal.DAMAGED),
        (f"{LET_GO}\nprint('[1]')", Refusal.DAMAGED),
        (f"{LET_GO}\nprint(json.dumps(dict(kind='cake', media_type='x')))", Refusal.DAMAGED),
        (f"{LET_GO}\nprint(json.dumps(dict(kind='text', media_type='x', pages=10**12)))", Refusal.DAMAGED),
        (f"{LET_GO}\nprint(json.dumps(dict(kind='text', media_type='x', pages=1e999)))", Refusal.DAMAGED),
    ],
)
def test_child_that_breaks_its_limits_refuses_the_file(
    script: str, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "CHILD", stand_in(tmp_path, script))
    if refusal == Refusal.TOO_COMPLEX:
        monkeypatch.setattr(judging, "WALL_SECONDS", 3)
    began = time.monotonic()

    assert judge_content(io.BytesIO(b"x"), "a.txt").refusal == refusal
    assert time.monotonic() - began < 60


def test_what_a_child_prints_takes_no_memory_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"{LET_GO}\nfor _ in range(2000): os.write(1, bytes(1 << 17))"
    monkeypatch.setattr(judging, "CHILD", stand_in(tmp_path, script))

    grown = memory.growth_of(lambda: judge_content(io.BytesIO(b"x"), "a.txt"))

    assert grown < 20_000_000


def test_child_that_does_not_start_lets_the_file_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "CHILD", tmp_path / "missing.py")

    with pytest.raises(JudgeUnavailable):
        judge_content(io.BytesIO(b"x"), "a.txt")


def test_child_sees_no_secrets_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_KEYS", "secret")
    script = (
        "import os, json\nprint('ready')\n"
        "print(json.dumps({'kind': 'text', 'media_type': ' '.join(sorted(os.environ))}))"
    )
    monkeypatch.setattr(judging, "CHILD", stand_in(tmp_path, script))

    assert "MASTER_KEYS" not in judge_content(io.BytesIO(b"x"), "a.txt").media_type


# --- the virus scanner ----------------------------------------------------------------------------------------------


class Clamd:
    """A clamd that reads INSTREAM as the real one does and finds EICAR."""

    def __init__(self, listener: socket.socket, limit: int = 10**9) -> None:
        self.listener, self.limit, self.seen = listener, limit, 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                connection.sendall(self.answer(stream))

    def answer(self, stream: Any) -> bytes:
        assert stream.read(10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack("!I", stream.read(4))[0]:
            content += stream.read(length)
            if len(content) > self.limit:
                return b"INSTREAM size limit exceeded. ERROR\0"
        self.seen += 1
        return b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0"


@pytest.fixture
def clamd(settings: Any) -> Iterator[Clamd]:
    """Return a scanner on a TCP port, configured."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.CLAMAV_ADDRESS = f"127.0.0.1:{listener.getsockname()[1]}"
        yield Clamd(listener)


def store(data_key: DataKey, content: bytes, name: str) -> StoredFile:
    """Store some bytes."""
    return StoredFile.objects.store(ContentFile(content, name=name), data_key=data_key)


def test_scanner_tells_clean_from_harmful(clamd: Clamd) -> None:
    assert scan([b"harm", b"less"])
    assert not scan([EICAR[:20], EICAR[20:]])


def test_scanner_on_a_unix_socket(settings: Any, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "c"))
        listener.listen()
        settings.CLAMAV_ADDRESS = str(tmp_path / "c")
        Clamd(listener)

        assert scan([b"harmless"])


def test_scanner_that_is_gone_or_too_small_is_unavailable(settings: Any, clamd: Clamd) -> None:
    clamd.limit = 5
    with pytest.raises(ScannerUnavailable, match="size limit"):
        scan([b"more than five bytes"])
    settings.CLAMAV_ADDRESS = "127.0.0.1:1"
    with pytest.raises(ScannerUnavailable):
        scan([b"x"])


@pytest.mark.parametrize("sent", [1, 32], ids=["does not answer", "does not read"])
def test_scanner_that_hangs_is_unavailable(settings: Any, monkeypatch: pytest.MonkeyPatch, sent: int) -> None:
    monkeypatch.setattr(judging, "SCANNER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.CLAMAV_ADDRESS = f"127.0.0.1:{listener.getsockname()[1]}"
        began, rescue = time.monotonic(), threading.Timer(120, listener.close)
        rescue.start()
        with pytest.raises(ScannerUnavailable):
            scan([bytes(1024 * 1024)] * sent)
        rescue.cancel()

    assert time.monotonic() - began < 60


def test_without_scanner_a_file_stays_unscanned(data_key: DataKey) -> None:
    judgement = judge(store(data_key, corpus.pdf(), "report.pdf"))

    assert (judgement.state, judgement.kind, judgement.pages) == (FileState.UNSCANNED, FileKind.PDF, 2)


def test_judged_and_scanned_file_is_clean(data_key: DataKey, clamd: Clamd) -> None:
    assert judge(store(data_key, corpus.pdf(), "report.pdf")).state == FileState.CLEAN


# --- the row --------------------------------------------------------------------------------------------------------


def test_result_is_written_on_the_row(data_key: DataKey, clamd: Clamd) -> None:
    file = store(data_key, corpus.pdf(pages=3), "report.pdf")
    assert process(file.pk) == FileState.CLEAN

    file.refresh_from_db()
    assert (file.state, file.kind, file.media_type, file.pages) == ("clean", "pdf", "application/pdf", 3)
    assert (file.refusal, file.leased_until) == ("", None)
    assert file.judged_at is not None
    assert file.is_readable


def test_refused_file_says_why(data_key: DataKey, clamd: Clamd) -> None:
    renamed, harmful = store(data_key, corpus.picture(), "report.pdf"), store(data_key, EICAR, "notes.txt")
    tasks.judge_file(str(renamed.pk))
    tasks.judge_file(str(harmful.pk))

    for file, refusal in ((renamed, Refusal.MISMATCH), (harmful, Refusal.MALWARE)):
        file.refresh_from_db()
        assert (file.state, file.refusal, file.is_readable) == (FileState.REFUSED, refusal, False)


def test_judging_twice_does_nothing_more(data_key: DataKey, clamd: Clamd) -> None:
    file = store(data_key, b"harmless", "notes.txt")

    assert process(file.pk) == FileState.CLEAN
    assert process(file.pk) is None
    assert clamd.seen == 1


def test_file_held_by_another_worker_is_left_alone(data_key: DataKey) -> None:
    file = store(data_key, b"harmless", "notes.txt")
    assert StoredFile.objects.claim(file.pk, 60) is not None

    assert process(file.pk) is None


def test_large_file_is_held_for_as_long_as_it_may_take(data_key: DataKey, monkeypatch: pytest.MonkeyPatch) -> None:
    file, until = store(data_key, b"harmless", "notes.txt"), []
    StoredFile.objects.filter(pk=file.pk).update(size=2 * judging.GIBIBYTE)
    known = Judgement(FileState.UNSCANNED, FileKind.TEXT)
    monkeypatch.setattr(judging, "_judge_in_steps", lambda held: until.append(held.leased_until) or known)
    process(file.pk)

    longest = timedelta(seconds=judging.LEASE_SECONDS + 2 * judging.LEASE_SECONDS_PER_GIBIBYTE)
    assert timedelta(0) <= timezone.now() + longest - until[0] < timedelta(minutes=1)


def test_file_of_a_worker_that_died_is_judged_again(data_key: DataKey) -> None:
    file = store(data_key, b"harmless", "notes.txt")
    StoredFile.objects.claim(file.pk, -1)

    assert process(file.pk) == FileState.UNSCANNED


def test_file_waits_while_the_scanner_is_gone_and_is_not_judged_twice(
    data_key: DataKey, clamd: Clamd, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, settings.CLAMAV_ADDRESS = settings.CLAMAV_ADDRESS, "127.0.0.1:1"
    file = store(data_key, b"harmless", "notes.txt")
    assert process(file.pk) == FileState.JUDGED
    file.refresh_from_db()
    assert (file.state, file.kind, file.is_readable) == (FileState.JUDGED, FileKind.TEXT, False)
    assert process(file.pk) is None, "it waits a little before it is tried again"

    settings.CLAMAV_ADDRESS = address
    monkeypatch.setattr(judging, "judge_content", None)
    StoredFile.objects.update(leased_until=None)
    assert process(file.pk) == FileState.CLEAN


def test_lost_file_is_called_damaged_only_after_some_tries(data_key: DataKey, documents_folder: Path) -> None:
    file = store(data_key, b"harmless", "notes.txt")
    (documents_folder / file.storage_name).unlink()
    states = []
    for _ in range(judging.READ_ATTEMPTS):
        states.append(process(file.pk))
        StoredFile.objects.update(leased_until=None)

    assert states == [FileState.RECEIVED] * (judging.READ_ATTEMPTS - 1) + [FileState.REFUSED]


def test_file_of_an_erased_case_is_left_alone(data_key: DataKey) -> None:
    file = store(data_key, b"harmless", "notes.txt")
    data_key.erase()

    assert process(file.pk) is None


def test_sweep_rings_for_what_was_forgotten(data_key: DataKey, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(tasks.judge_file, "delay", rung.append)
    old, held, fresh, done = (store(data_key, b"x", "notes.txt") for _ in range(4))
    StoredFile.objects.exclude(pk=fresh.pk).update(created_at=old.created_at - tasks.SWEEP_AFTER * 2)
    StoredFile.objects.filter(pk=done.pk).update(state=FileState.CLEAN)
    StoredFile.objects.claim(held.pk, 60)

    tasks.judge_waiting()
    assert rung == [str(old.pk)]


@pytest.mark.django_db(transaction=True)
def test_two_workers_judge_a_file_once(clamd: Clamd) -> None:
    file = store(DataKey.objects.make(), b"harmless", "notes.txt")
    results: list[FileState | None] = []
    barrier = threading.Barrier(4, timeout=120)

    def work() -> None:
        connection.ensure_connection()
        barrier.wait()
        results.append(process(file.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, results)) == ["None", "None", "None", "clean"]
    assert clamd.seen == 1


def test_doorbell_that_does_not_ring_does_no_harm(
    data_key: DataKey, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def broken(_id: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.judge_file, "delay", broken)
    with django_capture_on_commit_callbacks(execute=True):
        doorbell.judge_soon(store(data_key, b"x", "notes.txt"))
