"""The steps of a facility's office and its specialists."""

from django.db import transaction

from accounts.models import User
from teleconsult.enums import Action, ReturnReason
from teleconsult.models import Request
from teleconsult.permissions import Actor
from teleconsult.workflow import freeing
from teleconsult.workflow.correspondence import write_internal_note
from teleconsult.workflow.promises import start_facility_clock, start_office_clock
from teleconsult.workflow.steps import LONGEST_TEXT, begin, clean, end_assignment, finish
from treatments.enums import ClockStart


@transaction.atomic
def name_specialist(*, request: Request, by: Actor, seen_version: int, specialist: User) -> Request:
    """Accept the case and give it to a specialist of the facility. Raises NotASpecialistThere, ConsentMissing."""
    step = begin(request, Action.NAME_SPECIALIST, by, seen_version, specialist=specialist)
    step.request.assignments.current().update(specialist=specialist, named_at=step.now)
    freeing.end_bookings(step.request, step.role, step.now, keep=specialist)
    finish(step)
    return step.request


@transaction.atomic
def settle_fee(*, request: Request, by: Actor, seen_version: int) -> Request:
    """Record that the fee is settled; where the promise counts from then, it starts. Else it changes nothing."""
    step = begin(request, Action.SETTLE_FEE, by, seen_version)
    if step.request.clock_started_at is None:
        start_facility_clock(step, {ClockStart.FEE_SETTLED})
    finish(step)
    return step.request


@transaction.atomic
def return_to_triage(
    *, request: Request, by: Actor, seen_version: int, reason: ReturnReason, note: str = ""
) -> Request:
    """Give the case back to the coordination office, or take it back; the note is for the office only."""
    words = clean(note, LONGEST_TEXT)
    step = begin(request, Action.RETURN_TO_TRIAGE, by, seen_version, reason=reason, text=words)
    if words:
        write_internal_note(step, words, facility=None)
    end_assignment(step)
    start_office_clock(step)
    finish(step, note="")
    return step.request
