"""The words patients use, from `search/data/lay_words/<language>.yaml`: symptoms, everyday names, abbreviations."""

import functools
import hashlib
from pathlib import Path

import yaml
from django.conf import settings

FOLDER = Path(__file__).parent / "data" / "lay_words"
SECTIONS = {
    "conditions": "condition",
    "treatments": "treatment",
    "specialties": "specialty",
    "body_districts": "body_district",
    "facilities": "facility",
    # By value of FacilityKind; by code of Province.
    "facility_kinds": "facility_kind",
    "provinces": "province",
}


@functools.cache
def lay_words() -> dict[tuple[str, str, str], list[str]]:
    """Return the words by (section as a kind, slug, language)."""
    found = {}
    for code, _name in settings.LANGUAGES:
        for section, entries in (yaml.safe_load(path_of(code).read_text(encoding="utf-8")) or {}).items():
            for slug, texts in entries.items():
                found[SECTIONS[section], slug, code] = [str(text) for text in texts]
    return found


def path_of(language: str) -> Path:
    """Return the file of a language."""
    return FOLDER / f"{language}.yaml"


def digest() -> str:
    """Return the SHA-256 of all files."""
    total = hashlib.sha256()
    for code, _name in settings.LANGUAGES:
        total.update(path_of(code).read_bytes())
    return total.hexdigest()
