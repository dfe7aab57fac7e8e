"""Reads the scans in one file and makes small pictures of them, in a process of its own that can do nothing else.

Started by `vault.looking` as `vault.judging` starts `judge_child`, whose confinement it shares. After "ready" it prints
one line of JSON, then the plain pixels of the pictures whose shapes the line tells. It imports nothing of the project
but its neighbour: it runs with `-I`.
"""

import codecs
import contextlib
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy
import pi_heif
import pydicom
import pydicom.pixels.decoders
from PIL import Image, ImageFile, ImageOps
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

sys.path.append(str(Path(__file__).parent))
from judge_child import LITTER, READ_AHEAD, DistantFile, confine

# Of a photograph that is read as text, and of a scan.
PICTURE_SIDE, SCAN_SIDE = 1600, 640
MOST_PICTURES, MOST_SERIES = 12, 4
MOST_STUDIES = 8
# The answer is read by somebody who reads only so much.
MOST_SERIES_TOLD = 60
# A decoded scan with its copies stays far below the memory of this process.
MOST_PIXELS = 32_000_000
LONGEST_TEXT = 120
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
FACTS = [
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "Modality",
    "BodyPartExamined",
    "StudyDate",
    "StudyDescription",
    "SeriesDescription",
    "PatientName",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SpecificCharacterSet",
]


@dataclass
class Series:
    """The pictures that were taken in one go, as (number in the series, where it is, number of frames)."""

    number: int
    modality: str
    description: str
    images: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(frames for _number, _where, frames in self.images)

    @property
    def missing(self) -> int:
        """Return how many numbers are left out between the first and the last; 0 where they do not count images."""
        numbers = {number for number, _where, _frames in self.images if number > 0}
        if len(numbers) < 3 or len(numbers) != len(self.images):
            return 0
        gaps = max(numbers) - min(numbers) + 1 - len(numbers)
        return gaps if gaps <= len(numbers) else 0


@dataclass
class Study:
    """One examination of one patient."""

    facts: dict[str, str]
    series: dict[str, Series] = field(default_factory=dict)


Opener = Callable[[str], Any]


def text(value: Any) -> str:
    """Return what a tag says as one short line without control characters."""
    return " ".join(CONTROL.sub(" ", str(value if value is not None else "")).split())[:LONGEST_TEXT]


def whole_number(value: Any, default: int = 0) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return default


def look(file: BinaryIO, kind: str) -> tuple[dict[str, Any], list[Image.Image]]:
    """Return what the file holds, and its pictures in the order in which the answer names them."""
    if kind == "image":
        return {"studies": [], "pictures": [{}]}, [small_picture(file)]
    if kind == "dicom":
        return _look_at_scans(["file"], lambda _where: _again(file), set())
    with zipfile.ZipFile(file) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        names = [name for name in names if not LITTER.search(name)]
        directories = [name for name in names if name.rpartition("/")[2].upper() == "DICOMDIR"]
        promised = set().union(*(_promised(archive, name) for name in directories))
        scans = [name for name in names if name not in directories]
        return _look_at_scans(scans, archive.open, promised)


def _again(file: BinaryIO) -> Any:
    file.seek(0)
    return contextlib.nullcontext(file)


def _look_at_scans(names: list[str], opened: Opener, promised: set[str]) -> tuple[dict[str, Any], list[Image.Image]]:
    studies = read_studies(names, opened)
    here = {name.upper() for name in names}
    lost = sum(1 for path in promised if not any(name == path or name.endswith("/" + path) for name in here))
    shown, pictures = [], []
    for number, study in enumerate(studies):
        for made, picture in _pictures_of(study, opened):
            shown.append({"study": number, **made})
            pictures.append(picture)
    return {"studies": [_said(study) for study in studies], "pictures": shown, "lost": lost}, pictures


def read_studies(names: list[str], opened: Opener) -> list[Study]:
    """Return the studies among the scans, the one with most images first; what is no image (a report) is left out."""
    studies: dict[str, Study] = {}
    for name in names:
        with contextlib.suppress(Exception), opened(name) as part:
            _add(studies, pydicom.dcmread(part, stop_before_pixels=True, specific_tags=FACTS), name)
    found = [study for study in studies.values() if study.series]
    found.sort(key=lambda study: -sum(series.count for series in study.series.values()))
    return found[:MOST_STUDIES]


def _add(studies: dict[str, Study], scan: Any, name: str) -> None:
    if not whole_number(scan.get("Rows")) or not whole_number(scan.get("Columns")):
        return
    study = studies.setdefault(
        text(scan.get("StudyInstanceUID")),
        Study(
            {
                "body_part": text(scan.get("BodyPartExamined")),
                "date": text(scan.get("StudyDate")),
                "description": text(scan.get("StudyDescription")),
                "patient_name": text(scan.get("PatientName")),
            }
        ),
    )
    series = study.series.setdefault(
        text(scan.get("SeriesInstanceUID")),
        Series(whole_number(scan.get("SeriesNumber")), text(scan.get("Modality")), text(scan.get("SeriesDescription"))),
    )
    frames = max(1, whole_number(scan.get("NumberOfFrames"), 1))
    series.images.append((whole_number(scan.get("InstanceNumber")), name, frames))


def _promised(archive: zipfile.ZipFile, name: str) -> set[str]:
    """Return the files that the directory of a CD names, in capitals."""
    with contextlib.suppress(Exception), archive.open(name) as part:
        records = pydicom.dcmread(part).get("DirectoryRecordSequence") or []
        parts = [record.get("ReferencedFileID") for record in records]
        return {
            "/".join([named] if isinstance(named, str) else [str(step) for step in named]).upper()
            for named in parts
            if named
        }
    return set()


