"""Breaking the glass: a coordinator of another office opens a case, with a reason and a second person, for four hours.

She reads and does nothing else. Asking and confirming stand in the trail of the case; each reading does as ever, and
the patient sees it.
"""

import datetime
import uuid

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from teleconsult import references
from teleconsult.enums import Role
from teleconsult.exceptions import NotAllowed, ReasonMissing, RequestError, TooMany, WrongReference
from teleconsult.models import EmergencyAccess, OfficeMember, Request
from teleconsult.permissions import Actor
from teleconsult.querysets import HIDDEN_FROM_STAFF
from vault import limits, trail
from vault.keys import DataKey

LASTS = datetime.timedelta(hours=4)
LONGEST_REASON = 1000
# References a person tries in an hour, found or not; an emergency is one case.
TRIES = 10
HOUR = 3600


class TooLate(RequestError):
    """Nobody waits for this confirmation any more."""

    sentence = _("This was confirmed already, or an hour has passed. Your colleague can ask again.")


def ask(*, reference: str, by: User, reason: str) -> EmergencyAccess | None:
    """Ask for a case of another office; None, and no word about it, where there is no such case.

    Raises NotAllowed, ReasonMissing, WrongReference and TooMany.
    """
    known = references.normalise(reference)
    words = reason.replace("\0", "").strip()[:LONGEST_REASON]
    if not is_coordinator(by):
        raise NotAllowed
    if not known:
        raise WrongReference
    if not words:
        raise ReasonMissing
    # Counted before anything is looked up, outside the transaction that may be undone.
    if not limits.allow("teleconsult.emergency", str(by.pk), TRIES, HOUR):
        raise TooMany
    return _ask(known, by, words)


@transaction.atomic
def _ask(reference: str, by: User, words: str) -> EmergencyAccess | None:
    """Write down who asks; a miss does all that a hit does, and takes it back."""
    request = Request.objects.exclude(status__in=HIDDEN_FROM_STAFF).filter(reference=reference).first()
    looked_for = request or Request(pk=uuid.uuid4())
    is_hers = Request.objects.visible_to(by).filter(pk=looked_for.pk).exists()
    waiting = EmergencyAccess.objects.waiting().filter(asked_by=by, request_id=looked_for.pk).first()
    if request is None or is_hers:
        _pretend(by, words)
        trail.record(action=trail.Action.REFUSED, by=Actor.staff(by).for_trail(Role.COORDINATOR), detail="emergency")
        return None
    if waiting is not None:
        _pretend(by, words)
        _record(request, by, "asked again")
        return waiting
    found = EmergencyAccess.objects.create(request=request, asked_by=by, reason=words)
    _record(request, by, "asked for")
    return found


@transaction.atomic
def confirm(*, access: EmergencyAccess, by: User) -> EmergencyAccess:
    """Let a colleague read the case from now on, for four hours. Raises NotAllowed and TooLate."""
    locked = EmergencyAccess.objects.select_for_update(of=("self",)).select_related("request").get(pk=access.pk)
    if not is_coordinator(by) or locked.asked_by_id == by.pk:
        raise NotAllowed
    if not EmergencyAccess.objects.waiting().filter(pk=locked.pk).exists():
        raise TooLate
    now = timezone.now()
    locked.confirmed_by, locked.confirmed_at, locked.ends_at = by, now, now + LASTS
    locked.save()
    _record(locked.request, by, f"confirmed for {locked.asked_by_id}", Role.COORDINATOR)
    return locked


def waiting_for(reader: User) -> list[EmergencyAccess]:
    """Return what colleagues ask for and this person can confirm."""
    if not is_coordinator(reader):
        return []
    waiting = EmergencyAccess.objects.waiting().exclude(asked_by=reader)
    return list(waiting.select_related("request__data_key", "asked_by"))


@transaction.atomic
def read_waiting(reader: User) -> list[EmergencyAccess]:
    """Return what she can confirm, with the reasons; that she read them stands in the trail of each case."""
    rows = waiting_for(reader)
    by = Actor.staff(reader).for_trail(Role.COORDINATOR)
    for row in sorted(rows, key=lambda row: row.request_id):
        trail.record(action=trail.Action.VIEWED, by=by, case=row.request, object=row, detail="emergency")
    return rows


def of_person(reader: User) -> list[EmergencyAccess]:
    """Return what a person asked for herself and can read; what waits would tell that there is such a case."""
    rows = EmergencyAccess.objects.filter(asked_by=reader).live()
    return list(rows.select_related("request", "confirmed_by").order_by("-asked_at"))


def of_case(request: Request) -> list[EmergencyAccess]:
    """Return who opened a case in an emergency, and who confirmed it, newest first."""
    opened = request.emergency_accesses.filter(confirmed_at__isnull=False)
    return list(opened.select_related("asked_by", "confirmed_by").order_by("-confirmed_at"))


def is_coordinator(user: User) -> bool:
    """Return whether somebody coordinates in some office today."""
    return OfficeMember.objects.current().filter(user_id=user.pk).exists()


def _pretend(by: User, words: str) -> None:
    """Seal and insert a row about no case, and take it back."""
    mark = transaction.savepoint()
    nobody = Request(pk=uuid.uuid4(), data_key=DataKey.objects.make())
    EmergencyAccess.objects.create(request=nobody, asked_by=by, reason=words)
    transaction.savepoint_rollback(mark)


def _record(request: Request, by: User, what: str, role: Role = Role.EMERGENCY_READER) -> None:
    trail.record(
        action=trail.Action.BROKE_GLASS,
        by=Actor.staff(by).for_trail(role),
        case=request,
        object=request,
        detail=what,
    )
