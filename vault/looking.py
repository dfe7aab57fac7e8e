"""Looking into a released file: what scans it holds, and small pictures of them, made in a confined process."""

import base64
import json
import logging
import uuid
from collections.abc import Iterator
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


def look_into(file_id: uuid.UUID) -> Look | None:
    """Look into one released file and write what is there; return None if there was nothing to do.

    Safe to call any number of times and from any number of workers. A file of which nothing can be shown gets an
    empty look, and stays readable: it was judged before.
    """
    file = _claim(file_id)
    if file is None:
        return None
    try:
        answer, made = _ask_child(file)
    except KeyErased:
        # Erased meanwhile: nobody waits for this file.
        return None
    except (children.ChildUnavailable, SealBroken, OSError) as error:
        log.warning("File %s is looked into later: %s", file.pk, type(error).__name__)
        return None
    return _write(file, answer, made)


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


def _ask_child(file: StoredFile) -> tuple[dict[str, Any], list[bytes]]:
    limits = {
        "kind": file.kind,
        "memory_bytes": MEMORY_BYTES,
        "cpu_seconds": CPU_SECONDS + CPU_SECONDS_PER_GIBIBYTE * file.size // GIBIBYTE,
    }
    nothing: dict[str, Any] = {"studies": [], "pictures": []}
    with file.open_seekable() as stream:
        seconds = WALL_SECONDS + WALL_SECONDS_PER_GIBIBYTE * file.size / GIBIBYTE
        try:
            output, returncode = children.ask(CHILD, stream, limits, seconds=seconds)
        except children.ChildTooSlow:
            return nothing, []
    if returncode != 0:
        # A decoder crashed on it, or it took more than it was given.
        return nothing, []
    line, _end, rest = output.partition(b"\n")
    try:
        answer = json.loads(line)
        return answer, list(_jpegs(rest, answer["shapes"]))
    except (ValueError, KeyError, TypeError):
        # No answer that the program gives: a stranger's file was stronger than it.
        return nothing, []


def _jpegs(pixels: bytes, shapes: list[tuple[str, int, int]]) -> Iterator[bytes]:
    """Yield a JPEG of each picture, written here: not a byte that the child made is ever sent to a browser."""
    start = 0
    for mode, width, height in shapes[:MOST_PICTURES]:
        if not (0 < int(width) <= LONGEST_SIDE and 0 < int(height) <= LONGEST_SIDE):
            raise ValueError("No picture is so large.")
        size = int(width) * int(height) * {"L": 1, "RGB": 3}[mode]
        yield pictures().jpeg(mode, int(width), int(height), pixels[start : start + size])
        start += size


def pictures() -> ModuleType:
    """Return `vault.pictures`: Pillow takes 6 MB, and only a process that writes pictures needs it."""
    return import_module("vault.pictures")


@transaction.atomic
def _write(file: StoredFile, answer: dict[str, Any], made: list[bytes]) -> Look:
    """Keep the answer; every value is checked, for the child had a stranger's file in its hands."""
    look = Look(file=file, lost=min(int(answer.get("lost", 0)), 100_000))
    look.save(force_insert=True)
    for position, study in enumerate(answer["studies"][:MOST_STUDIES]):
        ScanStudy.objects.create(look=look, position=position, facts=_facts(study))
    for position, (place, picture) in enumerate(zip(answer["pictures"], made, strict=False)):
        numbers = {key: int(value) for key, value in place.items()}
        jpeg = base64.b64encode(picture).decode("ascii")
        Preview.objects.create(look=look, position=position, place=numbers, jpeg=jpeg)
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
