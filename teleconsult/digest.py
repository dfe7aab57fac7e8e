"""The digest of the morning: to each coordinator and each office of a facility, by reference, none for ended cases."""

import datetime
from functools import partial
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from notifications.jobs import alone, once
from teleconsult import clock, mailings
from teleconsult.models import CoordinationOffice, Request
from teleconsult.querysets import RequestQuerySet

SENT_FROM = datetime.time(7, 30)
# A digest that was late all morning is of no use in the evening.
SENT_UNTIL = datetime.time(18, 0)


def send_due(now: datetime.datetime) -> None:
    """Send what is due at this moment; a second call on the same day sends nothing.

    Somebody with two offices gets one digest, about both, when the first of them begins its day.
    """
    for office in CoordinationOffice.objects.all():
        if _is_time(now, office.zone, office.province):
            _send_to(User.objects.filter(office_members__in=office.members.current()), now, office.zone)
    for facility in Facility.objects.filter(assignments__ended_at__isnull=True, assignments__isnull=False).distinct():
        if _is_time(now, settings.PORTAL_TIME_ZONE, facility.province):
            roles = Membership.objects.current().filter(facility=facility, role=StaffRole.FACILITY_OFFICE)
            people = User.objects.filter(memberships__in=roles, is_active=True)
            _send_to(people, now, settings.PORTAL_TIME_ZONE)


def lanes_of(requests: RequestQuerySet, now: datetime.datetime, zone: str) -> dict[str, list[str]]:
    """Return the references by lane, each reference in its most pressing lane, empty lanes left out."""
    day = now.astimezone(ZoneInfo(zone)).date()
    rows = {
        "late": requests.late(now),
        "due": requests.due_on(day, ZoneInfo(zone)),
        "new": requests.new(),
        "with_facility": requests.waiting_for_facility(),
        "in_triage": requests.with_status("in_triage"),
        "awaiting_patient": requests.awaiting_patient(),
    }
    seen: set[str] = set()
    lanes: dict[str, list[str]] = {}
    for name, lane in rows.items():
        references = [ref for ref in lane.in_queue_order().values_list("reference", flat=True) if ref not in seen]
        seen.update(references)
        if references:
            lanes[name] = references
    return lanes


def _send_to(people: QuerySet[User], now: datetime.datetime, zone: str) -> None:
    for user in people.distinct():
        alone(partial(_send, user, now, zone))


@transaction.atomic
def _send(user: User, now: datetime.datetime, zone: str) -> None:
    day = now.astimezone(ZoneInfo(zone)).date()
    key = f"digest:{user.pk}:{day.isoformat()}"
    if not once(f"teleconsult.digest:{user.pk}", day.isoformat()):
        return
    lanes = lanes_of(Request.objects.visible_to(user).open(), now, zone)
    if lanes:
        mailings.send_digest(user, day=day, zone=zone, lanes=lanes, dedupe_key=key)


def _is_time(now: datetime.datetime, zone: str, province: str) -> bool:
    local = now.astimezone(ZoneInfo(zone))
    return SENT_FROM <= local.time() < SENT_UNTIL and clock.is_working_day(local.date(), province)
