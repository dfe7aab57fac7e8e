"""What the worker does for the vault. Every task may run twice or be lost: the rows say what is left to do."""

import logging
import uuid
from datetime import timedelta

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils import timezone

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from vault import erasure, judging, limits, looking, orphans, retention, tombstones, trail
from vault.files import StoredFile, documents
from vault.incoming import files_without_chunk
from vault.previews import files_to_look_at

log = logging.getLogger(__name__)

SWEEP_AFTER = timedelta(seconds=30)
SWEEP_SIZE = 20


# As long as a study of 2 GiB may take to be judged and scanned; other tasks are limited to five minutes.
JUDGE_SECONDS = 2100
# As long as it may take to ask for each file of a large storage.
ORPHAN_SECONDS = 3300


@shared_task(soft_time_limit=JUDGE_SECONDS, time_limit=JUDGE_SECONDS + 30)
def judge_file(file_id: str) -> None:
    """Judge one file, unless that is done or under way; one that is released is looked into."""
    judging.process(uuid.UUID(file_id))
    if files_to_look_at().filter(pk=file_id).exists():
        look_into_file.delay(file_id)


@shared_task(soft_time_limit=JUDGE_SECONDS, time_limit=JUDGE_SECONDS + 30)
def look_into_file(file_id: str) -> None:
    """Read the scans of one file and make its small pictures, unless that is done or under way."""
    looking.look_into(uuid.UUID(file_id))


@shared_task
def look_into_waiting() -> None:
    """Look into what no doorbell rang for."""
    for file_id in list(
        files_to_look_at().exclude(leased_until__gte=timezone.now()).values_list("pk", flat=True)[:SWEEP_SIZE]
    ):
        look_into_file.delay(str(file_id))


@shared_task
def judge_waiting() -> None:
    """Judge what no doorbell rang for, and what the scanner could not see before."""
    for file_id in list(StoredFile.objects.waiting(SWEEP_AFTER).values_list("pk", flat=True)[:SWEEP_SIZE]):
        judge_file.delay(str(file_id))


@shared_task
def anchor_trail() -> None:
    """Copy the heads of the trail at the first ring of a day."""
    trail.anchor_heads()


@shared_task
def remove_ended_counters() -> None:
    """Delete counters whose window is over."""
    limits.remove_ended()


@shared_task
def remove_old_trail() -> None:
    """Remove entries of the trail whose years are over."""
    retention.OldTrail().keep(timezone.now())


@shared_task
def keep_tombstones() -> None:
    """Write into the list of what was erased whatever a dying process left out."""
    tombstones.keep_file()


@shared_task(soft_time_limit=ORPHAN_SECONDS, time_limit=ORPHAN_SECONDS + 30)
def look_for_orphans() -> None:
    """Remove files nobody may read any more, and report rows without a file; what an upload lost is asked for again."""
    for part in (_remove_files_without_row, _remove_files_of_erased, _ask_again, _report_lost):
        try:
            part()
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            log.error("Looking for orphans: %s failed: %s", part.__name__.strip("_"), type(error).__name__)


def _remove_files_without_row() -> None:
    for name in orphans.files_without_row():
        documents().delete(name)
        log.warning("A stored file without a row was removed.")


def _remove_files_of_erased() -> None:
    for data_key in erasure.orphans_of_keys():
        erasure.remove_files(data_key)
        log.warning("A file of an erased case was still stored, and was removed.")


def _ask_again() -> None:
    for incoming in list(files_without_chunk()):
        log.error("A chunk of upload %s is gone from the storage.", incoming.pk)
        with transaction.atomic():
            incoming.go_back()


def _report_lost() -> None:
    for row in orphans.rows_without_file():
        log.error("%s %s is gone from the storage.", row._meta.label, row.pk)