def _said(study: Study) -> dict[str, Any]:
    ordered = sorted(study.series.values(), key=lambda series: series.number)[:MOST_SERIES_TOLD]
    return {
        **study.facts,
        "series": [
            {
                "number": series.number,
                "modality": series.modality,
                "description": series.description,
                "images": series.count,
                "missing": series.missing,
            }
            for series in ordered
        ],
    }


def _pictures_of(study: Study, opened: Opener) -> Iterator[tuple[dict[str, int], Image.Image]]:
    """Yield a few pictures of the largest series, evenly spread, each with its place."""
    largest = sorted(study.series.values(), key=lambda series: -series.count)[:MOST_SERIES]
    most = MOST_PICTURES // max(1, len(largest))
    for series in sorted(largest, key=lambda series: series.number):
        frames = [(name, frame) for _number, name, count in sorted(series.images) for frame in range(count)]
        for place in spread(len(frames), most):
            name, frame = frames[place]
            with contextlib.suppress(Exception):
                yield (
                    {"series": series.number, "number": place + 1, "of": len(frames)},
                    small_scan(opened, name, frame),
                )


def spread(count: int, most: int) -> list[int]:
    """Return the places of at most `most` of `count` things, the first and the last among them."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count // 2]
    return sorted({round(step * (count - 1) / (most - 1)) for step in range(most)})


def small_scan(opened: Opener, name: str, frame: int) -> Image.Image:
    """Return one frame of a scan, as its window shows it."""
    with opened(name) as part:
        scan = pydicom.dcmread(part, stop_before_pixels=True)
    if int(scan.Rows) * int(scan.Columns) > MOST_PIXELS:
        raise ValueError("The scan is too large to be shown.")
    # PALETTE COLOR and MONOCHROME come as they are, every other colour as RGB.
    with opened(name) as part:
        pixels = pixel_array(part, index=frame)
    colours = str(scan.get("PhotometricInterpretation", ""))
    if colours == "PALETTE COLOR":
        return smaller(Image.fromarray(to_bytes(apply_color_lut(pixels, scan))), SCAN_SIDE)
    if pixels.ndim == 3:
        return smaller(Image.fromarray(to_bytes(pixels)), SCAN_SIDE)
    shades = apply_voi_lut(apply_modality_lut(pixels, scan), scan)
    return smaller(Image.fromarray(grey(shades, scan, is_inverse=colours == "MONOCHROME1")), SCAN_SIDE)


def grey(shades: Any, scan: Any, *, is_inverse: bool) -> Any:
    """Return shades from 0 to 255; without a window, from the darkest to the brightest hundredth."""
    values = numpy.asarray(shades, dtype=numpy.float32)
    has_window = "WindowCenter" in scan or "VOILUTSequence" in scan
    low, high = (values.min(), values.max()) if has_window else numpy.percentile(values, (1, 99))
    span = float(high - low) or 1.0
    scaled = numpy.clip((values - low) / span, 0, 1) * 255
    return (255 - scaled if is_inverse else scaled).astype(numpy.uint8)


def to_bytes(colours: Any) -> Any:
    """Return colours of 8 or 16 bits as 8 bits."""
    return (colours >> 8).astype(numpy.uint8) if colours.dtype.itemsize > 1 else colours


def small_picture(file: BinaryIO) -> Image.Image:
    """Return a photograph upright and small, without what the phone wrote beside it."""
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    file.seek(0)
    with Image.open(file, formats=("JPEG", "PNG", "HEIF")) as picture:
        picture.draft("RGB", (PICTURE_SIDE, PICTURE_SIDE))
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in {"RGBA", "LA", "P", "PA"}:
            paper = Image.new("RGB", upright.size, "white")
            layer = upright.convert("RGBA")
            paper.paste(layer, mask=layer.getchannel("A"))
            upright = paper
        return smaller(upright, PICTURE_SIDE)


def smaller(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture in grey or colour, no larger than `side` pixels each way."""
    shown = picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    return shown


def _load_what_is_loaded_late() -> None:
    """Import plug-ins and decoders now: once confined, the interpreter's own folders may be out of reach."""
    Image.init()
    pi_heif.register_heif_opener(thumbnails=False)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    for syntax in pydicom.uid.AllTransferSyntaxes:
        with contextlib.suppress(NotImplementedError):
            pydicom.pixels.get_decoder(syntax)
    written = io.BytesIO()
    Image.new("RGB", (8, 8)).save(written, "JPEG")
    small_picture(written)
    for code in ("cp437", "utf-16", "utf-16-le", "idna", *pydicom.charset.python_encoding.values()):
        with contextlib.suppress(LookupError):
            codecs.lookup(code)


def main() -> None:
    """Look at the given descriptor and print what is there."""
    asked = json.loads(sys.stdin.read())
    _load_what_is_loaded_late()
    confine(asked["memory_bytes"], asked["cpu_seconds"])
    print("ready", flush=True)
    distant = DistantFile(int(sys.argv[1]), asked["size"])
    with contextlib.redirect_stderr(io.StringIO()), io.BufferedReader(distant, READ_AHEAD) as file:
        try:
            answer, pictures = look(file, asked["kind"])
        # Whatever a stranger's file does to a decoder: nothing can be shown of it.
        except Exception:
            answer, pictures = {"studies": [], "pictures": []}, []
    # Whoever answers our questions listens to the answer once there are no more.
    os.close(int(sys.argv[1]))
    answer["shapes"] = [[picture.mode, *picture.size] for picture in pictures]
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for picture in pictures:
        sys.stdout.buffer.write(picture.tobytes())
    sys.stdout.flush()


if __name__ == "__main__":
    main()
