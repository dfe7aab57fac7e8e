"""What happens by itself: forgotten drafts, reminders, ends, the morning digest. Each may run twice, or at once."""

import datetime
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from zoneinfo import ZoneInfo

from celery import shared_task
from django.conf import settings
from django.utils import timezone

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from notifications.jobs import alone, daily, once
from notifications.models import JobRun
from teleconsult import consultation_reminders, digest, mailings, retention, workflow
from teleconsult.exceptions import RequestError
from teleconsult.models import Booking, Opinion, Request
from teleconsult.permissions import Actor
from teleconsult.querysets import RequestQuerySet
from vault.incoming import IncomingFile

# A doorbell that nobody heard is made good after this; a sweep rings for so many at most.
SWEEP_AFTER = datetime.timedelta(seconds=30)
SWEEP_SIZE = 20
NEW_DAY = "teleconsult.tell_of_new_day"
# Putting 2 GiB together on a busy machine; other tasks are limited to five minutes.
KEEP_SECONDS = 900
# What one run does not reach is left for the next ring.
DEADLINES_SECONDS = 3300
# Each by itself: what one of them cannot remove keeps nothing else.
OLD = (retention.OldDocuments, retention.EndedRequests, retention.LastMails, retention.OldDoors)


@shared_task(
    name="teleconsult.tasks.keep_deadlines", soft_time_limit=DEADLINES_SECONDS, time_limit=DEADLINES_SECONDS + 30
)
def keep_deadlines() -> None:
    """Remind of drafts and answers, end what was forgotten, erase what is old; each once a day."""
    now = timezone.now()
    steps: dict[str, Callable[[], object]] = {
        "remind_of_drafts": partial(remind_of_drafts, now),
        "remind_waiting": partial(remind_waiting, now),
        "expire_drafts": partial(expire_drafts, now),
        "close_unanswered": partial(close_unanswered, now),
        "close_answered": partial(close_answered, now),
        **{rule.__name__: partial(rule().keep, now) for rule in OLD},
    }
    daily("teleconsult.keep_deadlines", steps, lease=datetime.timedelta(seconds=DEADLINES_SECONDS + 60))


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
    """Free times whose ten minutes are over, tell of the day that is new, and send the reminders that are due."""
    now = timezone.now()
    release_holds(now)
    alone(partial(tell_of_new_day, now))
    consultation_reminders.send_due(now)


def release_holds(now: datetime.datetime) -> None:
    """Free what was held for longer than ten minutes, each in a transaction of its own."""
    for booking in Booking.objects.with_forgotten_hold(now).select_related("interpreter"):
        alone(partial(workflow.release_hold, booking=booking, now=now))


def tell_of_new_day(now: datetime.datetime) -> None:
    """Tell those who had nothing to choose from that another day can be booked; after a pause, all that came since."""
    day = now.astimezone(datetime.UTC).date()
    if once(NEW_DAY, day.isoformat()):
        last = JobRun.objects.filter(job=NEW_DAY, period__lt=day.isoformat()).order_by("-period").first()
        days = (day - datetime.date.fromisoformat(last.period)).days if last else 1
        workflow.tell_of_new_days(datetime.datetime.combine(day, datetime.time.min, datetime.UTC), days)


def remind_of_drafts(now: datetime.datetime) -> None:
    """Write to those whose draft was not touched for some days."""
    for pk, days, since in _reached(settings.DRAFT_REMINDER_DAYS, Request.objects.forgotten_since, now):
        _each(partial(_remind_of_draft, pk, days, since, now))


def remind_waiting(now: datetime.datetime) -> None:
    """Write to those we have waited for, and say when the request ends."""
    for pk, days, since in _reached(settings.NO_ANSWER_REMINDER_DAYS, Request.objects.waiting_since, now):
        _each(partial(_remind_waiting, pk, days, since, now))


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
    for rule in OLD:
        rule().keep(now)


def _remind_of_draft(pk: uuid.UUID, days: int, since: RequestQuerySet, now: datetime.datetime) -> None:
    request = _still(pk, since)
    if request is not None:
        ends = request.saved_at + datetime.timedelta(days=settings.DRAFT_DAYS)
        if ends > now:
            mailings.remind_of_draft(request, days=days, ends_on=_day_of(request, ends))


def _remind_waiting(pk: uuid.UUID, days: int, since: RequestQuerySet, now: datetime.datetime) -> None:
    request = _still(pk, since)
    if request is not None:
        ends = (request.paused_since or now) + datetime.timedelta(days=settings.NO_ANSWER_DAYS)
        if ends > now:
            mailings.remind(request, days=days, ends_on=_day_of(request, ends))


def _still(pk: uuid.UUID, since: RequestQuerySet) -> Request | None:
    """Return the row, locked, if it is still one of these: meanwhile it may have been sent, answered or erased."""
    return since.select_for_update(of=("self",)).select_related("data_key").filter(pk=pk).first()


def _reached(
    reminders: Iterable[int], since: Callable[[datetime.datetime], RequestQuerySet], now: datetime.datetime
) -> Iterable[tuple[uuid.UUID, int, RequestQuerySet]]:
    """Yield the id of each request with the latest of the reminders it has reached, and the rows that have."""
    told: set[uuid.UUID] = set()
    for days in sorted(reminders, reverse=True):
        rows = since(now - datetime.timedelta(days=days))
        for pk in list(rows.values_list("pk", flat=True)):
            if pk not in told:
                told.add(pk)
                yield pk, days, rows


def _day_of(request: Request, moment: datetime.datetime) -> datetime.date:
    """Return the day of a moment where the patient is."""
    return moment.astimezone(ZoneInfo(request.zone)).date()


def _each(deed: Callable[[], object]) -> None:
    """Do one request's part; somebody may have been faster."""
    alone(deed, RequestError)
