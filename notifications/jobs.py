"""Periodic jobs, done once a period however many schedulers ring."""

import logging
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from notifications.models import JobRun

log = logging.getLogger(__name__)


def alone(deed: Callable[[], object], *pardoned: type[Exception]) -> bool:
    """Do one row's part of a job in a transaction of its own; return whether it was done.

    A fault is logged by its kind and stops nothing else; what is pardoned is none, for somebody may have been faster.
    """
    try:
        with transaction.atomic():
            deed()
    except pardoned:
        return False
    except Exception as error:
        # Celery's sign that the time of the whole job is over; web processes do not load Celery.
        if type(error).__name__ == "SoftTimeLimitExceeded":
            raise
        log.error("A part of a job failed and is left for the next time: %s", type(error).__name__)
        return False
    return True


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
