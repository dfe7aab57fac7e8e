"""Small files of every kind, good and bad, made anew for each run."""

import base64
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

import pikepdf
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, generate_uid

# A red square of 16 x 16, encoded with pillow-heif (the decoder we install cannot encode).
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABoAABAAAAAAAAACYAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/Glw"
    "cnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABA"
    "AAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYEC"
    "AwWEAAAALm1kYXQAAAAiKAGvBBITTOD46cJoP9k3+apWCI8n7asr40mfd7EYkqn/oA=="
)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"


def pdf(change: Callable[[pikepdf.Pdf], object] = lambda _pdf: None, pages: int = 2, **save: object) -> bytes:
    """Return a PDF with empty pages, after a change."""
    made, target = pikepdf.new(), io.BytesIO()
    for _ in range(pages):
        made.add_blank_page()
    change(made)
    made.save(target, **save)
    return target.getvalue()


def open_action(kind: str, **extra: object) -> Callable[[pikepdf.Pdf], None]:
    """Return a change that runs an action when the document is opened."""

    def change(made: pikepdf.Pdf) -> None:
        made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name("/" + kind), **extra)

    return change


def attachment(made: pikepdf.Pdf) -> None:
    """Put a file inside."""
    made.attachments["notes.txt"] = b"hidden"


def annotation_script(made: pikepdf.Pdf) -> None:
    """Hide a script in the direct part of a page's annotation."""
    action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, A=action, Rect=[0, 0, 1, 1])
    made.pages[1].Annots = pikepdf.Array([link])


def xfa(made: pikepdf.Pdf) -> None:
    """Make a dynamic form."""
    made.Root.AcroForm = pikepdf.Dictionary(XFA=pikepdf.String("<xdp/>"))


def web_link(made: pikepdf.Pdf) -> None:
    """Add what is harmless: a link to a page and an opening view."""
    action = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://example.org"))
    link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, A=action, Rect=[0, 0, 1, 1])
    made.pages[0].Annots = pikepdf.Array([made.make_indirect(link)])
    made.Root.OpenAction = pikepdf.Dictionary(
        S=pikepdf.Name.GoTo, D=pikepdf.Array([made.pages[0].obj, pikepdf.Name.Fit])
    )


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a picture of noise, which does not compress away."""
    noise = random.Random(1).randbytes(size[0] * size[1] * 3)
    target = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(target, kind)
    return target.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG that promises many pixels and has none."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))

    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def dicom(rows: int = 8, columns: int = 8) -> bytes:
    """Return a CT picture."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    scan.SOPClassUID, scan.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    scan.PatientName, scan.Modality = "Demo^Person", "CT"
    scan.Rows, scan.Columns, scan.SamplesPerPixel, scan.BitsAllocated = rows, columns, 1, 16
    scan.BitsStored, scan.HighBit, scan.PixelRepresentation = 16, 15, 0
    scan.PhotometricInterpretation = "MONOCHROME2"
    scan.PixelData = random.Random(2).randbytes(rows * columns * 2)
    target = io.BytesIO()
    pydicom.dcmwrite(target, scan, enforce_file_format=True)
    return target.getvalue()


def packed(parts: Mapping[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


def docx(parts: Mapping[str, bytes] | None = None, content_type: str = WORD + ".main+xml") -> bytes:
    """Return the bones of a Word document, with more parts."""
    return packed(
        {
            "[Content_Types].xml": f'<Types><Override ContentType="{content_type}"/></Types>'.encode(),
            "word/document.xml": b"<w:document><w:t>Report</w:t></w:document>",
            **(parts or {}),
        }
    )


def field(*runs: str) -> bytes:
    """Return a part of a Word document with a field whose words are cut into runs."""
    inside = "".join(f"<w:r><w:instrText xml:space='preserve'>{words}</w:instrText></w:r>" for words in runs)
    return f"<w:document><w:p>{inside}</w:p></w:document>".encode()


def xlsx(parts: Mapping[str, bytes] | None = None) -> bytes:
    """Return the bones of a spreadsheet, with more parts."""
    return packed({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>", **(parts or {})})


def odt(parts: Mapping[str, bytes] | None = None) -> bytes:
    """Return the bones of an OpenDocument text."""
    return packed({"mimetype": ODT.encode(), "content.xml": b"<office/>", **(parts or {})}, zipfile.ZIP_STORED)


def scans(parts: Mapping[str | zipfile.ZipInfo, bytes] | None = None, count: int = 3) -> bytes:
    """Return a ZIP of scans like a CD folder, with more parts."""
    return packed({**{f"CD/IMAGES/IM{number:04}": dicom() for number in range(count)}, **(parts or {})})


def link(name: str) -> zipfile.ZipInfo:
    """Return the entry of a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry


def overlapping() -> bytes:
    """Return a ZIP whose list of contents names the same bytes many times."""
    one = packed({"IM0000": dicom(64, 64)}, zipfile.ZIP_STORED)
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entry, count = one[start:end], 50
    directory = entry * count
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    return one[:start] + directory + tail


def locked_zip() -> bytes:
    """Return a ZIP that says it is encrypted."""
    made = bytearray(scans(count=1))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[made.index(mark) + offset] |= 1
    return bytes(made)


def disguised(beginning: bytes, scan: bytes = b"") -> bytes:
    """Return a DICOM file that is something else to whoever looks at its first bytes only."""
    return beginning.ljust(128, b"\0") + (scan or dicom())[128:]


def promising(rows: int, columns: int, frames: int) -> bytes:
    """Return a CT picture that promises more pixels than it has."""
    scan = pydicom.dcmread(io.BytesIO(dicom()))
    scan.Rows, scan.Columns, scan.NumberOfFrames = rows, columns, frames
    target = io.BytesIO()
    pydicom.dcmwrite(target, scan)
    return target.getvalue()


def deflated() -> bytes:
    """Return a CT picture that is packed as a whole."""
    scan, target = pydicom.dcmread(io.BytesIO(dicom())), io.BytesIO()
    scan.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    pydicom.dcmwrite(target, scan)
    return target.getvalue()


def shared_colours(frames: int = 4) -> bytes:
    """Return an ultrasound of some frames, in which two pixels share their colours."""
    scan, target = pydicom.dcmread(io.BytesIO(dicom())), io.BytesIO()
    scan.Modality, scan.PhotometricInterpretation = "US", "YBR_FULL_422"
    scan.SamplesPerPixel, scan.PlanarConfiguration, scan.NumberOfFrames = 3, 0, frames
    scan.BitsAllocated, scan.BitsStored, scan.HighBit = 8, 8, 7
    scan.PixelData = random.Random(3).randbytes(8 * 8 * 2 * frames)
    pydicom.dcmwrite(target, scan)
    return target.getvalue()


def without_class() -> bytes:
    """Return a DICOM file that does not say what it holds."""
    made = dicom()
    tag = made.index(struct.pack("<HH", 2, 2))
    length = struct.unpack("<H", made[tag + 6 : tag + 8])[0]
    return made[:tag] + made[tag + 8 + length :]


def lying_zip(says: int) -> bytes:
    """Return a ZIP whose list of contents says another size than its entry has."""
    made = bytearray(packed({"IM0000": dicom(64, 64)}))
    place = made.index(b"PK\x01\x02") + 24
    made[place : place + 4] = struct.pack("<I", says)
    return bytes(made)


def old_office(inside: str = "WordDocument") -> bytes:
    """Return the shell of an office file of before 2007."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + inside.encode("utf-16-le") + b"\0" * 512
