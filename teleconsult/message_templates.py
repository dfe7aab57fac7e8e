"""Ready-made texts for the desk, in each language of a patient; versioned in `data/templates.yaml`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from teleconsult.enums import Action

FILE = Path(__file__).parent / "data" / "templates.yaml"


@dataclass(frozen=True)
class MessageTemplate:
    """One text: in the patient's language, and the same in the language of whoever sends it."""

    key: str
    title: str
    text: str
    language: str
    own_text: str
    # original, machine (no person has read it yet), translated, reviewed.
    status: str

    @property
    def is_machine(self) -> bool:
        return self.status == "machine"


def templates_for(action: Action, language: str, own_language: str) -> list[MessageTemplate]:
    """Return the texts for a step; English where a language is unknown."""
    return [
        _template(key, entry, language, own_language) for key, entry in _entries().items() if action in entry["steps"]
    ]


def template(key: str, action: Action, language: str, own_language: str) -> MessageTemplate | None:
    """Return one text of a step."""
    return next((found for found in templates_for(action, language, own_language) if found.key == key), None)


def _template(key: str, entry: dict[str, Any], language: str, own_language: str) -> MessageTemplate:
    texts, titles = entry["texts"], entry["titles"]
    code = language if language in texts else settings.LANGUAGE_CODE
    own = own_language if own_language in titles else settings.LANGUAGE_CODE
    return MessageTemplate(key, titles[own], texts[code]["text"], code, texts[own]["text"], texts[code]["status"])


@cache
def _entries() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))["templates"]
