"""The texts of the consents: versioned in `data/consent.yaml`, one wording a language, known by their hash."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from teleconsult.enums import ConsentPurpose
from teleconsult.exceptions import ConsentMissing, ConsentTextChanged

FILE = Path(__file__).parent / "data" / "consent.yaml"


@dataclass(frozen=True)
class ConsentText:
    """One wording. `hash` covers title, paragraphs and agreement before the facility's name is put in."""

    purpose: str
    version: str
    language: str
    title: str
    paragraphs: tuple[str, ...]
    # The sentence beside the box that is ticked.
    agreement: str
    # A version written by a machine says so until a person has read it.
    status: str

    @property
    def hash(self) -> str:
        return hashlib.sha256("\n".join([self.title, *self.paragraphs, self.agreement]).encode()).hexdigest()

    def naming(self, facility: str) -> "ConsentText":
        """Return the wording with the facility's name, to be shown; its hash is not the one to keep."""
        fill = {"facility": facility}
        return ConsentText(
            self.purpose,
            self.version,
            self.language,
            self.title % fill,
            tuple(paragraph % fill for paragraph in self.paragraphs),
            self.agreement % fill,
            self.status,
        )


def text(purpose: ConsentPurpose | str, language: str, version: str = "") -> ConsentText:
    """Return a wording, the one in force by default; English where the language is unknown.

    Raises KeyError for a version that never was.
    """
    entry = _texts()[str(ConsentPurpose(purpose).value)]
    number = version or entry["in_force"]
    wordings = entry["versions"][number]
    code = language if language in wordings else settings.LANGUAGE_CODE
    wording = wordings[code]
    return ConsentText(
        purpose=ConsentPurpose(purpose).value,
        version=number,
        language=code,
        title=wording["title"],
        paragraphs=tuple(wording["paragraphs"]),
        agreement=wording["agreement"],
        status=wording["status"],
    )


def accepted(purpose: ConsentPurpose | str, language: str, text_hash: str) -> ConsentText:
    """Return the wording in force that was on the screen; raises ConsentMissing and ConsentTextChanged."""
    if not text_hash:
        raise ConsentMissing
    current = text(purpose, language)
    if current.hash != text_hash:
        raise ConsentTextChanged
    return current


@cache
def _texts() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))
