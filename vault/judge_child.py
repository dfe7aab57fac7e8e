"""Looks into one file, in a process of its own that can do nothing else.

Started by `vault.judging` with the number of an open descriptor, over which it asks for the bytes of the file it wants
to see, and the limits as JSON on its input. It prints "ready" once it is confined, then one line of JSON. It imports
nothing of the project: it runs with `-I`.
"""

import codecs
import contextlib
import ctypes
import io
import json
import os
import re
import resource
import signal
import stat
import struct
import sys
import zipfile
from typing import Any

import pi_heif
import pikepdf
import pydicom
from PIL import Image, ImageFile, UnidentifiedImageError

NOBODY = 65534
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38

FORBIDDEN_EVENTS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn")

MAXIMUM_NESTING = 60
MAXIMUM_ENTRIES = 20_000
MAXIMUM_UNPACKED_BYTES = 4 * 1024**3
MAXIMUM_OFFICE_BYTES = 512 * 1024**2
# An honest document or scan packs to a hundredth at best; a bomb to a thousandth and less.
MAXIMUM_PACKING = 200
DOCX_PART = 16 * 1024**2

MEDIA_OF_OFFICE = {
    "docx": ("document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": ("spreadsheet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "odt": ("document", "application/vnd.oasis.opendocument.text"),
}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToE", "/Rendition", "/RichMediaExecute"}
ACTIVE_KEYS = {"/JS", "/JavaScript", "/EmbeddedFiles", "/XFA", "/RichMediaContent"}
ACTIVE_TYPES = {"/EmbeddedFile"}
ACTIVE_SUBTYPES = {"/FileAttachment", "/RichMedia", "/Movie", "/Screen", "/3D"}
MACRO_PARTS = re.compile(r"vbaproject|vbadata|/activex/|(^|/)macrosheets/|^basic/|^scripts/", re.IGNORECASE)
EMBEDDED_PARTS = re.compile(r"/embeddings/.*\.bin$|^object \d+/.*\.bin$", re.IGNORECASE)
OUTSIDE_TEMPLATE = re.compile(
    rb"""attachedTemplate["'][^>]*TargetMode\s*=\s*["']External|TargetMode\s*=\s*["']External["'][^>]*attachedTemplate["']"""
)
# The words of a field may be cut into several runs; a field may be written as an attribute as well.
FIELD_WORDS = re.compile(rb"<(?:\w+:)?instrText[^>]*>([^<]*)<|instr\s*=\s*[\"']([^\"']*)")
FIELD_COMMAND = re.compile(rb"\bDDE(AUTO)?\b", re.IGNORECASE)
# A cell that asks another program.
SHEET_COMMAND = re.compile(rb"<(\w+:)?ddeLink\b")
MARKUP = re.compile(rb"^\s*(<!doctype|<html|<svg|<script|<\?|#!)", re.IGNORECASE)
# How programs of Windows, Linux and macOS, scripts, PDFs and ZIPs begin.
PROGRAMS = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"%PDF", b"PK")
MARKUP_INSIDE = re.compile(rb"<\s*(!doctype|html|svg|script|iframe|body)", re.IGNORECASE)
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
# What Windows and macOS put into every folder.
LITTER = re.compile(r"(^|/)(__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini)$", re.IGNORECASE)


# A place and how many bytes; the answer begins with how many come.
QUESTION, ANSWER = struct.Struct("!QI"), struct.Struct("!I")
READ_AHEAD = 256 * 1024
MAXIMUM_QUESTION = 1024 * 1024


class Refused(Exception):
    """The file is not accepted; the argument is a value of `vault.files.Refusal`."""


class DistantFile(io.RawIOBase):
    """A file that somebody else holds: its bytes come over a descriptor when they are asked for."""

    # pydicom asks every buffered reader for one.
    name = ""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__()
        self._descriptor, self._size, self._position = descriptor, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("There is nothing before the beginning of a file.")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, target: Any) -> int:
        if self._position >= self._size:
            return 0
        os.write(self._descriptor, QUESTION.pack(self._position, min(len(target), MAXIMUM_QUESTION)))
        (length,) = ANSWER.unpack(self._receive(ANSWER.size))
        target[:length] = self._receive(length)
        self._position += length
        return length

    def _receive(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            piece = os.read(self._descriptor, count - len(received))
            if not piece:
                # Nobody waits for the judgement any more.
                os._exit(1)
            received += piece
        return bytes(received)


def confine(memory_bytes: int, cpu_seconds: int) -> None:
    """Give up the network, the disk, other processes and privileges, before the file is looked at."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Not every kernel grants a network namespace of one's own; the hook refuses sockets there too.
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # A core dump or a debugger would show the file.
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NOFILE: 16,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for which, limit in limits.items():
        resource.setrlimit(which, (limit, limit))
    # RLIMIT_NPROC would also count threads, which the HEIC decoder starts.
    sys.addaudithook(_refuse_sockets_and_processes)


def _refuse_sockets_and_processes(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(FORBIDDEN_EVENTS):
        raise PermissionError(event)


def _load_what_is_loaded_late() -> None:
    """Import plug-ins and text codes now: once confined, the interpreter's own folders may be out of reach."""
    Image.init()
    pi_heif.register_heif_opener(thumbnails=False)
    for code in ("cp437", "utf-16", "utf-16-le", "latin-1", "ascii", "idna"):
        codecs.lookup(code)


def judge(file: Any, limits: dict[str, Any]) -> dict[str, Any]:
    """Return kind, media type, pages and pixels; raises `Refused`."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise Refused("empty")
    file.seek(0)
    head = file.read(4096)
    file.seek(0)
    look = _look_for(head)
    may_be_scan = look in {judge_dicom, judge_zip}
    # Before anything is decoded: some decoders want the whole file in memory.
    if size > limits["scan_bytes" if may_be_scan else "file_bytes"]:
        raise Refused("too_large")
    if look in {judge_dicom, judge_pdf}:
        _refuse_disguise(head)
    if look not in {judge_zip, judge_old_office, judge_text} and _is_also_zip(file):
        raise Refused("active_content")
    found = look(file, limits)
    if size > limits["file_bytes"] and found["kind"] not in {"dicom", "dicom_archive"}:
        raise Refused("too_large")
    return found


def _refuse_disguise(head: bytes) -> None:
    """Refuse what is a program or a page as well: a DICOM file may begin with anything, a PDF with a little of it."""
    before = head[:128] if head[128:132] == b"DICM" else head.partition(b"%PDF-")[0]
    if before.startswith(PROGRAMS) or MARKUP_INSIDE.search(before):
        raise Refused("active_content")


def _is_also_zip(file: Any) -> bool:
    """Return whether a file ends as a ZIP with a readable list of contents; leaves the file at its beginning."""
    try:
        with zipfile.ZipFile(file) as archive:
            return bool(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, UnicodeError):
        return False
    finally:
        file.seek(0)


def _look_for(head: bytes) -> Any:
    """Return the judge for the first bytes of a file."""
    if head[128:132] == b"DICM":
        return judge_dicom
    if head[:3] == b"\xff\xd8\xff":
        return judge_jpeg
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return judge_png
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return judge_heic
    if head[:4] in {b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"}:
        return judge_zip
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return judge_old_office
    if b"%PDF-" in head[:1024]:
        return judge_pdf
    return judge_text


# --- PDF ------------------------------------------------------------------------------------------------------------


def judge_pdf(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    """Count pages and refuse whatever could act by itself."""
    try:
        with pikepdf.open(file) as pdf:
            pages = len(pdf.pages)
            if pages == 0:
                raise Refused("damaged")
            for thing in pdf.objects:
                _refuse_active(thing)
            _refuse_active(pdf.trailer)
    except pikepdf.PasswordError:
        raise Refused("encrypted") from None
    except (pikepdf.PdfError, ValueError, RuntimeError):
        raise Refused("damaged") from None
    return {"kind": "pdf", "media_type": "application/pdf", "pages": pages}


def _refuse_active(thing: Any, depth: int = 0) -> None:
    """Refuse scripts, launches, forms that send and files inside, in one object and its direct parts."""
    if depth > MAXIMUM_NESTING:
        raise Refused("damaged")
    if isinstance(thing, pikepdf.Array):
        for part in thing:
            _refuse_active_part(part, depth)
    elif isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
        keys = set(thing.keys())
        named = {key: str(thing.get(key)) for key in ("/S", "/Type", "/Subtype") if _is_name(thing.get(key))}
        if (
            keys & ACTIVE_KEYS
            or named.get("/S") in ACTIVE_ACTIONS
            or named.get("/Type") in ACTIVE_TYPES
            or named.get("/Subtype") in ACTIVE_SUBTYPES
        ):
            raise Refused("active_content")
        for key in keys:
            _refuse_active_part(thing.get(key), depth)


def _refuse_active_part(part: Any, depth: int) -> None:
    # Indirect objects are looked at on their own: following them would run in circles.
    if isinstance(part, pikepdf.Object) and not part.is_indirect:
        _refuse_active(part, depth + 1)


def _is_name(value: Any) -> bool:
    return isinstance(value, pikepdf.Name)


# --- pictures -------------------------------------------------------------------------------------------------------


def judge_jpeg(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    return _judge_picture(file, ("JPEG", "MPO"), "image/jpeg", limits)


def judge_png(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    return _judge_picture(file, ("PNG",), "image/png", limits)


def judge_heic(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    return _judge_picture(file, ("HEIF",), "image/heic", limits)


def _judge_picture(
    file: io.BufferedReader, formats: tuple[str, ...], media_type: str, limits: dict[str, Any]
) -> dict[str, Any]:
    """Open a picture as exactly this format and decode it to the end."""
    # Our own limit is checked before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(file, formats=formats) as picture:
            pixels = picture.width * picture.height
            if pixels > limits["pixels"]:
                raise Refused("too_many_pixels")
            picture.load()
    except (OSError, SyntaxError, ValueError, RuntimeError, UnidentifiedImageError):
        raise Refused("damaged") from None
    return {"kind": "image", "media_type": media_type, "pixels": pixels}


# --- scans ----------------------------------------------------------------------------------------------------------


def judge_dicom(file: Any, limits: dict[str, Any]) -> dict[str, Any]:
    """Read every element of a DICOM file but its pixels."""
    pixels = _pixels_of(file)
    return {"kind": "dicom", "media_type": "application/dicom", "pixels": pixels}


def _pixels_of(file: Any) -> int:
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True, defer_size=None)
        if "MediaStorageSOPClassUID" not in dataset.file_meta:
            raise Refused("damaged")
        pixels = int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0)
        frames = max(1, int(dataset.get("NumberOfFrames") or 1))
        _refuse_missing_pixels(file, dataset, pixels * frames)
    except Refused:
        raise
    except MemoryError:
        raise
    except Exception:
        # pydicom raises whatever a broken element makes it stumble on.
        raise Refused("damaged") from None
    return pixels * frames


def _refuse_missing_pixels(file: Any, dataset: Any, pixels: int) -> None:
    """Refuse a file that ends before its uncompressed pixels do."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    # A deflated file is unpacked as a whole to be read: it has its end.
    if not pixels or syntax is None or syntax.is_compressed or syntax.is_deflated:
        return
    expected = pixels * int(dataset.get("SamplesPerPixel") or 1) * int(dataset.get("BitsAllocated") or 8) // 8
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        # Two pixels of an ultrasound share their colours (PS3.3 C.7.6.3.1.2).
        expected = expected // 3 * 2
    start = file.tell()
    left = file.seek(0, os.SEEK_END) - start
    if left < expected:
        raise Refused("damaged")


# --- ZIP: scans and office documents --------------------------------------------------------------------------------


def judge_zip(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    """Tell office documents from scans, after a look at the list of contents alone."""
    try:
        with zipfile.ZipFile(file) as archive:
            _refuse_unsafe(archive, file.seek(0, os.SEEK_END))
            office = _office_kind(archive)
            if office:
                return _judge_office(archive, office)
            return _judge_scans(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError, UnicodeError, zipfile.zlib.error):
        raise Refused("damaged") from None


def _refuse_unsafe(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse bombs, overlapping entries, passwords, links and names that leave the folder."""
    entries = archive.infolist()
    if not entries:
        raise Refused("empty")
    unpacked = sum(entry.file_size for entry in entries)
    if (
        len(entries) > MAXIMUM_ENTRIES
        or unpacked > MAXIMUM_UNPACKED_BYTES
        or unpacked > size * MAXIMUM_PACKING
        or sum(entry.compress_size for entry in entries) > size
    ):
        raise Refused("unsafe_archive")
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise Refused("encrypted")
        if _is_unsafe_name(entry.orig_filename) or stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused("unsafe_archive")


def _is_unsafe_name(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or "\0" in name or bool(re.match(r"[A-Za-z]:", name))


def _office_kind(archive: zipfile.ZipFile) -> str:
    names = set(archive.namelist())
    if "[Content_Types].xml" in names:
        return next((kind for kind, part in (("docx", "word/"), ("xlsx", "xl/")) if _has_folder(names, part)), "other")
    if "mimetype" in names:
        media = _part(archive, "mimetype", 200).strip().decode("ascii", "replace")
        return "odt" if media == MEDIA_OF_OFFICE["odt"][1] else "other"
    return ""


def _has_folder(names: set[str], folder: str) -> bool:
    return any(name.startswith(folder) for name in names)


def _judge_office(archive: zipfile.ZipFile, office: str) -> dict[str, Any]:
    """Refuse macros, embedded programs, templates from elsewhere and fields that start programs."""
    if office == "other":
        raise Refused("type")
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAXIMUM_OFFICE_BYTES:
        raise Refused("unsafe_archive")
    for entry in entries:
        # LibreOffice writes an empty Basic folder into documents without macros.
        if MACRO_PARTS.search(entry.filename) and not entry.is_dir() and entry.file_size:
            raise Refused("macros")
        if EMBEDDED_PARTS.search(entry.filename):
            raise Refused("active_content")
        _refuse_active_xml(archive, entry)
    kind, media_type = MEDIA_OF_OFFICE[office]
    return {"kind": kind, "media_type": media_type}


def _refuse_active_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if not name.endswith((".xml", ".rels")):
        return
    # An XML part may be written in UTF-16.
    text = _part(archive, name).replace(b"\0", b"")
    if name == "[Content_Types].xml" and b"macroEnabled" in text:
        raise Refused("macros")
    if name.endswith(".rels") and OUTSIDE_TEMPLATE.search(text):
        raise Refused("active_content")
    if name.startswith("word/") and _has_field_command(text):
        raise Refused("active_content")
    if name.startswith("xl/") and SHEET_COMMAND.search(text):
        raise Refused("active_content")
    if name == "META-INF/manifest.xml" and b"encryption-data" in text:
        raise Refused("encrypted")


def _has_field_command(text: bytes) -> bool:
    """Return whether a field of a document starts a program."""
    found = FIELD_WORDS.findall(text)
    whole = b"".join(words for words, _attribute in found)
    return bool(FIELD_COMMAND.search(whole)) or any(FIELD_COMMAND.search(attribute) for _words, attribute in found)


def _part(archive: zipfile.ZipFile, name: str, limit: int = DOCX_PART) -> bytes:
    with archive.open(name) as part:
        return part.read(limit)


def _judge_scans(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Count the scans of a ZIP; anything beside them is refused."""
    scans, pixels = 0, 0
    for entry in archive.infolist():
        if entry.is_dir() or LITTER.search(entry.filename):
            continue
        with archive.open(entry) as part:
            head = part.read(132)
        if head[128:] != b"DICM":
            raise Refused("not_only_scans")
        _refuse_disguise(head)
        # A directory of the CD has no pixels, and lists what we see anyway.
        if entry.filename.rpartition("/")[2].upper() == "DICOMDIR":
            continue
        with archive.open(entry) as part:
            pixels += _pixels_of(part)
        scans += 1
    if not scans:
        raise Refused("not_only_scans")
    return {"kind": "dicom_archive", "media_type": "application/zip", "pages": scans, "pixels": pixels}


def judge_old_office(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    """Refuse the office formats of before 2007; new ones under a password have the same shell."""
    shell = file.read(limits["file_bytes"])
    raise Refused("encrypted" if "EncryptedPackage".encode("utf-16-le") in shell else "type")


# --- plain text -----------------------------------------------------------------------------------------------------


def judge_text(file: io.BufferedReader, limits: dict[str, Any]) -> dict[str, Any]:
    """Accept text without markup and control characters, in UTF-8, UTF-16 with a mark, or an old 8-bit code."""
    content = file.read(limits["file_bytes"] + 1)
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError:
            raise Refused("type") from None
    if CONTROL.search(content) or MARKUP.match(content.removeprefix(b"\xef\xbb\xbf")):
        raise Refused("type")
    return {"kind": "text", "media_type": "text/plain"}


def main() -> None:
    """Judge the given descriptor and print the result."""
    limits = json.loads(sys.stdin.read())
    _load_what_is_loaded_late()
    confine(limits["memory_bytes"], limits["cpu_seconds"])
    print("ready", flush=True)
    distant = DistantFile(int(sys.argv[1]), limits["size"])
    with contextlib.redirect_stderr(io.StringIO()), io.BufferedReader(distant, READ_AHEAD) as file:
        try:
            result = judge(file, limits)
        except Refused as refused:
            result = {"refusal": str(refused)}
        except (MemoryError, RecursionError):
            result = {"refusal": "too_complex"}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
