"""Messages between patient and staff, and notes that never reach the patient."""

import uuid

from django.db import transaction

from facilities.models import Facility
from teleconsult.enums import Action, Direction
from teleconsult.models import InternalNote, Message, Request
from teleconsult.permissions import Actor
from teleconsult.workflow.steps import LONGEST_TEXT, Step, begin, clean, facility_of_role, finish
from vault.trail import ActorKind


@transaction.atomic
def send_message(*, request: Request, by: Actor, text: str, idempotency_key: uuid.UUID) -> Message:
    """Write to the other side; pressed twice, one message. Raises ReasonMissing without words."""
    step = begin(request, Action.SEND_MESSAGE, by, text=clean(text, LONGEST_TEXT))
    known = step.request.messages.filter(idempotency_key=idempotency_key).first()
    if known:
        return known
    message = write_message(step, step.text, idempotency_key)
    finish(step, note="")
    return message


@transaction.atomic
def write_note(*, request: Request, by: Actor, text: str, idempotency_key: uuid.UUID) -> InternalNote:
    """Write for colleagues: of the office, or of the facility. Raises ReasonMissing without words."""
    step = begin(request, Action.WRITE_NOTE, by, text=clean(text, LONGEST_TEXT))
    known = step.request.internal_notes.filter(idempotency_key=idempotency_key).first()
    if known:
        return known
    note = write_internal_note(step, step.text, facility_of_role(step), idempotency_key)
    finish(step, note="")
    return note


def write_message(step: Step, text: str, key: uuid.UUID | None = None) -> Message:
    is_staff = step.by.kind == ActorKind.STAFF
    return Message.objects.create(
        request=step.request,
        direction=Direction.TO_PATIENT if is_staff else Direction.FROM_PATIENT,
        role=step.role,
        user=step.by.user,
        facility=facility_of_role(step),
        body=text,
        language="" if is_staff else step.request.language,
        sent_at=step.now,
        idempotency_key=key or uuid.uuid4(),
    )


def write_internal_note(step: Step, text: str, facility: Facility | None, key: uuid.UUID | None = None) -> InternalNote:
    return InternalNote.objects.create(
        request=step.request,
        role=step.role,
        user=step.by.user,
        facility=facility,
        body=text,
        written_at=step.now,
        idempotency_key=key or uuid.uuid4(),
    )
