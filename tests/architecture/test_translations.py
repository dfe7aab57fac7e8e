"""The catalogues of words: complete, not fuzzy, same placeholders, nothing stale."""

import re
from pathlib import Path

import polib
import pytest
from django.conf import settings

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
