"""What happens by itself: forgotten drafts, reminders, ends, the morning digest. Each may run twice, or at once."""

import datetime
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from zoneinfo import ZoneInfo

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from notifications.jobs import once, today
from teleconsult import consultation_reminders, digest, mailings, workflow
from teleconsult.exceptions import RequestError
from teleconsult.models import Booking, Request
from teleconsult.permissions import Actor
from vault.incoming import IncomingFile

# A doorbell that nobody heard is made good after this; a sweep rings for so many at most.
SWEEP_AFTER = datetime.timedelta(seconds=30)
SWEEP_SIZE = 20
# Putting 2 GiB together on a busy machine; other tasks are limited to five minutes.
KEEP_SECONDS = 900

DRAFT_REMINDERS = (7, 23)
WAIT_REMINDERS = (7, 21)


@shared_task(name="teleconsult.tasks.keep_deadlines")
def keep_deadlines() -> None:
    """Remind of drafts and answers, end what was forgotten, erase what is old; once a day."""
    with transaction.atomic():
        is_first = once("teleconsult.keep_deadlines", today())
        if is_first:
            transaction.on_commit(partial(_keep_deadlines, timezone.now()))


@shared_task(name="teleconsult.tasks.send_digests")
def send_digests() -> None:
    """Send each office its digest of the day, once it is 07:30 there on a working day."""
    digest.send_due(timezone.now())


@shared_task(name="teleconsult.tasks.keep_upload", soft_time_limit=KEEP_SECONDS, time_limit=KEEP_SECONDS + 30)
def keep_upload(upload_id: str) -> None:
    """Make a document of a file that has arrived whole, unless that is done or under way."""
    workflow.keep_upload(upload_id=uuid.UUID(upload_id))


@shared_task(name="teleconsult.tasks.keep_whole_uploads")
def keep_whole_uploads() -> None:
    """Ring for the uploads that are whole and that no doorbell rang for."""
    whole = IncomingFile.objects.whole(SWEEP_AFTER).values_list("document_upload", flat=True)
    for upload_id in filter(None, whole[:SWEEP_SIZE]):
        keep_upload.delay(str(upload_id))


@shared_task(name="teleconsult.tasks.remove_old_uploads")
def remove_old_uploads() -> None:
    """Forget uploads nobody went on with."""
    workflow.remove_old_uploads(now=timezone.now())


@shared_task(name="teleconsult.tasks.keep_bookings")
def keep_bookings() -> None:
    """Free times whose ten minutes are over, and send the reminders that are due."""
    now = timezone.now()
    release_holds(now)
    consultation_reminders.send_due(now)


def release_holds(now: datetime.datetime) -> None:
    """Free what was held for longer than ten minutes, each in a transaction of its own."""
    for booking in Booking.objects.with_forgotten_hold(now).select_related("interpreter"):
        workflow.release_hold(booking=booking, now=now)


def _keep_deadlines(now: datetime.datetime) -> None:
    remind_of_drafts(now)
    remind_waiting(now)
    expire_drafts(now)
    close_unanswered(now)
    erase_old(now)


def remind_of_drafts(now: datetime.datetime) -> None:
    """Write to those whose draft was not touched for 7 and for 23 days."""
    for request, days in _reached(DRAFT_REMINDERS, Request.objects.forgotten_since, now):
        ends = request.saved_at + datetime.timedelta(days=settings.DRAFT_DAYS)
        if ends > now:
            _each(partial(mailings.remind_of_draft, request, days=days, ends_on=_day_of(request, ends)))


def remind_waiting(now: datetime.datetime) -> None:
    """Write to those we have waited for, after 7 and after 21 days."""
    for request, days in _reached(WAIT_REMINDERS, Request.objects.waiting_since, now):
        ends = (request.paused_since or now) + workflow.NO_ANSWER_AFTER
        if ends > now:
            _each(partial(mailings.remind, request, days=days, ends_on=_day_of(request, ends)))


def expire_drafts(now: datetime.datetime) -> None:
    """End drafts that were not touched for 30 days."""
    old = now - datetime.timedelta(days=settings.DRAFT_DAYS)
    for request in Request.objects.forgotten_since(old).iterator():
        _each(partial(workflow.expire, request=request, by=Actor.portal("expire_drafts")))


def close_unanswered(now: datetime.datetime) -> None:
    """End requests whose patient has not answered for 45 days."""
    for request in Request.objects.waiting_since(now - workflow.NO_ANSWER_AFTER).iterator():
        _each(partial(workflow.close_no_answer, request=request, by=Actor.portal("close_unanswered")))


def erase_old(now: datetime.datetime) -> None:
    """Remove documents 12 months after a request ended, everything after 24."""
    for request in Request.objects.ended_before(now - workflow.DOCUMENTS_KEPT).with_documents().iterator():
        _each(partial(workflow.remove_old_documents, request=request, by=Actor.portal("erase_old")))
    for request in Request.objects.ended_before(now - workflow.REQUEST_KEPT).iterator():
        _each(partial(workflow.erase, request=request, by=Actor.portal("erase_old")))


def _reached(
    reminders: Iterable[int], since: Callable[[datetime.datetime], Iterable[Request]], now: datetime.datetime
) -> Iterable[tuple[Request, int]]:
    """Yield each request with the latest of the reminders it has reached."""
    told: set[object] = set()
    for days in sorted(reminders, reverse=True):
        for request in since(now - datetime.timedelta(days=days)):
            if request.pk not in told:
                told.add(request.pk)
                yield request, days


def _day_of(request: Request, moment: datetime.datetime) -> datetime.date:
    """Return the day of a moment where the patient is."""
    return moment.astimezone(ZoneInfo(request.zone)).date()


def _each(deed: Callable[[], object]) -> None:
    """Do one request's part in a transaction of its own; somebody may have been faster."""
    try:
        with transaction.atomic():
            deed()
    except RequestError:
        return
