"""Periodic jobs, done once a period however many schedulers ring."""

from django.db import transaction
from django.utils import timezone

from notifications.models import JobRun


def once(job: str, period: str) -> bool:
    """Return whether this transaction is the first to do `job` for `period` ("2031-05-04", "2031-W18", …).

    Call it inside transaction.atomic() together with the work: if the work fails, the period is free again; a second
    scheduler waits for the first one's end. Raises RuntimeError outside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("once() belongs in the transaction of the work.")
    _run, is_first = JobRun.objects.get_or_create(job=job, period=period)
    return is_first


def today() -> str:
    """Return the day as a period of `once` (UTC)."""
    return timezone.now().date().isoformat()
