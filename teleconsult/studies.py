"""What the scans of a document say about themselves, in words, and where they do not fit what the patient says."""

import datetime
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from taxonomy.dates import date_format
from teleconsult.models import Document
from vault.previews import Look, Preview, ScanStudy

# By the codes of DICOM (PS3.3 C.7.3.1.1.1).
MODALITIES: dict[str, str | Promise] = {
    "CT": gettext_lazy("CT scan"),
    "MR": gettext_lazy("MRI scan"),
    "US": gettext_lazy("Ultrasound"),
    "CR": gettext_lazy("X-ray"),
    "DX": gettext_lazy("X-ray"),
    "RG": gettext_lazy("X-ray"),
    "MG": gettext_lazy("Mammogram"),
    "XA": gettext_lazy("X-ray of blood vessels"),
    "RF": gettext_lazy("Moving X-ray"),
    "PT": gettext_lazy("PET scan"),
    "NM": gettext_lazy("Nuclear medicine scan"),
    "ECG": gettext_lazy("ECG"),
    "ES": gettext_lazy("Endoscopy"),
    "SM": gettext_lazy("Microscope pictures"),
    "OP": gettext_lazy("Pictures of the eye"),
    "OPT": gettext_lazy("Pictures of the eye"),
    "IO": gettext_lazy("X-ray of the teeth"),
    "PX": gettext_lazy("X-ray of the teeth"),
}
# By the codes of DICOM (PS3.16 annex L).
BODY_PARTS: dict[str, str | Promise] = {
    "ABDOMEN": pgettext_lazy("part of the body", "abdomen"),
    "ANKLE": pgettext_lazy("part of the body", "ankle"),
    "BRAIN": pgettext_lazy("part of the body", "brain"),
    "BREAST": pgettext_lazy("part of the body", "breast"),
    "CHEST": pgettext_lazy("part of the body", "chest"),
    "CSPINE": pgettext_lazy("part of the body", "neck spine"),
    "ELBOW": pgettext_lazy("part of the body", "elbow"),
    "EYE": pgettext_lazy("part of the body", "eye"),
    "FOOT": pgettext_lazy("part of the body", "foot"),
    "HAND": pgettext_lazy("part of the body", "hand"),
    "HEAD": pgettext_lazy("part of the body", "head"),
    "HEART": pgettext_lazy("part of the body", "heart"),
    "HIP": pgettext_lazy("part of the body", "hip"),
    "KNEE": pgettext_lazy("part of the body", "knee"),
    "LSPINE": pgettext_lazy("part of the body", "lower back"),
    "NECK": pgettext_lazy("part of the body", "neck"),
    "PELVIS": pgettext_lazy("part of the body", "pelvis"),
    "SHOULDER": pgettext_lazy("part of the body", "shoulder"),
    "SPINE": pgettext_lazy("part of the body", "spine"),
    "SKULL": pgettext_lazy("part of the body", "skull"),
    "TSPINE": pgettext_lazy("part of the body", "upper back"),
    "WRIST": pgettext_lazy("part of the body", "wrist"),
}
# They stand in the names of many.
PARTICLES = frozenset("al ben bin bint da de del della der di dr el ibn mr mrs van von".split())
# Two spellings of a name (Mohamed, Muhammad) share so much; two names rarely do.
ALIKE = 0.6


@dataclass(frozen=True)
class Picture:
    """A preview and what it shows, for those who cannot see it."""

    row: Preview
    words: str


@dataclass(frozen=True)
class Scans:
    """What is known of the pictures in a document."""

    lines: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


def scans_of(document: Document) -> Scans:
    """Return what the scans say, in the active language; nothing where nobody has looked yet."""
    look = look_at(document)
    if look is None:
        return Scans()
    studies = list(look.studies.all())
    return Scans(
        tuple(_line(study) for study in studies),
        tuple(dict.fromkeys(_remarks(document, look, studies))),
        tuple(_pictures(look, studies)),
    )


def look_at(document: Document) -> Look | None:
    """Return what was found when the file was looked into; lists attach it (`DocumentQuerySet.with_looks`)."""
    return getattr(document.file, "look", None)


def taken_on(document: Document) -> datetime.date | None:
    """Return the day of the newest examination among the scans."""
    look = look_at(document)
    days = [study.taken_on for study in look.studies.all()] if look else []
    return max((day for day in days if day), default=None)


def is_other_name(scan: str, request: str) -> bool:
    """Return whether two names have nothing in common.

    In doubt they are the same: order, accents, titles, other spellings and other scripts accuse nobody.
    """
    ours, theirs = _parts(request), _parts(scan)
    if not ours or not theirs:
        return False
    return not any(SequenceMatcher(None, one, two).ratio() >= ALIKE for one in ours for two in theirs)


def _parts(name: str) -> list[str]:
    """Return the parts of a name in Latin letters without accents; none for another script, or a hidden name."""
    # Other scripts of the same name follow "=" (DICOM PS3.5, 6.2.1).
    plain = unicodedata.normalize("NFKD", name.partition("=")[0])
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
    if any(sign.isalpha() and not "a" <= sign <= "z" for sign in letters if sign not in "ßøæœłđıð"):
        return []
    if re.search(r"anon|hidden|removed|unknown|patient|test", letters):
        return []
    return [part for part in re.split(r"[^a-zßøæœłđıð]+", letters) if len(part) > 1 and part not in PARTICLES]


def _line(study: ScanStudy) -> str:
    images = ngettext("%(images)s image", "%(images)s images", study.images) % {"images": study.images}
    return _joined([*_what(study), images])


def _what(study: ScanStudy) -> Iterator[str]:
    """Yield how the pictures were taken, of what, and when, as far as the scans say it."""
    kinds = dict.fromkeys(str(MODALITIES.get(code, code)) for code in study.modalities)
    yield pgettext("between the items of a list", ", ").join(kinds) or _("Scan")
    part = BODY_PARTS.get(study.facts["body_part"].upper())
    if part:
        yield str(part)
    if study.taken_on:
        yield date_format(study.taken_on, "DATE_FORMAT")


def _joined(parts: Iterable[str]) -> str:
    return pgettext("between the items of a list", ", ").join(parts)


def _remarks(document: Document, look: Look, studies: list[ScanStudy]) -> Iterator[str]:
    for study in studies:
        if is_other_name(study.patient_name, document.request.patient_name):
            yield _("The scans carry another name than the patient’s. Check that they are the right ones.")
        if study.missing:
            yield ngettext(
                "%(images)s image seems to be missing between the others.",
                "%(images)s images seem to be missing between the others.",
                study.missing,
            ) % {"images": study.missing}
    if look.lost:
        yield ngettext(
            "%(files)s file that the disc lists is not in what was sent.",
            "%(files)s files that the disc lists are not in what was sent.",
            look.lost,
        ) % {"files": look.lost}
    day, said = taken_on(document), document.issued_date
    if day and said and abs((day - said).days) > 1:
        yield _("The scans were made on %(day)s; the date given for the document is %(said)s.") % {
            "day": date_format(day, "DATE_FORMAT"),
            "said": date_format(said, "DATE_FORMAT"),
        }


def _pictures(look: Look, studies: list[ScanStudy]) -> Iterator[Picture]:
    by_position = {study.position: study for study in studies}
    for preview in look.previews.all():
        study = by_position.get(preview.place.get("study", -1))
        if study is None:
            yield Picture(preview, _("Small picture of the document"))
            continue
        place = _("Image %(number)s of %(all)s") % {"number": preview.place["number"], "all": preview.place["of"]}
        yield Picture(preview, _joined([place, *_what(study)]))
