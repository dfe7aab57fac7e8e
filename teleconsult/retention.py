"""How long requests and what belongs to them are kept; each removal is a step of the workflow."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import CharField, Exists, OuterRef
from django.db.models.functions import Cast

from notifications.jobs import alone
from notifications.models import OutboxMessage
from teleconsult import workflow
from teleconsult.enums import OPEN_STATUSES
from teleconsult.exceptions import RequestError
from teleconsult.models import AccessCode, Booking, Document, PatientSession, Request
from teleconsult.permissions import Actor
from teleconsult.querysets import RequestQuerySet
from vault import erasure
from vault.files import documents
from vault.retention import Due, Rule

# Of codes and sessions nothing is needed once the limits of a day have passed.
DOORS_KEPT = timedelta(days=1)


class RequestRule(Rule):
    """A rule about requests, one transaction each."""

    actor = ""

    @abstractmethod
    def over(self, now: datetime) -> RequestQuerySet:
        """Return the requests it is time for."""

    @abstractmethod
    def step(self, request: Request) -> object:
        """Take the step of the workflow; raises RequestError where somebody was faster."""

    @property
    def by(self) -> Actor:
        return Actor.portal(self.actor)

    def due(self, now: datetime) -> Iterator[Due]:
        for pk, reference, key in self.over(now).values_list("pk", "reference", "data_key").iterator():
            yield Due(pk, reference, files=tuple(erasure.stored_names(key)))

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        for request in Request.objects.filter(pk__in=[due.id for due in batch]).order_by("pk"):
            alone(partial(self.step, request), RequestError)

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        still = self.over(now).filter(pk__in=[due.id for due in batch])
        for reference in still.values_list("reference", flat=True):
            yield f"{reference} is still as it was."


class ErasingRule(RequestRule):
    """A rule after which nothing of a request can be read."""

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        gone = Request.objects.filter(pk__in=[due.id for due in batch], erased_at__isnull=False)
        for request in gone.select_related("data_key"):
            for sentence in workflow.remains(request):
                yield f"{request.reference}: {sentence}"
        erased = set(gone.values_list("pk", flat=True))
        yield from _files_left(due for due in batch if due.id in erased)
        yield from super().left(batch, now)


class ForgottenDrafts(ErasingRule):
    """Drafts in which nothing was saved for a time."""

    actor = "expire_drafts"

    @property
    def says(self) -> str:
        return f"Drafts: {settings.DRAFT_DAYS} days after they were last saved"

    def over(self, now: datetime) -> RequestQuerySet:
        return Request.objects.forgotten_since(now - timedelta(days=settings.DRAFT_DAYS))

    def step(self, request: Request) -> object:
        return workflow.expire(request=request, by=self.by)


class Unanswered(RequestRule):
    """Requests whose patient does not answer: they are closed, nothing is removed."""

    actor = "close_unanswered"

    @property
    def says(self) -> str:
        return f"Closed without an answer: {settings.NO_ANSWER_DAYS} days after it was asked for"

    def over(self, now: datetime) -> RequestQuerySet:
        waiting = Request.objects.waiting_since(now - timedelta(days=settings.NO_ANSWER_DAYS))
        # Whoever has a consultation to come is not gone.
        return waiting.exclude(bookings__in=Booking.objects.to_come(now))

    def step(self, request: Request) -> object:
        return workflow.close_no_answer(request=request, by=self.by)


class OldDocuments(RequestRule):
    """Documents of requests that got their opinion, or ended without one, long ago."""

    actor = "erase_old"

    @property
    def says(self) -> str:
        return f"Documents: {settings.DOCUMENT_DAYS} days after the opinion, or after the end without one"

    def over(self, now: datetime) -> RequestQuerySet:
        old = Request.objects.answered_before(now - timedelta(days=settings.DOCUMENT_DAYS)).with_documents()
        # What a referral still reads stays as long as the referral is open.
        shared = Document.objects.filter(request=OuterRef("pk"), shares__request__status__in=OPEN_STATUSES)
        return old.filter(~Exists(shared))

    def due(self, now: datetime) -> Iterator[Due]:
        for request in self.over(now).only("pk", "reference").iterator():
            names = request.documents.values_list("file__storage_name", flat=True)
            yield Due(request.pk, request.reference, files=tuple(names))

    def step(self, request: Request) -> object:
        return workflow.remove_old_documents(request=request, by=self.by)

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        yield from _files_left(batch)
        yield from super().left(batch, now)


class EndedRequests(ErasingRule):
    """Everything of requests that ended long ago."""

    actor = "erase_old"

    @property
    def says(self) -> str:
        return f"Requests: {settings.REQUEST_DAYS} days after the end"

    def over(self, now: datetime) -> RequestQuerySet:
        return Request.objects.ended_before(now - timedelta(days=settings.REQUEST_DAYS))

    def step(self, request: Request) -> object:
        return workflow.erase(request=request, by=self.by)


class LastMails(Rule):
    """The mail that told of an erasure: once it has left, its address goes too."""

    @property
    def says(self) -> str:
        return "Messages about erased requests: address and text, once they have left"

    def due(self, now: datetime) -> Iterator[Due]:
        erased = Request.objects.filter(erased_at__isnull=False).annotate(text=Cast("pk", CharField()))
        rows = OutboxMessage.objects.ended_before(now).filter(about__in=erased.values("text"))
        for pk, kind in rows.values_list("pk", "kind").iterator():
            yield Due(pk, f"{kind} {pk}")

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        OutboxMessage.objects.filter(pk__in=[due.id for due in batch]).forget(now)

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        for message in OutboxMessage.objects.filter(pk__in=[due.id for due in batch]).iterator():
            if message.to or message.context or message.attachments:
                yield f"Message {message.pk} still has its text."


class BrokenUploads(Rule):
    """Uploads that broke off and that nobody went on with."""

    batch = 500

    @property
    def says(self) -> str:
        return f"Uploads that broke off: {settings.UPLOAD_DAYS} days after something of them arrived"

    def due(self, now: datetime) -> Iterator[Due]:
        for file in workflow.old_uploads(now).select_related("incoming").prefetch_related("incoming__parts"):
            names = tuple(part.storage_name for part in file.incoming.parts.all())
            yield Due(file.pk, f"upload {file.pk}", files=names)

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        workflow.remove_old_uploads(now=now)

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        yield from _files_left(batch)
        for pk in workflow.old_uploads(now).values_list("pk", flat=True):
            yield f"upload {pk} is still there."


class OldDoors(Rule):
    """Codes and sessions of patients that are over."""

    batch = 500

    @property
    def says(self) -> str:
        return "Patients' codes and sessions: a day after their end"

    def due(self, now: datetime) -> Iterator[Due]:
        codes = AccessCode.objects.filter(expires_at__lt=now - DOORS_KEPT)
        for pk in codes.values_list("pk", flat=True).iterator():
            yield Due(pk, f"code {pk}")
        for pk in PatientSession.objects.over_before(now - DOORS_KEPT).values_list("pk", flat=True).iterator():
            yield Due(pk, f"session {pk}")

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        for model in (AccessCode, PatientSession):
            model.objects.filter(pk__in=[due.id for due in batch]).delete()

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        for model in (AccessCode, PatientSession):
            for pk in model.objects.filter(pk__in=[due.id for due in batch]).values_list("pk", flat=True):
                yield f"{model._meta.label} {pk} is still there."


RULES = (ForgottenDrafts, Unanswered, OldDocuments, EndedRequests, LastMails, BrokenUploads, OldDoors)


def _files_left(found: Sequence[Due] | Iterator[Due]) -> Iterator[str]:
    for due in found:
        for name in due.files:
            if documents().exists(name):
                yield f"{due.name}: a file is still stored."
