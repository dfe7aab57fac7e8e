"""How a request ends without anybody's decision on the case, and how everything is erased."""

from django.db import transaction

from notifications import outbox
from teleconsult import access
from teleconsult.enums import Action, CloseReason
from teleconsult.models import Request
from teleconsult.permissions import Actor
from teleconsult.workflow.documents import delete_documents
from teleconsult.workflow.steps import Step, begin, finish
from vault.fields import SealedField


@transaction.atomic
def expire(*, request: Request, by: Actor) -> Request:
    """End a forgotten draft and destroy what it holds."""
    step = begin(request, Action.EXPIRE, by)
    _forget_person(step)
    return step.request


@transaction.atomic
def close_no_answer(*, request: Request, by: Actor) -> Request:
    """End a request whose patient has not answered for 45 days."""
    step = begin(request, Action.CLOSE_NO_ANSWER, by, reason=CloseReason.NO_ANSWER)
    finish(step)
    return step.request


@transaction.atomic
def erase(*, request: Request, by: Actor, seen_version: int | None = None) -> Request:
    """Destroy everything the request holds about a person; the steps and who read what stay, without content."""
    step = begin(request, Action.ERASE, by, seen_version)
    _forget_person(step)
    return step.request


def _forget_person(step: Step) -> None:
    """Write the step, then destroy what can be read; events, consents and trail keep their dates."""
    request = step.request
    outbox.erase(about=str(request.pk))
    request.erased_at = step.now
    finish(step, note="")
    access.end_all(request, step.now)
    delete_documents(request)
    request.kept_words.all().delete()
    request.messages.all().delete()
    request.internal_notes.all().delete()
    request.typed_texts.all().delete()
    request.shared_documents.all().delete()
    request.emergency_accesses.update(reason="")
    # Written past save(), so that nothing is sealed any more, not even emptiness.
    Request.objects.filter(pk=request.pk).update(email_key="", **_EMPTY)
    request.data_key.erase()
    request.refresh_from_db()


_EMPTY = {field.name: field.get_default() for field in Request._meta.get_fields() if isinstance(field, SealedField)}
