"""The fonts have every letter we write, and Arabic and Chinese stand in their own faces."""

import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pikepdf
import polib
import pytest
import typst
import yaml
from django.conf import settings as project
from PIL import Image, ImageChops

from typesetting.coverage import FALLBACK, REPLACEMENT, with_replacements
from typesetting.press import FONTS, fonts, typeset

ROOT = Path(project.BASE_DIR)
# Roles of look.typ; every heading and text of ours takes one of them.
ROLES = ("display", "running")
Set = Callable[..., bytes]


@pytest.fixture
def set_text(settings: object, tmp_path: Path) -> Set:
    """Return a function that sets a text in a language and a role of the look."""
    shutil.copy(ROOT / "templates" / "typeset" / "look.typ", tmp_path)
    (tmp_path / "sample.typ").write_text(
        '#import "look.typ"\n'
        "#let data = json(bytes(sys.inputs.data))\n"
        '#set document(title: "Sample")\n'
        '#let role = if data.role == "display" { look.display } else { look.running }\n'
        "#set text(..role(data.language))\n"
        "#data.text\n"
    )
    settings.TYPESETTING_TEMPLATES = tmp_path

    def set_text(text: str, language: str, role: str = "running", form: str = "pdf") -> bytes:
        return typeset("sample.typ", {"text": text, "language": language, "role": role}, format=form)

    return set_text


def words_of(value: object) -> set[str]:
    """Return the words of everything written in a file of facts."""
    if isinstance(value, dict):
        return set().union(*map(words_of, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(words_of, value)) if value else set()
    return set(value.split()) if isinstance(value, str) else set()


@pytest.fixture(scope="session")
def every_word() -> str:
    """Return each word of the interface and of the catalogue in all languages, once."""
    words: set[str] = set()
    for path in ROOT.glob("locale*/*/LC_MESSAGES/*.po"):
        for entry in polib.pofile(str(path)):
            words |= words_of([entry.msgid, entry.msgid_plural, entry.msgstr, list(entry.msgstr_plural.values())])
    for room in ROOT.iterdir():
        for path in (room / "data").rglob("*.yaml") if (room / "__init__.py").exists() else ():
            # What people may type, misspelt too, is only searched.
            if "lay_words" in path.parts:
                continue
            words |= words_of(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    assert len(words) > 10_000
    return " ".join(sorted(words))


def faces_in(pdf: bytes) -> set[str]:
    """Return the names of the faces in a PDF, without the mark of the subset."""
    with pikepdf.open(BytesIO(pdf)) as document:
        found = {
            str(thing.BaseFont)
            for thing in document.objects
            if isinstance(thing, pikepdf.Dictionary) and "/BaseFont" in thing
        }
    return {re.sub(r"^/(?:[A-Z]{6}\+)?|-Identity-H$", "", name) for name in found}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("language", ["en", "ar", "zh-hans"])
def test_every_letter_we_write_has_a_shape(set_text: Set, every_word: str, language: str, role: str) -> None:
    """PDF/UA refuses a letter without a shape; the other languages use the faces of English."""
    assert set_text(every_word, language, role).startswith(b"%PDF")


@pytest.mark.parametrize("role", ROLES)
def test_a_letter_without_a_shape_is_refused(set_text: Set, role: str) -> None:
    with pytest.raises(typst.TypstError, match="could not be displayed"):
        set_text("ᚠᚢᚦ", "en", role)


@pytest.mark.parametrize(
    ("text", "language", "role", "face"),
    [
        ("القلب والأوعية", "ar", "display", "NotoNaskhArabic-SemiBold"),
        ("القلب والأوعية", "ar", "running", "NotoSansArabic-Regular"),
        ("“心脏”与血管。", "zh-hans", "display", "NotoSansSC-Regular"),
        ("“心脏”与血管。", "zh-hans", "running", "NotoSansSC-Regular"),
        ("Сердце и сосуды", "ru", "display", "SourceSerif4-Medium"),
        ("Herz und Gefäße", "de", "running", "SourceSans3-Regular"),
        ("Şeyma Đặng, Łukasz", "en", "running", "SourceSans3-Regular"),
    ],
)
def test_each_script_stands_in_its_own_face(set_text: Set, text: str, language: str, role: str, face: str) -> None:
    assert faces_in(set_text(text, language, role)) == {face}


def test_traditional_characters_of_names_are_there(set_text: Set) -> None:
    assert faces_in(set_text("陳張劉黃楊趙吳鄭謝許鄧馮葉蘇盧蔣賈魏羅龍蕭譚鍾鐘龔", "zh-hans")) == {"NotoSansSC-Regular"}


@pytest.mark.parametrize(
    ("text", "face"),
    [
        ("喆珺堃龑㛃𠮷", "NotoSansCJKsc-Regular"),
        ("김민준", "NotoSansCJKsc-Regular"),
        ("さくらサクラ", "NotoSansSC-Regular"),
        ("יעל", "NotoSansHebrew-Regular"),
        ("สมชาย", "NotoSansThai-Regular"),
        ("प्रिया", "NotoSansDevanagari-Regular"),
        ("রহিম", "NotoSansBengali-Regular"),
        ("ნინო", "NotoSansGeorgian-Regular"),
        ("Արմեն", "NotoSansArmenian-Regular"),
        ("Γιώργος", "SourceSans3-Regular"),
        ("Әлия", "SourceSans3-Regular"),
        ("😀1️⃣👨‍👩‍👧", "NotoEmoji-Regular"),
        ("𝗕𝗼𝗹𝗱", "NotoSansMath-Regular"),
    ],
)
def test_words_of_people_from_anywhere_have_a_face(set_text: Set, text: str, face: str) -> None:
    assert faces_in(set_text(text, "en")) == {face}


def test_what_is_said_to_be_printable_can_be_set(set_text: Set) -> None:
    """Of Chinese and Korean signs every hundredth is tried; of all others each, and what is invisible."""
    drawn = with_replacements("".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)])))
    signs = [sign for sign in drawn if sign != REPLACEMENT]
    many = {sign for sign in signs if "\u3400" <= sign <= "\ud7a3" or sign >= "\U00020000"}
    tried = [sign for number, sign in enumerate(signs) if sign not in many or number % 100 == 0]

    assert len(tried) > 10_000
    assert set_text(" ".join(tried), "en").startswith(b"%PDF")


