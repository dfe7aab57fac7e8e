"""What the worker does with the outbox; each task may run twice, or at once with itself."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from notifications import sending
from notifications.jobs import once, today
from notifications.models import JobRun
from notifications.retention import OldBodies

JOB_RUNS_KEPT = timedelta(days=60)


@shared_task(name="notifications.tasks.send")
def send(message_id: str) -> None:
    """Send one message, if it still waits."""
    sending.send_one(UUID(message_id))


@shared_task(name="notifications.tasks.sweep")
def sweep() -> None:
    """Send everything that is due: what the doorbell forgot, what waited, what a dead sender left."""
    sending.send_due(limit=sending.SWEEP_MESSAGES, seconds=sending.SWEEP_SECONDS)


@shared_task(name="notifications.tasks.erase_bodies")
def erase_bodies() -> None:
    """Empty address and text of what ended OUTBOX_BODY_DAYS ago, once a day."""
    now = timezone.now()
    with transaction.atomic():
        if once("notifications.erase_bodies", today()):
            OldBodies().keep(now)
            JobRun.objects.filter(done_at__lt=now - JOB_RUNS_KEPT).delete()
