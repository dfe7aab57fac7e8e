"""The steps of the patient after sending."""

from django.db import transaction
from django.utils.translation import gettext as _

from teleconsult import access
from teleconsult.enums import AccessLevel, Action
from teleconsult.exceptions import ReasonMissing
from teleconsult.models import Request
from teleconsult.permissions import Actor
from teleconsult.workflow.correspondence import write_message
from teleconsult.workflow.promises import count_anew
from teleconsult.workflow.steps import LONGEST_TEXT, begin, clean, finish


@transaction.atomic
def patient_answers(*, request: Request, by: Actor, seen_version: int, text: str = "") -> Request:
    """Send what was asked for: the case goes back where it came from and the clock runs again.

    A document counts as an answer; where none was added since, words are needed (ReasonMissing). A consent is given
    by `give_consent`; words alone mean that it is not given.
    """
    words = clean(text, LONGEST_TEXT)
    step = begin(request, Action.ANSWER, by, seen_version, text=words)
    added = step.request.documents.filter(added_at__gte=step.request.paused_since).exists()
    if not words and not added:
        raise ReasonMissing(_("Add the document, or write why you cannot send it."))
    if words:
        write_message(step, words)
    if added:
        count_anew(step)
    finish(step, note="")
    return step.request


@transaction.atomic
def change_settings(*, request: Request, by: Actor, language: str, zone: str, country: str) -> Request:
    """Write from now on in this language and for this zone; the same once more is no step."""
    step = begin(request, Action.CHANGE_SETTINGS, by)
    wanted = {"language": language, "zone": zone, "country": country}
    if all(getattr(step.request, name) == value for name, value in wanted.items()):
        return step.request
    for name, value in wanted.items():
        setattr(step.request, name, value)
    finish(step)
    return step.request


@transaction.atomic
def withdraw(*, request: Request, by: Actor, seen_version: int, text: str = "") -> Request:
    """End the request at the patient's wish; nobody outside the office sees it any more."""
    step = begin(request, Action.WITHDRAW, by, seen_version, text=clean(text, LONGEST_TEXT))
    finish(step)
    return step.request


@transaction.atomic
def ask_receipt(*, request: Request, by: Actor) -> str:
    """Return the secret of a new receipt; the old one ends.

    With the mailed code alone the new one opens the status, and the old one goes on, until a coordinator has confirmed
    who it is.
    """
    step = begin(request, Action.ASK_RECEIPT, by)
    secret = access.issue_receipt(step.request, is_confirmed=by.level == AccessLevel.FULL)
    finish(step)
    return secret
