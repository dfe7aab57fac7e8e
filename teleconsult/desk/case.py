"""Who may find a case, and from which side somebody reads it."""

from collections.abc import Iterable
from dataclasses import dataclass

from teleconsult import reading, references
from teleconsult.enums import Role
from teleconsult.models import Request
from teleconsult.permissions import Actor, roles_of
from teleconsult.querysets import Person


class NoSuchCase(Exception):
    """There is no request of this reference on this person's desk; why is nobody's business."""


def find_case(typed: str, reader: Person) -> Request:
    """Return the request of a reference; raises NoSuchCase, and keeps in the trail that a stranger tried."""
    reference = references.normalise(typed)
    found = Request.objects.visible_to(reader).select_related(
        "office", "owner", "facility", "data_key", "protocol__facility"
    )
    case = found.filter(reference=reference).first() if reference else None
    if case is not None:
        return case
    # Of what is not hers only that she tried is written; nothing of it is read.
    hidden = Request.objects.filter(reference=reference).only("pk", "reference", "status", "office").first()
    if hidden is not None and reference:
        reading.refuse(request=hidden, by=Actor.staff(reader), what="desk")
    raise NoSuchCase


def linked_with(request: Request, reader: Person) -> list[Request]:
    """Return the requests a referral links with this one, as far as this person may see them."""
    linked = [row.pk for row in request.linked]
    return list(Request.objects.visible_to(reader).filter(pk__in=linked).select_related("facility")) if linked else []


@dataclass(frozen=True)
class Side:
    """From which side of the case somebody reads: the office, or a facility that has it."""

    is_office: bool
    facility_id: int | None

    def may_know_of(self, facility_id: int | None) -> bool:
        """Return whether what concerns a facility may be seen: no facility learns of another one."""
        return self.is_office or facility_id in {None, self.facility_id}


def side_of(request: Request, roles: Iterable[Role]) -> Side:
    """Return from which side the holder of these roles reads."""
    assignment = request.assignment
    return Side(Role.COORDINATOR in set(roles), assignment.facility_id if assignment else None)


def roles_on(request: Request, reader: Person) -> tuple[Role, ...]:
    """Return the roles in which somebody reads the case."""
    return roles_of(reader, request)
