"""What is typed and not saved yet: kept while it is typed, gone once it is saved or sent. No step of the request."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from teleconsult import permissions
from teleconsult.enums import Status
from teleconsult.exceptions import NotAllowed
from teleconsult.models import KeptWords, Request
from teleconsult.permissions import Actor
from teleconsult.workflow.steps import LONGEST_TEXT, lock

# Where words are kept, and the fields whose words they are.
TYPED_ON = {
    "who": frozenset({"for_whom", "email", "country", "zone", "language"}),
    "patient": frozenset({"patient_name", "age_years", "sex"}),
    "authority": frozenset({"asker_name", "relationship"}),
    "question": frozenset({"question"}),
    "message": frozenset({"text"}),
    "answer": frozenset({"text"}),
    "consent": frozenset({"text"}),
}
# A little more than a field takes: what is too long is said, and not cut.
LONGEST_TYPED = LONGEST_TEXT + 2_000


@transaction.atomic
def keep_typed(*, request: Request, by: Actor, page: str, words: Mapping[str, str]) -> None:
    """Keep what stands in the fields of a page now; the last one holds. Raises NotAllowed and KeyError."""
    locked = lock(request)
    if not permissions.may_read(by, locked) or locked.is_erased:
        raise NotAllowed
    known = {name: words[name].replace("\0", "")[:LONGEST_TYPED] for name in TYPED_ON[page] & set(words)}
    now = timezone.now()
    KeptWords.objects.update_or_create(request=locked, page=page, defaults={"words": known, "typed_at": now})
    if locked.status == Status.DRAFT:
        # Somebody is at work: the draft is not forgotten.
        Request.objects.filter(pk=locked.pk).update(saved_at=now)


def typed(request: Request, page: str) -> dict[str, str]:
    """Return what was typed on a page and not saved."""
    row = KeptWords.objects.select_related("request__data_key").filter(request=request, page=page).first()
    return dict(row.words) if row else {}


def forget_typed(request: Request, page: str) -> None:
    """Forget it: it is saved or sent."""
    KeptWords.objects.filter(request=request, page=page).delete()
