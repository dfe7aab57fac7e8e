"""Every mail to a patient in every language: whole, in her words, in her direction, without a hole in its lines."""

import datetime
import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils.html import strip_tags

from notifications.content import pack
from notifications.models import OutboxMessage
from notifications.sending import build
from taxonomy.languages import direction
from tests.teleconsult.test_mailings import KINDS

STAFF = {"case_left", "case_waiting", "consultation_staff", "digest", "follow_up_waiting"}
SIGN_IN = "https://healthlombardy.example/my-request/"
WORDS = {
    "reference": "HL-6FX6-AHW4-K",
    "references": ["HL-6FX6-AHW4-K", "HL-6FX6-AHW4-9"],
    "sign_in_url": SIGN_IN,
    "desk_url": "https://healthlombardy.example/desk/",
    "at": datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC),
    "ends_on": datetime.date(2027, 3, 6),
    "day": datetime.date(2027, 3, 6),
    "lanes": {
        "late": ["HL-A"],
        "due": [],
        "new": ["HL-B"],
        "with_facility": [],
        "in_triage": [],
        "awaiting_patient": [],
    },
    "code": "482913",
    "minutes": 10,
    "waits": False,
    "is_new": True,
    "due_at": datetime.datetime(2027, 3, 8, 17, tzinfo=datetime.UTC),
    "request_kind": "second_opinion",
    "news": "confirmed",
    "starts_at": datetime.datetime(2027, 3, 30, 9, tzinfo=datetime.UTC),
    "ends_at": datetime.datetime(2027, 3, 30, 9, 30, tzinfo=datetime.UTC),
    "clock_zone": "America/New_York",
    "place_zone": "",
    "city": "",
    "is_remote": True,
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "closed": [{"request_kind": "question"}, {"request_kind": "collaboration"}],
    "request_received": [{"request_kind": "question"}, {"request_kind": "collaboration"}],
    "access_code": [{"minutes": 1}],
    "case_waiting": [{"is_new": False}, {"due_at": None}],
    "new_receipt_notice": [{"waits": True}],
    "consultation": [
        {"news": "moved"},
        {"news": "cancelled"},
        {"news": "reminder", "is_remote": False},
        {"is_remote": False, "city": "Abu Dhabi", "place_zone": "Asia/Dubai"},
    ],
}
CASES = [(kind, words) for kind in KINDS for words in [{}, *VARIANTS.get(kind, [])]]
# Said alike in several languages: numbers, names, addresses, clocks.
SAME = re.compile(r"https?://\S+|HL-[\w-]+|Health Lombardy|Abu Dhabi|New York|UTC\S*|\d\S*|[^\w\s]")


def made(kind: str, words: dict[str, Any], language: str) -> tuple[str, str, str]:
    """Return subject, text and HTML of a mail."""
    context = pack(WORDS | words)
    message = OutboxMessage(
        kind=f"teleconsult/mail/{kind}", to="p@example.org", language=language, zone="America/New_York", context=context
    )
    mail = build(message)
    return mail.subject, mail.body, mail.alternatives[0][0]


def said(*texts: str) -> Iterator[str]:
    """Yield the lines that say something in a language."""
    for text in texts:
        for line in text.splitlines():
            rest = " ".join(SAME.sub(" ", line).split())
            if len(rest) > 8:
                yield rest


@time_machine.travel("2027-03-01 09:00Z", tick=False)
@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_each_mail_says_everything_in_its_language(language: str) -> None:
    for kind, words in CASES:
        if kind in STAFF:
            continue
        subject, text, html = made(kind, words, language)
        shown = strip_tags(html)

        assert f'dir="{direction(language)}"' in html, kind
        assert subject, kind
        for part in (subject, text, shown):
            assert not re.search(r"[{}]|%\(|None", part), (kind, part)
        assert "\n\n\n" not in text, kind
        if language != "en":
            english = set(said(*made(kind, words, "en")[:2]))
            assert english & set(said(subject, text, shown)) == set(), kind


@time_machine.travel("2027-03-01 09:00Z", tick=False)
@pytest.mark.parametrize("language", settings.STAFF_LANGUAGES)
def test_mails_of_the_staff_too(language: str) -> None:
    for kind, words in CASES:
        if kind not in STAFF:
            continue
        subject, text, _html = made(kind, words, language)

        assert "\n\n\n" not in text
        if language != "en":
            assert set(said(*made(kind, words, "en")[:2])) & set(said(subject, text)) == set(), kind


def test_the_specialist_reads_what_came_to_her_and_by_when() -> None:
    # The mail is for somebody in Milan.
    message = OutboxMessage(
        kind="teleconsult/mail/case_waiting", to="d@example.org", language="it", zone="Europe/Rome", context=pack(WORDS)
    )
    mail = build(message)

    for part in (mail.body, strip_tags(mail.alternatives[0][0])):
        assert "La Sua struttura Le ha affidato la richiesta di un paziente." in part
        assert "HL-6FX6-AHW4-K" in part
        assert "8 marzo 2027, 18:00 (Milano)" in part


@time_machine.travel("2027-03-01 09:00Z", tick=False)
def test_a_clock_reads_the_same_for_patient_and_staff() -> None:
    lines = [
        [line for line in made(kind, {}, "it")[1].splitlines() if line.startswith("- ")]
        for kind in ("consultation", "consultation_staff")
    ]

    assert lines[0] == lines[1]
    assert "martedì 30 marzo 2027" in lines[0][0]
