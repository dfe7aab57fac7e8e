"""The opinion as PDF/UA: tagged, in its language, with every word, and nothing in it that runs or tells too much."""

import re
import time
from io import BytesIO

import pikepdf
import pytest
from django.conf import settings

from accounts.models import User
from facilities.models import Facility
from teleconsult import opinion_paper, workflow
from teleconsult.enums import OptionKind
from teleconsult.models import Opinion, Request
from teleconsult.models.opinions import option
from teleconsult.opinions import MOST_PARTS, parts_of
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from typesetting.coverage import REPLACEMENT, unprintable, with_replacements
from typesetting.press import typeset

pytestmark = pytest.mark.django_db
# Plain words, question, answer, letter: as a specialist writes them, Latin words inside.
TEXTS = {
    "en": (
        "You can wait.",
        "Is the operation needed?",
        "No: the stenosis is 50 %, and ≥ 70 % would count.",
        "Dear Dr. Example,",
    ),
    "ar": (
        "يمكنك الانتظار ولا حاجة إلى عملية الآن.",
        "هل العملية ضرورية؟",
        "لا. وفق معايير NASCET يبلغ التضيّق 50 % فقط.",
        "الزميل العزيز،",
    ),
    "zh-hans": (
        "您可以等待，目前不需要手术。镥-177 治疗不适用。",
        "我需要做手术吗？",
        "不需要。根据 NASCET 标准，狭窄程度为 50%。",
        "尊敬的同事：",
    ),
    "de": (
        "Sie können warten: Die Thrombozytenaggregationshemmungsbehandlung genügt.",
        "Brauche ich die Operation?",
        "Nein, die Verengung beträgt 50 %.",
        "Sehr geehrte Kollegin,",
    ),
    "it": ("Può aspettare.", "È necessario l’intervento?", "No, la stenosi è del 50 %.", "Egregio collega,"),
    "ru": ("Можно подождать.", "Нужна ли операция?", "Нет, стеноз 50 %.", "Уважаемый коллега!"),
    "es": ("Puede esperar.", "¿Hace falta operar?", "No, la estenosis es del 50 %.", "Estimado colega:"),
    "fr": ("Vous pouvez attendre.", "Faut-il opérer ?", "Non, la sténose est de 50 %.", "Cher confrère,"),
}
MARKUP = '#set page(fill: red) #panic("x") *b* _i_ $x$ @ref <label> \\ // = "q" ` #read("/etc/passwd")'


@pytest.fixture
def case(coordinator: User, facility: Facility, facility_office: User, specialist: User) -> Request:
    factories.make_protocol(facility, follow_up_questions=2, follow_up_days=10)
    return factories.make_with_specialist(coordinator, facility, facility_office, specialist)


@pytest.fixture
def by(specialist: User) -> Actor:
    return Actor.staff(specialist)


def in_language(case: Request, by: Actor, language: str, **fields: object) -> Opinion:
    plain, question, answer, letter = TEXTS[language]
    case.language = language
    case.question = question
    case.save()
    part = {"question": question, "answer": answer, "is_joined": False, "is_patients": True}
    values = {"language": language, "plain_words": plain, "answers": [part], "letter": letter}
    return factories.deliver_opinion(case, by, **values | fields)


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(pdf))


def words_in(document: pikepdf.Pdf) -> str:
    """Return the text of all pages without blanks, as programs that read aloud get it: by the fonts' own tables."""
    return "".join(glyphs for page in document.pages for glyphs in _words_of_page(page))


def _words_of_page(page: pikepdf.Page) -> list[str]:
    tables = {
        name: _unicode_table(font.ToUnicode.read_bytes().decode("latin-1"))
        for name, font in page.Resources.Font.items()
    }
    found, table = [], {}
    for operands, operator in pikepdf.parse_content_stream(page):
        if str(operator) == "BDC" and isinstance(operands[1], pikepdf.Dictionary) and "/ActualText" in operands[1]:
            found.append(str(operands[1].ActualText))
        if str(operator) == "Tf":
            table = tables[str(operands[0])]
        for part in _strings(operands) if str(operator) in {"Tj", "TJ"} else ():
            raw = bytes(part)
            found += [table.get(raw[at : at + 2].hex().upper(), "") for at in range(0, len(raw), 2)]
    return ["".join(found).replace(" ", "").replace("\u00a0", "")]


