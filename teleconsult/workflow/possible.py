"""What a page may offer, and what is awaited."""

from facilities.models import Facility
from teleconsult import permissions, transitions
from teleconsult.enums import Action, Status, WaitingFor
from teleconsult.models import Event, Request
from teleconsult.permissions import Actor
from teleconsult.querysets import Person


def allowed_actions(by: "Actor | Person", request: Request) -> tuple[Action, ...]:
    """Return the steps someone can take on a request as it stands, in the order of the table."""
    roles = permissions.roles_of(by, request)
    able = {action for role in roles for action in transitions.actions_for(role, request.status, request.kind)}
    if permissions.has_code_alone(by):
        able &= permissions.WITH_THE_CODE_ALONE
    is_owner = isinstance(by, Actor) and by.user is not None and by.user.pk == request.owner_id
    if is_owner or getattr(by, "pk", None) == request.owner_id:
        able.discard(Action.TAKE_OVER)
    return tuple(action for action in Action if action in able)


def allows(action: Action, by: "Actor | Person", request: Request) -> bool:
    """Return whether the step is possible now for this person."""
    return action in allowed_actions(by, request)


def asked(request: Request) -> Event | None:
    """Return the step that asked the patient for what is awaited: its note says what, its facility for which."""
    asking = [Action.ASK_DOCUMENT, Action.ASK_QUESTION, Action.ASK_CONSENT, Action.BEGIN_REFERRAL]
    if request.status != Status.AWAITING_PATIENT:
        return None
    return request.events.filter(action__in=asking).select_related("facility").order_by("-number").first()


def awaited_facility(request: Request) -> Facility | None:
    """Return the facility for which consent is awaited."""
    event = asked(request) if request.waiting_for == WaitingFor.CONSENT else None
    return event.facility if event else None
