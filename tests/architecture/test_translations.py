"""The catalogues of words: complete, not fuzzy, same placeholders, nothing stale."""

import ast
import datetime
import re
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT, MONTHS_AP, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format

from healthlombardy.local.messages import APPS, GROUPS, KEYWORDS, PLURALS, Sentence, catalogue_path, collect

ROOT = Path(settings.BASE_DIR)
PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sd]|%[sd]|\{[a-z_]+\}")
PATIENT_LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]


def catalogue(language: str) -> polib.POFile:
    folder = {"zh-hans": "zh_Hans"}.get(language, language)
    return polib.pofile(ROOT / "locale" / folder / "LC_MESSAGES" / "django.po")


@pytest.mark.parametrize("language", PATIENT_LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    # Arrange
    entries = [entry for entry in catalogue(language) if not entry.obsolete]

    # Act
    missing = [entry.msgid for entry in entries if not entry.translated() or entry.fuzzy]

    # Assert
    assert len(entries) > 300
    assert missing == []


@pytest.mark.parametrize("language", PATIENT_LANGUAGES)
def test_placeholders_survive_translation(language: str) -> None:
    # Arrange
    wrong = []

    # Act
    for entry in catalogue(language):
        wanted = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural))
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            found = set(PLACEHOLDER.findall(text))
            # A singular or dual form may leave the number out, never invent a placeholder.
            if text and (found - wanted or (not entry.msgid_plural and found != wanted)):
                wrong.append((entry.msgid, text))

    # Assert
    assert wrong == []


# --- the files agree with the code ------------------------------------------------------------------------------------

CATALOGUES = [(group, language) for group, languages in GROUPS.items() for language in languages]


@pytest.fixture(scope="module")
def spoken() -> dict[str, dict[tuple[str, str], Sentence]]:
    """Return the sentences of code and templates, by group."""
    return collect()


@pytest.mark.parametrize(("group", "language"), CATALOGUES)
def test_files_hold_the_sentences_of_today_and_no_other(
    spoken: dict[str, dict[tuple[str, str], Sentence]], group: str, language: str
) -> None:
    entries = polib.pofile(str(catalogue_path(group, language)))

    written = {(entry.msgctxt or "", entry.msgid): entry.msgid_plural for entry in entries if not entry.obsolete}
    wanted = {key: sentence.plural for key, sentence in spoken[group].items()}

    assert sorted(wanted.keys() - written.keys()) == []
    assert sorted(written.keys() - wanted.keys()) == []
    assert {key for key, plural in wanted.items() if plural != written[key]} == set()
    assert [entry.msgid for entry in entries if entry.obsolete] == []


@pytest.mark.parametrize(("group", "language"), CATALOGUES)
def test_every_form_of_every_sentence_is_written(group: str, language: str) -> None:
    entries = polib.pofile(str(catalogue_path(group, language)))
    forms = int(PLURALS[language].split("=")[1].split(";")[0])

    assert entries.metadata["Plural-Forms"] == PLURALS[language]
    assert [entry.msgid for entry in entries if entry.fuzzy or not entry.translated()] == []
    assert [entry.msgid for entry in entries if entry.msgid_plural and len(entry.msgstr_plural) != forms] == []


def test_both_groups_are_found_in_the_code(spoken: dict[str, dict[tuple[str, str], Sentence]]) -> None:
    assert len(spoken["locale"]) > 300
    assert len(spoken["locale_staff"]) > 100
    assert ("", "We cannot find this page") in spoken["locale"]
    assert spoken["locale"].keys() & spoken["locale_staff"].keys() == set()


def test_no_sentence_is_glued_together(spoken: dict[str, dict[tuple[str, str], Sentence]]) -> None:
    """A placeholder has a name; a sentence neither begins nor ends with a blank that another part would need."""
    texts = [
        text
        for group in spoken.values()
        for sentence in group.values()
        if sentence.context not in {"between the items of a list", "between two facts"}
        for text in (sentence.text, sentence.plural)
    ]

    assert [text for text in texts if re.search(r"%[sd]|\{\}", text.replace("%%", ""))] == []
    assert [text for text in texts if text != text.strip()] == []


@pytest.mark.parametrize("app", APPS)
def test_what_an_app_raises_or_shows_is_not_formatted_before_it_is_translated(app: str) -> None:
    """`_(f"…")` and `_("…".format())` can never be translated."""
    wrong = []
    for path in (ROOT / app).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if name in KEYWORDS and node.args and not isinstance(node.args[-1 if "pg" in name else 0], ast.Constant):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")

    assert wrong == []


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "day", "named"),
    [
        ("en", "22 November 2026", "Sunday, November"),
        ("it", "22 novembre 2026", "domenica, novembre"),
        ("ar", "22 نوفمبر 2026", "الأحد, نوفمبر"),
        ("zh-hans", "2026年11月22日", "星期日, 十一月"),
        ("es", "22 de noviembre de 2026", "domingo, noviembre"),
        ("fr", "22 novembre 2026", "dimanche, novembre"),
        ("de", "22. November 2026", "Sonntag, November"),
        ("ru", "22 ноября 2026 г.", "Воскресенье, Ноябрь"),
    ],
)
def test_a_date_is_written_as_the_language_writes_it(language: str, day: str, named: str) -> None:
    date = datetime.date(2026, 11, 22)

    with translation.override(language):
        assert date_format(date, "DATE_FORMAT") == day
        assert date_format(date, "l, F") == named


def test_no_italian_month_or_day_has_a_capital_letter() -> None:
    names = [MONTHS, MONTHS_3, MONTHS_ALT, MONTHS_AP, WEEKDAYS, WEEKDAYS_ABBR]

    with translation.override("it"):
        written = [str(name) for group in names for name in group.values()]

    assert len(written) == 62
    assert [name for name in written if name != name.lower()] == []


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "written"), [(1, "بايت واحد"), (2, "بايتان"), (3, "3 بايتات"), (10, "10 بايتات"), (11, "11 بايتًا")]
)
def test_arabic_counts_bytes_as_arabic_counts(number: int, written: str) -> None:
    with translation.override("ar"):
        assert filesizeformat(number).replace("\xa0", " ") == written
