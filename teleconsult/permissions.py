"""Who may: apart from what a status allows. Everybody else is a stranger and gets "not found"."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Membership
from teleconsult import transitions
from teleconsult.enums import AccessLevel, Action, Role, Status
from teleconsult.models import Interpreter, OfficeMember, Opinion, PatientSession, Request
from teleconsult.querysets import HIDDEN_FROM_STAFF, Person
from vault import trail
from vault.trail import ActorKind


@dataclass(frozen=True)
class Actor:
    """Who takes a step: a person of the staff, the patient of one request, or the portal itself."""

    kind: ActorKind
    user: User | None = None
    request_id: uuid.UUID | None = None
    level: AccessLevel = AccessLevel.FULL
    job: str = ""

    @classmethod
    def staff(cls, user: Person) -> Self:
        return cls(ActorKind.STAFF, user=user if isinstance(user, User) else None)

    @classmethod
    def patient(cls, session: PatientSession) -> Self:
        """Return the patient, or the relative, who came in with this session."""
        return cls(ActorKind.PATIENT, request_id=session.request_id, level=AccessLevel(session.level))

    @classmethod
    def author(cls, request: Request) -> Self:
        """Return whoever begins a request."""
        return cls(ActorKind.PATIENT, request_id=request.pk)

    @classmethod
    def portal(cls, job: str) -> Self:
        return cls(ActorKind.SYSTEM, job=job)

    def for_trail(self, role: Role | str, facility_id: int | None = None) -> trail.Actor:
        """Return the same for the trail."""
        if self.kind == ActorKind.STAFF:
            return trail.Actor.staff(self.user.pk if self.user else "", role=role, facility_id=facility_id)
        if self.kind == ActorKind.PATIENT:
            return trail.Actor(kind=ActorKind.PATIENT, id=str(self.request_id), role=role)
        return trail.Actor.system(self.job)


# What a patient may do who has the mailbox but not the receipt.
WITH_THE_CODE_ALONE = frozenset({Action.ASK_RECEIPT})


def roles_of(by: "Actor | Person", request: Request) -> tuple[Role, ...]:
    """Return in which qualities someone acts on this request; none for a stranger."""
    actor = by if isinstance(by, Actor) else Actor.staff(by)
    if actor.kind == ActorKind.SYSTEM:
        return (Role.SYSTEM,)
    if actor.kind == ActorKind.PATIENT:
        return (request.patient_role,) if actor.request_id == request.pk else ()
    return tuple(_staff_roles(actor.user, request))


def may(action: Action | str, by: "Actor | Person", request: Request) -> bool:
    """Return whether someone may take a step in some status: "what this status allows" is `workflow.allows`."""
    return role_for(action, by, request) is not None


def role_for(action: Action | str, by: "Actor | Person", request: Request) -> Role | None:
    """Return the role in which someone takes a step now; the first that the status allows, else the first that may."""
    if has_code_alone(by) and action not in WITH_THE_CODE_ALONE:
        return None
    able = [role for role in roles_of(by, request) if role in transitions.who_ever(Action(action), request.kind)]
    fitting = [role for role in able if transitions.find(Action(action), request.status, role, kind=request.kind)]
    return next(iter(fitting or able), None)


def may_read(by: "Actor | Person", request: Request) -> bool:
    """Return whether someone may read answers, messages and documents."""
    return not has_code_alone(by) and bool(roles_of(by, request))


def may_read_notes_of(user: Person, request: Request) -> tuple[bool, set[int]]:
    """Return whether the notes of the office are hers to read, and those of which facilities."""
    roles = roles_of(user, request)
    assignment = request.assignments.current().first()
    at_facility = bool({Role.FACILITY_OFFICE, Role.SPECIALIST} & set(roles))
    return Role.COORDINATOR in roles, {assignment.facility_id} if at_facility and assignment else set()


def has_code_alone(by: "Actor | Person") -> bool:
    """Return whether a patient came in with the mailed code and without the receipt."""
    return isinstance(by, Actor) and by.kind == ActorKind.PATIENT and by.level != AccessLevel.FULL


def works_at_the_desk(user: Person) -> bool:
    """Return whether the person holds a role that works on requests today."""
    roles = [StaffRole.FACILITY_OFFICE, StaffRole.SPECIALIST]
    return (
        OfficeMember.objects.current().filter(user_id=user.pk).exists()
        or Interpreter.objects.current().filter(user_id=user.pk).exists()
        or Membership.objects.current().filter(user_id=user.pk, role__in=roles).exists()
    )


def interprets_only(user: Person) -> bool:
    """Return whether the person is at the desk for her consultations alone: of requests she sees none."""
    staff = [StaffRole.FACILITY_OFFICE, StaffRole.SPECIALIST]
    return not (
        OfficeMember.objects.current().filter(user_id=user.pk).exists()
        or Membership.objects.current().filter(user_id=user.pk, role__in=staff).exists()
    )


def _reads_in_an_emergency(user: Person, request: Request) -> bool:
    opened = request.emergency_accesses.live().filter(asked_by_id=user.pk)
    return opened.exists() and OfficeMember.objects.current().filter(user_id=user.pk).exists()


def _staff_roles(user: Person | None, request: Request) -> Iterable[Role]:
    if user is None or not user.is_authenticated or not user.is_active or request.status in HIDDEN_FROM_STAFF:
        return
    if OfficeMember.objects.current().filter(user_id=user.pk, office_id=request.office_id).exists():
        yield Role.COORDINATOR
    elif _reads_in_an_emergency(user, request):
        yield Role.EMERGENCY_READER
    assignment = request.assignments.current().first()
    if assignment is None:
        # Who signed the opinion of a closed case may add to it; the case itself is not hers to see.
        if request.status == Status.CLOSED and Opinion.objects.own_of_closed(user).filter(request=request).exists():
            yield Role.SPECIALIST
        return
    here = set(
        Membership.objects.current()
        .filter(user_id=user.pk, facility_id=assignment.facility_id)
        .values_list("role", flat=True)
    )
    if StaffRole.FACILITY_OFFICE in here:
        yield Role.FACILITY_OFFICE
    if StaffRole.SPECIALIST in here and assignment.specialist_id == user.pk:
        yield Role.SPECIALIST