def test_arabic_letters_are_joined(set_text: Set) -> None:
    apart = "\N{ZERO WIDTH NON-JOINER}".join("بيت")

    joined, single = (set_text(text, "ar", form="png") for text in ("بيت", apart))

    assert joined != single


def test_arabic_runs_from_the_right(set_text: Set) -> None:
    inked = {}
    for language in ("en", "ar"):
        page = Image.open(BytesIO(set_text("IRCCS", language, form="png"))).convert("L")
        left, _top, right, _bottom = ImageChops.invert(page).getbbox()
        inked[language] = (left + right) / 2 / page.width

    assert inked["en"] < 0.5 < inked["ar"]


def test_only_our_fonts_are_known() -> None:
    found = {(face.family, face.weight) for face in fonts().fonts()}
    look = (ROOT / "templates" / "typeset" / "look.typ").read_text()
    ours = {(face.family, face.weight) for face in fonts().fonts() if FALLBACK not in Path(str(face.path)).parents}

    assert ours == {
        ("Source Serif 4", 500),
        ("Source Sans 3", 400),
        ("Source Sans 3", 600),
        ("Noto Naskh Arabic", 600),
        ("Noto Sans Arabic", 400),
        ("Noto Sans Arabic", 600),
        ("Noto Sans SC", 400),
    }
    assert {weight for _family, weight in found - ours} == {400}
    for family, _weight in found:
        assert f'"{family}"' in look or f'"{family.removeprefix("Noto Sans ")}"' in look, family
    assert {path.name for path in FONTS.rglob("*.[ot]tf")} == {Path(str(face.path)).name for face in fonts().fonts()}


def test_each_font_is_in_the_readme_and_has_its_licence() -> None:
    readme = (FONTS / "README.md").read_text()
    licences = {path.stem.removeprefix("LICENSE-").replace("-", "") for path in FONTS.glob("LICENSE-*.txt")}

    for path in FONTS.glob("*.ttf"):
        family, weight = path.stem.split("-")
        assert family in readme, path
        assert f"-{weight}.ttf" in readme, path
        assert family.lower() in licences, path
    licence = (FALLBACK / "LICENSE.txt").read_text()
    for path in FALLBACK.glob("*.[ot]tf"):
        script = path.stem.removesuffix("-Regular").removeprefix("NotoSans")
        assert path.name in readme or re.search(rf"[:,] {script}\b", readme), path
        assert path.name in licence, path


def test_the_look_has_the_colours_of_the_pages() -> None:
    sheet = (ROOT / "static" / "css" / "tokens.css").read_text()
    look = (ROOT / "templates" / "typeset" / "look.typ").read_text()
    colours = re.findall(r"#let ([a-z-]+) = oklch\(([\d.]+)%, ([\d.]+), ([\d.]+)deg\)", look)

    wrong = {}
    for name, lightness, chroma, hue in colours:
        token = re.search(rf"--{name}: oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", sheet)
        if token is None or [float(lightness) / 100, float(chroma), float(hue)] != pytest.approx(
            [float(part) for part in token.groups()]
        ):
            wrong[name] = token and token[0]

    assert len(colours) >= 8
    assert wrong == {}
