"""How every step is taken: the row is locked, who and what is checked, and the move, the event, the trail and the
messages are written in one transaction."""

import datetime
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from facilities.models import Facility
from teleconsult import clock, mailings, permissions, transitions
from teleconsult.enums import ENDED_STATUSES, Action, Role, Status, WaitingFor
from teleconsult.exceptions import IllegalStep, NotAllowed, StaleVersion
from teleconsult.models import Addendum, Consent, Event, Opinion, Pause, Request
from teleconsult.permissions import Actor
from teleconsult.transitions import Target, Transition
from teleconsult.workflow import freeing
from teleconsult.workflow.requirements import check
from vault import trail
from vault.trail import ActorKind

LONGEST_TEXT = 10_000

_TRAIL_ACTIONS = {
    Action.START: trail.Action.CREATED,
    Action.BEGIN_REFERRAL: trail.Action.CREATED,
    Action.GIVE_CONSENT: trail.Action.GRANTED,
    Action.REVOKE_CONSENT: trail.Action.REVOKED,
    Action.ERASE: trail.Action.ERASED,
    Action.ERASE_AGAIN: trail.Action.ERASED,
    Action.EXPIRE: trail.Action.ERASED,
    Action.SIGN_OPINION: trail.Action.SIGNED,
    Action.SIGN_ADDENDUM: trail.Action.SIGNED,
}

# Steps that change what others decide upon without changing the status; adding to a case is not one of them.
_COUNTED = frozenset(
    {
        Action.TAKE_OVER,
        Action.HAND_OVER,
        Action.REFER,
        Action.SET_URGENCY,
        Action.SETTLE_FEE,
        Action.GIVE_CONSENT,
        Action.REVOKE_CONSENT,
        Action.STATE_AUTHORITY,
        Action.CONFIRM_IDENTITY,
    }
)

AWAITED = {
    Action.ASK_DOCUMENT: WaitingFor.DOCUMENT,
    Action.ASK_QUESTION: WaitingFor.ANSWER,
    Action.ASK_CONSENT: WaitingFor.CONSENT,
    Action.BEGIN_REFERRAL: WaitingFor.CONSENT,
}


@dataclass
class Step:
    """One step under way: the locked row, who acts in which role, and what the step is about."""

    request: Request
    action: Action
    by: Actor
    role: Role
    row: Transition
    now: datetime.datetime
    facility: Facility | None = None
    specialist: User | None = None
    colleague: User | None = None
    reason: str = ""
    text: str = ""
    opinion: Opinion | None = None
    addendum: Addendum | None = None
    # When the second factor was given that is to sign.
    factor_at: datetime.datetime | None = None
    # What the patient has decided within this step, in order; nobody else writes while the row is locked.
    decisions: list[Consent] = field(default_factory=list)
    # From whom the step takes the case before she has answered it.
    relieved: User | None = None


def lock(request: Request) -> Request:
    """Return the row as it is now; nobody else changes it until the transaction ends."""
    locked = Request.objects.select_for_update(of=("self",)).select_related("office", "data_key").get(pk=request.pk)
    # A row of the catalogue, wide by its languages: read a moment ago, it is read again only where it changed.
    if locked.facility_id == request.facility_id and Request.facility.is_cached(request):
        locked.facility = request.facility
    return locked


def begin(
    request: Request,
    action: Action,
    by: Actor,
    seen_version: int | None = None,
    *,
    checked: bool = True,
    is_locked: bool = False,
    **about: Any,
) -> Step:
    """Lock the row, unless this transaction has locked it already, and refuse what may not or cannot be done."""
    locked = request if is_locked else lock(request)
    role = permissions.role_for(action, by, locked)
    if role is None:
        raise NotAllowed
    if seen_version is not None and locked.version != seen_version:
        raise _stale(locked, by)
    row = transitions.find(action, locked.status, role, kind=locked.kind)
    if row is None:
        raise IllegalStep
    step = Step(locked, action, by, role, row, timezone.now(), **about)
    if checked:
        check(step)
    return step


def turn(step: Step, target: str) -> None:
    """Take the row of the same step that leads elsewhere."""
    row = transitions.find(step.action, step.request.status, step.role, target, step.request.kind)
    if row is None:
        raise IllegalStep
    step.row = row


