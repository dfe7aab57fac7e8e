"""Does it come back? Backup, an erasure, a restore elsewhere: nothing lost, the erased stays erased, how long it takes.

.venv/bin/python -m benchmarks.restore [--cases 1000] [--document-bytes 200000]

Makes cases with a document each, backs them up, erases one in a hundred, restores into an empty database and empty
folders, and compares every row and every file with what was there.
"""

import argparse
import contextlib
import hashlib
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from benchmarks.measuring import conditions, table
from benchmarks.servers import FOLDER, make_empty, servers, use
from healthlombardy.local.problems import Problem, say

if TYPE_CHECKING:
    from teleconsult.models import Request

FULL, EMPTY = "bench_saved", "bench_restored"
ONE_IN = 100


def main() -> int:
    """Measure, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--document-bytes", type=int, default=200_000)
    asked = parser.parse_args()
    try:
        with servers() as environment:
            return measure(environment, asked.cases, asked.document_bytes)
    except Problem as problem:
        say(str(problem))
        return 1


def measure(environment: dict[str, str], cases: int, document_bytes: int) -> int:
    """Save, erase, restore, compare; return 1 where something is not as it was."""
    home = FOLDER / "restore"
    shutil.rmtree(home, ignore_errors=True)
    for name in (FULL, EMPTY):
        make_empty(environment, name)
    use(environment | {"DATA_DIR": str(home / "here")}, FULL)
    # Django is set up only now.
    from django.core.management import call_command  # noqa: PLC0415

    from teleconsult import workflow  # noqa: PLC0415
    from teleconsult.models import Request  # noqa: PLC0415
    from teleconsult.permissions import Actor  # noqa: PLC0415
    from vault import tombstones  # noqa: PLC0415
    from vault.trail import anchor_heads  # noqa: PLC0415

    quiet = {"stdout": io.StringIO()}
    call_command("migrate", verbosity=0)
    make_cases(cases, document_bytes)
    anchor_heads()
    backup_seconds = seconds(lambda: call_command("backup", str(home / "backup"), **quiet))
    gone = list(Request.objects.order_by("pk")[:: max(1, min(ONE_IN, cases))])
    for request in gone:
        workflow.erase(request=request, by=Actor.author(request))
    tombstones.keep_file()
    listed, kept = tombstones.list_file(), dict(contents(but={request.pk for request in gone}))

    go_elsewhere(home / "there")
    restore_seconds = seconds(lambda: call_command("restore", str(home / "backup"), tombstones=[listed], **quiet))
    found = dict(contents(but={request.pk for request in gone}))
    erased = Request.objects.filter(pk__in=[request.pk for request in gone])
    wrong = [reference for reference, content in kept.items() if found.get(reference) != content]
    back = [sentence for request in erased for sentence in workflow.remains(request)]
    report(home, cases, backup_seconds, restore_seconds, len(wrong), len(back), len(gone))
    with contextlib.suppress(OSError):
        shutil.rmtree(home)
    return 1 if wrong or back or len(found) != len(kept) else 0


def make_cases(number: int, document_bytes: int) -> None:
    """Make cases in triage, each with messages and a document."""
    from teleconsult import workflow  # noqa: PLC0415
    from tests.teleconsult import factories  # noqa: PLC0415
    from treatments.enums import DocumentKind  # noqa: PLC0415

    coordinator = factories.add_coordinator()
    for count in tqdm(range(number), unit="case", disable=None):
        request = factories.make_in_triage(coordinator, question=f"Question {count}?")
        workflow.add_document(
            request=request,
            by=factories.patient_of(request),
            upload=factories.upload(content=os.urandom(document_bytes)),
            kind=DocumentKind.REPORT,
        )


def contents(*, but: set[Any]) -> Iterator[tuple[str, tuple[str, str, int, str]]]:
    """Yield what can be read of each case, documents to the last byte."""
    from teleconsult.models import Request  # noqa: PLC0415

    for request in Request.objects.exclude(pk__in=but).select_related("data_key").iterator():
        yield request.reference, (request.question, request.email, request.events.count(), papers_of(request))


def papers_of(request: "Request") -> str:
    """Return a checksum of all documents."""
    digest = hashlib.sha256()
    for document in request.documents.select_related("file"):
        for chunk in document.file.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def go_elsewhere(folder: Path) -> None:
    """Turn this process into one of a new computer: an empty database, empty folders."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.files.storage import storages  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    connection.close()
    connection.settings_dict["NAME"] = EMPTY
    settings.DATA_DIR = folder
    settings.MEDIA_ROOT = folder / "media"
    settings.STORAGES["documents"]["OPTIONS"]["location"] = folder / "documents"
    storages._storages.clear()


def report(
    home: Path, cases: int, backup_seconds: float, restore_seconds: float, wrong: int, back: int, gone: int
) -> None:
    """Print the table."""
    size = sum(file.stat().st_size for file in (home / "backup").rglob("*") if file.is_file()) / 1024**2
    table(
        ["what", "figure", "to reach"],
        [
            ["cases, one document each", str(cases), ""],
            ["size of the backup, MB", size, ""],
            ["backup, written and read again, s", backup_seconds, ""],
            ["restore, read, written and compared, s", restore_seconds, ""],
            ["cases that differ or are lost", str(wrong), "0"],
            [f"of {gone} erased cases, what can be read", str(back), "0"],
        ],
    )
    say(conditions())


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
