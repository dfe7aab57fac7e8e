"""How a request ends without anybody's decision on the case, and how everything is erased."""

from django.db import transaction
from django.db.models import UUIDField

from notifications import outbox
from notifications.models import OutboxMessage
from teleconsult import access
from teleconsult.enums import Action, CloseReason
from teleconsult.models import Request
from teleconsult.permissions import Actor
from teleconsult.workflow.documents import delete_documents
from teleconsult.workflow.opinions import forget_opinions
from teleconsult.workflow.steps import Step, begin, finish
from vault import erasure
from vault.keys import DataKey
from vault.tombstones import Kind, Tombstone


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


@transaction.atomic
def erase_again(*, request: Request, by: Actor) -> Request:
    """Erase a request that was erased already, and came back with an older backup."""
    step = begin(request, Action.ERASE_AGAIN, by)
    _forget_person(step)
    return step.request


def erase_again_under(data_key: DataKey) -> bool:
    """Erase the request of a key again, unless there is none or nothing of it came back; return whether it did."""
    request = Request.objects.filter(data_key=data_key, erased_at__isnull=True).first()
    if request is None:
        return False
    Tombstone.objects.note(Kind.KEY, data_key.pk)
    erase_again(request=request, by=Actor.portal("restore"))
    return True


def remains(request: Request) -> list[str]:
    """Return in words what can still be read of an erased request; nothing, if all went well."""
    found = erasure.remains(request.data_key)
    for message in OutboxMessage.objects.filter(about__in=_ids_of(request), erased_at=None):
        # What told of the erasure itself is forgotten once it has left.
        if request.erased_at is None or message.created_at < request.erased_at:
            found.append(f"Message {message.pk} still has its text.")
    return found


def _forget_person(step: Step) -> None:
    """Write the step, then destroy what can be read; events, consents and trail keep their dates."""
    request = step.request
    outbox.erase(about=_ids_of(request))
    request.erased_at = step.now
    finish(step, note="")
    access.end_all(request, step.now)
    delete_documents(request)
    request.kept_words.all().delete()
    request.messages.all().delete()
    request.internal_notes.all().delete()
    request.typed_texts.all().delete()
    request.shared_documents.all().delete()
    forget_opinions(request)
    erasure.erase(request.data_key)
    request.refresh_from_db()


def _ids_of(request: Request) -> list[str]:
    """Return the ids that messages may be about: the request and all that belongs to it."""
    ids = [str(request.pk)]
    for relation in Request._meta.related_objects:
        # A referral is a request of its own; a number could be that of anything.
        if relation.related_model is Request or not isinstance(relation.related_model._meta.pk, UUIDField):
            continue
        # Nothing hides here from whoever erases, so no manager of a page is asked.
        rows = relation.related_model._base_manager.filter(**{relation.field.name: request})
        ids += map(str, rows.values_list("pk", flat=True))
    return ids
