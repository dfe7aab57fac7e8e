"""The steps of the coordination office."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from accounts.models import User
from facilities.models import Facility
from teleconsult import access
from teleconsult.enums import Action, CloseReason, DeclineReason, Urgency
from teleconsult.exceptions import StaleVersion
from teleconsult.models import Alternative, Assignment, Request
from teleconsult.permissions import Actor
from teleconsult.workflow.correspondence import write_message
from teleconsult.workflow.promises import protocol_at, start_facility_clock
from teleconsult.workflow.steps import AWAITED, LONGEST_TEXT, begin, clean, finish
from treatments.enums import ClockStart


@transaction.atomic
def take(*, request: Request, by: Actor, seen_version: int) -> Request:
    """Become the owner of a new request."""
    step = begin(request, Action.TAKE, by, seen_version)
    step.request.owner = by.user
    finish(step)
    return step.request


@transaction.atomic
def take_over(*, request: Request, by: Actor, seen_version: int) -> Request:
    """Become the owner of a colleague's request."""
    step = begin(request, Action.TAKE_OVER, by, seen_version)
    step.request.owner = by.user
    finish(step)
    return step.request


@transaction.atomic
def hand_over(*, request: Request, by: Actor, seen_version: int, colleague: User) -> Request:
    """Make a colleague of the office the owner. Raises NotAColleague."""
    step = begin(request, Action.HAND_OVER, by, seen_version, colleague=colleague)
    step.request.owner = colleague
    finish(step)
    return step.request


@transaction.atomic
def set_urgency(*, request: Request, by: Actor, seen_version: int, urgency: Urgency, reason: str = "") -> Request:
    """Change the place in the queue; "urgent" needs a reason in words, for staff only."""
    words = clean(reason, LONGEST_TEXT)
    step = begin(request, Action.SET_URGENCY, by, seen_version, reason=Urgency(urgency).name.lower(), text=words)
    step.request.urgency = Urgency(urgency)
    step.request.urgency_reason = words
    finish(step, note="")
    return step.request


@transaction.atomic
def ask_document(*, request: Request, by: Actor, seen_version: int, text: str) -> Request:
    """Ask the patient for a document, in words; the clock pauses. Raises ReasonMissing without words."""
    return _ask(request, Action.ASK_DOCUMENT, by, seen_version, text)


@transaction.atomic
def ask_question(*, request: Request, by: Actor, seen_version: int, text: str) -> Request:
    """Ask the patient something; the clock pauses. Raises ReasonMissing without words."""
    return _ask(request, Action.ASK_QUESTION, by, seen_version, text)


@transaction.atomic
def ask_consent(*, request: Request, by: Actor, seen_version: int, facility: Facility, text: str = "") -> Request:
    """Ask the patient whether the case may be sent to a facility; the clock pauses. Raises NotReached."""
    return _ask(request, Action.ASK_CONSENT, by, seen_version, text, facility)


@transaction.atomic
def forward(*, request: Request, by: Actor, seen_version: int, facility: Facility) -> Request:
    """Send the case to a facility; its promise starts. Raises NotReached, AuthorityMissing and ConsentMissing."""
    step = begin(request, Action.FORWARD, by, seen_version, facility=facility)
    Assignment.objects.create(request=step.request, facility=facility, forwarded_at=step.now)
    step.request.protocol = protocol_at(step.request, facility)
    start_facility_clock(step, {ClockStart.FILE_COMPLETE})
    finish(step)
    return step.request


@transaction.atomic
def decline(
    *,
    request: Request,
    by: Actor,
    seen_version: int,
    reason: DeclineReason,
    note: str = "",
    alternatives: Iterable[Facility] = (),
) -> Request:
    """Tell the patient that and why the request is not accepted, and what else there is. Raises ReasonMissing."""
    step = begin(request, Action.DECLINE, by, seen_version, reason=reason, text=clean(note, LONGEST_TEXT))
    Alternative.objects.bulk_create(
        Alternative(request=step.request, facility=facility, position=position)
        for position, facility in enumerate(dict.fromkeys(alternatives), start=1)
    )
    finish(step)
    return step.request


@transaction.atomic
def close(
    *, request: Request, by: Actor, seen_version: int, reason: CloseReason = CloseReason.ANSWERED, text: str = ""
) -> Request:
    """End a request that is answered, with a last message if there are words."""
    words = clean(text, LONGEST_TEXT)
    step = begin(request, Action.CLOSE, by, seen_version, reason=CloseReason(reason), text=words)
    if words:
        write_message(step, words)
    finish(step)
    return step.request


@transaction.atomic
def confirm_identity(*, request: Request, by: Actor, seen_version: int, receipt_id: uuid.UUID | None) -> Request:
    """Record that the office knows who asked for a new receipt: it opens everything from now on.

    Raises StaleVersion when it is not the one that waits: somebody asked for another while the office looked.
    """
    step = begin(request, Action.CONFIRM_IDENTITY, by, seen_version)
    waiting = access.waiting_receipt(step.request)
    if waiting is None or waiting.pk != receipt_id:
        raise StaleVersion
    access.confirm_receipt(waiting, by=by.user, at=step.now)
    finish(step)
    return step.request


def _ask(
    request: Request, action: Action, by: Actor, seen_version: int, text: str, facility: Facility | None = None
) -> Request:
    step = begin(
        request, action, by, seen_version, text=clean(text, LONGEST_TEXT), facility=facility, reason=AWAITED[action]
    )
    if step.text:
        write_message(step, step.text)
    finish(step)
    return step.request
