"""What the patient allows, and takes back."""

from django.db import transaction
from django.utils.translation import gettext as _

from facilities.models import Facility
from teleconsult import consent
from teleconsult.enums import Action, ConsentDecision, ConsentPurpose, ReturnReason, Status, WaitingFor
from teleconsult.exceptions import ConsentMissing
from teleconsult.models import Consent, Request
from teleconsult.permissions import Actor
from teleconsult.transitions import Target
from teleconsult.workflow.possible import awaited_facility
from teleconsult.workflow.promises import protocol_at, start_office_clock
from teleconsult.workflow.steps import Step, begin, end_assignment, finish, turn


@transaction.atomic
def give_consent(
    *, request: Request, by: Actor, seen_version: int, facility: Facility | None, text_hash: str, shown_in: str
) -> Request:
    """Allow a facility (or, without one, the coordination office) to read the case.

    Where this very consent was awaited, the case goes back where it came from. Raises ConsentTextChanged.
    """
    step = begin(request, Action.GIVE_CONSENT, by, seen_version, facility=facility)
    decide(step, _purpose(facility), facility, ConsentDecision.GRANT, text_hash, shown_in)
    if step.request.waiting_for == WaitingFor.CONSENT and facility == awaited_facility(step.request):
        turn(step, Target.RETURNS)
        # The rules that stood beside the consent are those she agreed to.
        step.request.protocol = protocol_at(step.request, facility)
    finish(step)
    return step.request


@transaction.atomic
def revoke_consent(*, request: Request, by: Actor, seen_version: int, facility: Facility | None) -> Request:
    """Take a consent back: the facility loses access at once and the case returns to the coordination office.

    The last live consent withdraws the request. The coordination office's is the ground of all others: they end
    with it. Raises ConsentMissing when there is nothing to take back.
    """
    step = begin(request, Action.REVOKE_CONSENT, by, seen_version, facility=facility)
    live = list(step.request.consents.live().select_related("facility"))
    ended = [row for row in live if facility is None or row.facility_id == facility.pk]
    if not any(row.facility_id == (facility.pk if facility else None) for row in ended):
        raise ConsentMissing(_("There is no live consent that you could revoke."))
    for row in ended:
        decide(step, row.purpose, row.facility, ConsentDecision.REVOKE)
    assignment = step.request.assignment
    if len(ended) == len(live):
        turn(step, Status.WITHDRAWN)
    elif facility and assignment and assignment.facility_id == facility.pk:
        step.reason = ReturnReason.CONSENT_REVOKED
        turn(step, Status.IN_TRIAGE)
        end_assignment(step)
        start_office_clock(step)
    finish(step)
    return step.request


@transaction.atomic
def state_authority(*, request: Request, by: Actor, seen_version: int) -> Request:
    """Record that the person who asks has stated the authority to act for the patient."""
    step = begin(request, Action.STATE_AUTHORITY, by, seen_version)
    step.request.authority_stated_at = step.now
    finish(step)
    return step.request


def decide(
    step: Step,
    purpose: str,
    facility: Facility | None,
    decision: ConsentDecision,
    text_hash: str = "",
    language: str = "",
) -> Consent:
    """Add a row to the patient's decisions; a grant names the text that was on the screen."""
    if decision == ConsentDecision.GRANT:
        shown = consent.accepted(purpose, language, text_hash)
        words = {"text_version": shown.version, "text_language": shown.language, "text_hash": shown.hash}
    else:
        last = step.request.consents.filter(purpose=purpose, facility=facility).latest("number")
        words = {name: getattr(last, name) for name in ("text_version", "text_language", "text_hash")}
    before = step.decisions[-1].number if step.decisions else step.request.consents.count()
    decided = Consent.objects.create(
        request=step.request,
        number=before + 1,
        purpose=purpose,
        facility=facility,
        decision=decision,
        at=step.now,
        **words,
    )
    step.decisions.append(decided)
    return decided


def _purpose(facility: Facility | None) -> ConsentPurpose:
    return ConsentPurpose.FACILITY if facility else ConsentPurpose.COORDINATION
