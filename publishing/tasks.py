"""What the worker does with the listings' paper work; each task may run twice."""

from datetime import timedelta
from functools import partial

from celery import shared_task
from django.utils import timezone

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from notifications.jobs import daily
from publishing.retention import OldReports


@shared_task(name="publishing.tasks.remove_old_reports")
def remove_old_reports() -> None:
    """Remove error reports that were decided long ago, once a day."""
    steps = {"remove": partial(OldReports().keep, timezone.now())}
    daily("publishing.remove_old_reports", steps, lease=timedelta(minutes=6))
