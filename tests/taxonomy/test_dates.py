"""The first of the month as each language says it."""

import datetime
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.utils import timezone, translation

from healthlombardy.local.messages import APPS

FIRST_OF_MARCH = {
    "en": "1 March 2027",
    "it": "1º marzo 2027",
    "ar": "1 مارس 2027",
    "zh-hans": "2027年3月1日",
    "es": "1 de marzo de 2027",
    "fr": "1er mars 2027",
    "de": "1. März 2027",
    "ru": "1 марта 2027 г.",
}


def printed(day: datetime.date, form: str, language: str) -> str:
    template = engines["django"].from_string('{{ day|date:"' + form + '" }}')
    with translation.override(language):
        return template.render({"day": day})


@pytest.mark.parametrize("language", FIRST_OF_MARCH)
def test_the_first_of_the_month_has_the_name_the_language_gives_it(language: str) -> None:
    assert printed(datetime.date(2027, 3, 1), "DATE_FORMAT", language) == FIRST_OF_MARCH[language]


@pytest.mark.parametrize(
    ("language", "form", "words"),
    [
        ("fr", "DATETIME_FORMAT", "1er mars 2027 01:00"),
        ("it", "DATETIME_FORMAT", "1º marzo 2027, 01:00"),
        ("fr", "l j F", "lundi 1er mars"),
        ("fr", "SHORT_DATE_FORMAT", "01/03/2027"),
        ("it", "SHORT_DATE_FORMAT", "1/03/2027"),
        ("fr", "Y-m-d", "2027-03-01"),
        ("it", "j", "1"),
        ("it", "H:i", "01:00"),
    ],
)
def test_only_a_day_beside_its_month_is_written_so(language: str, form: str, words: str) -> None:
    # One o’clock in Milan; in UTC it is midnight.
    moment = datetime.datetime(2027, 3, 1, 0, 0, tzinfo=datetime.UTC)

    with timezone.override(settings.PORTAL_TIME_ZONE):
        assert printed(moment, form, language) == words


@pytest.mark.parametrize("day", [2, 10, 11, 21, 31])
@pytest.mark.parametrize(("language", "month"), [("fr", "mars"), ("it", "marzo")])
def test_no_other_day_changes(language: str, month: str, day: int) -> None:
    assert printed(datetime.date(2027, 3, day), "DATE_FORMAT", language) == f"{day} {month} 2027"


def test_a_date_that_is_missing_prints_nothing() -> None:
    assert engines["django"].from_string('{{ day|date:"DATE_FORMAT" }}').render({"day": None}) == ""


@pytest.mark.parametrize("app", APPS)
def test_no_code_writes_a_date_in_words_another_way(app: str) -> None:
    wrong = [
        f"{path.name}:{number}"
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if path.parts[-2:] != ("taxonomy", "dates.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "formats import date_format" in line
        # The name of a weekday alone holds no day of the month.
        or (re.search(r"\bformat_(date|skeleton)\(", line) and "with_first(" not in line and '"ccc"' not in line)
    ]

    assert wrong == []
