import io
import json
from datetime import date
from typing import Any

import numpy
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image

from tests.vault import scans
from vault import children, looking
from vault.files import FileKind, FileState, StoredFile
from vault.keys import DataKey
from vault.looking import look_into
from vault.previews import Look, files_to_look_at


@pytest.fixture
def look_at(data_key: DataKey) -> Any:
    """Return how a file is stored, released and looked into."""

    def look(content: bytes, kind: FileKind = FileKind.DICOM) -> Look:
        upload = SimpleUploadedFile("a-file", content)
        file = StoredFile.objects.store(upload, data_key=data_key)
        StoredFile.objects.filter(pk=file.pk).update(state=FileState.CLEAN, kind=kind)
        made = look_into(file.pk)
        assert made is not None
        return Look.objects.for_files().get(pk=made.pk)

    return look


def pixels_of(look: Look, number: int = 0) -> numpy.ndarray:
    jpeg = list(look.previews.all())[number].content
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        assert not picture.getexif()
        return numpy.asarray(picture).astype(int)


@pytest.mark.parametrize("form", scans.FORMS)
def test_a_scan_is_shown_whatever_form_its_pixels_have(look_at: Any, form: str) -> None:
    shown = pixels_of(look_at(scans.in_form(form)))

    assert shown.shape == (scans.SIDE, scans.SIDE)
    expected = numpy.linspace(0, 255, scans.SIDE)
    assert numpy.abs(shown.mean(axis=0) - expected).max() < 8


def test_the_lightest_shade_of_monochrome1_is_black(look_at: Any) -> None:
    shown = pixels_of(look_at(scans.written(scans.scan(PhotometricInterpretation="MONOCHROME1"))))

    assert shown[:, 0].mean() > 245
    assert shown[:, -1].mean() < 10


def test_a_scan_is_shown_through_its_window(look_at: Any) -> None:
    shown = pixels_of(look_at(scans.written(scans.scan(WindowCenter=1000, WindowWidth=200))))

    assert shown[:, :13].max() < 10
    assert shown[:, 20:].min() > 245


def test_a_scan_in_colour_keeps_its_colours(look_at: Any) -> None:
    red = numpy.zeros((16, 16, 3), numpy.uint8)
    red[..., 0] = 200
    shown = pixels_of(look_at(scans.written(scans.scan(red))))

    assert numpy.abs(shown.mean(axis=(0, 1)) - [200, 0, 0]).max() < 4


def test_of_many_frames_a_few_are_shown_evenly(look_at: Any) -> None:
    frames = numpy.stack([numpy.full((16, 16), shade, numpy.uint8) for shade in range(0, 250, 5)])
    look = look_at(scans.written(scans.scan(frames, WindowCenter=128, WindowWidth=256)))

    places = [preview.place["number"] for preview in look.previews.all()]
    assert len(places) == 12
    assert (places[0], places[-1]) == (1, 50)
    assert {preview.place["of"] for preview in look.previews.all()} == {50}


def test_a_cd_is_told_by_study_and_series(look_at: Any) -> None:
    other = {"SeriesInstanceUID": "1.2.3", "SeriesNumber": 2, "SeriesDescription": "Lung"}
    parts = {f"CD/A{number}": scans.written(scans.scan(InstanceNumber=number)) for number in range(1, 6)}
    parts |= {f"CD/B{number}": scans.written(scans.scan(InstanceNumber=number, **other)) for number in (1, 2, 4)}
    look = look_at(scans.packed(parts), FileKind.DICOM_ARCHIVE)

    (study,) = look.studies.all()
    assert (study.images, study.missing, study.modalities) == (8, 1, ["CT"])
    assert study.taken_on == date(2026, 5, 12)
    assert study.patient_name == "Example^Amal"
    assert [series["description"] for series in study.facts["series"]] == ["", "Lung"]
    assert len(look.previews.all()) == 8