def _strings(operands: object) -> list[pikepdf.String]:
    parts = operands[0] if isinstance(operands[0], pikepdf.Array) else operands
    return [part for part in parts if isinstance(part, pikepdf.String)]


def _unicode_table(text: str) -> dict[str, str]:
    """Return the letters by code of a table ToUnicode."""
    table: dict[str, str] = {}
    kind = ""
    for line in text.splitlines():
        if line.endswith(("beginbfchar", "beginbfrange")):
            kind = line.split()[-1]
        elif line.startswith("end"):
            kind = ""
        elif kind:
            cells = [cell.strip("<>") for cell in line.replace("[", " ").replace("]", " ").split()]
            if kind == "beginbfchar":
                table[cells[0].upper()] = bytes.fromhex(cells[1]).decode("utf-16-be")
            else:
                first, last = int(cells[0], 16), int(cells[1], 16)
                start = bytes.fromhex(cells[2]).decode("utf-16-be")
                for code in range(first, last + 1):
                    table[f"{code:04X}"] = start[:-1] + chr(ord(start[-1]) + code - first)
    return table


def bare(text: str) -> str:
    """Return letters and marks without blanks and hyphens."""
    return re.sub(r"[\s\u00ad‐-]", "", text)


def things_in(document: pikepdf.Pdf) -> list[pikepdf.Dictionary]:
    return [thing for thing in document.objects if isinstance(thing, pikepdf.Dictionary)]


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_each_language_has_its_words_and_the_marks_of_pdf_ua(case: Request, by: Actor, language: str):
    opinion = in_language(case, by, language)

    document = opened(opinion_paper.pdf(opinion))

    root = document.Root
    assert bool(root.MarkInfo.Marked)
    assert str(root.Lang).split("-")[0] == language.split("-")[0]
    assert "/StructTreeRoot" in root
    assert bool(root.ViewerPreferences.DisplayDocTitle)
    with document.open_metadata() as metadata:
        assert metadata["{http://www.aiim.org/pdfua/ns/id/}part"] == "1"
        assert case.reference in metadata["dc:title"]
        assert metadata["dc:language"]
    tags = {str(thing.S) for thing in things_in(document) if "/S" in thing and "/P" in thing}
    assert {"/H1", "/H2", "/H3", "/P", "/Figure", "/Link"} <= tags
    assert "/Outlines" in root
    if language != "ar":
        text = words_in(document)
        for words in TEXTS[language]:
            # A hyphen at the end of a line is part of no word.
            assert bare(words) in bare(text)


def test_arabic_letters_can_be_read_and_copied(case: Request, by: Actor):
    text = words_in(opened(opinion_paper.pdf(in_language(case, by, "ar"))))

    # Laid out from right to left, letters and ligatures still stand for what they are.
    for words in ("".join(TEXTS["ar"]),):
        assert set(words) - set(text) - set(" \u064b\u0651") == set()
    assert "NASCET" in text


def test_title_and_file_say_nothing_about_health(case: Request, by: Actor):
    opinion = in_language(case, by, "en")
    document = opened(opinion_paper.pdf(opinion))

    said = str(document.docinfo) + document.Root.Metadata.read_bytes().decode()
    for words in (*TEXTS["en"], case.patient_name, str(by.user), "Secretectomy"):
        assert words not in said


def test_nothing_in_it_runs_and_links_lead_to_known_places(case: Request, by: Actor):
    rows = [option(OptionKind.TRIAL, "Ask.", trial="NCT01234567")]
    document = opened(opinion_paper.pdf(in_language(case, by, "en", options=rows)))

    written = b"".join(thing.unparse() for thing in things_in(document))
    for name in (b"/JS", b"/JavaScript", b"/AA", b"/OpenAction", b"/Launch", b"/EmbeddedFiles", b"/AcroForm"):
        assert not re.search(name + rb"\b", written)
    links = {str(note.A.URI) for page in document.pages for note in page.get("/Annots", [])}
    assert links == {
        "https://clinicaltrials.gov/study/NCT01234567",
        f"{settings.PUBLIC_URL}/en/my-request/",
    }


def test_what_is_typed_is_never_markup(case: Request, by: Actor):
    opinion = in_language(case, by, "en", plain_words=MARKUP, letter=MARKUP)

    text = words_in(opened(opinion_paper.pdf(opinion)))

    assert text.count(MARKUP.replace(" ", "")) == 2


