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
from notifications.jobs import alone, once, today
from teleconsult import consultation_reminders, digest, mailings, retention, workflow
from teleconsult.exceptions import RequestError
from teleconsult.models import Booking, Opinion, Request
from teleconsult.permissions import Actor
from vault.incoming import IncomingFile

# A doorbell that nobody heard is made good after this; a sweep rings for so many at most.
SWEEP_AFTER = datetime.timedelta(seconds=30)
SWEEP_SIZE = 20
# Putting 2 GiB together on a busy machine; other tasks are limited to five minutes.
KEEP_SECONDS = 900


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
        alone(partial(workflow.release_hold, booking=booking, now=now))


def _keep_deadlines(now: datetime.datetime) -> None:
    remind_of_drafts(now)
    remind_waiting(now)
    expire_drafts(now)
    close_unanswered(now)
    close_answered(now)
    erase_old(now)


def remind_of_drafts(now: datetime.datetime) -> None:
    """Write to those whose draft was not touched for some days."""
    for request, days in _reached(settings.DRAFT_REMINDER_DAYS, Request.objects.forgotten_since, now):
        ends = request.saved_at + datetime.timedelta(days=settings.DRAFT_DAYS)
        if ends > now:
            _each(partial(mailings.remind_of_draft, request, days=days, ends_on=_day_of(request, ends)))


def remind_waiting(now: datetime.datetime) -> None:
    """Write to those we have waited for, and say when the request ends."""
    for request, days in _reached(settings.NO_ANSWER_REMINDER_DAYS, Request.objects.waiting_since, now):
        ends = (request.paused_since or now) + datetime.timedelta(days=settings.NO_ANSWER_DAYS)
        if ends > now:
            _each(partial(mailings.remind, request, days=days, ends_on=_day_of(request, ends)))


def expire_drafts(now: datetime.datetime) -> None:
    """End drafts that were not touched for DRAFT_DAYS."""
    retention.ForgottenDrafts().keep(now)


def close_unanswered(now: datetime.datetime) -> None:
    """End requests whose patient has not answered for NO_ANSWER_DAYS."""
    retention.Unanswered().keep(now)


def close_answered(now: datetime.datetime) -> None:
    """End requests whose days for questions about the opinion are over."""
    for opinion in Opinion.objects.over_at(now).select_related("request").iterator():
        _each(partial(workflow.close_answered, request=opinion.request, by=Actor.portal("close_answered")))


def erase_old(now: datetime.datetime) -> None:
    """Remove documents and requests that were kept long enough, and what told of requests that are gone."""
    for rule in (retention.OldDocuments, retention.EndedRequests, retention.LastMails, retention.OldDoors):
        rule().keep(now)


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
    """Do one request's part; somebody may have been faster."""
    alone(deed, RequestError)
