"""Looking into a released file: what scans it holds, and small pictures of them, made in a confined process."""

import base64
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from django.db import transaction
from django.utils import timezone

from vault import children
from vault.files import StoredFile
from vault.keys import KeyErased, SealBroken
from vault.previews import Look, Preview, ScanStudy, files_to_look_at

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("look_child.py")
MEMORY_BYTES = 2 * 1024**3
GIBIBYTE = 1024**3
CPU_SECONDS, CPU_SECONDS_PER_GIBIBYTE = 120, 150
WALL_SECONDS, WALL_SECONDS_PER_GIBIBYTE = 240, 400
# A worker that died lets another look after this.
LEASE_SECONDS, LEASE_SECONDS_PER_GIBIBYTE = 300, 420
LONGEST_TEXT = 120
MOST_PICTURES, LONGEST_SIDE = 100, 1600
MOST_STUDIES = 8
MOST_SERIES_TOLD = 60
# In bytes: the line that tells of all studies, and the pixels of all pictures together.
LONGEST_LINE, MOST_BYTES = 2 * 1024**2, 128 * 1024**2
# What is known of where a picture stands.
PLACE = ("study", "series", "number", "of")


@dataclass(frozen=True)
class Found:
    """What was found in a file; nothing, where nothing of it can be shown."""

    lost: int = 0
    studies: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[tuple[dict[str, int], bytes]] = field(default_factory=list)


def look_into(file_id: uuid.UUID) -> Look | None:
    """Look into one released file and write what is there; return None if there was nothing to do.

    Safe to call any number of times and from any number of workers. A file of which nothing can be shown gets an
    empty look, and stays readable: it was judged before.
    """
    file = _claim(file_id)
    if file is None:
        return None
    try:
        found = _ask_child(file)
    except KeyErased:
        # Erased meanwhile: nobody waits for this file.
        return None
    except (children.ChildUnavailable, SealBroken, OSError) as error:
        log.warning("File %s is looked into later: %s", file.pk, type(error).__name__)
        return None
    return _write(file, found)


def _claim(file_id: uuid.UUID) -> StoredFile | None:
    now = timezone.now()
    with transaction.atomic():
        free = files_to_look_at().filter(pk=file_id).exclude(leased_until__gte=now)
        file = free.select_for_update(skip_locked=True, of=("self",)).first()
        if file is not None:
            seconds = LEASE_SECONDS + LEASE_SECONDS_PER_GIBIBYTE * file.size / GIBIBYTE
            file.leased_until = now + timedelta(seconds=seconds)
            file.save(update_fields=["leased_until"])
    return file


def _ask_child(file: StoredFile) -> Found:
    limits = {
        "kind": file.kind,
        "memory_bytes": MEMORY_BYTES,
        "cpu_seconds": CPU_SECONDS + CPU_SECONDS_PER_GIBIBYTE * file.size // GIBIBYTE,
    }
    with file.open_seekable() as stream:
        seconds = WALL_SECONDS + WALL_SECONDS_PER_GIBIBYTE * file.size / GIBIBYTE
        try:
            found, returncode = children.ask(CHILD, stream, limits, _read_answer, seconds=seconds)
        except (children.ChildTooSlow, children.ChildTooLoud):
            return Found()
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            # No answer that the program gives: a stranger's file was stronger than it.
            return Found()
    # A decoder crashed on it, or it took more than it was given.
    return found if returncode == 0 else Found()


def _read_answer(said: children.Answer) -> Found:
    """Return what a child tells; every value is checked, for the child had a stranger's file in its hands."""
    answer = json.loads(said.line(LONGEST_LINE))
    shapes = [(str(mode), int(width), int(height)) for mode, width, height in answer["shapes"][:MOST_PICTURES]]
    places = [{key: int(place[key]) for key in PLACE if key in place} for place in answer["pictures"][:MOST_PICTURES]]
    return Found(
        lost=min(max(int(answer.get("lost", 0)), 0), 100_000),
        studies=[_facts(study) for study in answer["studies"][:MOST_STUDIES]],
        pictures=list(zip(places, _jpegs(said, shapes), strict=True)),
    )


def _jpegs(said: children.Answer, shapes: list[tuple[str, int, int]]) -> Iterator[bytes]:
    """Yield a JPEG of each picture, written here: not a byte that the child made is ever sent to a browser."""
    sizes = [width * height * {"L": 1, "RGB": 3}[mode] for mode, width, height in shapes]
    sides = [side for _mode, *sides in shapes for side in sides]
    if not all(0 < side <= LONGEST_SIDE for side in sides) or sum(sizes) > MOST_BYTES:
        raise ValueError("No pictures are so large.")
    for (mode, width, height), size in zip(shapes, sizes, strict=True):
        yield pictures().jpeg(mode, width, height, said.read(size))


def pictures() -> ModuleType:
    """Return `vault.pictures`: Pillow takes 6 MB, and only a process that writes pictures needs it."""
    return import_module("vault.pictures")


@transaction.atomic
def _write(file: StoredFile, found: Found) -> Look:
    look = Look(file=file, lost=found.lost)
    look.save(force_insert=True)
    for position, facts in enumerate(found.studies):
        ScanStudy.objects.create(look=look, position=position, facts=facts)
    for position, (place, picture) in enumerate(found.pictures):
        jpeg = base64.b64encode(picture).decode("ascii")
        Preview.objects.create(look=look, position=position, place=place, jpeg=jpeg)
    StoredFile.objects.filter(pk=file.pk).update(leased_until=None)
    return look


def _facts(study: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": _iso(str(study["date"])),
        **{key: str(study[key])[:LONGEST_TEXT] for key in ("body_part", "description", "patient_name")},
        "series": [
            {
                "number": int(series["number"]),
                "modality": str(series["modality"])[:16],
                "description": str(series["description"])[:LONGEST_TEXT],
                "images": int(series["images"]),
                "missing": int(series["missing"]),
            }
            for series in study["series"][:MOST_SERIES_TOLD]
        ],
    }


def _iso(value: str) -> str:
    """Return a DICOM date (YYYYMMDD) as ISO; nothing for what is no date or lies in the future."""
    try:
        day = datetime.strptime(value, "%Y%m%d").date()
    except ValueError:
        return ""
    return day.isoformat() if day <= timezone.localdate() + timedelta(days=1) else ""