def test_signature_addenda_and_answers_stand_in_it(case: Request, by: Actor):
    opinion = in_language(case, by, "en")
    question = factories.ask_follow_up(case, "May I fly?")
    workflow.answer_follow_up(question=question, by=by, text="Yes, you may.", language="en")
    addendum = factories.add_addendum(case, by, "One more thing.")
    opinion = Opinion.objects.get(pk=opinion.pk)

    text = words_in(opened(opinion_paper.pdf(opinion)))

    for words in (
        opinion.digest,
        addendum.digest,
        str(by.user),
        opinion.facility.official_name,
        "Thisisnotaqualifiedelectronicsignature.",
        "(Dubai)",
        "(Milan)",
        "Onemorething.",
        "MayIfly?",
        "Yes,youmay.",
        "Page1of",
    ):
        assert words.replace(" ", "") in text
    assert "Draft" not in text


def test_a_draft_says_so_on_every_page(case: Request, by: Actor):
    long = "\n\n".join(f"Paragraph {number}. " + "Words and words. " * 30 for number in range(15))
    draft = workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case, letter=long))
    document = opened(opinion_paper.pdf(draft))

    assert len(document.pages) > 2
    for number, page in enumerate(document.pages, start=1):
        text = "".join(_words_of_page(page))
        assert "Draft,notsigned" in text
        assert f"Page{number}of{len(document.pages)}" in text


def test_signs_without_a_shape_become_boxes_and_it_is_said(case: Request, by: Actor):
    opinion = in_language(case, by, "en")
    factories.ask_follow_up(case, "ᚠᚢ?")
    workflow.answer_follow_up(question=opinion.follow_up_questions.get(), by=by, text="Yes.", language="en")

    text = words_in(opened(opinion_paper.pdf(Opinion.objects.get(pk=opinion.pk))))

    assert REPLACEMENT in text
    assert "Somesignsofyourownwordscannotbeprintedhere" in text


def test_a_name_of_any_script_is_printed(case: Request, by: Actor):
    opinion = in_language(case, by, "zh-hans")
    case.patient_name = "龑喆 𠮷野 יעל Ναταλία ნინო สมชาย 김민준 さくら Արմեն"
    case.save()

    text = words_in(opened(opinion_paper.pdf(Opinion.objects.get(pk=opinion.pk))))

    assert bare(re.sub(r"[יעלม]", "", case.patient_name)) in re.sub(r"[יעלม]", "", text)
    assert set("יעל") <= set(text)
    assert REPLACEMENT not in text
    assert opinion_paper.data_of(opinion)["notices"] == []


def test_a_name_with_a_sign_no_font_has_says_so(case: Request, by: Actor):
    opinion = in_language(case, by, "en")
    case.patient_name = "Ada ᚠ"
    case.save()

    data = opinion_paper.data_of(Opinion.objects.get(pk=opinion.pk))

    assert data["patient"] == [f"\u2068Ada {REPLACEMENT}\u2069"]
    assert data["notices"] == ["Some signs of your own words cannot be printed here; you read them in your request."]


@pytest.mark.parametrize("sign", ["\ufeff", "\u0001", "\u200d", "\U000e0067", "\ue000", "\u20e3", "\u0301", "\ufffe"])
def test_no_sign_keeps_the_paper_from_being_set(case: Request, by: Actor, sign: str):
    words = f"a {sign} b{sign} {sign}c 中{sign} ب{sign}"
    opinion = in_language(case, by, "en", plain_words=words, letter=words)

    assert opinion_paper.pdf(opinion).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("text", "language", "way"),
    [
        ("אני צריך ניתוח? NASCET 50 %", "en", "rtl"),
        ("I need it? ניתוח", "ar", "ltr"),
        ("?? 50 %", "ar", "rtl"),
        ("", "en", "ltr"),
    ],
)
def test_words_of_a_patient_run_as_their_letters_do(text: str, language: str, way: str):
    assert opinion_paper.said(text, language)["direction"] == way