def finish(
    step: Step, *, note: str | None = None, about: models.Model | None = None, tells: bool = True, detail: str = ""
) -> Event:
    """Move the request, and write event, trail and messages."""
    request, before = step.request, step.request.status if step.row.sources else ""
    target = _target_of(step)
    if step.row.moves:
        _leave(step)
        _enter(step, target)
    if step.row.moves or step.action in _COUNTED:
        request.version += 1 if step.row.sources else 0
    request.save()
    event = Event.objects.create(
        request=request,
        number=request.events.count() + 1,
        at=step.now,
        action=step.action,
        from_status=before,
        to_status=request.status,
        role=step.role,
        user=step.by.user,
        facility=step.facility or facility_of_role(step),
        reason=step.reason,
        note=step.text if note is None else note,
    )
    write_trail(step, about, detail)
    if tells:
        for mail in step.row.tells:
            mailings.tell(mail, request, event)
        if step.row.moves and request.status == Status.WITH_SPECIALIST:
            _tell_specialist(request, event)
        # After a restore everybody was told long ago.
        if step.relieved is not None and step.action != Action.ERASE_AGAIN:
            mailings.tell_relieved(step.relieved, request, event)
    return event


def _tell_specialist(request: Request, event: Event) -> None:
    # Read anew: the step may have named her.
    assignment = request.assignments.current().select_related("specialist").first()
    if assignment is not None and assignment.specialist is not None:
        mailings.tell_specialist(assignment.specialist, request, event)


def end_assignment(step: Step) -> None:
    """Take the case from the facility: access follows the assignment."""
    # The row that tells for which facility the step was taken stays as it was.
    step.facility = step.facility or facility_of_role(step)
    step.relieved = step.relieved or _waited_for(step)
    step.request.assignments.current().update(ended_at=step.now)
    # After a restore everybody was told long ago, and the names may be gone.
    freeing.end_bookings(step.request, step.role, step.now, is_silent=step.action == Action.ERASE_AGAIN)
    step.request.__dict__.pop("assignment", None)


def _waited_for(step: Step) -> User | None:
    """Return the specialist who has still to answer, unless she takes the step herself."""
    assignment = step.request.assignment
    if assignment is None or assignment.specialist in {None, step.by.user}:
        return None
    has_answered = Opinion.objects.filter(assignment=assignment, signed_at__isnull=False).exists()
    return None if has_answered else assignment.specialist


def facility_of_role(step: Step) -> Facility | None:
    """Return the facility for which somebody of a facility acts."""
    if step.role in {Role.FACILITY_OFFICE, Role.SPECIALIST}:
        return step.facility or step.request.current_facility
    return None


def write_trail(step: Step, about: models.Model | None = None, detail: str = "") -> None:
    """Add the step to the trail of the case; `detail` is operational words only."""
    facility = facility_of_role(step)
    trail.record(
        action=_TRAIL_ACTIONS.get(step.action, trail.Action.CHANGED),
        by=step.by.for_trail(step.role, facility.pk if facility else None),
        case=step.request,
        object=about or step.request,
        detail=f"{step.action} {detail}".strip(),
    )


def clean(text: str, length: int) -> str:
    """Return text without NUL and surrounding blanks, cut at a length in characters."""
    return unicodedata.normalize("NFC", text.replace("\0", "")).strip()[:length]


def _target_of(step: Step) -> str:
    if step.row.target == Target.RETURNS:
        return step.request.returns_to
    return step.request.status if step.row.target == Target.STAYS else str(step.row.target)


def _leave(step: Step) -> None:
    """Let the clock run again, if it stood still."""
    request = step.request
    if request.status != Status.AWAITING_PATIENT:
        return
    Pause.objects.create(request=request, since=request.paused_since, until=step.now, waiting_for=request.waiting_for)
    # Asked before the reasons for waiting are gone.
    request.returns_to = request.waiting_for = ""
    request.paused_since = None
    if request.clock_started_at and request.promised_days:
        request.due_at = clock.due_at(
            request.clock_started_at, request.promised_days, request.clock_province, clock.stops_of(request)
        )


def _enter(step: Step, target: str) -> None:
    request, before = step.request, step.request.status
    request.status = target
    if target == Status.AWAITING_PATIENT:
        request.returns_to, request.waiting_for, request.paused_since = before, AWAITED[step.action], step.now
    if target in ENDED_STATUSES:
        request.closed_at = request.closed_at or step.now
        end_assignment(step)


def _stale(request: Request, by: Actor) -> StaleVersion:
    """Return the error that says who was first and what changed."""
    moves = Q(action__in=_COUNTED) | ~Q(from_status=F("to_status"))
    last = request.events.filter(moves).select_related("user", "facility").order_by("-number").first()
    if last is None:
        return StaleVersion()
    who = str(last.user) if last.user and by.kind == ActorKind.STAFF else last.get_role_display()
    change = last.get_action_display()
    sentence = _(
        "%(who)s was first: “%(change)s”. Your own text is still here. Read what changed, then decide again."
    ) % {"who": who, "change": change}
    return StaleVersion(sentence, who=who, change=change, at=last.at)
