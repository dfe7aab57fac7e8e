"""Loads the whole catalogue: every file is checked before the first row is written, in one transaction."""

import datetime
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation

import ecosystem.loading
import facilities.loading
import partners.loading
import treatments.loading
from catalogue import taxonomy
from publishing.loading.batches import Batch
from publishing.loading.files import Book, digest
from publishing.loading.provenance import read_sources
from publishing.loading.writing import Report, Writer
from publishing.models import CatalogueLoad

FOLDERS = [f"{app}/data" for app in ("publishing", "taxonomy", "facilities", "treatments", "ecosystem", "partners")]
# Two loads at once would both find an empty table; the second waits for the first.
LOCK = 7_310_442
Steps = Callable[[list[Batch]], Iterable[Batch]]


def check(root: Path = settings.BASE_DIR) -> tuple[datetime.date, list[Batch]]:
    """Return the day of the facts and the batches; raise `Unloadable` with all problems of all files at once."""
    book = Book(root)
    sources = read_sources(book)
    batches = [
        *taxonomy.plan(book),
        *facilities.loading.plan(book, sources),
        *treatments.loading.plan(book, sources),
        *ecosystem.loading.plan(book, sources),
        *partners.loading.plan(book, sources),
    ]
    for batch in batches:
        batch.check(book)
    book.stop_if_wrong()
    return sources.checked_on, batches


def load(root: Path = settings.BASE_DIR, *, is_forced: bool = False, steps: Steps = iter) -> Report | None:
    """Load what changed and return the report; None when the files are those of the last load.

    `steps` wraps the list of batches, to show progress.
    """
    fingerprint = digest(root, FOLDERS)
    newest = CatalogueLoad.objects.order_by("-loaded_at").values_list("digest", flat=True).first()
    if newest == fingerprint and not is_forced:
        return None
    checked_on, batches = check(root)
    report = Report()
    with translation.override(settings.LANGUAGE_CODE), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        writer = Writer(report)
        for batch in steps(batches):
            writer.write(batch)
        CatalogueLoad.objects.create(checked_on=checked_on, digest=fingerprint)
    return report