def test_a_very_long_word_stays_on_the_page(case: Request, by: Actor):
    word = "https://example.org/" + "a" * 300
    pieces = opinion_paper.block(word).split(opinion_paper.BREAK)

    assert "".join(pieces) == word
    assert max(map(len, pieces)) <= 20
    for whole in ("镥" * 100, "ต้องการทราบว่า" * 9, "Thrombozytenaggregationshemmungsbehandlung.", "short"):
        assert opinion_paper.block(whole) == whole
    assert opinion_paper.BREAK in opinion_paper.block("请看https://example.org/" + "a" * 80)
    assert opinion_paper.block("x1" * 19 + "xe\u0301" + "y" * 30).find(f"{opinion_paper.BREAK}\u0301") == -1
    assert opinion_paper.pdf(in_language(case, by, "en", letter=word)).startswith(b"%PDF")


def test_a_dose_stays_in_one_line():
    apart = "≥ 40 mmHg, 5 mg/die, 1.2 cm², 58 %, 28 мм рт. ст., 177 Lu, 2 people, 3 months, 10 µg b.i.d."

    assert opinion_paper.block(apart) == (
        "≥\u00a040\u00a0mmHg, 5\u00a0mg/die, 1.2\u00a0cm², 58\u00a0%, 28\u00a0мм рт. ст., 177 Lu, 2 people, 3 months, "
        "10\u00a0µg b.i.d."
    )


def test_an_address_breaks_by_itself_and_can_be_copied(case: Request, by: Actor):
    address = (
        "https://example.org/Guidelines/Valvular-Heart-Disease-Guidelines-2021-full-text?version=2&language=english"
    )

    assert opinion_paper.block(address) == address
    text = words_in(opened(opinion_paper.pdf(in_language(case, by, "en", letter=f"Please also see there: {address}."))))
    assert address in text


def test_the_page_is_a_picture_too(case: Request, by: Actor):
    opinion = in_language(case, by, "ar")

    assert typeset(opinion_paper.TEMPLATE, opinion_paper.data_of(opinion), format="png").startswith(b"\x89PNG")


def test_what_our_fonts_can_print():
    medical = "≥ ≤ ± × ÷ → µ α β γ ° ² ³ ½ • – — ′ ″ ™ ℃ ‰ ∞ ≈ ≠ Å Đ Ł Ş ğ ạ ế ữ ٣ گ چ پ ژ 镥 锝 镓 钇 碘 ё Ё ї"

    assert unprintable([medical]) == []
    assert unprintable(["aᚠb", "ᚠ", "𓀀", "\U00013430"]) == ["ᚠ", "𓀀", "\U00013430"]
    assert with_replacements("aᚠ\ufeffb\x00") == f"a{REPLACEMENT}b"


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Is it needed?", ["Is it needed?"]),
        ("I had a stroke. Is it safe? And then?", ["I had a stroke. Is it safe?", "And then?"]),
        ("About me.\n\nIs it safe?\nThank you.", ["About me.\nIs it safe?\nThank you."]),
        ("هل العملية ضرورية؟ وما البدائل؟", ["هل العملية ضرورية؟", "وما البدائل؟"]),
        ("我需要手术吗？还有其他办法吗？谢谢", ["我需要手术吗？", "还有其他办法吗？\n谢谢"]),
        ("Please tell me.", ["Please tell me."]),
        ("Really?! “Why?” he said.", ["Really?", "! “Why?”\nhe said."]),
        ("", []),
    ],
)
def test_a_question_in_parts(question: str, parts: list[str]):
    assert parts_of(question) == parts
    assert "".join("".join(parts_of(question)).split()) == "".join(question.split())


@pytest.mark.parametrize("question", ["a?" * 5000, "\n".join(f"{number}?" for number in range(1600))])
def test_more_questions_than_anybody_asks_stand_in_the_last_part(question: str):
    """Else the editor would have more fields than a form may send, and nobody could ever answer."""
    parts = parts_of(question)

    assert len(parts) == MOST_PARTS
    assert "".join("".join(parts).split()) == "".join(question.split())


# Four times as long as a question can be: sixteen times the seconds, which no busy machine takes for one pass.
@pytest.mark.parametrize("question", ["x" * 40_000, "«" * 40_000, "a? " + "b" * 39_990], ids=["x", "«", "a? b"])
def test_a_line_without_an_end_costs_no_time(question: str):
    """Looked at from each of its letters it took four seconds, whenever the specialist saved a word."""
    begun = time.thread_time()
    parts = parts_of(question)

    assert time.thread_time() - begun < 3
    assert "".join("".join(parts).split()) == "".join(question.split())