def test_files_that_the_directory_names_and_that_are_not_there_are_counted(look_at: Any) -> None:
    parts = {f"IMAGES/IM{number}": scans.written(scans.scan(InstanceNumber=number)) for number in (1, 2, 3)}
    parts["DICOMDIR"] = scans.directory(list(parts))

    assert look_at(scans.packed(parts), FileKind.DICOM_ARCHIVE).lost == 0
    del parts["IMAGES/IM2"]
    assert look_at(scans.packed(parts), FileKind.DICOM_ARCHIVE).lost == 1


def test_a_report_beside_the_scans_is_no_image(look_at: Any) -> None:
    report = scans.scan(Modality="SR")
    for tag in ("Rows", "Columns", "PixelData"):
        delattr(report, tag)
    parts = {"A1": scans.written(scans.scan()), "SR": scans.written(report)}

    (study,) = look_at(scans.packed(parts), FileKind.DICOM_ARCHIVE).studies.all()

    assert (study.images, study.modalities) == (1, ["CT"])


HOSTILE: dict[str, dict[str, Any]] = {
    "control characters": {"PatientName": "Eve^<script>alert(1)</script>\x01\u202e", "StudyDescription": "\x1b[2J"},
    "no date": {"StudyDate": "99999999"},
    "a date to come": {"StudyDate": "29990101"},
    "long": {"StudyDescription": "x" * 5000},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", HOSTILE)
def test_what_tags_say_is_made_harmless(look_at: Any, case: str) -> None:
    (study,) = look_at(scans.written(scans.scan(**HOSTILE[case]))).studies.all()

    told = json.dumps(study.facts, ensure_ascii=False)
    assert not any(ord(sign) < 32 or sign == "\u202e" for sign in told)
    assert all(len(text) <= 120 for text in study.facts.values() if isinstance(text, str))
    if "StudyDate" in HOSTILE[case]:
        assert study.taken_on is None


def huge() -> bytes:
    claims = scans.scan(Rows=60_000, Columns=60_000)
    return scans.written(claims)


def shorter() -> bytes:
    return scans.written(scans.scan(PixelData=b"\0" * 100))


@pytest.mark.parametrize(
    "content", [huge, shorter, scans.broken_jpeg_2000, lambda: b"\0" * 128 + b"DICM" + b"\xff" * 90]
)
def test_of_a_scan_that_lies_nothing_is_shown(look_at: Any, content: Any) -> None:
    assert list(look_at(content()).previews.all()) == []


def test_a_photograph_is_made_small_upright_and_without_its_place(look_at: Any) -> None:
    picture = Image.new("RGB", (4000, 1000), "white")
    facts = Image.Exif()
    facts[0x0112] = 6
    facts[0x010F] = "A telephone"
    target = io.BytesIO()
    picture.save(target, "JPEG", exif=facts)

    look = look_at(target.getvalue(), FileKind.IMAGE)

    assert pixels_of(look).shape[:2] == (1600, 400)
    assert b"telephone" not in look.previews.get().content


def test_a_transparent_picture_stands_on_white(look_at: Any) -> None:
    target = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(target, "PNG")

    assert pixels_of(look_at(target.getvalue(), FileKind.IMAGE)).min() > 250


def test_what_is_refused_or_not_yet_judged_is_not_looked_into(data_key: DataKey) -> None:
    file = StoredFile.objects.store(SimpleUploadedFile("a.dcm", scans.written(scans.scan())), data_key=data_key)

    assert look_into(file.pk) is None
    assert not Look.objects.exists()


def test_a_file_is_looked_into_once(look_at: Any) -> None:
    look = look_at(scans.written(scans.scan()))

    assert not files_to_look_at().exists()
    assert look_into(look.file_id) is None
    assert len(look.previews.all()) == 1


def test_a_file_whose_look_cannot_begin_waits(
    data_key: DataKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    file = StoredFile.objects.store(SimpleUploadedFile("a.dcm", scans.written(scans.scan())), data_key=data_key)
    StoredFile.objects.filter(pk=file.pk).update(state=FileState.CLEAN, kind=FileKind.DICOM)
    monkeypatch.setattr(looking, "CHILD", tmp_path / "missing.py")

    assert look_into(file.pk) is None
    assert files_to_look_at().exists()


def test_a_child_that_never_ends_leaves_an_empty_look(look_at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_slow(*_args: Any, **_limits: Any) -> None:
        raise children.ChildTooSlow

    monkeypatch.setattr(children, "ask", too_slow)

    assert list(look_at(scans.written(scans.scan())).previews.all()) == []


STUDY = {"date": "", "body_part": "", "description": "", "patient_name": "", "series": []}
SERIES = {"number": 1, "modality": "CT", "description": "", "images": 1, "missing": 0}


def says(answer: dict[str, Any], pixels: str = "b''") -> str:
    """Return the program of a child that was taken over."""
    line = json.dumps({"studies": [], "pictures": [], "shapes": []} | answer)
    return f"sys.stdout.write({line!r} + chr(10)); sys.stdout.flush(); os.write(1, {pixels})"


@pytest.mark.parametrize(
    "deed",
    [
        "while True: os.write(1, bytes(1 << 16))",
        "sys.stdout.write('[' * 1_000_000)",
        "print('[]')",
        "print('null')",
        says({"studies": 7}),
        says({"studies": ["x"]}),
        says({"studies": [STUDY | {"series": [SERIES | {"images": 1e999}]}]}),
        says({"lost": "many"}),
        says({"pictures": [{}], "shapes": [["L", 2000, 1]]}, "bytes(2000)"),
        says({"pictures": [{}], "shapes": [["L", -2, -2]]}, "bytes(4)"),
        says({"pictures": [{}], "shapes": [["CMYK", 2, 2]]}, "bytes(16)"),
        says({"pictures": [{}], "shapes": [["L", 9, 9]]}, "bytes(4)"),
        says({"pictures": [{}], "shapes": [["L", 2, 2]]}, "bytes(5)"),
        says({"pictures": [{}, {}], "shapes": [["L", 2, 2]]}, "bytes(4)"),
        says({"pictures": [{}] * 30, "shapes": [["RGB", 1600, 1600]] * 30}) + "\nwhile True: os.write(1, bytes(65536))",
    ],
)
def test_a_child_that_was_taken_over_leaves_an_empty_look(
    look_at: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, deed: str
) -> None:
    child = tmp_path / "child.py"
    begin = "import os, sys\nsys.stdin.read(); os.close(int(sys.argv[1])); print('ready', flush=True)\n"
    child.write_text(begin + deed, encoding="utf-8")
    monkeypatch.setattr(looking, "CHILD", child)

    look = look_at(scans.written(scans.scan()))

    assert (look.lost, look.studies.count(), look.previews.count()) == (0, 0, 0)


def test_a_child_says_no_more_of_a_place_than_belongs_there(
    look_at: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    child = tmp_path / "child.py"
    begin = "import os, sys\nsys.stdin.read(); os.close(int(sys.argv[1])); print('ready', flush=True)\n"
    answer = says({"pictures": [{"of": 3, "<b>": 1}], "shapes": [["L", 2, 2]]}, "bytes(4)")
    child.write_text(begin + answer, encoding="utf-8")
    monkeypatch.setattr(looking, "CHILD", child)

    assert look_at(scans.written(scans.scan())).previews.get().place == {"of": 3}


def test_a_picture_is_sealed_in_its_table(look_at: Any) -> None:
    look = look_at(scans.written(scans.scan()))

    with connection.cursor() as cursor:
        cursor.execute("SELECT jpeg FROM vault_preview")
        (held,) = cursor.fetchone()
    assert look.previews.get().jpeg[:40].encode() not in bytes(held)
