"""Reading leaves a trace: no row in the trail, no data. And the patient's view of who read what."""

import datetime
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import transaction

from facilities.models import Facility
from teleconsult import permissions
from teleconsult.enums import Role
from teleconsult.exceptions import FileNotReady, NotAllowed
from teleconsult.models import Booking, Document, EmergencyAccess, Opinion, Request
from teleconsult.permissions import Actor
from vault import trail
from vault.files import StoredFile
from vault.previews import Preview
from vault.trail import ActorKind, TrailEntry

# A page with its pictures and files, opened and left and opened again.
ONE_READING = datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class Opening:
    """Somebody of the staff read something: role, facility and time, no name."""

    role: Role
    facility: Facility | None
    at: datetime.datetime


@transaction.atomic
def view_request(*, request: Request, by: Actor) -> Request:
    """Record that somebody opens the case. Raises NotAllowed, which is recorded by `refuse`."""
    _record(trail.Action.VIEWED, request, request, by)
    return request


@transaction.atomic
def open_document(*, document: Document, by: Actor, request: Request | None = None) -> StoredFile:
    """Record the download and return the file to stream. Raises NotAllowed and FileNotReady.

    `request` is the one in which the document is read, where a referral shares it.
    """
    if not document.file.is_readable:
        raise FileNotReady
    _record(trail.Action.DOWNLOADED, request or document.request, document, by)
    return document.file


@transaction.atomic
def view_opinion(*, opinion: Opinion, by: Actor, as_file: bool = False) -> Opinion:
    """Record that somebody reads an opinion, on its page or as a PDF. Raises NotAllowed."""
    action = trail.Action.DOWNLOADED if as_file else trail.Action.VIEWED
    _record(action, opinion.request, opinion, by, facility_id=opinion.facility_id)
    return opinion


@transaction.atomic
def view_consultation(*, booking: Booking, by: Actor, role: Role, as_file: bool = False) -> Booking:
    """Record that somebody of the staff reads a consultation, on its page or as an entry for her calendar."""
    is_at_facility = role in {Role.FACILITY_OFFICE, Role.SPECIALIST}
    trail.record(
        action=trail.Action.DOWNLOADED if as_file else trail.Action.VIEWED,
        by=by.for_trail(role, booking.facility_id if is_at_facility else None),
        case=booking.request,
        # What is read in an emergency the patient is told with what was opened of her request.
        object=booking.request if role == Role.EMERGENCY_READER else booking,
        detail="consultation",
    )
    return booking


def view_list(*, ids: Iterable[uuid.UUID], by: Actor, what: str) -> None:
    """Record for each request that somebody reads in an emergency that a list showed it to her."""
    shown = set(ids)
    if not shown:
        return
    with transaction.atomic():
        rows = EmergencyAccess.objects.live().filter(asked_by=by.user).select_related("request")
        opened = {row.request_id: row.request for row in rows}
        for pk in sorted(opened.keys() & shown):
            if Role.EMERGENCY_READER in permissions.roles_of(by, opened[pk]):
                reader = by.for_trail(Role.EMERGENCY_READER)
                trail.record(action=trail.Action.VIEWED, by=reader, case=opened[pk], object=opened[pk], detail=what)


def patient_opened(opinion: Opinion) -> datetime.datetime | None:
    """Return when the patient read an opinion for the first time."""
    entries = TrailEntry.objects.of_case(opinion.request).filter(
        actor_kind=ActorKind.PATIENT,
        object_id=str(opinion.pk),
        action__in=[trail.Action.VIEWED, trail.Action.DOWNLOADED],
    )
    return entries.values_list("at", flat=True).first()


@transaction.atomic
def take_copy(*, request: Request, by: Actor) -> Request:
    """Record that the patient takes everything away. Raises NotAllowed."""
    _record(trail.Action.EXPORTED, request, request, by)
    return request


@transaction.atomic
def view_preview(*, preview: Preview, document: Document, by: Actor, request: Request | None = None) -> Preview:
    """Record that somebody sees a small picture of a document. Raises NotAllowed and FileNotReady."""
    if not document.file.is_readable:
        raise FileNotReady
    _record(trail.Action.VIEWED, request or document.request, document, by)
    return preview


@transaction.atomic
def refuse(*, request: Request, by: Actor, what: str = "") -> None:
    """Record that a signed-in person tried what is not hers; the view answers 404."""
    trail.record(action=trail.Action.REFUSED, by=by.for_trail(""), case=request, object=request, detail=what)


def refuse_hidden(row: type[Booking | Document | Opinion], key: uuid.UUID, *, by: Actor, what: str) -> None:
    """Record that somebody tried to open something of a request that is not hers; nothing of it is read."""
    hidden = Request.objects.filter(pk__in=row.objects.filter(pk=key).values("request")).only("pk").first()
    if hidden is not None:
        refuse(request=hidden, by=by, what=what)


def openings_of(request: Request, *, every: bool = False) -> dict[str, list[Opening]]:
    """Return who of the staff opened what, newest first: by document id, and the case itself under its own id.

    What a person opens again and again without half an hour between is told once, with its beginning, unless `every`
    opening is wanted.
    """
    entries = list(
        TrailEntry.objects.of_case(request).filter(
            actor_kind=ActorKind.STAFF, action__in=[trail.Action.VIEWED, trail.Action.DOWNLOADED]
        )
    )
    facilities = Facility.objects.in_bulk({entry.facility_id for entry in entries if entry.facility_id})
    found: dict[str, list[Opening]] = defaultdict(list)
    for entry in reversed(entries if every else list(_readings(entries))):
        found[entry.object_id].append(Opening(Role(entry.role), facilities.get(entry.facility_id), entry.at))
    return dict(found)


def _readings(entries: Iterable[TrailEntry]) -> Iterator[TrailEntry]:
    """Yield the entries, oldest first, that begin a reading."""
    latest: dict[tuple[str, str], datetime.datetime] = {}
    for entry in entries:
        key = (entry.object_id, entry.actor_id)
        if key not in latest or entry.at - latest[key] > ONE_READING:
            yield entry
        latest[key] = entry.at


def _record(
    action: trail.Action,
    request: Request,
    about: Request | Document | Opinion,
    by: Actor,
    facility_id: int | None = None,
) -> None:
    roles = permissions.roles_of(by, request)
    if not roles or not permissions.may_read(by, request):
        raise NotAllowed
    role = roles[0]
    assignment = request.assignments.current().first() if role in {Role.FACILITY_OFFICE, Role.SPECIALIST} else None
    at_facility = assignment.facility_id if assignment else facility_id
    is_of_facility = role in {Role.FACILITY_OFFICE, Role.SPECIALIST}
    facility_id = at_facility if is_of_facility else None
    trail.record(action=action, by=by.for_trail(role, facility_id), case=request, object=about)
