"""Periodic jobs, done once a period however many schedulers ring and whenever a worker dies."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from notifications.models import JobRun

log = logging.getLogger(__name__)


def alone(deed: Callable[[], object], *pardoned: type[Exception]) -> bool:
    """Do one row's part of a job in a transaction of its own; return whether it was done.

    A fault is logged by its kind and stops nothing else; what is pardoned is none, for somebody may have been faster.
    Without its database the whole job stops: each further part would fail too.
    """
    try:
        with transaction.atomic():
            deed()
    except pardoned:
        return False
    except Exception as error:
        if _is_over(error) or not connection.is_usable():
            raise
        log.error("A part of a job failed and is left for the next time: %s", type(error).__name__)
        return False
    return True


def daily(job: str, steps: Mapping[str, Callable[[], object]], *, lease: timedelta) -> bool:
    """Do the steps of a job, each once a day (UTC), in transactions of their own; return whether all are done.

    Ring often: a step is done only when it came to its end, and then left alone until tomorrow. One worker is at a job
    at a time; of one that died another takes over when `lease` is over, so a step must do no harm twice. A step that
    fails is logged by the kind of its fault, stops no other, and is begun again at the next ring.
    """
    period = today()
    if not _claim(job, period, lease):
        return False
    run = JobRun.objects.filter(job=job, period=period)
    try:
        done = [_take(f"{job}:{name}", period, step) for name, step in steps.items()]
    except BaseException:
        run.update(leased_until=None)
        raise
    run.update(done_at=timezone.now() if all(done) else None, leased_until=None)
    return all(done)


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


def _claim(job: str, period: str, lease: timedelta) -> bool:
    """Return whether the job was not done yet and no other worker is at it."""
    now = timezone.now()
    with transaction.atomic():
        JobRun.objects.get_or_create(job=job, period=period, defaults={"done_at": None})
        # Two at once: the second waits for the first, and then finds its lease.
        free = JobRun.objects.filter(job=job, period=period, done_at=None).exclude(leased_until__gt=now)
        return bool(free.update(leased_until=now + lease))


def _take(step: str, period: str, deed: Callable[[], object]) -> bool:
    """Take one step unless it was taken; return whether it is done."""
    if JobRun.objects.filter(job=step, period=period).exists():
        return True
    try:
        deed()
    except Exception as error:
        if _is_over(error):
            raise
        log.error("The step %s failed and is begun again: %s", step, type(error).__name__)
        return False
    JobRun.objects.get_or_create(job=step, period=period)
    return True


def _is_over(error: Exception) -> bool:
    """Return whether this is Celery's sign that the time of the whole task is over; web processes load no Celery."""
    return type(error).__name__ == "SoftTimeLimitExceeded"
