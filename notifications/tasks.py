"""What the worker does with the outbox; each task may run twice, or at once with itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from notifications import sending
from notifications.jobs import daily
from notifications.models import JobRun
from notifications.retention import OldBodies

JOB_RUNS_KEPT = timedelta(days=60)
# What one run does not reach is left for the next ring.
ERASE_SECONDS = 1800


@shared_task(name="notifications.tasks.send")
def send(message_id: str) -> None:
    """Send one message, if it still waits."""
    sending.send_one(UUID(message_id))


@shared_task(name="notifications.tasks.sweep")
def sweep() -> None:
    """Send everything that is due: what the doorbell forgot, what waited, what a dead sender left."""
    sending.send_due(limit=sending.SWEEP_MESSAGES, seconds=sending.SWEEP_SECONDS)


@shared_task(name="notifications.tasks.erase_bodies", soft_time_limit=ERASE_SECONDS, time_limit=ERASE_SECONDS + 30)
def erase_bodies() -> None:
    """Empty address and text of what ended OUTBOX_BODY_DAYS ago, and forget which jobs were done, once a day."""
    now = timezone.now()
    steps: dict[str, Callable[[], object]] = {
        "erase": partial(OldBodies().keep, now),
        "forget": partial(_forget_jobs, now),
    }
    daily("notifications.erase_bodies", steps, lease=timedelta(seconds=ERASE_SECONDS + 60))


def _forget_jobs(now: datetime) -> None:
    before = now - JOB_RUNS_KEPT
    JobRun.objects.filter(Q(done_at__lt=before) | Q(leased_until__lt=before)).delete()
