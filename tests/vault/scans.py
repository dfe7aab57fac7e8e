"""Scans made for tests: a grey ramp in every form in which hospitals store pixels."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import gdcm
import numpy
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    MediaStorageDirectoryStorage,
    RLELossless,
    generate_uid,
)

SIDE = 64
STUDY, SERIES = generate_uid(), generate_uid()
GDCM_FORMS = {
    "jpeg lossless": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "jpeg-ls": gdcm.TransferSyntax.JPEGLSLossless,
    "jpeg 2000": gdcm.TransferSyntax.JPEG2000Lossless,
}
FORMS = ["plain", "rle", "jpeg", *GDCM_FORMS]


def ramp(bits: int = 12) -> numpy.ndarray:
    """Return a picture that grows brighter from left to right."""
    row = numpy.linspace(0, 2**bits - 1, SIDE)
    return numpy.tile(row, (SIDE, 1)).astype(numpy.uint16 if bits > 8 else numpy.uint8)


def scan(pixels: numpy.ndarray | None = None, **tags: Any) -> FileDataset:
    """Return an uncompressed CT image; tags override what it says."""
    picture = ramp() if pixels is None else pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, SERIES
    made.SeriesNumber, made.InstanceNumber = 1, 1
    made.Modality, made.BodyPartExamined, made.StudyDate = "CT", "CHEST", "20260512"
    made.PatientName = "Example^Amal"
    frames = picture.shape[0] if picture.ndim > 2 and picture.shape[-1] != 3 else 1
    made.SamplesPerPixel = 3 if picture.shape[-1] == 3 else 1
    made.PhotometricInterpretation = "RGB" if made.SamplesPerPixel == 3 else "MONOCHROME2"
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    if frames > 1:
        made.NumberOfFrames = frames
    made.Rows, made.Columns = picture.shape[-3:-1] if made.SamplesPerPixel == 3 else picture.shape[-2:]
    bits = picture.dtype.itemsize * 8
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation = 0
    made.PixelData = picture.tobytes()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def written(made: FileDataset) -> bytes:
    """Return the scan as a file."""
    target = io.BytesIO()
    pydicom.dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()


def in_form(form: str) -> bytes:
    """Return the ramp, stored in one of FORMS."""
    if form == "plain":
        return written(scan())
    if form == "rle":
        made = scan()
        made.compress(RLELossless)
        return written(made)
    if form == "jpeg":
        picture = io.BytesIO()
        Image.fromarray(ramp(8)).save(picture, "JPEG", quality=95)
        made = scan(ramp(8))
        made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        made.PixelData = encapsulate([picture.getvalue()])
        return written(made)
    return _by_gdcm(written(scan()), GDCM_FORMS[form])


def packed(parts: dict[str, bytes]) -> bytes:
    """Return a ZIP of scans."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def directory(paths: list[str]) -> bytes:
    """Return the directory of a CD with these files."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.DirectoryRecordSequence = []
    for path in paths:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", path.split("/")
        made.DirectoryRecordSequence.append(record)
    return written(made)


def broken_jpeg_2000() -> bytes:
    """Return a scan whose pixels are no JPEG 2000, though it says so."""
    made = scan()
    made.file_meta.TransferSyntaxUID = JPEG2000Lossless
    made.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"nonsense" * 40])
    return written(made)


def _by_gdcm(plain: bytes, syntax: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "plain.dcm", Path(folder) / "packed.dcm"
        source.write_bytes(plain)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return target.read_bytes()
